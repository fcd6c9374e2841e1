"""The training state of each run."""
