"""The database of an installation: how it is opened, and which tables it must have."""
