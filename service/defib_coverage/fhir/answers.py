"""What came for each prefetch key, told apart: nothing, empty, failed, the first page, a resource.

A client may send any resource under any key; what a key answers is told by our name for it, else by
the resources it holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from defib_coverage.coverage.chart import GapKind, Missing, Need
from defib_coverage.fhir.needs import KEYS, KEYS_OF_TYPE, NEED_OF_TYPE, REQUIRED
from defib_coverage.fhir.resources import Bundle, Entry, OperationOutcome, Resource, type_name

if TYPE_CHECKING:
    from collections.abc import Mapping

_NOT_MATCHES = frozenset({"include", "outcome"})


class Unreadable(msgspec.Struct, frozen=True):
    """A resource that could not be decoded: its type and id as far as they could be told."""

    resource_type: str
    id: str | None
    reason: str


class Answers(msgspec.Struct, frozen=True):
    """The entries that came, each a resource with its full URL, and what did not come.

    ``usable``: something required could be had, even if only "no such record"; ``absent`` are the
    required keys that the client did not send.
    """

    entries: list[Entry]
    missing: tuple[Missing, ...]
    usable: bool
    absent: tuple[str, ...]


def read_answers(
    prefetch: Mapping[str, Resource | None],
    unreadable: tuple[Unreadable, ...] = (),
) -> Answers:
    """Sort what the prefetch brought."""
    reading = _Reading()
    for key, value in prefetch.items():
        reading.take(key, value)
    for bad in unreadable:
        reading.unreadable(bad)
    return reading.answers()


class _Reading:
    """Collects the answers of one call."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._missing: dict[tuple[Need, str | None], Missing] = {}
        self._answered: set[str] = set()
        self._usable = False

    def take(self, key: str, value: Resource | None) -> None:
        """Take what stands under one key."""
        known = KEYS.get(key)
        if value is None:
            # null: the client looked and has nothing.
            self._answer((key,) if known is not None else ())
            return
        if isinstance(value, OperationOutcome):
            self._fail(key, "the client's query failed")
            return
        if not isinstance(value, Bundle):
            self._entries.append(Entry(resource=value))
            self._answer((key,) if known is not None else self._keys_of({type_name(type(value))}))
            return
        self._entries += value.entry
        types = {type_name(kind) for kind in {type(entry.resource) for entry in value.entry}}
        failed = "OperationOutcome" in types and _failed(value)
        whole_chart = "Patient" in types and len(types & NEED_OF_TYPE.keys() - {"Patient"}) > 1
        if known is not None:
            answered: tuple[str, ...] = (key, *self._keys_of(types))
        elif whole_chart:
            # Patient/$everything under a key of the client's own: it answers every need.
            answered = tuple(KEYS)
        else:
            answered = self._keys_of(types)
        if failed:
            self._fail(key, "the client's query failed in part", types)
        elif _has_more(value):
            self._fail(key, "only the first page came", types)
        self._answer(answered)

    def _answer(self, keys: tuple[str, ...]) -> None:
        self._answered.update(keys)
        self._usable = self._usable or not REQUIRED.isdisjoint(keys)

    @staticmethod
    def _keys_of(types: set[str]) -> tuple[str, ...]:
        return tuple([key for t in types for key in KEYS_OF_TYPE.get(t, ())])

    def _fail(self, key: str, reason: str, types: set[str] | None = None) -> None:
        """Note a key that brought less than it was asked for; the key is answered all the same."""
        known = KEYS.get(key)
        needs: set[Need] = set() if known is None else {known.need}
        if known is None:
            needs = {NEED_OF_TYPE[t] for t in types or () if t in NEED_OF_TYPE}
        for need in needs:
            self._note(need, "not-fetched", reason)
        if known is not None:
            self._answered.add(key)

    def unreadable(self, bad: Unreadable) -> None:
        """Note a resource that could not be decoded."""
        need = NEED_OF_TYPE.get(bad.resource_type)
        if need is not None:
            reference = f"{bad.resource_type}/{bad.id}" if bad.id else bad.resource_type
            self._note(need, "unreadable", bad.reason, reference)
            self._answer(self._keys_of({bad.resource_type}))

    def _note(self, need: Need, kind: GapKind, reason: str, reference: str | None = None) -> None:
        self._missing.setdefault((need, reference), Missing(need, kind, reason, reference))

    def answers(self) -> Answers:
        """What came, and what did not."""
        absent = tuple(k for k in KEYS if k in REQUIRED and k not in self._answered)
        for name in absent:
            self._note(KEYS[name].need, "not-fetched", "not supplied")
        return Answers(
            self._entries,
            tuple(self._missing.values()),
            self._usable,
            absent,
        )


def _failed(bundle: Bundle) -> bool:
    """Whether an outcome tells of a failure: a search may add warnings beside its matches."""
    return any(
        isinstance(entry.resource, OperationOutcome)
        and (entry.search is None or entry.search.mode != "outcome")
        for entry in bundle.entry
    )


def _has_more(bundle: Bundle) -> bool:
    """Whether a Bundle is only a part: a next page, or a total above its matches."""
    if any(link.relation == "next" for link in bundle.link):
        return True
    if bundle.total is None:
        return False
    others = sum(
        entry.search is not None and entry.search.mode in _NOT_MATCHES for entry in bundle.entry
    )
    return bundle.total > len(bundle.entry) - others
