"""Three values: met, not met, unknown."""

from __future__ import annotations

import pytest

from defib_coverage.coverage.truth import Truth, all_of

MET, NOT_MET, UNKNOWN = Truth.MET, Truth.NOT_MET, Truth.UNKNOWN


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        (MET, MET, MET),
        (MET, UNKNOWN, UNKNOWN),
        (MET, NOT_MET, NOT_MET),
        (UNKNOWN, UNKNOWN, UNKNOWN),
        (UNKNOWN, NOT_MET, NOT_MET),
        (NOT_MET, NOT_MET, NOT_MET),
    ],
)
def test_both_are_as_true_as_the_less_true(one: Truth, other: Truth, both: Truth) -> None:
    assert all_of([one, other]) is both
    assert all_of([other, one]) is both


def test_nothing_to_fulfil_is_met() -> None:
    assert all_of([]) is MET


@pytest.mark.parametrize("truth", Truth)
def test_truth_is_no_condition(truth: Truth) -> None:
    with pytest.raises(TypeError, match="compare it with `is`"):
        bool(truth)
