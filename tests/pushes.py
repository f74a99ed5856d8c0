"""What is pushed, for the tests of pushing."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING

from defib_coverage.command.push_source import Source, open_source
from defib_coverage.terminology.parcels import Parcel, parcels_of

if TYPE_CHECKING:
    from live_server import Json

CURRENT = "2023.1.1"
BEFORE = "2022.10.1"
OLDEST = "2018.2.15"


@cache
def source() -> Source:
    return open_source("https://defib-coverage.example/fhir", without_cpt=False)


@cache
def parcels(*versions: str) -> tuple[Parcel, ...]:
    """What a push of some releases writes, the current one by default."""
    releases = source().catalogue.releases
    wanted = [r for r in releases.all if r.version in (versions or (CURRENT,))]
    return parcels_of(source().resources(wanted), source().mark)


def decoded(parcel: Parcel) -> Json:
    """A parcel's resource."""
    found: Json = json.loads(parcel.body)
    return found
