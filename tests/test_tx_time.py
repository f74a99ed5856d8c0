"""Codes and releases: which code systems have a code on a day, and what is inactive when."""

from __future__ import annotations

import pytest

from terminologies import ICD, PCS
from test_tx_expand import value_set
from tx_calls import B1, Json, codes, out, published, refused, told

SERVICE = published()
LOOKUP = "CodeSystem/$lookup"
IN_SYSTEM = "CodeSystem/$validate-code"
VALIDATE = "ValueSet/$validate-code"
EXPAND = "ValueSet/$expand"


def in_system(**asked: object) -> Json:
    return out(SERVICE.both(IN_SYSTEM, **asked))


def inactive(**asked: object) -> list[object]:
    found = out(SERVICE.both(LOOKUP, **asked))["property"]
    return [one["value"] for one in found if one["code"] == "inactive"]


def test_a_code_that_left_the_article_is_a_code_all_the_same() -> None:
    assert in_system(url=PCS, code="02PAXMZ", version="2024")["result"] is True
    asked = {"system": PCS, "code": "02PAXMZ", "version": "2024"}
    assert out(SERVICE.both(LOOKUP, **asked))["version"] == "2024"


@pytest.mark.parametrize(
    ("system", "code", "release", "other"),
    [
        (ICD, "I48.11", "2018", "2020"),
        (ICD, "I47.10", "2020", "2024"),
        (ICD, "I21.B", "2018", "2024"),
        (ICD, "C79.63", "2018", "2022"),
        (ICD, "I24.89", "2022", "2024"),
        (PCS, "0WHC0GZ", "2020", "2024"),
        (PCS, "0JWTXFZ", "2018", "2020"),
        (ICD, "I47.2", "2023", "2022"),
    ],
)
def test_a_release_that_lacks_a_code(system: str, code: str, release: str, other: str) -> None:
    assert in_system(url=system, code=code, version=release)["result"] is False
    assert in_system(url=system, code=code, version=other)["result"] is True
    asked = {"system": system, "code": code}
    status, issue = refused(lambda: SERVICE.get(LOOKUP, **asked, version=release))
    assert (status, issue["code"]) == (404, "not-found")
    day = f"{release}-03-01"
    assert refused(lambda: SERVICE.get(LOOKUP, **asked, date=day))[0] == 404
    assert in_system(url=system, code=code, date=day)["result"] is False


@pytest.mark.parametrize(("day", "gone"), [("2020-01-01", False), ("2023-01-01", True)])
def test_a_code_is_inactive_once_releases_lack_it(day: str, *, gone: bool) -> None:
    asked = {"system": ICD, "code": "I47.2"}
    got = in_system(url=ICD, code="I47.2", date=day)
    assert (got["result"], got.get("inactive", False)) == (not gone, gone)
    other = f"{B1.rpartition('/')[0]}/b2-diagnoses"
    got = out(SERVICE.both(VALIDATE, url=other, **asked, date=day))
    assert got.get("inactive", False) is gone
    if not gone:
        assert inactive(**asked, date=day) == [False]


def test_inactive_codes_of_a_set_that_came() -> None:
    listed = value_set({"system": ICD, "concept": [{"code": "I47.2"}]})
    asked = {"valueSet": listed, "activeOnly": True}
    got = SERVICE.post(EXPAND, **asked, date="2020-01-01")
    assert codes(got) == [(ICD, "I47.2")]
    assert "inactive" not in got["expansion"]["contains"][0]
    got = SERVICE.post(EXPAND, **asked)
    assert codes(got) == []
    assert ("warning", f"left out, no codes of {ICD}|2027: I47.2") in told(got)


def test_no_day_is_today() -> None:
    listed = value_set({"system": ICD, "concept": [{"code": "I49.01"}]})
    got = SERVICE.post(EXPAND, valueSet=listed)
    assert ("used-codesystem", f"{ICD}|2027") in told(got)
    assert in_system(url=ICD, code="I49.01")["version"] == "2027"
    assert out(SERVICE.both(LOOKUP, system=ICD, code="I49.01"))["version"] == "2027"
    got = in_system(url=ICD, code="I47.2")
    assert (got["result"], got["inactive"]) == (False, True)


def test_a_retired_code_is_looked_up_as_it_was_last() -> None:
    asked = {"system": ICD, "code": "I47.2"}
    assert out(SERVICE.both(LOOKUP, **asked))["version"] == "2022"
    assert inactive(**asked) == [True]
    assert inactive(**asked, version="2022") == [False]


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        (EXPAND, {"url": B1}),
        (EXPAND, {"url": f"{B1}|2018.2.15"}),
        (VALIDATE, {"url": B1, "system": ICD, "code": "I49.01"}),
        (VALIDATE, {"url": f"{B1}|2018.2.15", "system": ICD, "code": "I49.01"}),
        (IN_SYSTEM, {"url": ICD, "code": "I49.01"}),
        (LOOKUP, {"system": ICD, "code": "I49.01"}),
        ("ConceptMap/$translate", {"system": ICD, "code": "I47.2"}),
    ],
)
def test_days_before_the_first_are_unknown_everywhere(path: str, asked: Json) -> None:
    status, issue = refused(lambda: SERVICE.both(path, **asked, date="2018-02-14"))
    assert (status, issue["code"], issue["expression"]) == (422, "not-found", ["date"])
    assert "2018-02-15" in issue["details"]["text"]
    quick = "&".join(f"{name}={value}" for name, value in (asked | {"date": "2018-02-14"}).items())
    assert SERVICE.operations.reader.of_query(quick) is None
