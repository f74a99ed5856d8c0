"""What judging a criterion yields, before it is put into words for the contract."""

from __future__ import annotations

import msgspec

from defib_coverage.coverage.determination import Evidence, Gap, MissingSecondary
from defib_coverage.coverage.truth import Truth


class Draft(msgspec.Struct, frozen=True, gc=False):
    """A finding before its severity is known; ``codes`` settle it."""

    code: str
    cite: str
    text: str
    evidence: tuple[Evidence, ...] = ()
    codes: tuple[str, ...] = ()


class Question(msgspec.Struct, frozen=True, gc=False):
    """A finding that leaves a question open, with the gap that asks it."""

    draft: Draft
    gap: Gap


class Result(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one criterion came to.

    ``candidate`` is meant for diagnoses and devices: the chart leads to the indication. ``missing``
    are primaries without partner.
    """

    truth: Truth
    evidence: tuple[Evidence, ...] = ()
    gaps: tuple[Gap, ...] = ()
    drafts: tuple[Draft, ...] = ()
    attest: bool = False
    candidate: bool = False
    missing: tuple[MissingSecondary, ...] = ()
