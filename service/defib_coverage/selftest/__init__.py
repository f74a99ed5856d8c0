"""A CDS client that tries a running service out: good calls, awkward ones, wrong and hostile ones.

Everything it sends is invented here; it needs nothing but the service's URL.
"""
