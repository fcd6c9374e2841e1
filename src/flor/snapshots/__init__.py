"""The code of each run: commits on a branch of its own, made without touching anything of the user's."""
