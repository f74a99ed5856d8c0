"""The policy of a day as its page tells it."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import msgspec

from defib_coverage.console.asked import day_before
from defib_coverage.console.views.change_bar import ChosenDay
from defib_coverage.console.views.linking import Sentence
from defib_coverage.console.views.notices import notices_of
from defib_coverage.coverage.codes import OrderClass
from defib_coverage.coverage.dates import DAY
from defib_coverage.coverage.policy import Diagnosis, Pairing, value_sets_of
from defib_coverage.explaining.order_effect import effect_of
from defib_coverage.explaining.order_lists import order_codes
from defib_coverage.explaining.policy_text import PolicyText

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from defib_coverage.console.views.linking import Linker
    from defib_coverage.coverage.codes import CodeIndex
    from defib_coverage.coverage.determine import Knowledge
    from defib_coverage.coverage.policy import PolicyVersion, WaitingEvent


class ListLink(msgspec.Struct, frozen=True):
    """A value set that a rule reads, and where it is shown."""

    title: str
    href: str


class CriterionView(msgspec.Struct, frozen=True):
    """A criterion: how it is judged, what it reads; ``is_open`` where the codes are the rule."""

    label: Sentence
    cite: str
    text: Sentence
    lists: tuple[ListLink, ...]
    is_open: bool


class IndicationView(msgspec.Struct, frozen=True):
    """An indication with all of its criteria; ``exempt`` where no waiting period binds."""

    id: str
    label: str
    cite: str
    gist: Sentence
    criteria: tuple[CriterionView, ...]
    exempt: bool


class WaitingView(msgspec.Struct, frozen=True):
    """A waiting period; an event up to ``over`` no longer binds a service on the chosen day."""

    name: str
    label: str
    length: str
    cite: str
    lines: tuple[str, ...]
    over: date
    lists: tuple[ListLink, ...]


class ExceptionView(msgspec.Struct, frozen=True):
    """An exception to the waiting periods."""

    label: str
    cite: str
    gist: Sentence


class OrderCodeView(msgspec.Struct, frozen=True):
    """An order code and the address of its page."""

    system_name: str
    code: str
    href: str
    meaning: str
    shared: bool


class OrderView(msgspec.Struct, frozen=True):
    """A class of orders: what it is judged by, and its codes."""

    order_class: OrderClass
    effect: Sentence
    codes: tuple[OrderCodeView, ...]


class ParagraphView(msgspec.Struct, frozen=True):
    """A paragraph in our own words."""

    id: str
    text: Sentence


class RevisionView(msgspec.Struct, frozen=True):
    """A revision of the article; ``before`` and ``after`` are the days that show what it did."""

    name: str
    published: date
    effective: date | None
    gist: Sentence
    before: date
    after: date


class VersionView(msgspec.Struct, frozen=True):
    """A version in force: its name, days and sources, and all that it says."""

    name: str
    title: str
    citation: str
    effective: date
    until: date | None
    article: str
    article_url: str
    ncd_url: str
    decision_aid_url: str
    indications: tuple[IndicationView, ...]
    always: tuple[CriterionView, ...]
    waiting: tuple[WaitingView, ...]
    exceptions: tuple[ExceptionView, ...]
    orders: tuple[OrderView, ...]
    paragraphs: tuple[ParagraphView, ...]
    revisions: tuple[RevisionView, ...]


class PolicyView(msgspec.Struct, frozen=True):
    """The page: the chosen day, and the version in force on it, None before the first."""

    chosen: ChosenDay
    version: VersionView | None
    notices: tuple[str, ...] = ()


def policy_view(chosen: ChosenDay, knowledge: Knowledge, linker: Linker) -> PolicyView:
    """What the page of a day tells."""
    version = knowledge.library.in_force(chosen.day)
    if version is None:
        return PolicyView(chosen, None)
    later = (v.effective for v in knowledge.library.versions if v.effective > chosen.day)
    following = min(later, default=None)
    until = None if following is None else following - DAY
    view = _Writer(version, knowledge.index, chosen.day, linker).write(until)
    return PolicyView(chosen, view, notices_of({"cpt"}, chosen.day))


class _Writer:
    """Puts one version into views as of a day."""

    def __init__(self, version: PolicyVersion, index: CodeIndex, day: date, linker: Linker) -> None:
        self._version = version
        self._index = index
        self._day = day
        self._linker = linker
        self._text = PolicyText(version, index, day)

    def write(self, until: date | None) -> VersionView:
        version = self._version
        always = dict.fromkeys(c for rule in version.orders.values() for c in rule.always)
        return VersionView(
            name=version.version,
            title=version.title,
            citation=version.citation,
            effective=version.effective,
            until=until,
            article=version.article,
            article_url=version.article_url,
            ncd_url=version.ncd_url,
            decision_aid_url=version.decision_aid_url,
            indications=tuple(self._indications()),
            always=tuple(self._criterion(name) for name in always),
            waiting=tuple(self._waiting(*item) for item in version.waiting.items()),
            exceptions=tuple(
                ExceptionView(one.label, one.cite, self._gist(one.cite))
                for one in version.exceptions.values()
            ),
            orders=tuple(self._orders()),
            paragraphs=tuple(
                ParagraphView(name, self._linker.sentence(text))
                for name, text in version.paragraphs.items()
            ),
            revisions=revisions_of(version, self._linker),
        )

    def _indications(self) -> Iterator[IndicationView]:
        for name, rule in self._version.indications.items():
            yield IndicationView(
                name,
                rule.label,
                rule.cite,
                self._gist(rule.cite),
                tuple(self._criterion(criterion) for criterion in rule.all_of),
                rule.exempt,
            )

    def _criterion(self, name: str) -> CriterionView:
        criterion = self._version.criteria[name]
        return CriterionView(
            self._linker.sentence(criterion.label),
            criterion.cite,
            self._linker.sentence(self._text.criterion(criterion)),
            self._lists(sorted(value_sets_of(criterion, self._version))),
            isinstance(criterion, Diagnosis | Pairing),
        )

    def _lists(self, names: Iterable[str]) -> tuple[ListLink, ...]:
        sets = self._index.value_sets
        return tuple(ListLink(sets[n].title, self._linker.value_set(n)) for n in names)

    def _gist(self, paragraph: str) -> Sentence:
        return self._linker.sentence(self._version.paragraphs[paragraph])

    def _waiting(self, name: str, event: WaitingEvent) -> WaitingView:
        over = event.length.before(self._day)
        while event.length.after(over) >= self._day:
            over -= DAY
        return WaitingView(
            name,
            event.label,
            event.last_excluded,
            event.cite,
            tuple(self._text.waiting(event)),
            over,
            self._lists((*event.records, *event.past_records)),
        )

    def _orders(self) -> Iterator[OrderView]:
        for order_class, rule in self._version.orders.items():
            codes = tuple(
                OrderCodeView(
                    one.system_name,
                    one.code,
                    self._linker.code(one.code, one.system),
                    one.meaning,
                    one.shared,
                )
                for one in order_codes(order_class, self._index, self._day)
            )
            effect = effect_of(rule, self._version)
            yield OrderView(order_class, self._linker.sentence(f"It {effect}"), codes)


def revisions_of(version: PolicyVersion, linker: Linker) -> tuple[RevisionView, ...]:
    """The revisions of the article, with the days between which each changed something."""
    found = []
    for name, revision in version.revisions.items():
        after = revision.effective or revision.published
        found.append(
            RevisionView(
                name,
                revision.published,
                revision.effective,
                linker.sentence(version.paragraphs[revision.cite]),
                day_before(after),
                after,
            )
        )
    return tuple(found)
