"""ValueSet/$validate-code and CodeSystem/$validate-code: yes, no, and why not."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from terminologies import BASE, CPT, ICD, PCS, TODAY
from test_tx_expand import SYSTEM, TREE, code_system, value_set
from tx_calls import B1, Json, body_of, coding_of, kinds, out, pairs_of, published, refused

if TYPE_CHECKING:
    from defib_coverage.terminology.sets import PublishedSet

SERVICE = published()
SETS = [one for sets in SERVICE.catalogue.sets.values() for one in sets]
VALIDATE = "ValueSet/$validate-code"
IN_SYSTEM = "CodeSystem/$validate-code"
ALIAS = "urn:oid:2.16.840.1.113883.6.90"
NOT_IN_VS = ("error", "code-invalid", "not-in-vs")
INVALID_CODE = ("error", "code-invalid", "invalid-code")
INVALID_DISPLAY = ("error", "invalid", "invalid-display")
NOT_FOUND = ("error", "not-found", "not-found")
INVALID_DATA = ("error", "invalid", "invalid-data")
CPT_SET = f"{BASE}/ValueSet/orders-initial-implant-cpt"
MARKED = f"{BASE}/ValueSet/vt-vf-arrest"


def validate(**asked: object) -> Json:
    return out(SERVICE.both(VALIDATE, **asked))


def posted(**asked: object) -> Json:
    return out(SERVICE.post(VALIDATE, **asked))


def in_system(**asked: object) -> Json:
    return out(SERVICE.both(IN_SYSTEM, **asked))


def test_a_member() -> None:
    assert validate(url=B1, system=ICD, code="I49.01") == {
        "result": True,
        "code": "I49.01",
        "system": ICD,
        "version": "2023",
        "display": "Ventricular fibrillation",
        "x-used-valueset": f"{B1}|2023.1.1",
    }


def test_every_member_of_every_version() -> None:
    for one in SETS:
        for member in one.members:
            asked = {"url": one.url, "valueSetVersion": one.version}
            got = validate(**asked, system=member.uri, code=member.code)
            assert got["result"] is True
            assert got.get("inactive", False) is member.inactive
            assert got.get("version") == member.version


@given(
    st.sampled_from(SETS),
    st.data(),
    st.sampled_from([None, "x", "Ventricular fibrillation", "VENTRICULAR  fibrillation"]),
)
def test_plain_questions_are_answered_as_all_others(
    one: PublishedSet, data: st.DataObject, display: str | None
) -> None:
    codes = st.sampled_from([member.code for member in one.members])
    systems = st.sampled_from([*(member.uri for member in one.members), "urn:x", ALIAS])
    code = data.draw(st.one_of(codes, st.sampled_from(["I49.01", "I4901", "i47.2", "zz"])))
    system = data.draw(systems)
    plain = pairs_of(url=one.canonical, system=system, code=code)
    if display is not None:
        plain.append(("display", display))
    # What says nothing new makes a question an odd one.
    odd = [*plain, ("abstract", "false")]
    run = SERVICE.operations.run
    ready = run("ValueSet", "validate-code", None, plain)
    assert ready == run("ValueSet", "validate-code", None, odd)
    held = SERVICE.operations.quick.validate(
        one.url, one.version, date(2019, 1, 1), system, code, display
    )
    # Whether a code that has ended is inactive, the day tells.
    assert held == ready or (held is None and code == "I47.2")


def test_plain_questions_that_are_wrong_are_left_to_the_operation() -> None:
    validate_quickly = SERVICE.operations.quick.validate
    assert validate_quickly("urn:none", None, TODAY, ICD, "I49.01") is None
    assert validate_quickly(B1, "9", TODAY, ICD, "I49.01") is None
    assert validate_quickly(B1, None, date(2001, 1, 1), ICD, "I49.01") is None
    assert validate_quickly(B1, None, TODAY, ICD, "\ud800") is None


def test_only_the_day_decides() -> None:
    for day, expected in (("2022-09-30", True), ("2022-10-01", False)):
        assert validate(url=B1, system=ICD, code="I47.2", date=day)["result"] is expected
        assert validate(url=B1, system=ICD, code="I47.20", date=day)["result"] is not expected


def test_a_code_of_other_days() -> None:
    got = validate(url=B1, system=ICD, code="I47.2", date="2023-06-01")
    assert got["result"] is False
    assert kinds(got) == [NOT_IN_VS]
    assert "from 2018-02-15 through 2022-09-30" in got["message"]
    assert "I47.20, I47.21, I47.29" in got["message"]
    assert got["x-used-valueset"] == f"{B1}|2023.1.1"
    early = validate(url=B1, system=ICD, code="I47.20", date="2020-01-01")
    assert "from 2022-10-01 on" in early["message"]


@pytest.mark.parametrize("code", ["I4901", "i49.01", "i4901", " I49.01"])
def test_another_spelling_is_never_right(code: str) -> None:
    got = validate(url=B1, system=ICD, code=code)
    assert got["result"] is False
    assert got["normalized-code"] == "I49.01"
    assert got["code"] == code
    assert kinds(got) == [NOT_IN_VS]
    assert "'I49.01', which is in the value set" in got["message"]
    again = in_system(url=ICD, code=code)
    assert (again["result"], again["normalized-code"]) == (False, "I49.01")
    assert kinds(again) == [INVALID_CODE]


def test_another_spelling_of_a_code_of_other_days() -> None:
    got = validate(url=B1, system=ICD, code="I472")
    assert got["normalized-code"] == "I47.2"
    assert "through 2022-09-30" in got["message"]


def test_procedures_with_lower_case() -> None:
    url = f"{BASE}/ValueSet/orders-lead-only"
    got = validate(url=url, system=PCS, code="02h60kz")
    assert (got["result"], got["normalized-code"]) == (False, "02H60KZ")


@pytest.mark.parametrize(
    "alias",
    ["urn:oid:2.16.840.1.113883.6.90", "http://terminology.hl7.org/CodeSystem/icd10CM"],
)
def test_other_uris_are_understood_and_it_is_said(alias: str) -> None:
    for got in (
        validate(url=B1, system=alias, code="I49.01"),
        in_system(url=alias, code="I49.01"),
    ):
        assert (got["result"], got["system"]) == (True, ICD)
        assert kinds(got) == [("information", "informational", None)]
        assert alias in got["issues"][0]["details"]["text"]
        assert "message" not in got


def test_an_edition_is_understood_as_its_system() -> None:
    uri = "http://snomed.info/sct/731000124108"
    got = in_system(url=uri, code="22298006")
    assert (got["result"], got["system"]) == (True, "http://snomed.info/sct")


def test_unknown_system() -> None:
    got = validate(url=B1, system="http://hl7.org/fhir/sid/icd-10", code="I49.01")
    assert got["result"] is False
    assert got["x-caused-by-unknown-system"] == "http://hl7.org/fhir/sid/icd-10"
    assert kinds(got) == [NOT_FOUND, NOT_IN_VS]
    got = in_system(url="urn:none", code="I49.01")
    assert (got["result"], got["x-caused-by-unknown-system"]) == (False, "urn:none")


def test_unknown_release() -> None:
    got = validate(url=B1, system=ICD, systemVersion="1999", code="I49.01")
    assert got["result"] is False
    assert got["x-caused-by-unknown-system"] == f"{ICD}|1999"
    assert kinds(got) == [NOT_FOUND]
    assert in_system(url=ICD, version="1999", code="I49.01")["result"] is False


def test_another_release_than_the_set_takes() -> None:
    for release in ("2024", "2025"):
        got = validate(url=B1, system=ICD, systemVersion=release, code="I47.20")
        assert got["result"] is True
        assert kinds(got) == [("warning", "invalid", "vs-invalid")]
        assert "in version '2023'" in got["message"]
        coding = {"system": ICD, "version": release, "code": "I47.20"}
        assert out(SERVICE.post(VALIDATE, url=B1, coding=coding))["result"] is True
    got = validate(url=B1, system=ICD, systemVersion="2022", code="I47.20")
    assert (got["result"], kinds(got)) == (False, [INVALID_CODE])
    assert "from 2023" in got["message"]
    listed = value_set({"system": SYSTEM, "version": "1"})
    lesser = code_system({"code": "a"}, version="0")
    asked = {"valueSet": listed, "tx_resource": [TREE, lesser], "system": SYSTEM}
    for code, result in (("a", True), ("b", False)):
        assert posted(**asked, systemVersion="0", code=code)["result"] is result
    forced = {"force_system_version": f"{ICD}|2024", "systemVersion": "2024"}
    assert validate(url=B1, system=ICD, code="I49.01", **forced)["result"] is True


@pytest.mark.parametrize("display", ["Ventricular fibrillation", "ventricular  FIBRILLATION "])
def test_right_displays(display: str) -> None:
    got = validate(url=B1, system=ICD, code="I49.01", display=display)
    assert got["result"] is True
    assert "issues" not in got


def test_wrong_display() -> None:
    asked = {"url": B1, "system": ICD, "code": "I49.01", "display": "Flutter"}
    got = validate(**asked)
    assert (got["result"], got["display"]) == (False, "Ventricular fibrillation")
    assert kinds(got) == [INVALID_DISPLAY]
    assert got["issues"][0]["expression"] == ["display"]
    assert "'Ventricular fibrillation'" in got["message"]
    lenient = validate(**asked, lenient_display_validation=True)
    assert lenient["result"] is True
    assert kinds(lenient) == [("warning", "invalid", "invalid-display")]
    assert "issues" not in validate(**asked, valueset_membership_only=True)
    again = in_system(url=ICD, code="I49.01", display="Flutter")
    assert (again["result"], kinds(again)) == (False, [INVALID_DISPLAY])


def test_no_display_of_cpt_is_judged_or_shown() -> None:
    got = validate(url=CPT_SET, system=CPT, code="33249", display="Whatever it is called")
    assert got["result"] is True
    assert kinds(got) == [("information", "informational", "display-comment")]
    assert "display" not in got
    got = validate(url=CPT_SET, system=CPT, code="33249:Q0")
    assert got["result"] is False
    assert "without modifiers" in got["message"]


def test_inactive_member() -> None:
    got = validate(url=MARKED, system=ICD, code="I47.2")
    assert (got["result"], got["inactive"], got["status"]) == (True, True, "inactive")
    assert kinds(got) == [("warning", "business-rule", "code-comment")]
    asked = {"url": MARKED, "system": ICD, "code": "I47.2", "activeOnly": True}
    got = validate(**asked, systemVersion="2022")
    assert (got["result"], "inactive" in got) == (True, False)
    got = validate(**asked)
    assert (got["result"], kinds(got)) == (False, [("error", "business-rule", "code-rule")])


def test_inferred_system() -> None:
    got = validate(url=B1, code="I49.01", inferSystem=True)
    assert (got["result"], got["system"]) == (True, ICD)
    got = validate(url=B1, code="zzz", inferSystem=True)
    assert (got["result"], kinds(got)) == (False, [("error", "not-found", "cannot-infer")])
    assert "system" not in got


def test_coding() -> None:
    got = posted(url=B1, coding={"system": ICD, "code": "I49.01", "display": "Flutter"})
    assert got["result"] is False
    assert got["issues"][0]["expression"] == ["Coding.display"]
    assert posted(url=B1, coding={"system": ICD, "code": "I49.01"})["result"] is True
    got = posted(url=B1, coding={"code": "I49.01"})
    assert (got["result"], kinds(got)) == (False, [INVALID_DATA, NOT_IN_VS])
    assert kinds(posted(url=B1, coding={"system": ICD})) == [INVALID_DATA]


def test_any_coding_of_a_concept_decides_and_each_is_reported() -> None:
    good, other = {"system": ICD, "code": "I49.01"}, {"system": ICD, "code": "I21.4"}
    unknown = {"system": "urn:none", "code": "1"}
    concept = {"coding": [other, unknown, good], "text": "VF"}
    got = posted(url=B1, codeableConcept=concept)
    assert (got["result"], got["code"]) == (True, "I49.01")
    assert got["codeableConcept"] == concept
    assert kinds(got) == [
        ("information", "code-invalid", "this-code-not-in-vs"),
        ("warning", "not-found", "not-found"),
        ("information", "code-invalid", "this-code-not-in-vs"),
    ]
    assert got["issues"][0]["expression"] == ["CodeableConcept.coding[0].code"]
    assert got["x-caused-by-unknown-system"] == "urn:none"
    got = posted(url=B1, codeableConcept={"coding": [other, unknown]})
    assert got["result"] is False
    assert kinds(got)[0] == NOT_IN_VS
    assert ("information", "code-invalid", "this-code-not-in-vs") in kinds(got)


def test_empty_concepts() -> None:
    got = posted(url=B1, codeableConcept={"text": "only words"})
    assert (got["result"], kinds(got)) == (False, [INVALID_DATA])
    many = {"coding": [{"system": ICD, "code": "I49.01"}] * 101}
    status, issue = refused(lambda: posted(url=B1, codeableConcept=many))
    assert (status, issue["code"]) == (422, "too-costly")


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"system": ICD, "code": "I49.01"}, "required"),
        ({"url": B1}, "required"),
        ({"url": B1, "code": "I49.01"}, "required"),
        ({"url": B1, "system": ICD}, "invalid"),
        ({"url": B1, "display": "x"}, "invalid"),
        ({"url": f"{B1}|2023.1.1", "valueSetVersion": "1", "system": ICD, "code": "x"}, "invalid"),
    ],
)
def test_gaps_and_contradictions(asked: Json, code: str) -> None:
    for ask in (SERVICE.get, SERVICE.post):
        status, issue = refused(lambda ask=ask: ask(VALIDATE, **asked))  # type: ignore[misc]
        assert (status, issue["code"]) == (400, code)


def test_two_ways_to_say_one_thing() -> None:
    coding = {"system": ICD, "code": "I49.01"}
    for asked in (
        {"url": B1, "coding": coding, "code": "x", "system": ICD},
        {"url": B1, "coding": coding, "codeableConcept": {"coding": [coding]}},
        {"url": B1, "valueSet": value_set(), "coding": coding},
    ):
        status, issue = refused(lambda a=asked: posted(**a))  # type: ignore[misc]
        assert (status, issue["code"]) == (400, "invalid")


@pytest.mark.parametrize("url", ["http://example.org/none", f"{B1}|9.9.9"])
def test_unknown_value_set(url: str) -> None:
    asked = {"url": url, "system": ICD, "code": "I49.01"}
    status, issue = refused(lambda: SERVICE.get(VALIDATE, **asked))
    assert (status, issue["code"], coding_of(issue)) == (422, "not-found", "not-found")


def test_of_an_instance() -> None:
    asked = {"system": ICD, "code": "I47.2"}
    got = out(SERVICE.both("ValueSet/b1-diagnoses-2021.10.1/$validate-code", **asked))
    assert got["result"] is True
    got = out(SERVICE.both("ValueSet/b1-diagnoses-2022.10.1/$validate-code", **asked))
    assert got["result"] is False


def test_a_set_and_a_system_that_came() -> None:
    asked = {"valueSet": value_set({"system": SYSTEM}), "tx_resource": TREE, "system": SYSTEM}
    assert posted(**asked, code="c")["result"] is True
    got = posted(**asked, code="z")
    assert (got["result"], kinds(got)) == (False, [NOT_IN_VS, INVALID_CODE])
    got = posted(**asked, code="f")
    assert (got["result"], kinds(got)) == (False, [("error", "business-rule", "code-rule")])
    assert posted(**asked, code="f", abstract=True)["result"] is True
    assert posted(**asked, code="e")["inactive"] is True


def test_a_system_in_which_case_does_not_matter() -> None:
    loose = {**TREE, "caseSensitive": False}
    asked = {"valueSet": value_set({"system": SYSTEM}), "tx_resource": loose, "system": SYSTEM}
    got = posted(**asked, code="C")
    assert (got["result"], got["code"]) == (True, "c")


# --------------------------------------------------------------------------------- code systems


def test_code_of_a_system() -> None:
    assert in_system(url=ICD, code="I49.01") == {
        "result": True,
        "code": "I49.01",
        "system": ICD,
        "version": "2027",
        "display": "Ventricular fibrillation",
    }
    assert in_system(url=ICD, code="I49.01", version="2024")["version"] == "2024"
    assert in_system(url=ICD, code="I49.01", date="2022-12-01")["version"] == "2023"


def test_code_of_other_releases() -> None:
    assert in_system(url=ICD, code="I47.2", version="2022")["result"] is True
    got = in_system(url=ICD, code="I47.2", version="2023")
    assert (got["result"], kinds(got)) == (False, [INVALID_CODE])
    assert "through 2022" in got["message"]
    assert in_system(url=ICD, code="I47.20", date="2022-09-30")["result"] is False
    assert in_system(url=ICD, code="I47.20", date="2022-10-01")["result"] is True


def test_code_of_a_system_of_which_only_some_are_held() -> None:
    got = in_system(url=ICD, code="Q99.9")
    assert (got["result"], kinds(got)) == (False, [INVALID_CODE])
    assert "may be one all the same" in got["message"]


def test_own_systems() -> None:
    url = f"{BASE}/CodeSystem/defib-indication"
    assert in_system(url=url, code="B1")["version"] == "1.0.0"
    got = in_system(url=url, code="B99")
    assert (got["result"], kinds(got)) == (False, [INVALID_CODE])
    assert "may be" not in got["message"]
    path = "CodeSystem/defib-indication-1.0.0/$validate-code"
    assert out(SERVICE.both(path, code="B1"))["result"] is True


def test_system_that_came() -> None:
    got = out(SERVICE.post(IN_SYSTEM, codeSystem=TREE, code="c", display="Gamma"))
    assert (got["result"], kinds(got)) == (False, [INVALID_DISPLAY])
    coding = {"system": SYSTEM, "code": "c"}
    assert out(SERVICE.post(IN_SYSTEM, tx_resource=TREE, coding=coding))["result"] is True
    concept = {"coding": [coding, {"system": ICD, "code": "I49.01"}]}
    assert out(SERVICE.post(IN_SYSTEM, codeableConcept=concept))["result"] is True
    got = out(SERVICE.post(IN_SYSTEM, url=ICD, coding=coding))
    assert (got["result"], kinds(got)) == (False, [INVALID_DATA])


@pytest.mark.parametrize(
    "asked",
    [{"code": "I49.01"}, {"url": ICD}, {"url": f"{ICD}|2023", "version": "2024", "code": "x"}],
)
def test_gaps_in_questions_about_systems(asked: Json) -> None:
    assert refused(lambda: SERVICE.get(IN_SYSTEM, **asked))[0] == 400


def test_odd_questions_about_systems() -> None:
    path = "CodeSystem/defib-indication-1.0.0/$validate-code"
    assert refused(lambda: SERVICE.get(path, url=ICD, code="B1"))[0] == 400
    assert refused(lambda: SERVICE.post(IN_SYSTEM, codeSystem=value_set(), code="x"))[0] == 400
    for coding in ({"system": ICD}, {"code": "I49.01"}):
        got = out(SERVICE.post(IN_SYSTEM, coding=coding))
        assert (got["result"], kinds(got)) == (False, [INVALID_DATA])
    got = out(SERVICE.post(IN_SYSTEM, tx_resource=TREE, url=SYSTEM, code="f"))
    assert (got["result"], kinds(got)) == (False, [("error", "business-rule", "code-rule")])
    got = out(SERVICE.post(IN_SYSTEM, tx_resource=TREE, url=SYSTEM, code="f", abstract=True))
    assert got["result"] is True
    got = out(SERVICE.post(IN_SYSTEM, tx_resource=TREE, url=SYSTEM, code="e"))
    assert kinds(got) == [("warning", "business-rule", "code-comment")]


# ------------------------------------------------------------------------------------- rules


@given(
    st.sampled_from(SETS),
    st.fixed_dictionaries(
        {},
        optional={
            "system": st.sampled_from([ICD, CPT, PCS, "urn:x", ALIAS]),
            "code": st.sampled_from(["I49.01", "I4901", "I47.2", "33249", "zz", "02H60KZ"]),
            "display": st.sampled_from(["Ventricular fibrillation", "x"]),
            "systemVersion": st.sampled_from(["2023", "2024", "1", "x"]),
            "inferSystem": st.booleans(),
            "lenient-display-validation": st.booleans(),
        },
    ),
)
def test_result_is_true_exactly_where_no_issue_is_an_error(one: PublishedSet, more: Json) -> None:
    asked = {"url": one.url, "date": one.release.effective, **more}
    if "code" not in asked or not ("system" in asked or asked.get("inferSystem")):
        assert refused(lambda: SERVICE.get(VALIDATE, **asked))[0] == 400
        return
    got = validate(**{name: str(v) if name == "date" else v for name, v in asked.items()})
    errors = [issue for issue in got.get("issues", []) if issue["severity"] == "error"]
    assert got["result"] is (not errors)
    assert all(issue["details"]["text"] in got["message"] for issue in errors)
    if got["result"]:
        assert asked["code"] == got["code"]


@given(
    st.sampled_from(SETS),
    st.data(),
    st.sampled_from([None, "x", "Ventricular fibrillation"]),
    st.sampled_from([None, "2022-12-01", "2022-09-30T23:59:59.5-05:00", "2018-02-14T00:00Z"]),
)
def test_plain_codings_are_answered_as_all_others(
    one: PublishedSet, data: st.DataObject, display: str | None, day: str | None
) -> None:
    codes = st.sampled_from([member.code for member in one.members])
    coding = {
        "system": data.draw(st.sampled_from([one.members[0].uri, ICD, "urn:x", ALIAS])),
        "code": data.draw(st.one_of(codes, st.sampled_from(["I49.01", "I4901", "I47.2", "A00"]))),
        **({} if display is None else {"display": display}),
    }
    asked = {"url": one.url, "coding": coding, **({} if day is None else {"date": day})}
    quick = SERVICE.operations.reader.of_body(body_of(**asked))
    if quick is not None:
        assert quick == SERVICE.operations.run("ValueSet", "validate-code", None, body_of(**asked))
    elif coding["code"] != "I47.2":
        assert refused(lambda: SERVICE.post(VALIDATE, **asked))[0] == 422


def test_usual_codings_are_answered_at_once() -> None:
    reader = SERVICE.operations.reader
    coding = {"system": ICD, "code": "I49.01", "display": "Ventricular fibrillation"}
    for more in ({}, {"date": "2022-12-01"}, {"date": "2022-12-01T10:00:00Z"}):
        found = reader.of_body(body_of(url=B1, coding=coding, **more))
        assert found is not None
        assert b'{"name":"result","valueBoolean":true}' in found
    for odd in (
        {"coding": {**coding, "version": "2023"}},
        {"coding": {**coding, "code": ""}},
        {"coding": coding, "code": "I49.01"},
        {"coding": [coding, coding]},
        {"coding": coding, "date": "2022-W01-1"},
        {"coding": coding, "url": [B1, B1]},
    ):
        assert reader.of_body(body_of(**{"url": B1, **odd})) is None


@pytest.mark.parametrize("day", ["2022-W01-1", "20220101", "2022-001", "2022-01", "2022-13-01"])
def test_other_ways_to_write_a_day_are_refused(day: str) -> None:
    asked = {"url": B1, "system": ICD, "code": "I49.01", "date": day}
    query = "&".join(f"{name}={value}" for name, value in asked.items())
    assert SERVICE.operations.reader.of_query(query) is None
    assert refused(lambda: SERVICE.both(VALIDATE, **asked))[0] == 400


@pytest.mark.parametrize("empty", ["system", "code", "version", "display"])
def test_empty_strings_are_refused(empty: str) -> None:
    coding = {"system": ICD, "code": "I49.01", empty: ""}
    for path, more in (
        (VALIDATE, {"url": B1}),
        (IN_SYSTEM, {"url": ICD}),
        ("CodeSystem/$lookup", {}),
        ("ConceptMap/$translate", {}),
    ):
        for asked in ({"coding": coding}, {"codeableConcept": {"coding": [coding]}}):
            if path.endswith("lookup") and "coding" not in asked:
                continue
            status, issue = refused(lambda p=path, a=asked, m=more: SERVICE.post(p, **m, **a))  # type: ignore[misc]
            assert (status, issue["code"]) == (400, "invalid")
            assert "empty string" in issue["details"]["text"]
    listed = value_set({"system": ICD, "concept": [{"code": ""}]})
    beside = {"system": ICD, "code": "x"}
    assert refused(lambda: SERVICE.post(VALIDATE, valueSet=listed, **beside))[0] == 400
    quotes = value_set({"system": ICD, "concept": [{"code": "x"}]}, title='a,"" b:""')
    assert SERVICE.post(VALIDATE, valueSet=quotes, system=ICD, code="x")


def test_plain_and_odd_bodies_agree() -> None:
    run = SERVICE.operations.run
    plain = body_of(url=B1, system=ICD, code="I49.01")
    odd = msgspec.json.decode(plain)
    odd["id"] = "x"
    assert run("ValueSet", "validate-code", None, msgspec.json.encode(odd)) == run(
        "ValueSet", "validate-code", None, plain
    )
    for broken in (
        {"name": "code", "valueString": "I49.01"},
        {"name": "code", "valueCode": "I49.01", "valueString": "I49.01"},
        {"name": "code"},
    ):
        odd["parameter"][-1] = broken
        content = msgspec.json.encode(odd)
        assert refused(lambda c=content: run("ValueSet", "validate-code", None, c))[0] == 400  # type: ignore[misc]
