"""What is published, made of the product's own data: never of a site's overlay.

A version of a value set has one content everywhere, so a site's codes cannot be part of it.
"""

from __future__ import annotations

from defib_coverage.content import load
from defib_coverage.families import load_families
from defib_coverage.terminology.catalogue import Catalogue


def read_catalogue(base: str) -> Catalogue:
    """Everything that is published under a canonical base.

    Raises:
        DataError: the data cannot be used.
    """
    return Catalogue(load().knowledge(base), load_families(), base)
