"""The panel "What if": the changes made, what they flip, and what would make the order covered."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

import msgspec

from defib_coverage.console.samples import Sample
from defib_coverage.console.views.what_if_controls import Choice, Controls, controls_of
from defib_coverage.coverage.determination import Determination, Status
from defib_coverage.explaining.reasons import VERDICTS
from defib_coverage.whatif.changes import Change, SetServiceDate, apply, merged
from defib_coverage.whatif.flips import Flip, compare
from defib_coverage.whatif.grammar import format_changes
from defib_coverage.whatif.idle import idle
from defib_coverage.whatif.remedies import Remedies, remedies
from defib_coverage.whatif.telling import tell, title_of
from defib_coverage.whatif.trial import Asked

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from defib_coverage.console.trials import Trial, Tried
    from defib_coverage.coverage.codes import CodeIndex
    from defib_coverage.coverage.determine import Knowledge
    from defib_coverage.coverage.policy import PolicyVersion
    from defib_coverage.hooks.evaluation import Evaluation
    from defib_coverage.whatif.wanted import Wanted


class Cited(msgspec.Struct, frozen=True):
    """A sentence with the paragraph that it rests on, and what that says in short.

    ``codes`` are the diagnoses that it speaks of; ``supported``: the chart says so in other words.
    """

    words: str
    citation: str | None
    gist: str | None
    codes: tuple[Choice, ...] = ()
    supported: bool = False


class Step(msgspec.Struct, frozen=True):
    """A change that was made; ``without`` are the changes that are left when it is undone.

    ``idle`` is why it can do nothing; there is then nothing to ``document``.
    """

    what: str
    document: Cited | None
    idle: str | None
    without: str


class Offer(msgspec.Struct, frozen=True):
    """A set of facts; ``text`` are the changes with them, ``met`` the indications then met."""

    facts: tuple[Cited, ...]
    text: str
    met: tuple[str, ...]


class Obstacle(msgspec.Struct, frozen=True):
    """What no document changes, and why."""

    label: str
    reasons: tuple[Cited, ...]


class Standing(msgspec.Struct, frozen=True):
    """A status: its name, and in words."""

    status: Status
    words: str


class Panel(msgspec.Struct, frozen=True):
    """All that the panel shows of one order.

    ``before`` and ``after`` are its status without and with the changes, which ``steps`` put in
    words and ``flips`` follow from; ``changes`` is their text without the service date.
    ``offers`` reach ``target``; ``obstacles`` are what no document changes. ``link`` is the address
    that shows the same again, None where it would hold a chart. ``said`` is what flips in one line.
    """

    before: Standing
    after: Standing
    changes: str
    steps: tuple[Step, ...]
    flips: tuple[Flip, ...]
    target: Standing | None
    offers: tuple[Offer, ...]
    obstacles: tuple[Obstacle, ...]
    controls: Controls
    link: str | None
    said: str


def panel_of(tried: Tried, knowledge: Knowledge) -> Panel | None:
    """The panel of a call that was tried, about its leading order; None where it has none."""
    after = tried.leading
    if after is None:
        return None
    reference = after.order.reference
    before = next(d for d in tried.own.determinations if d.order.reference == reference)
    changes = _changes(before, after, tried.trial.changes)
    policy = knowledge.library.in_force(after.order.service_date) or knowledge.library.versions[0]
    scribe = _Scribe(policy.paragraphs, knowledge.index)
    found = tried.evaluation
    helps = remedies(Asked(found.orders, found.chart, knowledge, found.terms, reference))
    flips = compare(before, after)
    return Panel(
        before=_standing(before.status),
        after=_standing(after.status),
        changes=format_changes(tried.trial.changes),
        steps=tuple(_steps(changes, tried.own, after, scribe, policy)),
        flips=flips,
        target=None if helps.target is None else _standing(helps.target),
        offers=scribe.offers(helps, changes),
        obstacles=scribe.obstacles(helps),
        controls=controls_of(knowledge, policy, found.orders, found.chart),
        link=_link(tried.trial),
        said=_said(before, after, flips) if changes else "",
    )


def _changes(
    before: Determination, after: Determination, made: Sequence[Change]
) -> tuple[Change, ...]:
    """The changes that were made, another service date among them."""
    day = after.order.service_date
    return tuple(made) if day == before.order.service_date else (SetServiceDate(day), *made)


def _steps(
    changes: Sequence[Change],
    own: Evaluation,
    after: Determination,
    scribe: _Scribe,
    policy: PolicyVersion,
) -> Iterator[Step]:
    """Each change in words, as it meets the chart with those before it made."""
    for place, change in enumerate(changes):
        told = tell(change, scribe.index, policy)
        orders, chart = apply(changes[:place], own.orders, own.chart, scribe.index)
        why = idle(change, orders, chart, scribe.index, after.order.service_date)
        document = scribe.cited(told.document, told.citation) if why is None else None
        left = (*changes[:place], *changes[place + 1 :])
        yield Step(told.what, document, why, format_changes(left))


def _standing(status: Status) -> Standing:
    return Standing(status, VERDICTS[status])


class _Scribe:
    """Puts facts beside the paragraphs that they rest on."""

    def __init__(self, paragraphs: Mapping[str, str], index: CodeIndex) -> None:
        self._paragraphs = paragraphs
        self.index = index

    def cited(self, words: str, citation: str | None) -> Cited:
        return Cited(words, citation, None if citation is None else self._paragraphs.get(citation))

    def fact(self, fact: Wanted) -> Cited:
        codes = tuple(Choice(code, title_of(code, self.index) or "") for code in fact.codes)
        told = self.cited(fact.words, fact.citation)
        return msgspec.structs.replace(told, codes=codes, supported=fact.supported)

    def offers(self, helps: Remedies, changes: Sequence[Change]) -> tuple[Offer, ...]:
        return tuple(
            Offer(
                facts=tuple(self.fact(fact) for fact in remedy.facts),
                text=format_changes(merged(changes, remedy.changes)),
                met=remedy.met,
            )
            for remedy in helps.sets
        )

    def obstacles(self, helps: Remedies) -> tuple[Obstacle, ...]:
        return tuple(
            Obstacle(one.label, tuple(self.cited(why, one.citation) for why in one.reasons))
            for one in helps.obstacles
        )


def _link(trial: Trial) -> str | None:
    """The address that shows the same again; only samples have one, charts stay where they are."""
    if not isinstance(trial.source, Sample):
        return None
    order = trial.order
    told = {
        "sample": trial.source.id,
        "as_of": trial.today.isoformat(),
        "order": "" if order is None else f"{order.system}|{order.code}",
        "date": "" if trial.service_date is None else trial.service_date.isoformat(),
        "changes": format_changes(trial.changes),
    }
    return f"/try?{urlencode({name: value for name, value in told.items() if value})}#what-if"


def _said(before: Determination, after: Determination, flips: Sequence[Flip]) -> str:
    status = VERDICTS[after.status]
    if not flips:
        return f"Nothing flips. The order stays {status}."
    count = "1 thing flips" if len(flips) == 1 else f"{len(flips)} things flip"
    if before.status == after.status:
        return f"{count}. The order stays {status}."
    return f"{count}. The order was {VERDICTS[before.status]} and is now {status}."
