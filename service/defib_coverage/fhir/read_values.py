"""Measured values in FHIR: LVEF as an interval of per cent, NYHA classes, heart rates."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from defib_coverage.coverage.chart import Quantity

if TYPE_CHECKING:
    from defib_coverage.fhir.reading import Vocabulary
    from defib_coverage.fhir.resources import Amount, Observation, Range, Value

_FRACTION_UNITS = frozenset({"1", "{fraction}", "{ratio}"})
_PER_CENT = frozenset({"%", "percent", "per cent", "[pct]"})
_FULL = 100.0
_NUMBER = r"(\d{1,3}(?:\.\d+)?)"
_READING = re.compile(
    rf"\s*(<=|>=|<|>|\u2264|\u2265)?\s*{_NUMBER}\s*%?\s*(?:(?:-|\u2013|to)\s*{_NUMBER}\s*%?)?\s*",
)
_CLASS = re.compile(r"\b(IV|III|II|I|[1-4])\b(?:\s*(?:-|\u2013|/|to)\s*(IV|III|II|I|[1-4])\b)?")
_ROMAN = {"I": 1, "II": 2, "III": 3, "IV": 4}


def read_ejection_fraction(value: Observation | Value) -> Quantity | None:
    """The ejection fraction that an Observation or component states; None if it states no value.

    A value in words that cannot be read is a suspect quantity: there is a reading, of unknown size.
    """
    if value.value_quantity is not None:
        return _from_amount(value.value_quantity)
    if value.value_range is not None:
        return _from_range(value.value_range)
    if value.value_integer is not None:
        if abs(value.value_integer) > _FULL:
            return Quantity(None, None, "out of range", suspect=True)
        return _per_cent(float(value.value_integer), str(value.value_integer), None, None)
    text = value.value_string
    if text is None and value.value_codeable_concept is not None:
        text = value.value_codeable_concept.text
    return None if text is None else _from_text(text)


def read_rate(value: Observation | Value) -> Quantity | None:
    """The heart rate that an Observation states, per minute."""
    amount = value.value_quantity
    if amount is None or amount.value is None:
        return None
    return _bounded(amount.value, _shown(amount.value, "/min"), amount.comparator)


def _from_amount(amount: Amount) -> Quantity | None:
    if amount.value is None:
        return None
    unit = amount.code or amount.unit
    text = _shown(amount.value, f" {unit}" if unit else "")
    return _per_cent(amount.value, text, unit, amount.comparator)


def _per_cent(value: float, text: str, unit: str | None, comparator: str | None) -> Quantity:
    """The value in per cent: fractions are scaled, what does not fit is suspect (rule 5)."""
    unit = None if unit is None else unit.strip().lower()
    fraction = value <= 1
    suspect = value < 0 or value > _FULL
    if unit in _PER_CENT:
        suspect = suspect or fraction
    elif unit in _FRACTION_UNITS:
        suspect = suspect or not fraction
    elif unit:
        suspect = True
    if suspect:
        return Quantity(None, None, text, suspect=True)
    # 0.29 times 100 is 28.999...: through text the decimals stay as written.
    scaled = float(f"{value * _FULL:.10g}") if fraction else value
    return _bounded(scaled, (comparator or "") + text, comparator)


def _bounded(value: float, text: str, comparator: str | None) -> Quantity:
    if comparator in {"<", "<=", "\u2264"}:
        return Quantity(None, value, text)
    if comparator in {">", ">=", "\u2265"}:
        return Quantity(value, None, text, low_open=comparator == ">")
    return Quantity(value, value, text)


def _from_range(span: Range) -> Quantity | None:
    low = None if span.low is None else _from_amount(span.low)
    high = None if span.high is None else _from_amount(span.high)
    if low is None and high is None:
        return None
    text = " to ".join(side.text for side in (low, high) if side is not None)
    if (low is not None and low.suspect) or (high is not None and high.suspect):
        return Quantity(None, None, text, suspect=True)
    return Quantity(
        None if low is None else low.low,
        None if high is None else high.high,
        text,
    )


def _from_text(text: str) -> Quantity | None:
    match = _READING.fullmatch(text)
    if match is None:
        return Quantity(None, None, "stated in words", suspect=True)
    comparator, first, second = match.groups()
    unit = "%" if "%" in text else None
    low = _per_cent(float(first), first + (" %" if unit else ""), unit, comparator)
    if second is None or low.suspect:
        return low
    high = _per_cent(float(second), second, unit, None)
    if high.suspect:
        return high
    return Quantity(low.low, high.high, f"{first} to {second} %")


def _shown(value: float, unit: str) -> str:
    return f"{value:g}{unit}" if value == int(value) else f"{value!r}{unit}"


def read_classes(value: Observation | Value, vocabulary: Vocabulary) -> tuple[int, ...]:
    """The NYHA classes that an answer stands for: one, or the ends of a range and all between."""
    concept = value.value_codeable_concept
    if concept is not None:
        for match in vocabulary.matches(concept):
            if match.entry.nyha is not None:
                return (match.entry.nyha,)
    if value.value_integer is not None:
        return (value.value_integer,) if 1 <= value.value_integer <= len(_ROMAN) else ()
    text = value.value_string or (concept.text if concept is not None else None)
    return () if text is None else _classes_in(text)


def _classes_in(text: str) -> tuple[int, ...]:
    """The NYHA classes that a text names, in roman or arabic figures: ``NYHA II-III``."""
    match = _CLASS.search(text.upper().replace("NYHA", ""))
    if match is None:
        return ()
    ends = [_ROMAN.get(end) or int(end) for end in match.groups() if end is not None]
    return tuple(range(min(ends), max(ends) + 1))
