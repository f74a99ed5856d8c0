"""One order judged by two states of the rules and codes: what differs, why, and how often."""
