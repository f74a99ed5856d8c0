"""The audit: the same determination over a whole population, from files to files."""
