"""The pure core: an order, a chart and a policy become a determination.

Nothing here reads a clock, a disk or a socket; only the standard library, msgspec and this package
are imported.
"""
