"""The audit: the same determination over a whole population."""
