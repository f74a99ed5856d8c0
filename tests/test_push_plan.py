"""What a push would do, and what differs: without any server."""

from __future__ import annotations

import copy
import json
import re
from datetime import date
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from defib_coverage.command.push_source import Choice, choose
from defib_coverage.documents.document import InputError
from defib_coverage.terminology.comparing import differences
from defib_coverage.terminology.describing import SOFTWARE
from defib_coverage.terminology.parcels import TYPES, Parcel, parcels_of
from defib_coverage.terminology.push_plan import Held, Listed, Server, plan
from defib_coverage.terminology.resources import Contains, ValueSet
from pushes import BEFORE, CURRENT, OLDEST, decoded, parcels, source

if TYPE_CHECKING:
    from collections.abc import Callable

    from live_server import Json

TODAY = date(2026, 11, 22)
EMPTY = Server({}, {})
URL = "https://codes.example/fhir/ValueSet/b1"


def parcel(version: str, resource_id: str = "b1", **content: object) -> Parcel:
    body = {"resourceType": "ValueSet", "id": resource_id, "url": URL, "version": version}
    return Parcel("ValueSet", resource_id, URL, version, msgspec.json.encode(body | content))


def held(one: Parcel, version: str | None = None, url: str | None = URL) -> Held:
    return Held(url, version or one.version, "7", one.body)


def listed(version: str | None, place: str = "ValueSet/other") -> Server:
    return Server({}, {URL: (Listed(place, URL, version),)})


# -------------------------------------------------------------------------------- what is written


def test_types_are_written_in_the_order_in_which_they_refer_to_one_another() -> None:
    written = [one.type for one in parcels(OLDEST, CURRENT)]
    assert list(dict.fromkeys(written)) == list(TYPES)
    assert written == sorted(written, key=TYPES.index)


def test_the_newest_version_of_every_url_is_written_last() -> None:
    versions: dict[str, list[tuple[int, ...]]] = {}
    for one in parcels(CURRENT, "2019.10.1", "2021.10.1", BEFORE, OLDEST):
        number = tuple(int(part) for part in one.version.split("."))
        versions.setdefault(one.url, []).append(number)
    assert all(found == sorted(found) for found in versions.values())
    assert max(len(found) for found in versions.values()) == 5


def test_every_version_has_a_place_of_its_own_that_fhir_allows() -> None:
    every = parcels(CURRENT, "2019.10.1", "2021.10.1", BEFORE, OLDEST)
    assert len({one.place for one in every}) == len({one.canonical for one in every}) == len(every)
    for one in every:
        assert re.fullmatch(r"[A-Za-z0-9\-.]{1,64}", one.id)
        assert decoded(one)["id"] == one.id


def test_what_is_written_is_marked_with_software_and_data() -> None:
    for one in parcels():
        meta = decoded(one)["meta"]
        assert meta["source"] == "https://defib-coverage.example/fhir"
        (tag,) = meta["tag"]
        assert tag["code"] == source().mark.digest
        assert tag["display"] == SOFTWARE
        assert meta["profile"]


def test_types_that_are_not_asked_for_are_left_out() -> None:
    resources = source().catalogue.resources
    found = parcels_of(resources, source().mark, ("Library", "ConceptMap"))
    assert {one.type for one in found} == {"Library", "ConceptMap"}


def test_each_value_set_has_a_code_to_ask_for_that_is_in_use() -> None:
    for one in parcels():
        if one.type != "ValueSet":
            assert one.probe is None
            continue
        assert one.probe is not None
        assert (one.probe.url, one.probe.version) == (one.url, one.version)
        expansion = decoded(one)["expansion"]["contains"]
        (entry,) = [
            e for e in expansion if (e["system"], e["code"]) == (one.probe.system, one.probe.code)
        ]
        assert not entry.get("inactive")


def test_a_value_set_of_codes_out_of_use_is_asked_for_one_of_them() -> None:
    first = next(r for r in source().catalogue.resources if isinstance(r, ValueSet))
    assert first.expansion is not None
    contains = (
        Contains(system="urn:a"),
        Contains(system="urn:a", code="1", inactive=True),
        Contains(system="urn:a", code="2"),
    )
    for kept, code in ((contains, "2"), (contains[:2], "1")):
        expansion = msgspec.structs.replace(first.expansion, contains=kept)
        changed = msgspec.structs.replace(first, expansion=expansion)
        (made,) = parcels_of([changed], source().mark)
        assert made.probe is not None
        assert made.probe.code == code


# --------------------------------------------------------------------------------------- the plan


def test_everything_is_created_on_an_empty_server() -> None:
    found = plan(parcels(), EMPTY)
    assert [step.parcel for step in found.writes] == list(parcels())
    assert {step.action for step in found.steps} == {"create"}
    assert not found.refused


def test_what_stands_there_is_left_alone_whatever_else_does() -> None:
    one = parcel("2.0.0")
    for other in ("1.0.0", "2.0.0", "3.0.0", "20231001", None):
        server = Server({one.place: held(one)}, listed(other).listed)
        (step,) = plan([one], server).steps
        assert step.action == "unchanged"


@pytest.mark.parametrize(
    ("there", "pushed"),
    [
        ("2023.10.1", "2023.9.1"),
        ("10.0.0", "9.0.0"),
        ("2027.1.1", "2023.1.1"),
        ("2023.1.2", "2023.1.1"),
        ("2.0.0", "2.0.0-draft"),
    ],
)
def test_a_version_is_never_lowered(there: str, pushed: str) -> None:
    one = parcel(pushed)
    (step,) = plan([one], Server({one.place: held(one, there)}, {})).refused
    assert there in step.reason
    assert pushed in step.reason
    (step,) = plan([one], listed(there)).refused
    assert there in step.reason
    assert pushed in step.reason
    assert step.other == "ValueSet/other"


@pytest.mark.parametrize(
    ("there", "pushed"), [("2023.9.1", "2023.10.1"), ("9.0.0", "10.0.0"), ("1.0.0-a", "1.0.0")]
)
def test_a_higher_version_goes_beside_a_lower_one_and_never_over_it(
    there: str, pushed: str
) -> None:
    one = parcel(pushed)
    for replace in (False, True):
        server = Server({one.place: held(one, there)}, {})
        (step,) = plan([one], server, replace=replace).refused
        assert step.reason == f"version {there} stands under the id of {pushed} there"
    (step,) = plan([one], listed(there)).writes
    assert step.action == "create"


def test_older_versions_go_beside_a_newer_one_of_the_same_push() -> None:
    old, new = parcel("1.0.0", "b1-1"), parcel("2.0.0", "b1-2")
    server = Server({new.place: held(new)}, {URL: (Listed(new.place, URL, "2.0.0"),)})
    assert [step.action for step in plan([old, new], server).steps] == ["create", "unchanged"]
    assert [step.action for step in plan([old], server).steps] == ["refused"]


@pytest.mark.parametrize("version", [None, "20231001", "2023.10.01", "v1", "1.0", ""])
def test_versions_that_cannot_be_ordered_are_no_ground_to_write(version: str | None) -> None:
    one = parcel("1.0.0")
    (step,) = plan([one], listed(version)).refused
    assert "cannot be told" in step.reason
    there = Held(URL, version, None, one.body)
    (step,) = plan([one], Server({one.place: there}, {})).refused
    assert "cannot be told" in step.reason


def test_a_version_that_stands_under_another_id_is_not_written_twice() -> None:
    (step,) = plan([parcel("1.0.0")], listed("1.0.0")).refused
    assert step.reason == "the server holds this version already, under another id"
    assert step.other == "ValueSet/other"


@pytest.mark.parametrize("url", ["https://other.example/ValueSet/x", None])
def test_what_is_somebody_elses_is_not_written_over(url: str | None) -> None:
    one = parcel("1.0.0")
    server = Server({one.place: Held(url, "0.1.0", "1", b"{}")}, {})
    for replace in (False, True):
        (step,) = plan([one], server, replace=replace).refused
        assert "another resource has this id" in step.reason


def test_other_content_of_a_version_is_refused_and_told_by_path() -> None:
    one, there = parcel("1.0.0", title="ours"), parcel("1.0.0", title="theirs")
    server = Server({one.place: held(there)}, {})
    (step,) = plan([one], server).refused
    assert [str(d) for d in step.differences] == ['/title: "ours" here, "theirs" there']
    (step,) = plan([one], server, replace=True).writes
    assert (step.action, step.revision) == ("replace", "7")
    assert len(step.differences) == 1


def test_replacing_lowers_no_version() -> None:
    one, there = parcel("1.0.0", title="ours"), parcel("1.0.0", title="theirs")
    server = Server({one.place: held(there)}, listed("1.0.1").listed)
    (step,) = plan([one], server, replace=True).refused
    assert "1.0.1" in step.reason


# ---------------------------------------------------------------------------------- what differs


def changed(body: bytes, change: Callable[[Json], None]) -> bytes:
    found = json.loads(body)
    change(found)
    return json.dumps(found, indent=1, sort_keys=True).encode()


def of_server(resource: Json) -> None:
    resource["text"] = {"status": "generated", "div": "<div>made there</div>"}
    resource["meta"] |= {"versionId": "3", "lastUpdated": "2026-11-22T10:00:00Z"}
    resource["meta"]["source"] += "#request"
    resource["meta"]["tag"][0]["display"] = "the name that came first"
    resource["meta"]["tag"].insert(0, {"system": "urn:x", "code": "theirs"})
    resource["meta"].get("profile", []).reverse()


def test_what_every_server_makes_of_a_resource_is_no_difference() -> None:
    for one in parcels():
        assert differences(one.body, changed(one.body, of_server), with_tags=True) == ()


def test_a_tag_that_the_server_dropped_is_told_after_a_write_only() -> None:
    one = parcels()[0]
    without = changed(one.body, lambda resource: resource["meta"].pop("tag"))
    assert differences(one.body, without) == ()
    (found,) = differences(one.body, without, with_tags=True)
    assert str(found) == "/meta/tag/0: is missing there"
    for meta in ({}, {"tag": "none"}, {"tag": [1]}, {"profile": [1]}, None):
        odd = changed(one.body, lambda resource, meta=meta: resource.update(meta=meta))  # type: ignore[misc]
        pointers = [d.pointer for d in differences(one.body, odd, with_tags=True)]
        assert pointers[-1] == "/meta/tag/0"


@pytest.mark.parametrize(
    ("here", "there", "told"),
    [
        ({"a": 1}, {"a": 2}, ["/a: 1 here, 2 there"]),
        ({"a": True}, {"a": 1}, ["/a: true here, 1 there"]),
        ({"a": 1}, {}, ["/a: is missing there"]),
        ({}, {"a": None}, ["/a: stands only there"]),
        ({"a": ["x", "y"]}, {"a": ["x"]}, ["/a/1: is missing there"]),
        ({"a": {"b/c~": 1}}, {"a": {"b/c~": 0}}, ["/a/b~1c~0: 1 here, 0 there"]),
        ({"a": [1]}, {"a": {"0": 1}}, ['/a: [1] here, {"0":1} there']),
        ({"a": "x" * 99}, {"a": ""}, [f'/a: "{"x" * 56}... here, "" there']),
        ({}, [], ["/: {} here, [] there"]),
        ({"b": 1, "a": 1}, {"a": 2, "b": 2}, ["/b: 1 here, 2 there", "/a: 1 here, 2 there"]),
    ],
)
def test_differences_are_told_by_json_pointer(here: Json, there: Json, told: list[str]) -> None:
    found = differences(msgspec.json.encode(here), msgspec.json.encode(there))
    assert [str(one) for one in found] == told


LEAVES = st.none() | st.booleans() | st.integers(-3, 3) | st.text("ab/~", max_size=2)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab/~", max_size=2), inner),
    max_leaves=8,
)


@given(here=TREES, there=TREES)
def test_nothing_differs_exactly_where_two_trees_are_equal(here: object, there: object) -> None:
    one, other = ({"resourceType": "Basic", "of": copy.deepcopy(tree)} for tree in (here, there))
    found = differences(msgspec.json.encode(one), msgspec.json.encode(other))
    # JSON tells true from 1, Python does not.
    assert (found == ()) is (
        msgspec.json.encode(one, order="sorted") == msgspec.json.encode(other, order="sorted")
    )
    back = differences(msgspec.json.encode(other), msgspec.json.encode(one))
    assert {d.pointer for d in found} == {d.pointer for d in back}


# ------------------------------------------------------------------------------- which releases


def chosen(today: date = TODAY, **wanted: object) -> list[str]:
    asked = msgspec.convert(wanted, Choice)
    return [r.version for r in choose(source().catalogue.releases, asked, today)]


def test_releases_are_chosen_by_day_by_name_or_all() -> None:
    assert chosen() == [CURRENT]
    assert chosen(on="2022-12-31") == [BEFORE]
    assert chosen(on="2018-02-15") == [OLDEST]
    assert chosen(revision="r4") == chosen(revision="R5") == chosen(revision=BEFORE) == [BEFORE]
    assert chosen(history=True) == [OLDEST, "2019.10.1", "2021.10.1", BEFORE, CURRENT]


def test_a_release_that_is_not_in_force_yet_is_taken_by_name_only() -> None:
    before = date(2022, 12, 31)
    assert chosen(before) == [BEFORE]
    assert chosen(before, history=True)[-1] == BEFORE
    with pytest.raises(InputError, match=r"in force from 2023-01-01 only; --revision R6"):
        chosen(before, on="2023-01-01")
    assert chosen(before, revision="R6") == [CURRENT]


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"on": "2018-02-14"}, "--on 2018-02-14: nothing is in force before 2018-02-15"),
        ({"revision": "R99"}, "--revision R99: is none of original, R1"),
        ({"on": "2022-01-01", "history": True}, "name releases: give one of them"),
        ({"revision": "R6", "history": True}, "name releases: give one of them"),
    ],
)
def test_releases_that_cannot_be_chosen(wanted: Json, said: str) -> None:
    with pytest.raises(InputError, match=re.escape(said)):
        chosen(**wanted)
