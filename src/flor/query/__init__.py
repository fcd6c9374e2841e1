"""Questions about recorded runs: data frames and SQL. Knows nothing of recording."""
