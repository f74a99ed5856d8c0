"""What came for each prefetch key, told apart: nothing, empty, failed, the first page, a resource.

A client may send any resource under any key; what a key answers is told by our name for it, else by
the resources it holds.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from defib_coverage.coverage.chart import GapKind, Missing, Need
from defib_coverage.fhir.fetching import WORDS, Fetched, Shortfall
from defib_coverage.fhir.needs import KEYS, KEYS_OF_TYPE, NEED_OF_TYPE, REQUIRED
from defib_coverage.fhir.raw import Unreadable, clean
from defib_coverage.fhir.resources import (
    Bundle,
    Entry,
    OperationOutcome,
    Resource,
    is_failure,
    matches_of,
    type_name,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

NOT_SUPPLIED = "not supplied"
"""Why an absent key is a gap where no FHIR server can be asked."""
# Of these a patient has one.
_ONE = frozenset({"patient"})
_NO_RECORDS = frozenset({"Bundle", "Parameters"})
# What says nothing of the records that are missing beside it, or instead of it.
_MEANT_FOR_KEY = _NO_RECORDS | {"OperationOutcome"}
# Stands for all keys that are a client's own.
_OWN = ""
_NOT_MATCHES = frozenset({"include", "outcome"})


class OpenKey(msgspec.Struct, frozen=True):
    """A key that is not answered in full.

    ``next`` links to the page after the one that came, which had ``came`` matches.
    """

    name: str
    next: str | None = None
    came: int = 0


class Answers(msgspec.Struct, frozen=True):
    """The entries that came, each a resource with its full URL, and what did not come.

    ``usable``: something required could be had, even if only "no such record"; ``absent`` are the
    required keys that neither the client sent nor the FHIR server had an answer for; ``open`` are
    all keys that could be fetched or fetched further.
    """

    entries: list[Entry]
    missing: tuple[Missing, ...]
    usable: bool
    absent: tuple[str, ...]
    open: tuple[OpenKey, ...]


def read_answers(
    prefetch: Mapping[str, Resource | None],
    unreadable: tuple[Unreadable, ...] = (),
    why_not: str = NOT_SUPPLIED,
    fetched: Mapping[str, Fetched] | None = None,
) -> Answers:
    """Sort what came.

    Args:
        prefetch: what stands under each key of the call.
        unreadable: what of it could not be read.
        why_not: why a key that is absent was not fetched.
        fetched: what came from the FHIR server for keys that were open.
    """
    reading = _Reading(why_not, fetched or {}, frozenset(prefetch))
    for key, value in prefetch.items():
        if isinstance(value, Bundle):
            reading.take_all(key, value)
        else:
            reading.take_one(key, value)
    for bad in unreadable:
        reading.unreadable(bad)
    return reading.answers()


class _Reading:
    """Collects the answers of one call."""

    def __init__(self, why_not: str, fetched: Mapping[str, Fetched], given: frozenset[str]) -> None:
        self._why_not = why_not
        self._given = given
        self._entries: list[Entry] = []
        self._missing: dict[tuple[Need, str | None], Missing] = {}
        # The keys that brought something, and those that brought less than they were asked for.
        self._answered: set[str] = set()
        self._open: dict[str, OpenKey] = {}
        self._fetched = fetched
        self._whole = {key for key, one in fetched.items() if one.cause is None}

    def take_one(self, key: str, value: Resource | None) -> None:
        """Take what stands under one key, where it is no Bundle."""
        if value is None:
            # null: the client looked and has nothing.
            if key in KEYS:
                self._answered.add(key)
            return
        if isinstance(value, OperationOutcome):
            self._fail(key, "the client's query failed")
            return
        held = _held(frozenset((type(value),)), None)
        self._entries.append(Entry(resource=value))
        # One record under a key of the client's own is one, not all that there are.
        if key in KEYS or _ONE.issuperset(held.keys):
            self._answered.update(held.keys)
        self._check_kind(key, held)

    def take_all(self, key: str, bundle: Bundle) -> None:
        """Take the entries of a Bundle that stands under one key."""
        entries = bundle.entry
        self._entries += entries
        kinds = frozenset([type(entry.resource) for entry in entries])
        held = _held(kinds, key if key in KEYS else _OWN)
        answered = held.keys
        if held.of_others and not any(map(_is_match, entries)):
            answered = (key, *answered)
        if held.outcomes and any(map(is_failure, entries)):
            self._fail(key, "the client's query failed in part", answered)
        elif _has_more(bundle):
            more = OpenKey(key, _next_page(bundle), matches_of(entries))
            self._fail(key, "only the first page came", answered, more)
        self._answered.update(answered)
        if held.no_records:
            self._check_kind(key, held)

    def _check_kind(self, key: str, held: _Held) -> None:
        """A Bundle or Parameters in the place of a record may hold anything: it is not read."""
        for kind in held.no_records:
            self.unreadable(Unreadable(key, kind, None, "not a record"))

    def _fail(
        self,
        key: str,
        reason: str,
        answered: tuple[str, ...] = (),
        more: OpenKey | None = None,
    ) -> None:
        """Note a key that brought less than it was asked for; the key is answered all the same.

        So it is with whatever else the key would have answered: that is searched anew.
        """
        if key in KEYS:
            self._lack(key, reason, more)
        for name in answered:
            # Another key of ours beside it tells for itself.
            if name != key and not (key in KEYS and name in self._given):
                self._lack(name, reason)

    def _lack(self, name: str, reason: str, more: OpenKey | None = None) -> None:
        """Note what a key of ours lacks, unless the FHIR server had all of it."""
        if name in self._whole:
            return
        self._open.setdefault(name, more or OpenKey(name))
        tried = self._fetched.get(name)
        if tried is not None and tried.cause is not None:
            reason = WORDS[tried.cause]
        self._note(KEYS[name].need, "not-fetched", reason)

    def unreadable(self, bad: Unreadable) -> None:
        """Note what could not be decoded, for every need that it may have been meant for."""
        reference = (
            f"{bad.resource_type}/{bad.id}" if bad.id else bad.resource_type or clean(bad.key)
        )
        self._answered.update(KEYS_OF_TYPE.get(bad.resource_type, ()))
        for need in self._meant_for(bad):
            self._note(need, "unreadable", bad.reason, reference)

    @staticmethod
    def _meant_for(bad: Unreadable) -> set[Need]:
        if bad.resource_type in NEED_OF_TYPE:
            return {NEED_OF_TYPE[bad.resource_type]}
        if bad.resource_type and bad.resource_type not in _MEANT_FOR_KEY:
            return set()
        if bad.key in KEYS:
            return {KEYS[bad.key].need}
        return {KEYS[key].need for key in REQUIRED}

    def _note(self, need: Need, kind: GapKind, reason: str, reference: str | None = None) -> None:
        self._missing.setdefault((need, reference), Missing(need, kind, reason, reference))

    def answers(self) -> Answers:
        """What came, and what did not."""
        for key, one in self._fetched.items():
            self._entries += one.entries
            self._check_kind(key, _held(frozenset([type(e.resource) for e in one.entries]), None))
            for bad in one.unreadable:
                self.unreadable(bad)
            if one.cause is None:
                self._answered.add(key)
            elif one.entries and key in KEYS:
                # It failed half-way: what came counts, and is not all.
                self._answered.add(key)
                self._lack(key, WORDS[one.cause])
        absent: list[str] = []
        for name in KEYS:
            if name in self._answered or name in self._open:
                continue
            tried = self._fetched.get(name)
            if name in REQUIRED:
                absent.append(name)
                self._lack(name, self._why_not)
            elif tried is not None and tried.cause is not Shortfall.NOT_OFFERED:
                self._lack(name, self._why_not)
            else:
                self._open[name] = OpenKey(name)
        return Answers(
            self._entries,
            tuple(self._missing.values()),
            not REQUIRED.isdisjoint(self._answered),
            tuple(absent),
            tuple(self._open.values()),
        )


class _Held(NamedTuple):
    """What resources of some types answer under a key.

    ``keys`` are the keys that they answer; ``of_others``: they are of other needs than the key's,
    which they answer only where none of them is a match. ``outcomes``: some say how a search went;
    ``no_records`` are the types of others that are no records.
    """

    keys: tuple[str, ...]
    of_others: bool
    outcomes: bool
    no_records: frozenset[str]


@lru_cache(maxsize=512)
def _held(kinds: frozenset[type], key: str | None) -> _Held:
    """What a Bundle holds that stands under ``key``: a key of ours, or one of the client's own.

    A resource that stands alone is in no Bundle: its ``key`` is None.
    """
    # The same few combinations come in every call.
    types = frozenset([type_name(kind) for kind in kinds])
    keys = tuple([name for t in types for name in KEYS_OF_TYPE.get(t, ())])
    of_others = False
    known = None if key is None else KEYS.get(key)
    if key == _OWN and "Patient" in types and len(types & NEED_OF_TYPE.keys() - {"Patient"}) > 1:
        # Under a key of the client's own it is Patient/$everything, and answers all.
        keys = tuple(KEYS)
    elif known is not None:
        # It answers its key if it holds what was asked for, or nothing of another need.
        if types.isdisjoint(known.types) and not types.isdisjoint(NEED_OF_TYPE):
            of_others = True
        else:
            keys = (known.name, *keys)
    return _Held(keys, of_others, "OperationOutcome" in types, types & _NO_RECORDS)


def _is_match(entry: Entry) -> bool:
    return entry.search is None or entry.search.mode not in _NOT_MATCHES


def _next_page(bundle: Bundle) -> str | None:
    return next((link.url for link in bundle.link if link.relation == "next"), None)


def _has_more(bundle: Bundle) -> bool:
    """Whether a Bundle is only a part: a next page, or a total above its matches."""
    for link in bundle.link:
        if link.relation == "next":
            return True
    return bundle.total is not None and bundle.total > matches_of(bundle.entry)
