"""Changes as a short text for a link: ``lvef=28@2026-11-01;nyha=2;add=I50.22;date=2027-01-03``.

The text names codes, days and values; nothing of a patient but the ids of records that are moved.
"""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING

from defib_coverage.coverage.codes import normalise
from defib_coverage.errors import RequestError
from defib_coverage.whatif import changes
from defib_coverage.whatif.changes import (
    AddDiagnosis,
    Change,
    HaveDevice,
    HoldVisit,
    MoveEvent,
    RemoveDiagnosis,
    SetClass,
    SetLvef,
    SetOrder,
    SetServiceDate,
    TakeDrug,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from defib_coverage.coverage.codes import CodeIndex

MOST_CHANGES = 20
LONGEST_TEXT = 1000
PLACE = "changes"
_FIRST_YEAR, _LAST_YEAR = 1900, 2100
_LEAST, _MOST = 1, 100
_NO_TOOL = "no-tool"
_DEVICE = "defibrillator"
_DIAGNOSIS = re.compile(r"[A-Z]\d[0-9A-Z](?:\.[0-9A-Z]{1,4})?", re.ASCII)
_ORDER = re.compile(r"[0-9A-Z]{5,18}", re.ASCII)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_REFERENCE = re.compile(r"[A-Z][A-Za-z]{2,40}/[A-Za-z0-9\-.]{1,64}", re.ASCII)
_PER_CENT = re.compile(r"\d{1,3}(?:\.\d)?", re.ASCII)


class _WrongError(Exception):
    """What is wrong with one change, in words that repeat nothing of it."""


def parse_changes(text: str, index: CodeIndex) -> tuple[Change, ...]:
    """Read the changes of a link; an empty text is none.

    Args:
        text: the changes, ``key=value`` or ``key=value@day``, with ``;`` between.
        index: the codes, which name the drug classes, the modalities and the professions.

    Raises:
        RequestError: 400, with the number and the key of the change that cannot be read.
    """
    if len(text) > LONGEST_TEXT:
        message = f"the changes are longer than {LONGEST_TEXT} characters"
        raise _refused(message)
    parts = [part.strip() for part in text.split(";")]
    parts = [part for part in parts if part]
    if len(parts) > MOST_CHANGES:
        message = f"more than {MOST_CHANGES} changes"
        raise _refused(message)
    grammar = _Grammar(index)
    found: list[Change] = []
    for number, part in enumerate(parts, start=1):
        key, equals, rest = part.partition("=")
        if not equals or key not in grammar.readers:
            known = ", ".join(grammar.readers)
            message = f"change {number} is none that is known; they are {known}"
            raise _refused(message)
        value, at, day = rest.partition("@")
        try:
            found.append(grammar.readers[key](value, _day(day) if at else None))
        except _WrongError as wrong:
            message = f"change {number} ({key}): {wrong}"
            raise _refused(message) from None
    return tuple(found)


def format_changes(found: Iterable[Change]) -> str:
    """The text of changes, as ``parse_changes`` reads it."""
    return ";".join(_text(change) for change in found)


def _refused(message: str) -> RequestError:
    return RequestError(400, "invalid", message, PLACE)


def _day(text: str) -> date:
    """A whole day within the years that the calendar of a chart needs."""
    wrong = f"the day must be a date such as 2026-11-01, from {_FIRST_YEAR} to {_LAST_YEAR}"
    if _DAY.fullmatch(text) is None:
        raise _WrongError(wrong)
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise _WrongError(wrong) from None
    if not _FIRST_YEAR <= day.year <= _LAST_YEAR:
        raise _WrongError(wrong)
    return day


def _needed(day: date | None) -> date:
    if day is None:
        message = "it needs its day, as in @2026-11-01"
        raise _WrongError(message)
    return day


def _undated(day: date | None) -> None:
    if day is not None:
        message = "it takes no day"
        raise _WrongError(message)


class _Grammar:
    """What may be said, with the words that stand in value sets."""

    def __init__(self, index: CodeIndex) -> None:
        self._modalities = tuple(modalities(index))
        self._professions = tuple(professions(index))
        self._drugs = tuple(drug_classes(index))
        self.readers: Mapping[str, Callable[[str, date | None], Change]] = {
            "add": self._add,
            "remove": self._remove,
            "move": self._move,
            "lvef": self._lvef,
            "nyha": self._nyha,
            "sdm": self._sdm,
            "drug": self._drug,
            "device": self._device,
            "date": self._date,
            "order": self._order,
        }

    def _add(self, value: str, day: date | None) -> Change:
        return AddDiagnosis(_diagnosis(value), day)

    def _remove(self, value: str, day: date | None) -> Change:
        _undated(day)
        return RemoveDiagnosis(_diagnosis(value))

    def _move(self, value: str, day: date | None) -> Change:
        if _REFERENCE.fullmatch(value) is None:
            message = "it must name a record of the chart, as in Condition/mi-1"
            raise _WrongError(message)
        return MoveEvent(value, _needed(day))

    def _lvef(self, value: str, day: date | None) -> Change:
        number, comma, modality = value.partition(",")
        if _PER_CENT.fullmatch(number) is None or not _LEAST < float(number) <= _MOST:
            message = "the LVEF must be a number of per cent above 1, as in 28 or 32.5"
            raise _WrongError(message)
        if comma and modality not in self._modalities:
            message = f"the method must be one of {', '.join(self._modalities)}"
            raise _WrongError(message)
        return SetLvef(float(number), modality if comma else None, day)

    def _nyha(self, value: str, day: date | None) -> Change:
        if value not in {"1", "2", "3", "4"}:
            message = "the NYHA class must be 1, 2, 3 or 4"
            raise _WrongError(message)
        return SetClass(int(value), day)

    def _sdm(self, value: str, day: date | None) -> Change:
        profession, comma, tool = value.partition(",")
        if profession not in self._professions or (comma and tool != _NO_TOOL):
            known = ", ".join(self._professions)
            message = f"it must name who held the visit ({known}), then ,{_NO_TOOL} if so"
            raise _WrongError(message)
        return HoldVisit(profession, not comma, day)

    def _drug(self, value: str, day: date | None) -> Change:
        if value not in self._drugs:
            message = f"the drug class must be one of {', '.join(self._drugs)}"
            raise _WrongError(message)
        return TakeDrug(value, _needed(day))

    def _device(self, value: str, day: date | None) -> Change:
        _undated(day)
        if value != _DEVICE:
            message = f"the device must be {_DEVICE}"
            raise _WrongError(message)
        return HaveDevice()

    def _date(self, value: str, day: date | None) -> Change:
        _undated(day)
        return SetServiceDate(_day(value))

    def _order(self, value: str, day: date | None) -> Change:
        _undated(day)
        code = value.strip().upper()
        if _ORDER.fullmatch(code) is None:
            message = "the order code must be 5 to 18 letters and digits, as in 33249"
            raise _WrongError(message)
        return SetOrder(code)


def modalities(index: CodeIndex) -> Iterable[str]:
    """The words for how an LVEF is measured, in the order of the value set of readings."""
    codes = index.value_sets[changes.LVEF].codes
    return dict.fromkeys(e.modality for e in codes if e.modality is not None)


def professions(index: CodeIndex) -> Iterable[str]:
    """The codes of who may be said to have held the visit: those that count, then the others."""
    return dict.fromkeys(
        entry.code
        for name in changes.PROFESSIONS
        for entry in index.value_sets[name].codes
        if entry.system == "v2-0360"
    )


def drug_classes(index: CodeIndex) -> Iterable[str]:
    """The value sets of heart-failure drugs from which a drug can be chosen."""
    return (
        name
        for name, value_set in index.value_sets.items()
        if name.startswith("gdmt-")
        and any(e.strength == "decide" and e.system == "rxnorm" for e in value_set.codes)
    )


def _diagnosis(value: str) -> str:
    code = normalise(changes.DIAGNOSES, value) if len(value) <= len("T82.110A") + 2 else ""
    if _DIAGNOSIS.fullmatch(code) is None:
        message = "it must be an ICD-10-CM code, as in I50.22"
        raise _WrongError(message)
    return code


def _text(change: Change) -> str:  # noqa: C901, PLR0911 - one case a change
    match change:
        case AddDiagnosis():
            return f"add={change.code}{_at(change.day)}"
        case RemoveDiagnosis():
            return f"remove={change.code}"
        case MoveEvent():
            return f"move={change.reference}{_at(change.day)}"
        case SetLvef():
            modality = "" if change.modality is None else f",{change.modality}"
            return f"lvef={change.value:g}{modality}{_at(change.day)}"
        case SetClass():
            return f"nyha={change.grade}{_at(change.day)}"
        case HoldVisit():
            tool = "" if change.tool else f",{_NO_TOOL}"
            return f"sdm={change.profession}{tool}{_at(change.day)}"
        case TakeDrug():
            return f"drug={change.drug_class}{_at(change.since)}"
        case HaveDevice():
            return f"device={_DEVICE}"
        case SetServiceDate():
            return f"date={change.day.isoformat()}"
        case SetOrder():
            return f"order={change.code}"


def _at(day: date | None) -> str:
    return "" if day is None else f"@{day.isoformat()}"
