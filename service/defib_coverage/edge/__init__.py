"""What stands between the socket and the hooks: limits, overload, refusals."""
