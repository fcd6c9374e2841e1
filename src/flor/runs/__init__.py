"""The records of each run: journals, sealed files, and the catalog of runs."""
