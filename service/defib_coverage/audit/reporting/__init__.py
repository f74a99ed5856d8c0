"""The report of an audit: one page, its tables as CSV, and the orders to review."""
