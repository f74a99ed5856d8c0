"""ConceptMap/$translate: forwards, backwards, in the spellings of R4 and of later releases."""

from __future__ import annotations

from typing import Any

import pytest

from terminologies import BASE, ICD
from tx_calls import Json, out, published, refused

SERVICE = published()
TRANSLATE = "ConceptMap/$translate"
RETIRED = f"{BASE}/ConceptMap/retired-to-successors"
INDICATIONS = f"{BASE}/ConceptMap/indications-to-claim-codes"
INDICATION = f"{BASE}/CodeSystem/defib-indication"
SNOMED = "http://snomed.info/sct"
SUCCESSORS = ["I47.20", "I47.21", "I47.29"]


def translate(**asked: object) -> Json:
    return out(SERVICE.both(TRANSLATE, **asked))


def targets(answer: Json) -> list[Any]:
    return [match["concept"]["code"] for match in answer.get("match", [])]


def test_a_retired_code() -> None:
    got = translate(url=RETIRED, system=ICD, code="I47.2")
    assert got["result"] is True
    assert targets(got) == SUCCESSORS
    assert got["match"][0] == {
        "equivalence": "narrower",
        "concept": {
            "system": ICD,
            "version": "2023",
            "code": "I47.20",
            "display": "Ventricular tachycardia, unspecified",
        },
        "comment": "I47.2 could be reported through 2022-09-30",
        "source": RETIRED,
        "originMap": f"{RETIRED}|2023.1.1",
    }


@pytest.mark.parametrize(
    "asked",
    [
        {"system": ICD, "code": "I47.2"},
        {"sourceSystem": ICD, "sourceCode": "I47.2"},
        {"system": "urn:oid:2.16.840.1.113883.6.90", "code": "I47.2"},
        {"url": RETIRED, "conceptMapVersion": "2022.10.1", "system": ICD, "code": "I47.2"},
        {"url": f"{RETIRED}|2022.10.1", "system": ICD, "code": "I47.2"},
        {"system": ICD, "code": "I47.2", "targetsystem": ICD},
        {"system": ICD, "code": "I47.2", "targetSystem": ICD, "version": "2022"},
    ],
)
def test_ways_to_ask(asked: Json) -> None:
    assert targets(translate(**asked)) == SUCCESSORS


def test_complex_ways_to_ask() -> None:
    coding = {"system": ICD, "code": "I47.2"}
    for name in ("coding", "sourceCoding"):
        assert targets(out(SERVICE.post(TRANSLATE, **{name: coding}))) == SUCCESSORS
    for name in ("codeableConcept", "sourceCodeableConcept"):
        concept = {"coding": [{"system": ICD, "code": "zz"}, coding, coding]}
        assert targets(out(SERVICE.post(TRANSLATE, **{name: concept}))) == SUCCESSORS


def test_backwards() -> None:
    for asked in (
        {"system": ICD, "code": "I47.20", "reverse": True},
        {"targetSystem": ICD, "targetCode": "I47.20"},
    ):
        got = translate(url=RETIRED, **asked)
        assert targets(got) == ["I47.2"]
        assert got["match"][0]["equivalence"] == "wider"
        assert got["match"][0]["concept"]["version"] == "2022"
    got = translate(targetSystem=ICD, targetCode="I47.20", sourceSystem=ICD)
    assert targets(got) == ["I47.2"]
    got = out(SERVICE.post(TRANSLATE, url=RETIRED, targetCoding={"system": ICD, "code": "I47.20"}))
    assert targets(got) == ["I47.2"]


def test_the_map_of_the_day() -> None:
    assert targets(translate(system=ICD, code="I47.2", date="2022-09-30")) == []
    got = translate(url=INDICATIONS, system=INDICATION, code="B1", date="2022-09-30")
    assert "I47.2" in targets(got)
    after = translate(url=INDICATIONS, system=INDICATION, code="B1", date="2022-10-01")
    assert set(SUCCESSORS) <= set(targets(after))
    assert after["match"][0]["originMap"] == f"{INDICATIONS}|2022.10.1"


def test_an_instance() -> None:
    path = "ConceptMap/retired-to-successors-2022.10.1/$translate"
    assert targets(out(SERVICE.both(path, system=ICD, code="I47.2"))) == SUCCESSORS
    assert refused(lambda: SERVICE.get(path, url=RETIRED, system=ICD, code="I47.2"))[0] == 400
    assert (
        refused(lambda: SERVICE.get("ConceptMap/none/$translate", system=ICD, code="x"))[0] == 404
    )


def test_no_mapping() -> None:
    got = translate(system=ICD, code="I49.01", targetsystem=SNOMED)
    assert (got["result"], targets(got)) == (False, [])
    assert f"{ICD}#I49.01" in got["message"]
    got = translate(system=ICD, code="i472")
    assert got["result"] is False
    assert "'i472' is spelt 'I47.2'" in got["message"]


def test_a_map_that_came() -> None:
    def target(code: str, equivalence: str) -> Json:
        return {"code": code, "target": [{"code": "t", "equivalence": equivalence}]}

    group = {"source": "urn:s", "target": "urn:t"}
    group["element"] = [target("a", "equal"), target("b", "unmatched")]  # type: ignore[assignment]
    brought = {"resourceType": "ConceptMap", "url": "urn:m", "status": "draft", "group": [group]}
    for how in ({"conceptMap": brought}, {"url": "urn:m", "tx_resource": brought}):
        got = out(SERVICE.post(TRANSLATE, **how, system="urn:s", code="a"))
        assert (got["result"], targets(got)) == (True, ["t"])
        got = out(SERVICE.post(TRANSLATE, **how, system="urn:s", code="b"))
        assert (got["result"], targets(got)) == (False, ["t"])
    got = out(SERVICE.post(TRANSLATE, tx_resource=brought, system="urn:s", code="a"))
    assert got["match"][0]["originMap"] == "urn:m"
    ends = {**brought, "sourceCanonical": "urn:from", "targetUri": "urn:to"}
    for names in (("source", "target"), ("sourceScope", "targetScope")):
        asked = dict(zip(names, ("urn:from", "urn:to"), strict=True))
        got = out(SERVICE.post(TRANSLATE, conceptMap=ends, **asked, system="urn:s", code="a"))
        assert targets(got) == ["t"]


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({}, 400),
        ({"code": "I47.2"}, 400),
        ({"targetCode": "I47.20"}, 400),
        ({"system": ICD, "code": "x", "sourceCode": "y", "sourceSystem": ICD}, 400),
        ({"system": ICD, "sourceSystem": ICD, "code": "x"}, 400),
        ({"system": ICD, "code": "x", "targetsystem": ICD, "targetSystem": ICD}, 400),
        ({"targetSystem": ICD, "targetCode": "x", "reverse": True}, 400),
        ({"system": ICD, "code": "x", "conceptMapVersion": "1"}, 400),
        ({"url": f"{RETIRED}|1", "conceptMapVersion": "2", "system": ICD, "code": "x"}, 400),
        ({"url": f"{RETIRED}|1", "system": ICD, "code": "x"}, 422),
        ({"url": RETIRED, "system": ICD, "code": "x", "date": "2019-01-01"}, 422),
        ({"url": "urn:none", "system": ICD, "code": "x"}, 422),
        ({"system": ICD, "code": "I47.2", "version": "1999"}, 422),
        ({"sourceSystem": ICD, "sourceCode": "I47.2", "sourceVersion": "x"}, 422),
        ({"system": ICD, "code": "I47.2", "target": "urn:any"}, 422),
        ({"system": ICD, "code": "I47.2", "sourceScope": "urn:any"}, 422),
        ({"system": ICD, "code": "I47.2", "target": "urn:a", "targetScope": "urn:a"}, 400),
        ({"system": ICD, "code": "I47.2", "source": "urn:a", "sourceScope": "urn:b"}, 400),
        ({"system": ICD, "code": "I47.2", "date": "2018-02-14"}, 422),
    ],
)
def test_refusals(asked: Json, status: int) -> None:
    assert refused(lambda: SERVICE.get(TRANSLATE, **asked))[0] == status


def test_codings_without_parts() -> None:
    coding = {"system": ICD, "code": "I47.2"}
    for asked in (
        {"coding": coding, "version": "2022"},
        {"coding": {"code": "x"}},
        {"codeableConcept": {"text": "x"}},
        {"codeableConcept": {"coding": [{"system": ICD}]}},
    ):
        assert refused(lambda a=asked: SERVICE.post(TRANSLATE, **a))[0] == 400  # type: ignore[misc]
