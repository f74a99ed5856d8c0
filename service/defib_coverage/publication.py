"""What is published, made of the product's own data: never of a site's overlay.

A version of a value set has one content everywhere, so a site's codes cannot be part of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from defib_coverage.content import load
from defib_coverage.families import load_families
from defib_coverage.terminology.catalogue import Catalogue
from defib_coverage.terminology.sets import Tables

if TYPE_CHECKING:
    from defib_coverage.families import Families


def read_catalogue(base: str) -> Catalogue:
    """Everything that is published under a canonical base.

    Raises:
        DataError: the data cannot be used.
    """
    return Catalogue(load().knowledge(base), tables_of(load_families()), base)


def tables_of(families: Families) -> Tables:
    """The code tables as published sets read them."""
    return Tables(
        releases={system: release.year for system, release in families.releases.items()},
        titles={
            (system, code): title
            for system, listed in families.titles.items()
            for code, title in listed.items()
        },
        retired={
            (one.system, one.code): one.last for one in families.lifetimes if one.last is not None
        },
    )
