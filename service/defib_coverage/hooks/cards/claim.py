"""The claim card: diagnosis codes that coverage depends on and the claim does not have yet.

A primary without its partner, a diagnosis on file without its ICD-10-CM code, a code that is not in
force; with suggestions to write what the chart supports to the order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from defib_coverage.hooks.cards.content import Content
from defib_coverage.hooks.cards.points import unique
from defib_coverage.hooks.cards.text import bullet, plain, source

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from defib_coverage.coverage.determination import Determination, Finding, MissingSecondary
    from defib_coverage.hooks.cards.frame import Frame
    from defib_coverage.hooks.cards.points import Subject
    from defib_coverage.hooks.response import Card

_PAIR = "secondary-diagnosis-missing"
_NO_CODE = "needs-icd10-code"
_NOT_IN_FORCE = "code-not-effective"
_LACKING = frozenset({_PAIR, _NO_CODE, _NOT_IN_FORCE})


def claim_card(frame: Frame, subjects: Sequence[Subject]) -> Card | None:
    """The card of what the claim lacks; None where it lacks nothing."""
    concerned = [one for one in subjects if not _LACKING.isdisjoint(one.warned)]
    if not concerned:
        return None
    paired = [one.found for one in concerned if _PAIR in one.warned]
    missing = unique(m for found in paired for m in found.missing_secondary)
    told = {code for m in missing for code in m.supported}
    # What supports a partner is told with its pair.
    lacking = [
        f
        for f in unique(f for one in concerned for f in one.warnings(_NO_CODE, _NOT_IN_FORCE))
        if not f.codes or not told.issuperset(f.codes)
    ]
    pairs = _pair_lines(frame, missing, unique(f for found in paired for f in found.findings))
    lines = [*pairs, *map(bullet, lacking)]
    content = Content(
        topic="claim",
        indicator="warning",
        summary=_summary(frame, missing, lacking, concerned[0].found),
        parts=["\n".join(lines)],
        offers=frame.suggestions.codes(concerned),
    )
    return frame.shared_card(content, concerned)


def _summary(
    frame: Frame,
    missing: Sequence[MissingSecondary],
    lacking: Sequence[Finding],
    leading: Determination,
) -> str:
    """What is missing first: the pair, else the code of a diagnosis, else one in force."""
    if missing:
        pair = next((m for m in missing if m.supported), missing[0])
        name = "missing-secondary-supported" if pair.supported else "missing-secondary"
        facts = {"primary": pair.primary, "code": pair.supported[0] if pair.supported else ""}
        return frame.wording.summary(name, facts)
    uncoded = [f for f in lacking if f.code == _NO_CODE]
    if uncoded:
        code = next((f.codes[0] for f in uncoded if len(f.codes) == 1), None)
        name = "missing-code" if code is None else "missing-code-supported"
        return frame.wording.summary(name, {"code": code or ""})
    facts = {
        "code": lacking[0].evidence[0].code,
        "service_date": leading.order.service_date.isoformat(),
    }
    return frame.wording.summary("code-not-in-force", facts)


def _pair_lines(
    frame: Frame,
    missing: Sequence[MissingSecondary],
    findings: Sequence[Finding],
) -> Iterator[str]:
    """The primaries without partner, and what the chart supports or holds that does not serve."""
    if not missing:
        return
    for m in missing:
        facts = {"primary": m.primary, "partners": ", ".join(m.any_of)}
        yield f"- {frame.wording.detail('pair', facts)} ({m.citation})"
    supported = unique(code for m in missing for code in m.supported)
    shown = unique(e for f in findings if f.code == _NO_CODE for e in f.evidence)
    near = unique(e for f in findings if f.code == "hf-code-not-qualifying" for e in f.evidence)
    if supported:
        codes = ", ".join(source(e) for e in shown)
        facts = {"supported": ", ".join(supported), "codes": codes}
        yield "- " + frame.wording.detail("pair-supported", facts)
    if near:
        facts = {"codes": ", ".join(f"{plain(e.code)} ({source(e)})" for e in near)}
        yield "- " + frame.wording.detail("pair-near-miss", facts)
    if not supported and not near:
        yield "- " + frame.stock.details["pair-none"]
