"""The policy library leaves no day without a version and no day with two."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from defib_coverage.content import data_root, load
from defib_coverage.coverage.policy import PolicyLibrary
from defib_coverage.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    from defib_coverage.coverage.policy import PolicyVersion

FIRST = date(2018, 2, 15)
VERSIONS = load().versions
SHIPPED = PolicyLibrary(VERSIONS)
DAY = timedelta(days=1)


def starting(day: date) -> PolicyVersion:
    """The shipped version as if it began on another day."""
    return msgspec.structs.replace(VERSIONS[0], effective=day)


@given(st.dates(min_value=FIRST))
def test_every_day_since_the_first_has_exactly_one_version(day: date) -> None:
    found = SHIPPED.in_force(day)
    assert found is not None
    begun = [v for v in VERSIONS if v.effective <= day]
    assert found is max(begun, key=lambda v: v.effective)


@given(st.dates(max_value=FIRST - DAY))
def test_no_day_before_the_first_has_one(day: date) -> None:
    assert SHIPPED.in_force(day) is None


@given(st.sets(st.dates(), min_size=1, max_size=5), st.dates())
def test_version_is_in_force_until_the_day_before_the_next(starts: set[date], day: date) -> None:
    library = PolicyLibrary(starting(start) for start in starts)
    found = library.in_force(day)
    begun = [start for start in starts if start <= day]
    assert (None if found is None else found.effective) == max(begun, default=None)


def test_version_is_named_by_its_first_day() -> None:
    assert [v.version for v in VERSIONS] == [p.stem for p in policy_files(data_root())]
    assert VERSIONS[0].effective == FIRST


def policy_files(root: Path) -> list[Path]:
    """The policy files of a data root."""
    return sorted((root / "policies" / "ncd-20.4").glob("*.toml"))


def copied(root: Path, target: Path) -> Path:
    """A data root of its own with the shipped files."""
    for folder in ("policies/ncd-20.4", "valuesets", "cards"):
        (target / folder).mkdir(parents=True)
        for path in (root / folder).glob("*.toml"):
            (target / folder / path.name).write_bytes(path.read_bytes())
    return target


def test_two_versions_of_one_day_are_refused(tmp_path: Path) -> None:
    root = copied(data_root(), tmp_path)
    path = policy_files(root)[0]
    (path.parent / "2019-01-01.toml").write_bytes(path.read_bytes())
    with pytest.raises(DataError, match=r"2019-01-01\.toml"):
        load(root=root)
