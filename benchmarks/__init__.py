"""Measures how fast and how small FlorDB is, each figure beside other ways to do the same."""
