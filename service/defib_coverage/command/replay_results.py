"""What a replay is made of: the two sides, where orders come from, and what came of them."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, BinaryIO, Literal, NamedTuple, Protocol

import msgspec

from defib_coverage.command.recorded_calls import Reject
from defib_coverage.drafts import DraftFile
from defib_coverage.replaying.replay import Departing, Judged
from defib_coverage.replaying.summary import Summary

if TYPE_CHECKING:
    from collections.abc import Iterable

    from defib_coverage.coverage.determine import Knowledge
    from defib_coverage.fhir.plans import Plan

FLIPS, DIFFERENCES, REJECTS, SUMMARY = (
    "flips.ndjson",
    "differences.ndjson",
    "rejects.ndjson",
    "summary.json",
)
Unit = Literal["call", "audited order"]
_encode = msgspec.json.Encoder().encode


class Side(msgspec.Struct, frozen=True, rename="camel"):
    """The data that orders were judged by."""

    data_digest: str
    policies: tuple[str, ...]


class Replayed(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """What a replay was, and what it came to: all of ``summary.json``.

    ``read`` counts what could be judged, in ``unit``.
    """

    format: int = 1
    version: str
    input: str
    today: date
    before: Side
    after: Side
    drafts: tuple[DraftFile, ...]
    changes: tuple[str, ...]
    unit: Unit
    read: int
    rejected: int
    summary: Summary


class Sides(NamedTuple):
    """What is in force, and the same with the drafts."""

    present: Knowledge
    draft: Knowledge
    drafts: tuple[DraftFile, ...]
    plans: tuple[Plan, ...]
    today: date


class Results:
    """The files of a replay: what differs and what was rejected, written as it comes."""

    def __init__(self, flips: BinaryIO, differences: BinaryIO, rejects: BinaryIO) -> None:
        """Write to these."""
        self._flips = flips
        self._differences = differences
        self._rejects = rejects
        self.rejected = 0
        self.first: Reject | None = None

    def tell(self, departing: Departing) -> None:
        """Write an order that differs."""
        file = self._flips if departing.difference.is_flip else self._differences
        file.write(_encode(departing) + b"\n")

    def reject(self, one: Reject) -> None:
        """Write what could not be judged."""
        self.rejected += 1
        self.first = self.first or one
        self._rejects.write(_encode(one) + b"\n")


class Source(Protocol):
    """Where orders come from.

    ``number`` counts what could be judged, once all of it was.
    """

    number: int

    @property
    def unit(self) -> Unit:
        """What is counted: calls, or orders of an audit."""

    def judged(self, sides: Sides, results: Results) -> Iterable[Judged]:
        """Every order, judged by both sides; what cannot be judged is handed to ``results``."""
