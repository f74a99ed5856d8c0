"""The terminology service over HTTP: reading, searching, capabilities, batches, refusals."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
import requests
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.capabilitystatement import CapabilityStatement
from fhir.resources.R4B.operationoutcome import OperationOutcome
from fhir.resources.R4B.parameters import Parameters
from fhir.resources.R4B.terminologycapabilities import TerminologyCapabilities
from fhir.resources.R4B.valueset import ValueSet

from live_server import CPT, ICD10CM, Json, Live, running, sign

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest_plugins = ("live_server",)

BASE = "https://defib-coverage.example/fhir"
B1 = f"{BASE}/ValueSet/b1-diagnoses"
OWN_BASE = "https://terms.hospital.example/r4"
TYPES = ("ValueSet", "CodeSystem", "ConceptMap", "Library", "PlanDefinition")
MEMBERSHIP = f"ValueSet/$validate-code?url={B1}&system={ICD10CM}"


@pytest.fixture(scope="module")
def own() -> Iterator[Live]:
    """A service with a base of its own, without CPT numbers."""
    with running(canonical_base=OWN_BASE, terminology="without-cpt") as server:
        yield server


def got(live: Live, path: str, status: int = 200) -> Json:
    response = live.get(f"/fhir/{path}")
    assert response.status_code == status, response.text[:2000]
    assert response.headers["content-type"].startswith("application/fhir+json")
    found: Json = response.json()
    return found


def posted(live: Live, path: str, content: object, status: int = 200) -> Json:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    response = live.post(f"/fhir{path}", body)
    assert response.status_code == status, response.text[:2000]
    found: Json = response.json()
    return found


def named(parameters: Json) -> dict[str, Any]:
    """The values of a Parameters resource by name."""
    found = {}
    for one in parameters["parameter"]:
        name = one.pop("name")
        found[name] = next(iter(one.values()))
    return found


def issue(outcome: Json) -> Json:
    OperationOutcome.model_validate(outcome)
    found: Json = outcome["issue"][0]
    return found


# ------------------------------------------------------------------------------------- capabilities


def test_capability_statement_says_what_terminology_clients_look_for(live: Live) -> None:
    statement = got(live, "metadata")
    CapabilityStatement.model_validate(statement)
    assert statement["kind"] == "instance"
    assert statement["status"] == "active"
    assert statement["fhirVersion"] == "4.0.1"
    assert "application/fhir+json" in statement["format"]
    assert " " not in statement["name"]
    assert statement["implementation"]["url"] == f"{live.base}/fhir"
    assert statement["instantiates"] == [
        "http://hl7.org/fhir/CapabilityStatement/terminology-server"
    ]
    (rest,) = statement["rest"]
    assert rest["mode"] == "server"
    assert [one["code"] for one in rest["interaction"]] == ["batch"]
    assert [one["name"] for one in rest["operation"]] == ["versions"]
    held = {one["type"]: one for one in rest["resource"]}
    assert tuple(held) == TYPES
    operations = {kind: [o["name"] for o in one.get("operation", ())] for kind, one in held.items()}
    assert operations["ValueSet"] == ["expand", "validate-code"]
    assert operations["CodeSystem"] == ["lookup", "validate-code", "subsumes"]
    assert operations["ConceptMap"] == ["translate"]
    features = {
        part["extension"][0]["valueCanonical"].rpartition("/")[2]
        for part in statement["extension"]
        if part["url"].endswith("/feature")
    }
    assert features == {"test-version", "CodeSystemAsParameter"}


def test_terminology_capabilities_name_systems_releases_and_parameters(live: Live) -> None:
    found = got(live, "metadata?mode=terminology")
    TerminologyCapabilities.model_validate(found)
    systems = {one["uri"]: one for one in found["codeSystem"]}
    assert systems[ICD10CM]["extension"][0]["valueCode"] == "fragment"
    releases = [one["code"] for one in systems[ICD10CM]["version"]]
    assert {"2018", "2020", "2022", "2023", "2024"} <= set(releases)
    assert systems[f"{BASE}/CodeSystem/defib-finding"]["extension"][0]["valueCode"] == "complete"
    parameters = {one["name"] for one in found["expansion"]["parameter"]}
    assert {
        *("activeOnly", "check-system-version", "count", "displayLanguage", "excludeNested"),
        *("force-system-version", "includeDefinition", "includeDesignations", "offset"),
        *("property", "system-version", "tx-resource", "date", "valueSetVersion", "filter"),
    } <= parameters


def test_metadata_knows_three_modes(live: Live) -> None:
    assert got(live, "metadata?mode=normative")["resourceType"] == "CapabilityStatement"
    assert issue(got(live, "metadata?mode=full-text", 400))["code"] == "invalid"


@pytest.mark.parametrize("path", ["$versions", "/$versions"])
def test_versions_of_fhir(live: Live, path: str) -> None:
    found = got(live, path)
    Parameters.model_validate(found)
    assert named(found) == {"version": "4.0", "default": "4.0"}


# -------------------------------------------------------------------------------- read and search


@pytest.mark.parametrize("kind", TYPES)
def test_every_resource_of_a_search_can_be_read(live: Live, kind: str) -> None:
    found = got(live, f"{kind}?_count=500")
    Bundle.model_validate(found)
    assert found["total"] == len(found["entry"]) > 0
    for entry in found["entry"][:: max(1, len(found["entry"]) // 5)]:
        resource = entry["resource"]
        assert entry["fullUrl"] == f"{live.base}/fhir/{kind}/{resource['id']}"
        assert entry["search"] == {"mode": "match"}
        assert got(live, f"{kind}/{resource['id']}") == resource


def test_all_versions_of_a_url_are_found_newest_first(live: Live) -> None:
    found = got(live, f"ValueSet?url={B1}&_summary=true")
    versions = [entry["resource"]["version"] for entry in found["entry"]]
    assert versions == ["2023.1.1", "2022.10.1", "2021.10.1", "2019.10.1", "2018.2.15"]
    for entry in found["entry"]:
        assert "compose" not in entry["resource"]
        assert "expansion" not in entry["resource"]
        assert entry["resource"]["meta"]["tag"][-1]["code"] == "SUBSETTED"
    (one,) = got(live, f"ValueSet?url={B1}&version=2021.10.1")["entry"]
    ValueSet.model_validate(one["resource"])
    assert one["resource"]["version"] == "2021.10.1"


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("version=2023.1.1&name=B1Diag", {"b1-diagnoses-2023.1.1"}),
        ("version=2023.1.1&title:contains=VF%20arrest", {"b1-diagnoses", "vt-vf-arrest"}),
        ("version=2023.1.1&name:exact=B1Diagnoses", {"b1-diagnoses-2023.1.1"}),
        ("version=2023.1.1&code=I25.5", {"b3-diagnoses"}),
        (f"version=2022.10.1&code={ICD10CM}|I42.7", {"b4-diagnoses"}),
        ("version=2023.1.1&code=33270", {"orders-initial-implant-cpt"}),
        ("_id=b1-diagnoses-2023.1.1,b2-diagnoses-2023.1.1", {"b1-diagnoses", "b2-diagnoses"}),
        ("version=2023.1.1&date=ge2023-03-03&code=I25.5&status=active", {"b3-diagnoses"}),
        ("date=2021&name=b3diag", {"b3-diagnoses-2021.10.1"}),
        ("date=lt2019-04&name=b3diag", {"b3-diagnoses-2018.2.15"}),
        ("status=retired", set()),
        ("url=https://nowhere.example/ValueSet/x", set()),
        ("jurisdiction=urn:iso:std:iso:3166|US&_id=b2-diagnoses-2018.2.15", {"b2-diagnoses"}),
        ("context-type=focus&_id=b2-diagnoses-2018.2.15", {"b2-diagnoses-2018.2.15"}),
        ("context=Medicare&_id=b2-diagnoses-2018.2.15", {"b2-diagnoses-2018.2.15"}),
        (f"url={B1}|2019.10.1", {"b1-diagnoses-2019.10.1"}),
        ("status=http://hl7.org/fhir/publication-status|active&name=b3diag", {"b3-diagnoses"}),
    ],
)
def test_search_finds_what_fulfils_every_parameter(live: Live, query: str, ids: set[str]) -> None:
    found = got(live, f"ValueSet?{query}")
    held = {entry["resource"]["id"] for entry in found.get("entry", ())}
    assert {name for name in ids if not any(one.startswith(name) for one in held)} == set()
    assert bool(held) is bool(ids)
    assert found["total"] == len(held)


def test_a_search_is_shown_page_by_page(live: Live) -> None:
    url = f"{live.base}/fhir/ValueSet?version=2023.1.1&_count=20&_summary=true"
    seen: list[str] = []
    while url:
        page = requests.get(url, timeout=30).json()
        seen += [entry["resource"]["id"] for entry in page["entry"]]
        url = next((one["url"] for one in page["link"] if one["relation"] == "next"), "")
        assert len(page["entry"]) <= 20
    assert len(seen) == len(set(seen)) == page["total"]
    counted = got(live, "ValueSet?version=2023.1.1&_summary=count")
    assert counted["total"] == len(seen)
    assert "entry" not in counted
    assert "entry" not in got(live, "ValueSet?_count=0")


def test_a_search_shows_the_elements_that_are_asked_for(live: Live) -> None:
    (found,) = got(live, f"ValueSet?url={B1}&version=2023.1.1&_elements=url,version")["entry"]
    resource = found["resource"]
    assert set(resource) == {"resourceType", "id", "meta", "url", "version", "status"}
    assert resource["meta"]["tag"][-1]["code"] == "SUBSETTED"
    ValueSet.model_validate(resource)


def test_a_search_may_be_posted(live: Live) -> None:
    response = requests.post(
        f"{live.base}/fhir/ValueSet/_search?version=2018.2.15",
        data={"url": B1},
        timeout=30,
    )
    assert [e["resource"]["id"] for e in response.json()["entry"]] == ["b1-diagnoses-2018.2.15"]


@pytest.mark.parametrize(
    "query",
    [
        "colour=blue",
        "name:near=x",
        "url:contains=x",
        "_count=-1",
        "_count=many",
        "_count=99999999999",
        "_summary=most",
        "date=yesterday",
        "date=xx2020",
        "date=2020-13-1",
        "name=",
        "name=,",
        "name=%ff",
        "&".join(["name=a"] * 1001),
    ],
)
def test_a_search_that_cannot_be_understood_is_refused(live: Live, query: str) -> None:
    assert issue(got(live, f"ValueSet?{query}", 400))["severity"] == "error"


# ---------------------------------------------------------------------------------------- addresses


@pytest.mark.parametrize(
    "path",
    [
        "ValueSet/nobody",
        "ValueSet/b1-diagnoses",
        "Patient",
        "Patient/1",
        "ValueSet/$explode",
        "CodeSystem/$expand",
        "Library/$expand",
        "$expand",
        "ValueSet/a/b",
        "ValueSet/a/b/$expand",
        "",
        "%2e%2e/health",
    ],
)
def test_an_address_without_anything_is_not_found(live: Live, path: str) -> None:
    assert issue(got(live, path, 404))["code"] in {"not-found", "not-supported"}


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_nothing_can_be_written(live: Live, method: str) -> None:
    response = requests.request(method, f"{live.base}/fhir/ValueSet/x", json={}, timeout=30)
    assert response.status_code == 405
    OperationOutcome.model_validate(response.json())


def test_the_query_of_a_post_counts(live: Live) -> None:
    content = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "url", "valueUri": B1},
            {"name": "system", "valueUri": ICD10CM},
            {"name": "code", "valueCode": "I47.2"},
        ],
    }
    path = "/ValueSet/$validate-code"
    assert named(posted(live, f"{path}?date=2022-01-01", content))["result"] is True
    assert named(posted(live, path, content))["result"] is False
    assert issue(posted(live, f"{path}?colour=blue", content, 400))["code"] == "invalid"


def test_a_head_gets_the_head(live: Live) -> None:
    response = requests.head(f"{live.base}/fhir/metadata", timeout=30)
    assert response.status_code == 200
    assert int(response.headers["content-length"]) == len(live.get("/fhir/metadata").content)
    assert response.content == b""


def test_xml_is_not_written(live: Live) -> None:
    assert issue(got(live, "metadata?_format=xml", 406))["code"] == "not-supported"
    assert got(live, "metadata?_format=application/fhir%2Bjson")["kind"] == "instance"
    for accepted, status in (
        ("application/fhir+xml", 406),
        ("application/fhir+json; fhirVersion=4.0", 200),
        ("text/html,application/xhtml+xml,*/*;q=0.8", 200),
    ):
        response = requests.get(
            f"{live.base}/fhir/metadata", headers={"Accept": accepted}, timeout=30
        )
        assert response.status_code == status
        assert response.json()["resourceType"]


def test_the_id_of_a_request_comes_back(live: Live) -> None:
    for sent, told in (("abc-1.2_Z", "abc-1.2_Z"), ("x" * 65, None), ("a b", None)):
        response = requests.get(
            f"{live.base}/fhir/$versions", headers={"X-Request-Id": sent}, timeout=30
        )
        assert response.headers.get("x-request-id") == told


def test_a_body_that_is_no_json_is_refused(live: Live) -> None:
    response = requests.post(f"{live.base}/fhir/{MEMBERSHIP}", data={"a": "b"}, timeout=30)
    assert response.status_code == 415
    assert "application/json" in issue(response.json())["details"]["text"]
    sent = {"X-Request-Id": "abc"}
    response = requests.post(f"{live.base}/fhir", data=b"", headers=sent, timeout=30)
    assert response.headers["x-request-id"] == "abc"


# ------------------------------------------------------------------------------------------ batches


def batch(*entries: Json) -> Json:
    return {"resourceType": "Bundle", "type": "batch", "entry": list(entries)}


def asked(url: str) -> Json:
    return {"request": {"method": "GET", "url": url}}


def test_a_batch_answers_each_question_by_itself(live: Live) -> None:
    parameters = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "url", "valueUri": B1},
            {"name": "system", "valueUri": ICD10CM},
            {"name": "code", "valueCode": "I49.01"},
        ],
    }
    found = posted(
        live,
        "",
        batch(
            asked(f"{MEMBERSHIP}&code=I47.20"),
            {
                "request": {"method": "POST", "url": "ValueSet/$validate-code"},
                "resource": parameters,
            },
            asked("ValueSet/nobody"),
            asked("/ValueSet/b1-diagnoses-2023.1.1"),
            asked("ValueSet?colour=blue"),
            asked("metadata"),
            {"request": {"method": "DELETE", "url": "ValueSet/x"}},
        ),
    )
    Bundle.model_validate(found)
    assert found["type"] == "batch-response"
    statuses = [entry["response"]["status"] for entry in found["entry"]]
    assert statuses == ["200", "200", "404", "200", "400", "200", "405"]
    for entry in found["entry"]:
        assert ("resource" in entry) is (entry["response"]["status"] == "200")
        assert ("outcome" in entry["response"]) is (entry["response"]["status"] != "200")
    assert named(found["entry"][0]["resource"])["result"] is True
    assert named(found["entry"][1]["resource"])["code"] == "I49.01"


def test_each_answer_of_a_batch_is_the_one_that_the_question_gets_alone(live: Live) -> None:
    codes = ("I47.20", "I47.2", "i4720", "I10", "Ü", "Z45.02", "", "I5A ", '"', "%")
    urls = [f"{MEMBERSHIP}&code={quote(code)}&date=2026-11-20" for code in codes]
    found = posted(live, "", batch(*map(asked, urls)))
    for url, entry in zip(urls, found["entry"], strict=True):
        alone = live.get(f"/fhir/{url}")
        together = entry.get("resource") or entry["response"]["outcome"]
        assert alone.json() == together
        assert str(alone.status_code) == entry["response"]["status"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b"\xff",
        json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": []}).encode(),
        json.dumps({"resourceType": "Parameters"}).encode(),
        json.dumps(batch({"request": {"method": "GET"}})).encode(),
        json.dumps(batch({"request": {"method": 1, "url": "metadata"}})).encode(),
        b'{"resourceType":"Bundle","type":"batch","entry":[' + b"[" * 5000,
        b'{"a":' * 50_000,
        b'{"type":"batch","entry":[]}',
        b'{"resourceType":"Parameters","type":"batch","entry":[]}',
    ],
)
def test_what_is_no_batch_is_refused(live: Live, body: bytes) -> None:
    assert issue(posted(live, "", body, 400))["severity"] == "error"


def test_an_empty_batch_gets_an_empty_answer(live: Live) -> None:
    assert posted(live, "", batch()) == {"resourceType": "Bundle", "type": "batch-response"}


def test_the_parts_of_a_batch_may_have_whole_urls_and_odd_bodies(live: Live) -> None:
    deep = b'{"request":{"method":"POST","url":"ValueSet/$expand"},"resource":%b}' % (
        b'{"a":' * 4000 + b"1" + b"}" * 4000
    )
    body = b'{"resourceType":"Bundle","type":"batch","entry":[%b]}' % deep
    assert live.post("/fhir", body).status_code in {200, 400}
    found = posted(
        live,
        "",
        batch(
            asked(f"{live.base}/fhir/ValueSet/b1-diagnoses-2023.1.1"),
            {
                "request": {"method": "POST", "url": "ValueSet/_search"},
                "resource": {"resourceType": "Parameters"},
            },
        ),
    )
    assert [one["response"]["status"] for one in found["entry"]] == ["200", "404"]


def test_short_questions_get_no_endless_answer(live: Live) -> None:
    whole = batch(*[asked("ValueSet?_count=500")] * 30)
    found = live.post("/fhir", json.dumps(whole).encode())
    assert len(found.content) < 48 * 2**20
    statuses = [one["response"]["status"] for one in found.json()["entry"]]
    assert statuses == ["200"] * statuses.count("200") + ["422"] * statuses.count("422")
    assert len(statuses) == 30
    assert statuses[0] == "200"
    assert statuses[-1] == "422"


# ----------------------------------------------------------------------------------------- settings


def test_a_site_publishes_under_its_own_base(own: Live) -> None:
    found = got(own, f"ValueSet?url={OWN_BASE}/ValueSet/b1-diagnoses")
    assert found["total"] == 5
    path = f"ValueSet/$expand?url={OWN_BASE}/ValueSet/shared-decision-making"
    system = got(own, path)["expansion"]["contains"][0]["system"]
    assert system == f"{OWN_BASE}/CodeSystem/defib-evidence"
    cards = own.cards(sign())
    reasons = {one["system"] for card in cards for one in card.get("overrideReasons", ())}
    assert reasons == {f"{OWN_BASE}/CodeSystem/defib-override-reason"}
    ordered = [
        action["resource"]
        for card in cards
        for suggestion in card.get("suggestions", ())
        for action in suggestion["actions"]
        if action["type"] == "create"
    ]
    assert ordered[0]["code"]["coding"][0]["system"] == f"{OWN_BASE}/CodeSystem/defib-evidence"


def test_without_cpt_no_number_of_it_is_told(own: Live) -> None:
    found = got(own, "ValueSet?_count=500")
    assert CPT not in json.dumps(found["entry"])
    assert "33249" not in json.dumps(found["entry"])
    url = f"{OWN_BASE}/ValueSet/orders-initial-implant-cpt"
    assert issue(got(own, f"ValueSet/$expand?url={url}", 422))["code"] == "not-found"
    answer = got(own, f"CodeSystem/$lookup?system={CPT}&code=33249", 422)
    assert "33249" not in json.dumps(answer).replace("code=33249", "")


@pytest.mark.parametrize("code", ["02PAXMZ", "0JH608Z"])
def test_without_cpt_none_of_its_numbers_is_a_neighbour(live: Live, own: Live, code: str) -> None:
    path = f"CodeSystem/$lookup?system=http://www.cms.gov/Medicare/Coding/ICD10&code={code}"
    assert CPT in json.dumps(got(live, path))
    assert CPT not in json.dumps(got(own, path))


def test_terminology_can_be_switched_off() -> None:
    with running(terminology="off") as server:
        assert server.get("/fhir/metadata").status_code == 404
        assert server.get("/health").ok


def test_bad_base_is_refused_at_the_start() -> None:
    for base in ("hospital", "ftp://x.example/fhir", "https://x.example/", "https://x.example/?a"):
        with pytest.raises(RuntimeError, match="CANONICAL_BASE"), running(canonical_base=base):
            pass
