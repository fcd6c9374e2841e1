"""The command line: one file a command, and `console.py`, which alone prints."""
