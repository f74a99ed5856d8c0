"""What several cards read off a determination: its warnings, its candidates, what is open."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from defib_coverage.coverage.truth import Truth
from defib_coverage.hooks.source import source_label

if TYPE_CHECKING:
    from collections.abc import Iterable

    from defib_coverage.coverage.determination import Determination, Finding, IndicationResult
    from defib_coverage.coverage.wording import Wording
    from defib_coverage.hooks.asked import Asked
    from defib_coverage.hooks.ordered import Ordered
    from defib_coverage.hooks.outlook import Outlook

Item = TypeVar("Item")
# Nothing leads anywhere: the one thing to document is the diagnosis.
NO_DIAGNOSIS = frozenset({"no-covered-diagnosis-found", "no-group1-diagnosis"})

_WHOSE = frozenset({"several-coverages", "coverage-not-in-force"})


def unique(items: Iterable[Item]) -> list[Item]:
    """The items in their order, each once."""
    return list(dict.fromkeys(items))


def needs_card(determination: Determination) -> bool:
    """Whether something is open, and not told by the order it depends on.

    Which coverage it is that pays is open too, where one is on file and cannot be the one.
    """
    if determination.status == "not-applicable" or determination.order.depends_on is not None:
        return False
    return determination.status != "covered" or any(
        f.severity == "warning" or f.code in _WHOSE for f in determination.findings
    )


class Subject:
    """An order that cards are about, with what they read off its determination.

    ``candidates`` are the indications that a diagnosis of the chart leads to; ``codes`` are those
    of the findings, ``warned`` those of the warnings, which coverage depends on; ``asks`` is what
    is left to document, each point once: of the indications that can still be met;
    ``source_label`` says in whose name its cards speak.
    """

    __slots__ = (
        "asks",
        "candidates",
        "codes",
        "found",
        "ordered",
        "outlook",
        "source_label",
        "warned",
    )

    def __init__(
        self,
        ordered: Ordered,
        found: Determination,
        outlook: Outlook,
        asked: Asked,
        wording: Wording,
    ) -> None:
        """Read a determination of an order, by the outlook of the policy that it was made by."""
        self.ordered = ordered
        self.found = found
        self.outlook = outlook
        self.candidates = [i for i in found.indications if i.candidate]
        self.codes = {f.code for f in found.findings}
        self.warned = {f.code for f in found.findings if f.severity == "warning"}
        self.asks = self._asks(wording)
        self.source_label = source_label(asked, found.coverage, outlook.policy)

    def _asks(self, wording: Wording) -> list[str]:
        found = self.found
        leading = () if found.indications_met else self.candidates
        asks = [g.ask for i in leading for c in i.criteria for g in c.gaps]
        asks += [g.ask for c in found.always for g in c.gaps]
        if not leading:
            asks += [wording.ask(f.code, {}) for f in found.findings if f.code in NO_DIAGNOSIS]
        return unique(asks)

    def warnings(self, *codes: str) -> list[Finding]:
        """The warnings of these codes."""
        return [f for f in self.found.findings if f.severity == "warning" and f.code in codes]

    def closest(self) -> IndicationResult | None:
        """The candidate with the least left to settle."""
        return min(
            self.candidates,
            key=lambda i: (i.truth is Truth.NOT_MET, len([c for c in i.criteria if c.gaps])),
            default=None,
        )

    def exempt(self) -> list[IndicationResult]:
        """The open indications under which no waiting period binds."""
        rules = self.outlook.policy.indications
        return [i for i in self.candidates if i.truth is Truth.UNKNOWN and rules[i.id].exempt]
