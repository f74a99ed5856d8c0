"""Compares two determinations of one order: by the present rules, and by others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from defib_coverage.explaining.policy_changes import field_changes
from defib_coverage.replaying.difference import (
    CriterionChange,
    Difference,
    FindingChange,
    PairChange,
)
from defib_coverage.replaying.windows import window_changes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from defib_coverage.coverage.determination import (
        CriterionResult,
        Determination,
        Evidence,
        Finding,
        MissingSecondary,
    )
    from defib_coverage.coverage.determine import Knowledge
    from defib_coverage.coverage.policy import PolicyVersion
    from defib_coverage.replaying.difference import CameOrWent

_SILENT: Final = "not-applicable"
_MOST_RECORDS = 3


def paired(
    before: Iterable[Determination], after: Iterable[Determination]
) -> Iterator[tuple[Determination, Determination]]:
    """Determinations of the same orders, by their references, in the order of ``before``."""
    waiting: dict[str, list[Determination]] = {}
    for one in after:
        waiting.setdefault(one.order.reference, []).append(one)
    for one in before:
        others = waiting.get(one.order.reference)
        if others:
            yield one, others.pop(0)


class Comparer:
    """Tells what two states of the rules and codes make of the same orders."""

    def __init__(self, before: Knowledge, after: Knowledge) -> None:
        """Compare what ``before`` says with what ``after`` says."""
        self._before = before
        self._after = after

    def compare(self, before: Determination, after: Determination) -> Difference | None:
        """What differs for one order, None where nothing does.

        Nothing differs where neither judges the order, or where status, indications, earliest day,
        criteria, waiting periods, missing pairs and findings are the same: what the files are
        called, and which records speak for the same conclusion, is no difference.

        Args:
            before: what the present rules say of the order.
            after: what the others say of the same order and chart.
        """
        if before == after or before.status == after.status == _SILENT:
            return None
        old, new = self._version(before, self._before), self._version(after, self._after)
        both = _SILENT not in {before.status, after.status}
        criteria = tuple(_criteria(before, after, old, new)) if both else ()
        windows = tuple(window_changes(before, after, old, new)) if both else ()
        pairs = tuple(_pairs(before, after)) if both else ()
        findings = tuple(_findings(before.findings, after.findings))
        others = tuple(_others(before, after))
        same = (
            before.status == after.status
            and before.indications_met == after.indications_met
            and before.earliest_eligible_date == after.earliest_eligible_date
            and not (criteria or windows or pairs or findings or others)
        )
        if same:
            return None
        reasons = [f"waiting period {w.event} {w.change}" for w in windows]
        reasons += [f"criterion {c.id} {_truth(c.before)} to {_truth(c.after)}" for c in criteria]
        reasons += [f"missing pair {p.primary} {p.change}" for p in pairs]
        reasons += [name for name, _ in others]
        # What is found follows from the rest, where there is a rest.
        reasons = reasons or [f"finding {f.code} {f.change}" for f in findings]
        return Difference(
            # Of an order that is none of ours the code may be any text.
            order=after.order if before.status == _SILENT else before.order,
            status_before=before.status,
            status_after=after.status,
            policy_before=None if before.policy is None else before.policy.version,
            policy_after=None if after.policy is None else after.policy.version,
            indications_before=before.indications_met,
            indications_after=after.indications_met,
            earliest_before=before.earliest_eligible_date,
            earliest_after=after.earliest_eligible_date,
            criteria=criteria,
            waiting_periods=windows,
            missing_secondary=pairs,
            findings=findings,
            others=tuple(text for _, text in others),
            reasons=tuple(dict.fromkeys(reasons)) or ("no reason of its own",),
        )

    @staticmethod
    def _version(determination: Determination, knowledge: Knowledge) -> PolicyVersion | None:
        return knowledge.library.in_force(determination.order.service_date)


# ---------------------------------------------------------------------------------------- criteria


def _criteria(
    before: Determination,
    after: Determination,
    old: PolicyVersion | None,
    new: PolicyVersion | None,
) -> Iterator[CriterionChange]:
    """The criteria whose truth differs, each once however many indications ask for it."""
    results, others = _by_id(before), _by_id(after)
    told: set[str] = set()
    for key in (*results, *(key for key in others if key not in results)):
        was, now = results.get(key), others.get(key)
        known = was or now
        truths = (None if was is None else was.truth, None if now is None else now.truth)
        if known is None or truths[0] is truths[1] or known.id in told:
            continue
        told.add(known.id)
        yield CriterionChange(
            text=_criterion_words(was, now, old, new),
            id=known.id,
            label=known.label,
            before=truths[0],
            after=truths[1],
            citation_before=None if was is None else was.citation,
            citation_after=None if now is None else now.citation,
        )


def _by_id(determination: Determination) -> Mapping[tuple[str, str], CriterionResult]:
    """The criteria by the indication that asks and their own id."""
    found = {(i.id, c.id): c for i in determination.indications for c in i.criteria}
    return found | {("", c.id): c for c in determination.always}


def _criterion_words(
    was: CriterionResult | None,
    now: CriterionResult | None,
    old: PolicyVersion | None,
    new: PolicyVersion | None,
) -> str:
    if was is None and now is not None:
        return f"“{now.label}” is asked now, and is {_truth(now.truth)}."
    if now is None and was is not None:
        return f"“{was.label}” was {_truth(was.truth)}, and is not asked any longer."
    if was is None or now is None:
        return ""
    text = f"“{was.label}” was {_truth(was.truth)} and is now {_truth(now.truth)}"
    clauses: list[str] = []
    if old is not None and new is not None:
        rules = (old.criteria.get(was.id), new.criteria.get(now.id))
        if rules[0] is not None and rules[1] is not None:
            clauses += field_changes(rules[0], rules[1])
    gone = [one for one in was.evidence if one not in now.evidence]
    come = [one for one in now.evidence if one not in was.evidence]
    clauses += [f"it no longer rests on {_records(gone)}"] if gone else []
    clauses += [f"it rests on {_records(come)} now"] if come else []
    return text + (f": {'; '.join(clauses)}." if clauses else ".")


def _records(evidence: Sequence[Evidence]) -> str:
    """Records by what they say and when; their names are no part of a sentence."""
    told = list(dict.fromkeys(_record(one) for one in evidence))
    more = len(told) - _MOST_RECORDS
    return ", ".join(told[:_MOST_RECORDS]) + (f" and {more} more" if more > 0 else "")


def _record(evidence: Evidence) -> str:
    said = evidence.code if evidence.value is None else f"{evidence.code} {evidence.value}"
    return said if evidence.date is None else f"{said} of {evidence.date[:10]}"


def _truth(truth: str | None) -> str:
    return "not asked" if truth is None else str(truth).replace("-", " ")


# ----------------------------------------------------------------------- pairs, findings, the rest


def _pairs(before: Determination, after: Determination) -> Iterator[PairChange]:
    was = {one.primary: one for one in before.missing_secondary}
    now = {one.primary: one for one in after.missing_secondary}
    for primary, one in was.items():
        other = now.get(primary)
        if other is None:
            text = f"{primary} needs no further code beside it any longer ({_any_of(one)})."
            yield _pair(one, "went", text)
        elif other.any_of != one.any_of:
            text = f"{primary} needs {_any_of(other)} beside it, and no longer {_any_of(one)}."
            yield _pair(other, "changed", text)
    for primary, one in now.items():
        if primary not in was:
            text = f"{primary} now needs {_any_of(one)} beside it, which is not on file."
            yield _pair(one, "came", text)


def _pair(one: MissingSecondary, change: CameOrWent, text: str) -> PairChange:
    return PairChange(
        text=text,
        primary=one.primary,
        change=change,
        any_of=one.any_of,
        citation=one.citation,
    )


def _any_of(one: MissingSecondary) -> str:
    return one.any_of[0] if len(one.any_of) == 1 else f"one of {', '.join(one.any_of)}"


def _findings(before: Sequence[Finding], after: Sequence[Finding]) -> Iterator[FindingChange]:
    """Findings that one side alone has, by their codes: their words may tell of other days."""
    was = {(one.code, one.severity): one for one in before}
    now = {(one.code, one.severity): one for one in after}
    for key, one in was.items():
        if key not in now:
            yield _finding(one, "went", f"No longer told: {one.text}")
    for key, one in now.items():
        if key not in was:
            yield _finding(one, "came", f"Now told: {one.text}")


def _finding(one: Finding, change: CameOrWent, text: str) -> FindingChange:
    return FindingChange(
        text=text,
        code=one.code,
        severity=one.severity,
        change=change,
        citation=one.citation,
    )


def _others(before: Determination, after: Determination) -> Iterator[tuple[str, str]]:
    """What else differs: short, and in a sentence."""
    if before.status != after.status and _SILENT in {before.status, after.status}:
        judged = before.status == _SILENT
        yield (
            "order judged" if judged else "order judged no longer",
            "The order is judged now." if judged else "The order is judged no longer.",
        )
        return
    was, now = before.order.class_, after.order.class_
    if was != now:
        yield (
            f"order class {was} to {now}",
            f"The order is taken for the class {now}, and no longer for {was}.",
        )
    if before.order.depends_on != after.order.depends_on:
        text = "The order stands or falls with another order of the call"
        lost = after.order.depends_on is None
        yield "order beside it", f"{text}{' no longer' if lost else ''}."
    elif after.order.depends_on is not None and before.status != after.status:
        yield "order beside it", "It stands or falls with another order of the call, which changed."
    if before.coverage is not None and after.coverage is not None:
        standing, other = before.coverage.standing, after.coverage.standing
        if standing != other:
            text = f"The patient's coverage is taken as {other}, and no longer as {standing}."
            yield f"coverage {standing} to {other}", text
