"""The paths to coverage: per indication and service date, the facts that would settle it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from defib_coverage.coverage.chart import Kind
from defib_coverage.coverage.policy import Association, Judgement, Therapy
from defib_coverage.coverage.truth import Truth
from defib_coverage.whatif.changes import SetServiceDate
from defib_coverage.whatif.wanted import Situation, Wanted, wanted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    from defib_coverage.coverage.determination import Determination
    from defib_coverage.coverage.policy import Indication, PolicyVersion
    from defib_coverage.whatif.trial import Trials

# One event after another may come into the chart while the service date moves on.
_MOST_MOVES = 5
_DATE = "service-date"


class Path(msgspec.Struct, frozen=True):
    """All facts that would help to one indication with one service date.

    ``moved`` is the fact that the service date is another one, None for the order's own day.
    ``far``: the order is a first implant and nothing in the chart speaks of a device, yet the
    indication is that of an exchange.
    """

    indication: str
    rank: int
    facts: tuple[Wanted, ...]
    moved: Wanted | None = None
    far: bool = False


def paths(found: Determination, trials: Trials) -> Iterator[Path]:
    """The paths of an order as it stands, those of the best indication first.

    Where the chart leads to indications, only these are sought: a trial or a transplant list is
    no question of arrhythmias. Where it leads nowhere, all are.
    """
    policy = policy_of(found, trials)
    if policy is None:
        return
    for name in _sought(found, policy, trials):
        rule = policy.indications[name]
        far = _far(name, found, policy)
        for moved in (None, *_days(found, name, policy, trials)):
            facts = tuple(_facts(name, policy, moved, trials))
            yield Path(name, rule.rank, facts, None if moved is None else facts[0], far)


def _far(name: str, found: Determination, policy: PolicyVersion) -> bool:
    """Whether an indication needs a device in place where there is no trace of one."""
    exchange = policy.existing_device in policy.indications[name].all_of
    if not exchange or found.order.class_ != "initial-implant":
        return False
    return not any(i.id == name and i.candidate for i in found.indications)


def policy_of(found: Determination, trials: Trials) -> PolicyVersion | None:
    """The rules that judged the order; None where none did."""
    if found.policy is None or found.status == "not-applicable":
        return None
    return trials.asked.knowledge.library.in_force(found.order.service_date)


def _sought(found: Determination, policy: PolicyVersion, trials: Trials) -> Sequence[str]:
    """The indications that are sought, by rank."""
    told = tuple(i.id for i in found.indications)
    named = sorted(told or policy.indications, key=lambda name: policy.indications[name].rank)
    if told:
        led = {i.id for i in found.indications if i.candidate}
    else:  # a lead, a revision or a removal: any listed diagnosis will do
        led = {name for name in named if _speaks_of(name, found, policy, trials)}
    if not led:
        led = {name for name in named if not _left_to_people(name, policy)}
    return tuple(name for name in named if name in led)


def _left_to_people(name: str, policy: PolicyVersion) -> bool:
    """Whether a person decides in the end, whatever the record says."""
    criteria = (policy.criteria[c] for c in policy.indications[name].all_of)
    return any(isinstance(c, Judgement) and c.if_not_documented == "ask" for c in criteria)


def _speaks_of(name: str, found: Determination, policy: PolicyVersion, trials: Trials) -> bool:
    """Whether the chart holds a diagnosis that leads to an indication."""
    view = trials.view((), found)
    for lead, criterion in policy.diagnoses():
        if lead in policy.indications[name].candidates:
            hits = view.find_all((criterion.claim, *criterion.evidence, *criterion.not_yet))
            if any(h.entry.code not in criterion.not_alone for h in hits):
                return True
    return False


def _days(found: Determination, name: str, policy: PolicyVersion, trials: Trials) -> Iterator[date]:
    """Later service dates that would help: out of every window, then with the therapy complete."""
    events = policy.events_of(policy.indications[name])
    if not events:
        return
    day = found.order.service_date
    first = day
    for _ in range(_MOST_MOVES):
        at = trials.judged((SetServiceDate(first),)) if first != day else found
        ends = [w.first_eligible_day for w in at.waiting_periods if w.event in events]
        if not ends:
            break
        first = max(ends)
    if first != day:
        yield first
    complete = _complete(found, policy.indications[name], policy, trials)
    if complete is not None and complete > first:
        yield complete


def _complete(
    found: Determination, rule: Indication, policy: PolicyVersion, trials: Trials
) -> date | None:
    """The day on which the therapy that the chart shows has lasted long enough."""
    view = trials.view((), found)
    for name in rule.all_of:
        criterion = policy.criteria[name]
        if not isinstance(criterion, Therapy):
            continue
        ends: list[date] = []
        for drug_class in criterion.classes:
            starts = [
                criterion.span.after(hit.fact.when.high)
                for hit in view.find(drug_class)
                if hit.fact.kind is Kind.MEDICATION and hit.fact.current
                if hit.fact.when is not None
            ]
            if not starts:
                return None
            ends.append(min(starts))
        return max(ends)
    return None


def _facts(
    name: str, policy: PolicyVersion, moved: date | None, trials: Trials
) -> Iterator[Wanted]:
    """The facts that would settle what is open of an indication on a service date."""
    changes = () if moved is None else (SetServiceDate(moved),)
    found = trials.judged(changes)
    at = Situation(policy, trials.asked.knowledge.index, trials.view(changes, found), found)
    if moved is not None:
        words = f"if the procedure is on {moved.isoformat()}"
        yield Wanted(_DATE, policy.indications[name].cite, words, changes)
    led = next((i.criteria for i in found.indications if i.id == name and i.candidate), ())
    settled = {c.id for c in led if c.truth is Truth.MET}
    seen = set()
    for criterion_id in policy.indications[name].all_of:
        criterion = policy.criteria[criterion_id]
        # Nothing is doubtful yet of an episode that the record does not hold.
        doubtful = bool(led) or not isinstance(criterion, Association)
        if criterion_id in settled or not doubtful:
            continue
        for fact in wanted(criterion_id, criterion, at):
            if fact.options not in seen:
                seen.add(fact.options)
                cite = _cite(fact.citation, name, policy)
                yield msgspec.structs.replace(fact, citation=cite)


def _cite(citation: str, name: str, policy: PolicyVersion) -> str:
    """The paragraph of an indication that says what one of another indication does.

    Indications share criteria, which cite one of them. The parts of a paragraph are named after
    it (``P-B3-SDM`` is one of ``P-B3``); where there is no such part the whole is cited.
    """
    own = policy.indications[name].cite
    for other in policy.indications.values():
        part = citation.removeprefix(other.cite)
        if part != citation and other.cite != own and part[:1] in ("", "-"):
            return own + part if own + part in policy.paragraphs else own
    return citation
