"""What the pages know of the service that they belong to."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from defib_coverage.coverage.determine import Knowledge
    from defib_coverage.edge.bodies import Bodies
    from defib_coverage.edge.gate import Gate
    from defib_coverage.fhir.plans import Plan
    from defib_coverage.ledger.browsing import Browser
    from defib_coverage.ledger.lookup import Lookup
    from defib_coverage.running.readiness import Readiness
    from defib_coverage.settings import Settings


class Service(NamedTuple):
    """One running service.

    ``knowledge`` and ``plans`` are what calls are judged by, ``today`` is the clock. ``bodies``
    bound what comes in, as for calls; ``gate`` says how many pages that take long are made at a
    time. ``lookup`` finds what the ledger keeps, ``browser``
    reads it for people; None where none is kept or the service has not started. ``app`` is the
    service itself, as it answers calls.
    """

    settings: Settings
    knowledge: Knowledge
    plans: tuple[Plan, ...]
    today: Callable[[], date]
    bodies: Bodies
    gate: Gate
    readiness: Readiness
    lookup: Callable[[], Lookup | None]
    browser: Callable[[], Browser | None]
    app: ASGIApp
