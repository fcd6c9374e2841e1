"""Where commands run: processes here, a Slurm cluster, or Ray. Knows nothing of what the commands do."""
