"""Outgoing HTTP: where it may connect, and within which bounds of time and size."""
