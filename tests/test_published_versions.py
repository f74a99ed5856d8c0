"""A published version keeps its content: what is made today is what was made when it came out."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest

from published_versions import content_of, differing, digests, read_known

if TYPE_CHECKING:
    from collections.abc import Callable

pytest_plugins = ("published",)
Json = dict[str, Any]


def test_every_version_is_as_it_was_published(documents: tuple[Json, ...]) -> None:
    """After a wanted change: a new version for it, then ``make published``."""
    made = digests(documents)
    assert differing(read_known(), made) == []
    assert set(made) == set(read_known())


def first(documents: tuple[Json, ...], start: str) -> Json:
    return copy.deepcopy(next(one for one in documents if one["id"].startswith(start)))


def drop_code(one: Json) -> None:
    del one["expansion"]["contains"][0]


def move_release(one: Json) -> None:
    one["expansion"]["contains"][0]["version"] = "2017"


def count_otherwise(one: Json) -> None:
    del one["expansion"]["contains"][-1]["extension"]


def map_otherwise(one: Json) -> None:
    one["group"][0]["element"][0]["target"][0]["equivalence"] = "equal"


def drop_concept(one: Json) -> None:
    del one["concept"][0]


def drop_criterion(one: Json) -> None:
    del one["action"][1]["action"][0]["action"][0]


@pytest.mark.parametrize(
    ("start", "change"),
    [
        ("b1-diagnoses-", drop_code),
        ("b1-diagnoses-", move_release),
        ("orders-lead-only-cpt-", count_otherwise),
        ("indications-to-claim-codes-", map_otherwise),
        ("defib-evidence", drop_concept),
        ("ncd-20.4-2", drop_criterion),
    ],
)
def test_a_change_of_content_is_seen(
    documents: tuple[Json, ...], start: str, change: Callable[[Json], None]
) -> None:
    one = first(documents, start)
    known = digests([one])
    change(one)
    assert differing(known, digests([one])) == list(known)


def test_a_version_that_is_gone_is_seen(documents: tuple[Json, ...]) -> None:
    known = digests([first(documents, "b1-diagnoses-")])
    assert differing(known, {}) == list(known)


def test_better_words_are_no_change(documents: tuple[Json, ...]) -> None:
    one = first(documents, "b1-diagnoses-")
    known = digests([one])
    one["title"] = one["description"] = "Other words"
    one["expansion"]["contains"][0]["display"] = "Other words"
    assert digests([one]) == known


def test_what_only_names_others_is_not_remembered(documents: tuple[Json, ...]) -> None:
    kinds = {one["resourceType"] for one in documents if content_of(one) is None}
    assert kinds == {"Library", "ImplementationGuide"}
