"""The input of operations: names and types as R4 has them, and everything else refused clearly."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from defib_coverage.errors import RequestError
from defib_coverage.terminology.operations.errors import TerminologyError, outcome_of
from defib_coverage.terminology.operations.inputs import INPUTS
from terminologies import ICD
from test_tx_expand import SYSTEM, TREE, value_set
from tx_calls import B1, Json, body_of, named, published, refused

if TYPE_CHECKING:
    from collections.abc import Sequence

SERVICE = published()
# What R4's operation definitions take, and what is in general use besides.
R4 = {
    "ValueSet/$expand": """url valueSet valueSetVersion context contextDirection filter date offset
        count includeDesignations designation includeDefinition activeOnly excludeNested
        excludeNotForUI excludePostCoordinated displayLanguage exclude-system system-version
        check-system-version force-system-version tx-resource useSupplement property
        default-valueset-version""",
    "ValueSet/$validate-code": """url context valueSet valueSetVersion code system systemVersion
        display coding codeableConcept date abstract displayLanguage tx-resource useSupplement
        inferSystem lenient-display-validation valueset-membership-only default-valueset-version""",
    "CodeSystem/$validate-code": """url codeSystem code version display coding codeableConcept date
        abstract displayLanguage tx-resource useSupplement""",
    "CodeSystem/$lookup": """code system version coding date displayLanguage property tx-resource
        useSupplement""",
    "CodeSystem/$subsumes": "codeA codeB system version codingA codingB",
    "ConceptMap/$translate": """url conceptMap conceptMapVersion code system version source coding
        codeableConcept target targetsystem dependency reverse sourceSystem sourceCode targetCode
        targetSystem""",
}
REPEATED = {
    *("designation", "exclude-system", "system-version", "check-system-version"),
    *("force-system-version", "tx-resource", "useSupplement", "property", "dependency"),
    *("default-valueset-version", "check-valueset-version", "force-valueset-version"),
    "default-system-version",
}
GOOD = [("url", B1), ("system", ICD), ("code", "I49.01")]
EXPAND, VALIDATE = "ValueSet/$expand", "ValueSet/$validate-code"


@pytest.mark.parametrize("path", R4)
def test_names_of_inputs(path: str) -> None:
    kind, _, name = path.partition("/$")
    table = INPUTS[kind, name]
    assert set(R4[path].split()) <= set(table)
    assert {one for one, known in table.items() if known.repeats} == REPEATED & set(table)
    offered = SERVICE.operations.inputs(kind, name)
    assert set(offered) == {one for one, known in table.items() if known.refused is None}


@pytest.mark.parametrize("path", R4)
def test_what_is_not_offered_is_refused_with_a_reason(path: str) -> None:
    kind, _, name = path.partition("/$")
    for one, known in INPUTS[kind, name].items():
        if known.refused is None:
            continue
        status, issue = refused(lambda o=one: SERVICE.ask(path, [(o, "x")]))  # type: ignore[misc]
        assert (status, issue["code"], issue["expression"]) == (422, "not-supported", [one])
        assert known.refused in issue["details"]["text"]


@pytest.mark.parametrize("path", R4)
def test_unknown_names_are_refused(path: str) -> None:
    for name in ("URL", "valueset", "foo", "", "x" * 5000, "date "):
        for given_ in (
            [(name, "x")],
            json.dumps(
                {"resourceType": "Parameters", "parameter": [{"name": name, "valueString": "x"}]}
            ).encode(),
        ):
            status, issue = refused(lambda g=given_: SERVICE.ask(path, g))  # type: ignore[misc]
            assert (status, issue["code"]) == (400, "invalid")
            assert len(issue["details"]["text"]) < 2000


def test_how_an_answer_is_written_is_no_input() -> None:
    pairs = [*GOOD, ("_format", "json"), ("_pretty", "true")]
    assert SERVICE.ask(VALIDATE, pairs) == SERVICE.ask(VALIDATE, GOOD)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(
            ("count", bad)
            for bad in ("x", "1.0", "", "1e3", "\u0661", "9" * 11, "2147483648", " 1")
        ),
        *(("activeOnly", bad) for bad in ("True", "1", "yes", "")),
        *(
            ("date", bad)
            for bad in (
                *("2023", "2023-01", "2023-02-30", "2023-13-01", "20230101", "today", ""),
                *("2023-01-01T25:00:00Z", "2023-01-01 10:00", "2023-01-01T10", "0000-01-01"),
                *("2023-01-01T10:00:00+9:00", "\uff12\uff10\uff12\uff13-01-01", "2023-01-01\n"),
            )
        ),
        *(("tx-resource", "x"), ("valueSet", "{}"), ("url", "")),
        *(("url", "\ud800"), ("\udfff", "x")),
    ],
)
def test_bad_values_in_a_query(name: str, value: str) -> None:
    asked = [pair for pair in [("url", B1)] if pair[0] != name]
    status, issue = refused(lambda: SERVICE.ask(EXPAND, [*asked, (name, value)]))
    assert (status, issue["code"]) == (400, "invalid")


@pytest.mark.parametrize(
    "parameter",
    [
        {"name": "count", "valueString": "1"},
        {"name": "count", "valueDecimal": 1.5},
        {"name": "count", "valueInteger": 2**31},
        {"name": "activeOnly", "valueString": "true"},
        {"name": "date", "valueString": "2023-01-01"},
        {"name": "date", "valueDateTime": "2023"},
        {"name": "filter", "valueCode": "x"},
        {"name": "filter", "valueString": ""},
        {"name": "filter"},
        {"name": "filter", "valueString": "x", "valueCode": "x"},
        {"name": "filter", "part": [{"name": "x", "valueString": "x"}]},
        {"name": "filter", "resource": {"resourceType": "ValueSet"}},
        {"name": "filter", "valueAddress": {}},
        {"name": "tx-resource", "valueString": "x"},
        {"name": "displayLanguage", "valueString": "en"},
    ],
)
def test_wrong_types_of_values(parameter: Json) -> None:
    body = {"resourceType": "Parameters", "parameter": [named("url", B1), parameter]}
    status, issue = refused(lambda: SERVICE.ask(EXPAND, json.dumps(body).encode()))
    assert (status, issue["code"]) == (400, "invalid")
    assert issue["expression"] in (["Parameters.parameter[1]"], [parameter["name"]])


@pytest.mark.parametrize("value", ["valueUri", "valueCanonical", "valueUrl"])
def test_kinds_of_uris_that_clients_mix(value: str) -> None:
    body = {"resourceType": "Parameters", "parameter": [{"name": "url", value: B1}]}
    assert SERVICE.ask(EXPAND, json.dumps(body).encode())["url"] == B1


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"1",
        b"{",
        b'"x"',
        b"\xff",
        b'{"resourceType":"ValueSet"}',
        b'{"resourceType":"Bundle"}',
        b'{"parameter":[]}',
        b'{"resourceType":"Parameters","parameter":{}}',
        b'{"resourceType":"Parameters","parameter":[1]}',
        b'{"resourceType":"Parameters","parameter":[null]}',
        b'{"resourceType":"Parameters","parameter":[{"valueUri":"x"}]}',
        b'{"resourceType":"Parameters","parameter":[{"name":1}]}',
        b'{"resourceType":"Parameters","parameter":[{"name":"url","valueUri":1}]}',
        b'{"resourceType":"Parameters","parameter":[{"name":"url","valueUri":"\\ud800"}]}',
        b'{"resourceType":"Parameters","parameter":[{"name":"tx-resource","resource":1}]}',
        b'{"resourceType":"Parameters","parameter":[{"name":"tx-resource","resource":{}}]}',
        b'{"resourceType":"Parameters","parameter":' + b"[" * 100_000,
        b'{"resourceType":"Parameters","parameter":[{"name":"filter","part":'
        + b'[{"name":"x","part":' * 50_000,
    ],
)
def test_bodies_that_cannot_be_read(body: bytes) -> None:
    status, issue = refused(lambda: SERVICE.ask(EXPAND, body))
    assert status == 400
    assert issue["code"] in {"invalid", "structure"}


def test_an_empty_body_asks_for_nothing() -> None:
    for body in (b"", b" ", b'{"resourceType":"Parameters"}'):
        status, issue = refused(lambda b=body: SERVICE.ask(EXPAND, b))  # type: ignore[misc]
        assert (status, issue["code"]) == (400, "required")


@pytest.mark.parametrize(
    ("resource", "place"),
    [
        ({**TREE, "concept": [{"code": 1}]}, "concept[0].code"),
        ({**TREE, "concept": {}}, "concept"),
        ({**TREE, "content": "some"}, "content"),
        (
            {
                "resourceType": "ValueSet",
                "url": "urn:x",
                "compose": {"include": [{"concept": [{}]}]},
            },
            "include[0].concept[0]",
        ),
        ({"resourceType": "Patient"}, "resource"),
        ({"resourceType": 1}, "resource"),
    ],
)
def test_resources_that_cannot_be_read_are_told_where(resource: Json, place: str) -> None:
    status, issue = refused(lambda: SERVICE.post(EXPAND, url=B1, tx_resource=resource))
    assert (status, issue["code"]) == (400, "structure")
    assert place in issue["expression"][0]
    assert issue["expression"][0].startswith("Parameters.parameter[1].resource")


def test_what_a_resource_holds_besides_is_not_looked_at() -> None:
    more = {
        "text": {"status": "generated", "div": "<div/>"},
        "contained": [{"resourceType": "Patient"}],
        "identifier": [{"use": "official"}],
        "extension": [{"url": "urn:x", "valueAge": {"value": 1}}],
        "contact": [{"telecom": [{"rank": 1}]}],
        "useContext": 7,
    }
    asked = {"valueSet": {**value_set({"system": SYSTEM}), **more}, "tx_resource": {**TREE, **more}}
    got = SERVICE.post(EXPAND, **asked)
    assert got["expansion"]["total"] == 6
    assert "text" not in got


def test_resources_of_the_wrong_kind_or_without_a_url() -> None:
    nameless = {key: value for key, value in TREE.items() if key != "url"}
    for asked in ({"url": B1, "tx_resource": nameless}, {"valueSet": TREE}):
        assert refused(lambda a=asked: SERVICE.post(EXPAND, **a))[0] == 400  # type: ignore[misc]


def test_once_only() -> None:
    status, issue = refused(lambda: SERVICE.ask(VALIDATE, [*GOOD, ("code", "I49.01")]))
    assert (status, issue["code"]) == (400, "invalid")
    body = body_of(url=[B1, B1], system=ICD, code="I49.01")
    assert refused(lambda: SERVICE.ask(VALIDATE, body))[0] == 400


@pytest.mark.parametrize("language", ["en", "en-US", "EN", "de, en;q=0.5", "*"])
def test_english(language: str) -> None:
    assert SERVICE.get(EXPAND, url=B1, displayLanguage=language)["expansion"]["total"] == 12


@pytest.mark.parametrize("language", ["de", "english", "den", "x-en"])
def test_other_languages_are_not_offered(language: str) -> None:
    status, issue = refused(lambda: SERVICE.get(EXPAND, url=B1, displayLanguage=language))
    assert (status, issue["code"]) == (422, "not-supported")


def test_unknown_operations() -> None:
    for path in ("ValueSet/$lookup", "Patient/$expand", "ValueSet/$none"):
        assert refused(lambda p=path: SERVICE.ask(p, []))[0] == 404  # type: ignore[misc]


def test_thousands_of_parameters() -> None:
    pairs = [("url", B1), *(("exclude-system", f"urn:{n}") for n in range(20_000))]
    assert SERVICE.ask(EXPAND, pairs)["expansion"]["total"] == 12


def test_faults_of_others_become_outcomes_too() -> None:
    found = outcome_of(RequestError(413, "too-long", "too much", "body"))
    assert json.loads(msgspec.json.encode(found))["issue"] == [
        {
            "severity": "error",
            "code": "too-long",
            "details": {"text": "too much"},
            "location": ["body"],
            "expression": ["body"],
        }
    ]


# ----------------------------------------------------------------------- anything may be asked

TEXTS = st.one_of(
    st.sampled_from(
        [B1, f"{B1}|2023.1.1", ICD, f"{ICD}|2023", "I49.01", "true", "1", "2022-10-01", "en", "|"]
    ),
    st.text(max_size=20),
    st.text(st.characters(categories=["Cs", "Cc", "Lo"]), max_size=5),
)
PATHS = st.sampled_from([(path, INPUTS[tuple(path.split("/$"))]) for path in R4])  # type: ignore[index]
LEAVES = st.one_of(st.none(), st.booleans(), st.integers(-5, 2**40), st.floats(), TEXTS)
ANY_JSON = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.sampled_from(
                [
                    *("resourceType", "url", "version", "compose", "include", "exclude", "system"),
                    *("concept", "filter", "property", "op", "value", "valueSet", "code", "coding"),
                    *("content", "group", "element", "target", "source", "expansion", "contains"),
                ]
            ),
            inner,
            max_size=5,
        ),
    ),
    max_leaves=20,
)
RESOURCES = st.one_of(
    st.sampled_from([TREE, value_set({"system": SYSTEM}), value_set({"valueSet": [B1]})]),
    st.builds(
        lambda base, change: {**base, **change} if isinstance(change, dict) else base,
        st.sampled_from([TREE, value_set({"system": SYSTEM})]),
        ANY_JSON,
    ),
    ANY_JSON,
)
VALUES = {
    "valueUri": TEXTS,
    "valueCode": TEXTS,
    "valueString": TEXTS,
    "valueBoolean": st.booleans(),
    "valueInteger": st.integers(-3, 2**33),
    "valueDateTime": TEXTS,
    "valueCoding": st.one_of(st.just({"system": ICD, "code": "I49.01"}), ANY_JSON),
    "valueCodeableConcept": st.one_of(
        st.just({"coding": [{"system": ICD, "code": "I49.01"}]}), ANY_JSON
    ),
    "resource": RESOURCES,
}
KINDS = {
    "uri": "valueUri",
    "code": "valueCode",
    "string": "valueString",
    "boolean": "valueBoolean",
    "integer": "valueInteger",
    "date": "valueDateTime",
    "coding": "valueCoding",
    "concept": "valueCodeableConcept",
    "resource": "resource",
    "parts": "part",
}


def answered(path: str, asked: Sequence[tuple[str, str]] | bytes, instance: str | None) -> None:
    """Whatever is asked, the answer is a resource or a refusal that can be written."""
    kind, _, name = path.partition("/$")
    status = 200
    try:
        found = SERVICE.operations.run(kind, name, instance, asked)
    except TerminologyError as error:
        status = error.status
        found = msgspec.json.encode(outcome_of(error))
    assert status == 200 or 400 <= status < 500
    resource = json.loads(found)
    assert resource["resourceType"] in {"ValueSet", "Parameters", "OperationOutcome"}


@given(
    PATHS,
    st.data(),
    st.sampled_from([None, "b1-diagnoses-2023.1.1", "defib-indication-1.0.0", "x"]),
)
def test_any_query(chosen: tuple[str, Json], data: st.DataObject, instance: str | None) -> None:
    path, table = chosen
    names = st.sampled_from([*table, "nonsense"])
    pairs = data.draw(st.lists(st.tuples(names, TEXTS), max_size=6))
    answered(path, pairs, instance)


@given(PATHS, st.data(), st.sampled_from([None, "b1-diagnoses-2023.1.1", "defib-indication-1.0.0"]))
def test_any_body(chosen: tuple[str, Json], data: st.DataObject, instance: str | None) -> None:
    path, table = chosen
    names = [name for name, known in table.items() if known.refused is None]
    parameters = []
    for name in data.draw(st.lists(st.sampled_from(names), max_size=6, unique=True)):
        right = KINDS[table[name].kind]
        kind = data.draw(st.sampled_from([right, right, right, *VALUES]))
        parameters.append({"name": name, kind: data.draw(VALUES[kind])})
    body = {"resourceType": "Parameters", "parameter": parameters}
    answered(path, json.dumps(body).encode(), instance)


@given(PATHS, st.one_of(ANY_JSON, st.binary(max_size=50)))
def test_any_content(chosen: tuple[str, Json], content: object) -> None:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    answered(chosen[0], body, None)
