"""A value set on a day as its page tells it, and as a table to take away."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import msgspec

from defib_coverage.console.views.change_bar import ChosenDay
from defib_coverage.console.views.linking import Sentence
from defib_coverage.console.views.notices import notices_of
from defib_coverage.console.views.shown_codes import meaning_of
from defib_coverage.coverage.policy import value_sets_of
from defib_coverage.explaining.code_sentences import LISTS
from defib_coverage.explaining.policy_parts import users_of
from defib_coverage.fhir.systems import SYSTEM_NAMES
from defib_coverage.terminology.sets import CPT
from defib_coverage.terminology.spreadsheet import Table, csv_of
from defib_coverage.terminology.value_sets import remarks

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from defib_coverage.console.views.linking import Linker
    from defib_coverage.coverage.codes import ValueSet
    from defib_coverage.coverage.policy import PolicyVersion
    from defib_coverage.terminology.sets import Member, PublishedSet

_COLUMNS = (
    "value set",
    "title",
    "service day",
    "code system",
    "system URI",
    "system release",
    "code",
    "official title",
    "own words",
    "first service day",
    "last service day",
    "remarks",
    "paragraph",
    "notice",
)


class MemberView(msgspec.Struct, frozen=True):
    """A code of the set: its page, its meaning, its days, what else is worth knowing."""

    system_name: str
    code: str
    href: str
    meaning: str
    first_day: date | None
    last_day: date | None
    remarks: tuple[str, ...]


class Download(msgspec.Struct, frozen=True):
    """A file of the set."""

    name: str
    href: str


class ReaderView(msgspec.Struct, frozen=True):
    """A criterion of the policy that reads the set, and the indications it belongs to."""

    label: Sentence
    cite: str
    indications: tuple[str, ...]


class SetView(msgspec.Struct, frozen=True):
    """The page: the set, its members on the day, who reads it, what can be taken away.

    ``families`` say in our own words what patterns stand for, ``words`` are phrases whose presence
    in a text is a hint. ``site`` says that codes of this site may stand in it.
    """

    chosen: ChosenDay
    id: str
    title: str
    purpose: str
    kind: str
    order_class: str | None
    cite: str
    paragraph: Sentence
    policy: str
    members: tuple[MemberView, ...]
    families: tuple[str, ...]
    words: tuple[str, ...]
    readers: tuple[ReaderView, ...]
    downloads: tuple[Download, ...]
    site: bool
    without_cpt: bool
    notices: tuple[str, ...]


class Files(msgspec.Struct, frozen=True):
    """What can be taken away.

    ``site`` says that the site has codes of its own, which no FHIR file holds; ``without_cpt`` that
    CPT numbers are left out.
    """

    downloads: tuple[Download, ...]
    site: bool
    without_cpt: bool


class SetOnDay(msgspec.Struct, frozen=True):
    """A value set as of a day: what is published of it then, nothing before the first release."""

    value_set: ValueSet
    day: date
    published: tuple[PublishedSet, ...]

    @property
    def members(self) -> tuple[Member, ...]:
        """All codes of the day, in the order of the set."""
        return tuple(member for one in self.published for member in one.members)


def set_view(
    found: SetOnDay, chosen: ChosenDay, version: PolicyVersion, linker: Linker, files: Files
) -> SetView:
    """What the page of a value set tells.

    Args:
        found: the set.
        chosen: the day.
        version: the policy of the day, the first before it.
        linker: makes the links.
        files: what can be taken away.
    """
    value_set = found.value_set
    members = found.members
    return SetView(
        chosen=chosen,
        id=value_set.id,
        title=value_set.title,
        purpose=value_set.purpose,
        kind=LISTS[value_set.role],
        order_class=value_set.order_class,
        cite=value_set.cite,
        paragraph=linker.sentence(version.paragraphs.get(value_set.cite, "")),
        policy=linker.policy(),
        members=tuple(_member(one, value_set, linker) for one in members),
        families=tuple(
            f"{SYSTEM_NAMES.get(p.system, p.system)} {p.pattern}: {p.label}"
            for p in value_set.patterns
        ),
        words=(*value_set.words, *value_set.abbreviations),
        readers=tuple(_readers(value_set.id, version, linker)),
        downloads=files.downloads if members else (),
        site=files.site and value_set.role == "evidence",
        without_cpt=files.without_cpt and any(one.system == CPT for one in members),
        notices=notices_of({one.system for one in members}, chosen.day),
    )


def _member(one: Member, value_set: ValueSet, linker: Linker) -> MemberView:
    told = list(remarks(one))
    told += [] if one.entry.modality is None else [f"method: {one.entry.modality}"]
    told += [] if one.entry.nyha is None else [f"NYHA class {one.entry.nyha}"]
    told += ["stands in charts and is no longer assigned"] if one.inactive else []
    return MemberView(
        SYSTEM_NAMES.get(one.system, one.system),
        one.code,
        linker.code(one.code, one.system),
        meaning_of(one.system, one.display, one.entry.label, value_set.title),
        one.entry.start,
        one.entry.until,
        tuple(told),
    )


def _readers(value_set: str, version: PolicyVersion, linker: Linker) -> Iterator[ReaderView]:
    for name, criterion in version.criteria.items():
        if value_set in value_sets_of(criterion, version):
            yield ReaderView(
                linker.sentence(criterion.label), criterion.cite, users_of(version, name)
            )


def table_of(found: Iterable[SetOnDay], *, licensed: bool) -> bytes:
    """The members of value sets as CSV.

    Args:
        found: the sets as of a day.
        licensed: also their CPT numbers.
    """
    rows = [
        _row(value_set, one)
        for value_set in found
        for one in value_set.members
        if licensed or one.system != CPT
    ]
    return csv_of(Table("codes", _COLUMNS, tuple(rows)))


def _row(found: SetOnDay, one: Member) -> tuple[str, ...]:
    value_set, entry = found.value_set, one.entry
    return (
        value_set.id,
        value_set.title,
        found.day.isoformat(),
        SYSTEM_NAMES.get(one.system, one.system),
        one.uri,
        one.version or "",
        one.code,
        "" if one.system == CPT else one.display or "",
        entry.label or "",
        "" if entry.start is None else entry.start.isoformat(),
        "" if entry.until is None else entry.until.isoformat(),
        "; ".join(remarks(one)),
        value_set.cite,
        " ".join(notices_of({one.system}, found.day)),
    )
