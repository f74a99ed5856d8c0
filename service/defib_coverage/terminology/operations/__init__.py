"""The operations of a terminology server on the published resources, as pure code."""
