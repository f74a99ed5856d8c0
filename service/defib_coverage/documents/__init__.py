"""Documents that people hand in: told apart, and made into the hook calls that they stand for."""
