"""The sentences of the product: loaded as data, filled with facts of the case."""

from __future__ import annotations

from string import Formatter
from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# The longest phrase of a finding: it stands in summaries.
LONGEST_SHORT = 34
# Placeholders and the longest text each can become; None: unbounded, not allowed in a summary.
PLACEHOLDERS: Mapping[str, int | None] = {
    "order": 18,
    "service_date": 10,
    "first_eligible": 10,
    "last_excluded": 10,
    "date": 10,
    "days": 11,
    "primary": 8,
    "indication": 20,
    "count": 6,
    "code": 8,
    "next": LONGEST_SHORT,
    "event": None,
    "codes": None,
    "partners": None,
    "supported": None,
    "successors": None,
    "value": None,
    "limit": None,
    "label": None,
    "length": None,
    "reason": None,
    "reference": None,
    "safe_date": None,
}

# The topics of the cards that a clinician may pass over with a reason: all but the sources'.
Answerable = Literal["appropriate-use", "claim", "limits", "clinical-reminder"]

# The sentences that the code names, by section: a file must have these and no others.
SENTENCES: Mapping[str, frozenset[str]] = {
    "asks": frozenset(
        {
            "diagnosis",
            "partner",
            "episode",
            "event-date",
            "lvef-imprecise",
            "nyha-imprecise",
            "sdm-words-only",
            "sdm-other-staff",
            "sdm-profession-unknown",
            "existing-device-hint",
            "attest",
            "not-fetched",
            "unreadable",
        },
    ),
    "summaries": frozenset(
        {
            "not-covered",
            "not-covered-wait",
            "conditional",
            "conditional-one",
            "conditional-pair",
            "conditional-wait",
            "conditional-exception",
            "conditional-exempt",
            "covered-note",
            "missing-secondary",
            "missing-secondary-supported",
            "missing-code",
            "missing-code-supported",
            "code-not-in-force",
            "waiting-period",
            "waiting-period-possible",
            "visit",
            "checklist",
            "reference",
            "reference-visit",
        },
    ),
    "details": frozenset(
        {
            "order",
            "orders",
            "met",
            "open",
            "pair",
            "pair-supported",
            "pair-near-miss",
            "pair-none",
            "window",
            "window-possible",
            "exempt",
            "bridge",
            "checked",
            "tips",
            "to-document",
            "basis",
            "visit",
            "reference",
            "reference-visit",
        },
    ),
    "suggestions": frozenset({"add-code", "replace-code", "first-day", "visit"}),
    "overrides": frozenset(
        {
            "documented-elsewhere",
            "clinical-exception",
            "code-at-billing",
            "patient-declined",
            "not-medicare",
            "information-wrong",
        },
    ),
    "statements": frozenset(
        {
            "update",
            "covered",
            "covered-diagnosis",
            "conditional",
            "conditional-wait",
            "not-covered",
            "not-covered-wait",
            "dependent",
            "pair",
            "pair-supported",
            "authorization",
            "no-member-found",
            "no-active-coverage",
            "coverage-not-found",
            "technical",
            "basis",
        },
    ),
    "labels": frozenset(
        {
            "occurrence",
            "appointment",
            "today",
            "authored-assumed",
            "group1-diagnosis",
            "unnamed-coverage",
            "visit-order",
            "link-policy",
            "link-article",
            "link-decision-aid",
        },
    ),
}


class FindingWording(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a finding says, in one phrase, and what it asks a person to do (for the checklist)."""

    text: str
    short: str
    ask: str | None = None


class SuggestionWording(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a suggestion is called, and what its one action does; both are plain text."""

    text: str
    description: str


class OverrideReason(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A reason to pass a card over: what it is called, and the topics of the cards it stands on."""

    display: str
    cards: tuple[Answerable, ...]


class Wording(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file of ``cards/``.

    ``findings`` by finding code; ``asks`` by name, for gaps without a finding; ``summaries`` (one
    line under 140 characters), ``details`` (markdown), ``suggestions``, ``statements`` (coverage
    information) and ``labels`` by name; ``tips`` by the code whose claim they are about;
    ``overrides`` by the code of the reason.
    """

    findings: dict[str, FindingWording]
    asks: dict[str, str]
    summaries: dict[str, str]
    details: dict[str, str]
    suggestions: dict[str, SuggestionWording]
    overrides: dict[str, OverrideReason]
    statements: dict[str, str]
    labels: dict[str, str]
    tips: dict[str, str]

    def finding(self, code: str, facts: Mapping[str, str]) -> str:
        """The sentence of a finding."""
        return self.findings[code].text.format_map(facts)

    def ask(self, name: str, facts: Mapping[str, str]) -> str:
        """What to do about a gap: the ask of a finding, or one of ``asks``."""
        wording = self.findings.get(name)
        template = self.asks[name] if wording is None else wording.ask or wording.text
        return template.format_map(facts)

    def summary(self, name: str, facts: Mapping[str, str]) -> str:
        """A card summary."""
        return self.summaries[name].format_map(facts)

    def detail(self, name: str, facts: Mapping[str, str]) -> str:
        """A part of a card's detail, in markdown."""
        return self.details[name].format_map(facts)

    def statement(self, name: str, facts: Mapping[str, str]) -> str:
        """A sentence of the coverage information, in plain text."""
        return self.statements[name].format_map(facts)

    def templates(self) -> Iterator[tuple[str, str]]:
        """Every sentence with the key it stands under."""
        for code, wording in self.findings.items():
            yield f"findings.{code}.text", wording.text
            if wording.ask is not None:
                yield f"findings.{code}.ask", wording.ask
        for name, suggestion in self.suggestions.items():
            yield f"suggestions.{name}.text", suggestion.text
            yield f"suggestions.{name}.description", suggestion.description
        for code, reason in self.overrides.items():
            yield f"overrides.{code}.display", reason.display
        for section in ("asks", "summaries", "details", "statements", "labels", "tips"):
            for name, text in getattr(self, section).items():
                yield f"{section}.{name}", text


def placeholders(template: str) -> list[str]:
    """The placeholders of a sentence.

    Raises:
        ValueError: the sentence has an unmatched brace, or a format or conversion in a placeholder.
    """
    names: list[str] = []
    for _, name, spec, conversion in Formatter().parse(template):
        if name is None:
            continue
        if spec or conversion:
            message = f"placeholder {{{name}}} must stand alone, without format or conversion"
            raise ValueError(message)
        names.append(name)
    return names
