"""The operations of a terminology server on the published resources, as pure code."""

from defib_coverage.terminology.operations.operations import Operations

__all__ = ["Operations"]
