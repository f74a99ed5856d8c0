"""Which Coverage an order is judged for, among many; and which of them an order can name."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from defib_coverage.coverage.chart import Insurance
from defib_coverage.coverage.dates import DateSpan
from defib_coverage.coverage.determination import JudgedCoverage
from defib_coverage.coverage.insurance import Coverages
from fhir_builders import Json, order, patient, payer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from defib_coverage.coverage.chart import Payer

    Judge = Callable[..., list[Json]]

DAY = date(2026, 11, 20)
MAY_BE_MEDICARE: tuple[tuple[Payer, Literal["medicare", "assumed"]], ...] = (
    ("medicare", "medicare"),
    ("unrecognised", "assumed"),
)


def held(
    name: str | None,
    payer: Payer = "medicare",
    start: int | None = None,
    end: int | None = None,
    *,
    active: bool = True,
) -> Insurance:
    """A Coverage in force from and until so many days after the service date."""

    def bound(days: int | None) -> DateSpan | None:
        if days is None:
            return None
        day = DAY + timedelta(days=days)
        return DateSpan(day, day)

    reference = None if name is None else f"Coverage/{name}"
    return Insurance(
        reference=reference, payer=payer, active=active, start=bound(start), end=bound(end)
    )


def by_the_rule(
    insurances: Sequence[Insurance], day: date, named: frozenset[str], *, complete: bool
) -> JudgedCoverage:
    """Rule 1, word by word: of those in force Medicare's, what may be it, then another's.

    Of a list that is not complete nothing is known but what may be Medicare's.
    """
    in_force = [one for one in insurances if one.in_force(day)]
    for payer_, standing in MAY_BE_MEDICARE:
        found = [one for one in in_force if one.payer == payer_]
        chosen = [one for one in found if one.reference in named]
        if len(found) > 1 and len(chosen) != 1:
            return JudgedCoverage(standing="several")
        for one in chosen if len(found) > 1 else found:
            return JudgedCoverage(standing=standing, reference=one.reference)
    if not complete:
        return JudgedCoverage(standing="none", reference=min(named, default=None))
    for one in in_force:
        return JudgedCoverage(standing="other", reference=one.reference)
    lapsed = [one for one in insurances if one.payer != "other"] or insurances
    for one in [one for one in lapsed if one.reference in named] or lapsed:
        return JudgedCoverage(standing="inactive", reference=one.reference)
    return JudgedCoverage(standing="none", reference=min(named, default=None))


bounds = st.none() | st.integers(-2, 2)
coverages = st.builds(
    held,
    st.none() | st.sampled_from("abcd"),
    st.sampled_from(("medicare", "other", "unrecognised")),
    bounds,
    bounds,
    active=st.booleans(),
)


@given(
    insurances=st.lists(coverages, max_size=6),
    offsets=st.lists(st.integers(-3, 3), min_size=1, max_size=3),
    named=st.frozensets(st.sampled_from([f"Coverage/{one}" for one in "abcde"]), max_size=3),
    complete=st.booleans(),
)
def test_the_coverage_is_chosen_by_the_rule(
    insurances: list[Insurance], offsets: list[int], named: frozenset[str], *, complete: bool
) -> None:
    chart = Coverages(tuple(insurances), complete=complete)
    for offset in offsets:
        day = DAY + timedelta(days=offset)
        assert chart.choose(day, named) == by_the_rule(insurances, day, named, complete=complete)


def test_many_orders_that_name_much_among_many_coverages() -> None:
    # Looking through every name for every Coverage does not come to an end here.
    chart = Coverages(tuple(held(f"m-{n}") for n in range(20_000)), complete=True)
    named = frozenset(f"Coverage/x-{n}" for n in range(20_000))
    for offset in range(20):
        found = chart.choose(DAY + timedelta(days=offset), named)
        assert found == JudgedCoverage(standing="several")
    last = chart.choose(DAY, named | {"Coverage/m-19999"})
    assert (last.standing, last.reference) == ("medicare", "Coverage/m-19999")


# ------------------------------------------------------------------------- what an order can name


@pytest.mark.parametrize(
    ("reference", "named"),
    [
        ("Coverage/a-1.b", "Coverage/a-1.b"),
        ("https://ehr.example/r4/Coverage/a", "Coverage/a"),
        ("Coverage/a/_history/3", "Coverage/a"),
        ("Coverage/" + "a" * 128, "Coverage/" + "a" * 128),
        ("Coverage/" + "a" * 129, None),
        ("Coverage/", None),
        ("Coverage/a b", None),
        ("Coverage/a\n", None),
        ("Coverage", None),
        ("ClaimResponse/pa-1", None),
        ("", None),
        ("#x", None),
        ("#Coverage/x", None),
        ("urn:uuid:0d4d0c3a-4b1c-4f8e-9d0e-0e8f8f6b8a11", None),
    ],
)
def test_only_a_coverage_is_named(reference: str, named: str | None, judge: Judge) -> None:
    found = judge([order(insurance=[{"reference": reference}])], [patient()])[0]
    assert found["coverage"] == {"standing": "none", "reference": named} | {
        "plan": None,
        "insurer": None,
    }


def test_a_coverage_is_named_beside_what_is_none(judge: Judge) -> None:
    references = ["ClaimResponse/a", "Coverage/b", "#c", ""]
    ordered = order(insurance=[{"reference": one} for one in references])
    found = judge([ordered], [patient()])[0]
    assert found["coverage"]["reference"] == "Coverage/b"
    two = [payer("1", id="a"), payer("1", id="b")]
    found = judge([ordered], [patient(), *two])[0]
    assert (found["coverage"]["standing"], found["coverage"]["reference"]) == (
        "medicare",
        "Coverage/b",
    )
