"""Reports: runs with their figures, numbers, circumstances and checks in one file that needs nothing else."""
