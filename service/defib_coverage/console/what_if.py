"""The panel "What if": the changes made, what they flip, and what would make the order covered."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

import msgspec

from defib_coverage.console.what_if_controls import Controls, controls_of
from defib_coverage.coverage.determination import Determination, Status
from defib_coverage.coverage.determine import determine
from defib_coverage.explaining.reasons import VERDICTS
from defib_coverage.whatif.changes import Change, apply, merged
from defib_coverage.whatif.flips import Flip, compare
from defib_coverage.whatif.grammar import format_changes
from defib_coverage.whatif.remedies import Remedies, remedies
from defib_coverage.whatif.telling import tell
from defib_coverage.whatif.trial import Asked

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from defib_coverage.coverage.determine import Knowledge
    from defib_coverage.coverage.policy import PolicyVersion
    from defib_coverage.hooks.evaluation import Evaluation

PATH = "/try/what-if"


class Origin(msgspec.Struct, frozen=True):
    """What the panel is about, as its forms carry it.

    ``sample`` is the id of a sample patient, ``document`` a chart or a call as it was handed in,
    then of ``patient`` where it holds several; ``on`` is the day of the call as text.
    """

    on: str
    sample: str | None = None
    document: str | None = None
    patient: str | None = None


class Cited(msgspec.Struct, frozen=True):
    """A sentence with the paragraph it rests on, and what that says in short."""

    words: str
    citation: str | None
    gist: str | None
    supported: bool = False


class Step(msgspec.Struct, frozen=True):
    """A change that was made; ``without`` are the changes that are left when it is undone."""

    what: str
    document: Cited
    without: str


class Offer(msgspec.Struct, frozen=True):
    """A set of facts; ``text`` are the changes with them, ``met`` the indications then met."""

    facts: tuple[Cited, ...]
    text: str
    met: tuple[str, ...]


class Standing(msgspec.Struct, frozen=True):
    """A status: its name, and in words."""

    status: Status
    words: str


class Panel(msgspec.Struct, frozen=True):
    """All that the panel shows.

    ``references`` are the orders of the call, ``reference`` the one that it is about. ``before``
    and ``after`` are its status without and with the ``changes`` (their text), which ``steps`` put
    in words and ``flips`` follow from. ``offers`` reach ``target``; ``obstacles`` are what no
    document changes. ``link`` is the panel's address, None where it would hold a chart. ``said``
    is the sentence for who does not see it change.
    """

    origin: Origin
    references: tuple[str, ...]
    reference: str
    before: Standing
    after: Standing
    changes: str
    steps: tuple[Step, ...]
    flips: tuple[Flip, ...]
    target: Standing | None
    offers: tuple[Offer, ...]
    obstacles: tuple[tuple[str, tuple[Cited, ...]], ...]
    controls: Controls
    link: str | None
    said: str
    trouble: str | None = None


def panel_of(
    knowledge: Knowledge,
    evaluation: Evaluation,
    origin: Origin,
    changes: Sequence[Change],
    reference: str | None = None,
) -> Panel | None:
    """The panel of a call; None where the call has no order.

    Args:
        knowledge: rules, codes and wording.
        evaluation: the call as it was judged.
        origin: where the call comes from.
        changes: the changes made to it.
        reference: the order that is asked about; the first of ours, else the first, where the call
            has none of that name.
    """
    found = {one.order.reference: one for one in evaluation.determinations}
    if not found:
        return None
    if reference not in found:
        ours = (name for name, one in found.items() if one.status != "not-applicable")
        reference = next(ours, next(iter(found)))
    orders, chart = apply(changes, evaluation.orders, evaluation.chart, knowledge.index)
    again = determine(orders, chart, knowledge, evaluation.terms)
    before = found[reference]
    after = next(one for one in again if one.order.reference == reference)
    policy = _policy(knowledge, after.order.service_date)
    asked = Asked(orders, chart, knowledge, evaluation.terms, reference)
    helps = remedies(asked)
    flips = compare(before, after)
    text = format_changes(changes)
    return Panel(
        origin=origin,
        references=tuple(found),
        reference=reference,
        before=_standing(before.status),
        after=_standing(after.status),
        changes=text,
        steps=tuple(_step(changes, n, knowledge, policy) for n in range(len(changes))),
        flips=flips,
        target=None if helps.target is None else _standing(helps.target),
        offers=tuple(_offers(helps, changes, policy)),
        obstacles=tuple(
            (one.label, tuple(_cited(reason, one.citation, policy) for reason in one.reasons))
            for one in helps.obstacles
        ),
        controls=controls_of(knowledge, policy, orders, chart),
        link=_link(origin, reference, text),
        said=_said(before, after, flips, changes),
    )


def _policy(knowledge: Knowledge, day: date) -> PolicyVersion:
    """The policy of a day; the first there is where the day is older."""
    return knowledge.library.in_force(day) or knowledge.library.versions[0]


def _standing(status: Status) -> Standing:
    return Standing(status, VERDICTS[status])


def _cited(
    words: str, citation: str | None, policy: PolicyVersion, *, supported: bool = False
) -> Cited:
    gist = None if citation is None else policy.paragraphs.get(citation)
    return Cited(words, citation, gist, supported)


def _step(
    changes: Sequence[Change], place: int, knowledge: Knowledge, policy: PolicyVersion
) -> Step:
    told = tell(changes[place], knowledge.index, policy)
    left = (*changes[:place], *changes[place + 1 :])
    return Step(told.what, _cited(told.document, told.citation, policy), format_changes(left))


def _offers(found: Remedies, changes: Sequence[Change], policy: PolicyVersion) -> Sequence[Offer]:
    return [
        Offer(
            facts=tuple(
                _cited(fact.words, fact.citation, policy, supported=fact.supported)
                for fact in remedy.facts
            ),
            text=format_changes(merged(changes, remedy.changes)),
            met=remedy.met,
        )
        for remedy in found.sets
    ]


def _link(origin: Origin, reference: str, text: str) -> str | None:
    """The address that shows the same again; only samples have one, charts stay where they are."""
    if origin.sample is None:
        return None
    told = {"sample": origin.sample, "on": origin.on, "about": reference, "changes": text}
    return f"{PATH}?{urlencode({name: value for name, value in told.items() if value})}"


def _said(
    before: Determination, after: Determination, flips: Sequence[Flip], changes: Sequence[Change]
) -> str:
    status = VERDICTS[after.status]
    if not changes:
        return f"Nothing is changed. The order is {status}."
    if not flips:
        return f"Nothing flips. The order stays {status}."
    count = "1 thing flips" if len(flips) == 1 else f"{len(flips)} things flip"
    if before.status == after.status:
        return f"{count}. The order stays {status}."
    return f"{count}. The order was {VERDICTS[before.status]} and is now {status}."
