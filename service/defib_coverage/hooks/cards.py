"""Cards: what a clinician sees of the determinations of one call.

One verdict card an order that needs one; beside it, once for the whole call, what is missing on the
claim, the waiting periods, and the documentation that is open. Nothing for orders that are not ours
and nothing where all is met.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, TypeVar
from uuid import uuid4

from defib_coverage.coverage.truth import Truth
from defib_coverage.hooks.response import Card, CardExtension, Coding, OrderReference, Source
from defib_coverage.hooks.source import source_label

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    from defib_coverage.coverage.codes import CodeIndex
    from defib_coverage.coverage.determination import (
        Determination,
        Evidence,
        Finding,
        IndicationResult,
        MissingSecondary,
        WaitingPeriodResult,
    )
    from defib_coverage.coverage.determine import Knowledge
    from defib_coverage.coverage.policy import PolicyVersion
    from defib_coverage.coverage.wording import Wording
    from defib_coverage.hooks.asked import Asked
    from defib_coverage.hooks.configuration import CardTopic
    from defib_coverage.hooks.evaluation import Evaluation

Item = TypeVar("Item")
TOPIC_SYSTEM = "http://hl7.org/fhir/us/davinci-crd/CodeSystem/temp"
# They have cards of their own beside the verdict.
_OWN_CARDS = frozenset({"secondary-diagnosis-missing", "waiting-period-open"})
# What decides against coverage rather than leaving it open.
_FAILURES = frozenset(
    {"lvef-too-high", "nyha-not-allowed", "not-clinically-stable", "brain-damage"},
)
# Nothing leads anywhere: the one thing to document is the diagnosis.
_NO_DIAGNOSIS = frozenset({"no-covered-diagnosis-found", "no-group1-diagnosis"})
# What begins formatting, a link (also a bare address), HTML or an entity within a line.
_MARKDOWN = re.compile(r"([\\`*_\[\]<>|~&@]|:(?=//)|(?<=www)\.)", re.IGNORECASE)


def plain(text: str) -> str:
    """Text that may come from the chart, inside a line of markdown: no formatting, no HTML."""
    if not text.isprintable():
        text = " ".join(text.split())
    return _MARKDOWN.sub(r"\\\1", text)


def build_cards(
    evaluation: Evaluation,
    asked: Asked,
    knowledge: Knowledge,
) -> tuple[Card, ...]:
    """The cards of one call."""
    determinations = evaluation.determinations
    builder = _Builder(determinations, knowledge, asked)
    verdicts = [d for d in determinations if _needs_card(d)]
    cards = [builder.verdict(d) for d in verdicts]
    cards += builder.missing_secondary(verdicts)
    cards += builder.waiting_periods(verdicts)
    cards += builder.checklist(verdicts)
    return tuple(card for card in cards if asked.configuration.wants(card.source.topic.code))


def _needs_card(determination: Determination) -> bool:
    """Whether something is open, and not told by the order it depends on."""
    if determination.status == "not-applicable" or determination.order.depends_on is not None:
        return False
    return determination.status != "covered" or any(
        f.severity == "warning" for f in determination.findings
    )


class _Builder:
    """Builds the cards of one call."""

    def __init__(
        self,
        determinations: Sequence[Determination],
        knowledge: Knowledge,
        asked: Asked,
    ) -> None:
        self._asked = asked
        self._all = determinations
        self._index: CodeIndex = knowledge.index
        self._wording: Wording = knowledge.wording
        self._library = knowledge.library
        self._points: dict[int, list[str]] = {}

    def verdict(self, determination: Determination) -> Card:
        """What the policy says of one order, and why."""
        warnings = [f for f in determination.findings if f.severity == "warning"]
        told = [f for f in self._in_order(determination) if f.code not in _OWN_CARDS]
        order = determination.order
        lines = [
            self._wording.detail(
                "order",
                {
                    "label": self._index.order_label(order.code or "") or "defibrillator order",
                    "code": plain(order.code or ""),
                    "service_date": order.service_date.isoformat(),
                    "reason": self._wording.labels[order.service_date_basis],
                },
            ),
            *self._indications(determination),
        ]
        parts = ["\n".join(lines)]
        if told:
            parts.append("\n".join(self._bullet(f) for f in told))
        tips = self._tips(determination)
        if tips:
            parts.append("\n".join((self._wording.detail("tips", {}), *tips)))
        policy = self._policy(order.service_date)
        parts.append(
            self._wording.detail(
                "basis",
                {
                    "label": policy.citation,
                    "service_date": order.service_date.isoformat(),
                },
            ),
        )
        return self._card(
            self._verdict_summary(determination),
            "warning" if warnings or determination.status == "not-covered" else "info",
            "\n\n".join(parts),
            "appropriate-use",
            [determination],
        )

    def _tips(self, determination: Determination) -> list[str]:
        """What to mind on the claim, for the codes that it would rest on."""
        codes = [determination.order.code]
        codes += [
            e.code for i in _candidates(determination) for c in i.criteria for e in c.evidence
        ]
        codes += [e.code for f in determination.findings for e in f.evidence]
        return [f"- {self._wording.tips[c]}" for c in _unique(codes) if c in self._wording.tips]

    def _verdict_summary(self, determination: Determination) -> str:
        order = determination.order
        earliest = determination.earliest_eligible_date
        best = _closest(determination)
        count = len(self._open_points(determination))
        facts = {
            "order": order.code or "order",
            "service_date": order.service_date.isoformat(),
            "first_eligible": "" if earliest is None else earliest.isoformat(),
            "indication": "" if best is None else best.id,
            "count": str(count),
            "primary": "",
            "next": self._next(determination),
        }
        pair = any(
            f.code == "secondary-diagnosis-missing" and f.severity == "warning"
            for f in determination.findings
        )
        match determination.status:
            case "not-covered":
                name = "not-covered-wait" if earliest is not None else "not-covered"
            case "covered":
                name = "covered-note"
            case _ if earliest is not None:
                exempt = self._exempt(determination)
                binding = [w for w in determination.waiting_periods if w.applies]
                name = "conditional-wait"
                if any(w.certainty == "definite" for w in binding):
                    if any(w.exception == "pacemaker" for w in binding):
                        name = "conditional-exception"
                    elif exempt:
                        name = "conditional-exempt"
                        facts["indication"] = " or ".join(i.id for i in exempt)
            case _ if pair:
                name = "conditional-pair"
                facts["primary"] = determination.missing_secondary[0].primary
            case _:
                name = "conditional-one" if count == 1 else "conditional"
        return self._wording.summary(name, facts)

    def _exempt(self, determination: Determination) -> list[IndicationResult]:
        """The open indications under which no waiting period binds."""
        policy = self._policy(determination.order.service_date)
        return [
            i
            for i in _candidates(determination)
            if i.truth is Truth.UNKNOWN and policy.indications[i.id].exempt
        ]

    def _next(self, determination: Determination) -> str:
        """What to settle first: what failed, else the first that is open."""
        findings = self._in_order(determination)
        failed = determination.status == "not-covered"
        first = next((f for f in findings if failed and f.code in _FAILURES), None)
        first = first or next(iter(findings), None)
        return "" if first is None else self._wording.findings[first.code].short

    @staticmethod
    def _in_order(determination: Determination) -> list[Finding]:
        """The findings as they are told: "no diagnosis was found" after that not all was seen."""
        findings = list(determination.findings)
        unseen = any(
            gap.kind == "not-fetched"
            for i in determination.indications
            for c in i.criteria
            for gap in c.gaps
        )
        if unseen and any(f.code in _NO_DIAGNOSIS for f in findings):
            findings.sort(key=lambda f: f.code != "record-incomplete")
        return findings

    def _indications(self, determination: Determination) -> Iterable[str]:
        """Which indication is met, else which is closest."""
        shown = [i for i in determination.indications if i.id in determination.indications_met]
        name = "met"
        if not shown:
            best = _closest(determination)
            shown, name = ([] if best is None else [best]), "open"
        for indication in shown:
            facts = {"indication": indication.id, "label": indication.label}
            yield self._wording.detail(name, facts)

    def _bullet(self, finding: Finding) -> str:
        sources = ", ".join(_source(e) for e in finding.evidence)
        text = plain(finding.text)
        return f"- {text} ({finding.citation}{'; ' + sources if sources else ''})"

    def missing_secondary(self, determinations: Sequence[Determination]) -> Iterable[Card]:
        """The primaries without partner that coverage depends on, and what the chart supports."""
        concerned = [
            d
            for d in determinations
            if any(
                f.code == "secondary-diagnosis-missing" and f.severity == "warning"
                for f in d.findings
            )
        ]
        missing = _unique(m for d in concerned for m in d.missing_secondary)
        if not missing:
            return
        findings = _unique(f for d in concerned for f in d.findings)
        supported = next((m for m in missing if m.supported), None)
        name = "missing-secondary" if supported is None else "missing-secondary-supported"
        leading = missing[0] if supported is None else supported
        summary = self._wording.summary(
            name,
            {
                "primary": leading.primary,
                "code": leading.supported[0] if leading.supported else "",
            },
        )
        detail = "\n".join(self._pair_lines(missing, findings))
        yield self._card(summary, "warning", detail, "claim", concerned)

    def _pair_lines(
        self,
        missing: Sequence[MissingSecondary],
        findings: Sequence[Finding],
    ) -> Iterable[str]:
        for m in missing:
            facts = {"primary": m.primary, "partners": ", ".join(m.any_of)}
            yield f"- {self._wording.detail('pair', facts)} ({m.citation})"
        supported = _unique(code for m in missing for code in m.supported)
        shown = _unique(e for f in findings if f.code == "needs-icd10-code" for e in f.evidence)
        near = _unique(
            e for f in findings if f.code == "hf-code-not-qualifying" for e in f.evidence
        )
        if supported:
            facts = {
                "supported": ", ".join(supported),
                "codes": ", ".join(_source(e) for e in shown),
            }
            yield "- " + self._wording.detail("pair-supported", facts)
        if near:
            facts = {"codes": ", ".join(f"{plain(e.code)} ({_source(e)})" for e in near)}
            yield "- " + self._wording.detail("pair-near-miss", facts)
        if not supported and not near:
            yield "- " + self._wording.detail("pair-none", {})

    def waiting_periods(self, determinations: Sequence[Determination]) -> Iterable[Card]:
        """The open waiting periods that bind, each with its arithmetic."""
        concerned = [d for d in determinations if d.earliest_eligible_date is not None]
        if not concerned:
            return
        leading = max(concerned, key=lambda d: d.earliest_eligible_date or d.order.service_date)
        windows = [w for w in leading.waiting_periods if w.applies]
        last = max(windows, key=lambda w: w.last_excluded_day)
        definite = any(w.certainty == "definite" for w in windows)
        summary = self._wording.summary(
            "waiting-period" if definite else "waiting-period-possible",
            {
                "last_excluded": last.last_excluded_day.isoformat(),
                "first_eligible": last.first_eligible_day.isoformat(),
            },
        )
        policy = self._policy(leading.order.service_date)
        lines = [f"- {self._window_line(policy, leading, w)}" for w in windows]
        lines += [
            "- " + self._wording.detail("exempt", {"indication": i.id, "label": i.label})
            for i in self._exempt(leading)
        ]
        lines.append("- " + self._wording.detail("bridge", {}))
        yield self._card(summary, "warning", "\n".join(lines), "limits", concerned)

    def _window_line(
        self,
        policy: PolicyVersion,
        determination: Determination,
        window: WaitingPeriodResult,
    ) -> str:
        rule = policy.waiting[window.event]
        facts = {
            "event": rule.label[:1].upper() + rule.label[1:],
            "codes": plain(window.reference),
            "date": (window.event_date or "unknown")[:10],
            "length": window.length,
            "last_excluded": window.last_excluded_day.isoformat(),
            "first_eligible": window.first_eligible_day.isoformat(),
            "service_date": determination.order.service_date.isoformat(),
            "days": "1 day" if window.days_remaining == 1 else f"{window.days_remaining} days",
        }
        name = "window" if window.certainty == "definite" else "window-possible"
        return f"{self._wording.detail(name, facts)} ({window.citation})"

    def checklist(self, determinations: Sequence[Determination]) -> Iterable[Card]:
        """What is left to document, and what was checked and is left to attest."""
        points = _unique(p for d in determinations for p in self._open_points(d))
        if not points:
            return
        attested = _unique(
            c.label
            for d in determinations
            for i in _candidates(d)
            for c in (*i.criteria, *d.always)
            if c.attest
        )
        parts = [
            self._wording.detail("to-document", {}),
            "\n".join(f"- [ ] {plain(point)}" for point in points),
        ]
        if attested:
            parts.append(self._wording.detail("checked", {}))
            parts.append("\n".join(f"- [ ] {label}" for label in attested))
        summary = self._wording.summary("checklist", {"count": str(len(points))})
        yield self._card(summary, "info", "\n\n".join(parts), "clinical-reminder", determinations)

    def _open_points(self, determination: Determination) -> list[str]:
        """What is left to document, each point once: of the indications that can still be met."""
        points = self._points.get(id(determination))
        if points is None:
            candidates = [] if determination.indications_met else _candidates(determination)
            asks = [g.ask for i in candidates for c in i.criteria for g in c.gaps]
            asks += [g.ask for c in determination.always for g in c.gaps]
            if not candidates:
                asks += [
                    self._wording.ask(f.code, {})
                    for f in determination.findings
                    if f.code in _NO_DIAGNOSIS
                ]
            points = self._points[id(determination)] = _unique(asks)
        return points

    def _card(
        self,
        summary: str,
        indicator: Literal["info", "warning"],
        detail: str,
        topic: CardTopic,
        about: Sequence[Determination],
    ) -> Card:
        policy = self._policy(about[0].order.service_date)
        extension = None
        if len(self._all) > 1:
            named = {d.order.reference for d in about}
            named |= {d.order.reference for d in self._all if d.order.depends_on in named}
            extension = CardExtension(
                tuple(
                    OrderReference(d.order.reference)
                    for d in self._all
                    if d.order.reference in named
                ),
            )
        label = source_label(self._asked, about[0].coverage, policy)
        return Card(
            uuid=str(uuid4()),
            summary=summary,
            indicator=indicator,
            detail=detail,
            source=Source(label, policy.article_url, Coding(TOPIC_SYSTEM, topic)),
            extension=extension,
        )

    def _policy(self, day: date) -> PolicyVersion:
        policy = self._library.in_force(day)
        if policy is None:  # a determination that needs a card was made by a policy
            message = f"no policy is in force on {day}"
            raise LookupError(message)
        return policy


def _source(evidence: Evidence) -> str:
    """A record as a reader finds it again."""
    parts = [evidence.reference]
    if evidence.value is not None:
        parts.append(evidence.value)
    if evidence.date is not None:
        parts.append(evidence.date[:10])
    return plain(" ".join(parts))


def _candidates(determination: Determination) -> list[IndicationResult]:
    return [i for i in determination.indications if i.candidate]


def _closest(determination: Determination) -> IndicationResult | None:
    """The candidate with the least left to settle."""
    candidates = _candidates(determination)
    return min(
        candidates,
        key=lambda i: (i.truth is Truth.NOT_MET, sum(bool(c.gaps) for c in i.criteria)),
        default=None,
    )


def _unique(items: Iterable[Item]) -> list[Item]:
    return list(dict.fromkeys(items))
