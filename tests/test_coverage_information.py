"""Coverage information: from what is found to what is said of the claim, version by version."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from conftest import TODAY
from defib_coverage.hooks.coverage_information import REASONS
from defib_coverage.hooks.statement import URL
from fhir_builders import (
    INSTANCE,
    Json,
    b2_chart,
    b3_chart,
    b6_chart,
    bundle,
    by_keys,
    condition,
    lvef,
    order,
    patient,
    payer,
    sign,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from defib_coverage.hooks.response import HookResponse

    Answer = Callable[[bytes], HookResponse]

VERSIONS = (None, "2.0", "2.2")
HOOKS = ("order-sign", "order-select", "order-dispatch", "appointment-book")
FAILURE = {
    "resourceType": "OperationOutcome",
    "issue": [{"severity": "error", "code": "exception"}],
}
MEDICARE = payer("1", id="cov-1")
NAMED = [{"reference": "Coverage/cov-1"}]
# Parts that say nothing of the verdict, or that have tests of their own.
ALWAYS = ("coverage", "billingCode", "reason", "date", "coverage-assertion-id")


def prefetch(*chart: Json, **keys: Json | None) -> Json:
    """The prefetch of a patient with Medicare; further keys replace those of the chart."""
    return by_keys([*chart, MEDICARE]) | keys


def infarction(day: str | None) -> list[Json]:
    """What would be covered, but for an infarction."""
    return [*b3_chart(), condition("I21.4", day)]


def without(key: str) -> Json:
    """The prefetch of a client that does not fill a key."""
    found = prefetch(*b3_chart())
    del found[key]
    return found


HEALTHY_HEART = [one for one in b3_chart() if "valueQuantity" not in one] + [lvef(50)]
UNINSURED = by_keys(b3_chart())
SITUATIONS: dict[str, tuple[Json, Json]] = {
    "covered": (order(), prefetch(*b3_chart())),
    "covered by the diagnosis": (order("33244"), prefetch(patient(), condition("T82.110A"))),
    "covered lead": (order("33216"), prefetch(*b6_chart())),
    "failed, and covered": (order(), prefetch(*b3_chart(), documents=FAILURE)),
    "possible window": (order(), prefetch(*infarction("2026-10"))),
    "undated": (order(), prefetch(*infarction(None))),
    "open": (order(), prefetch(patient())),
    "not supplied": (order(), without("conditions")),
    "window": (order(), prefetch(*infarction("2026-11-10"))),
    "not covered": (order(), prefetch(*HEALTHY_HEART)),
    "failed": (order(), prefetch(*b3_chart(), conditions=FAILURE)),
    "failed in part": (
        order(),
        prefetch(*b3_chart(), conditions=bundle([FAILURE])),
    ),
    "no patient": (order(), prefetch(*b3_chart(), patient=None)),
    "not in force": (order(), by_keys([*b3_chart(), payer("1", id="cov-1", status="cancelled")])),
    "no such coverage": (order(insurance=NAMED), UNINSURED),
    "coverage failed": (order(insurance=NAMED), UNINSURED | {"coverage": FAILURE}),
}
OPEN = "doc-needed=clinical doc-purpose=retain-doc"
TIMING = f"covered=conditional pa-needed=no-auth {OPEN} info-needed=timeframe"
OTHER = f"covered=conditional pa-needed=no-auth {OPEN} info-needed=OTH"
COVERED = "covered=covered pa-needed=no-auth"
REFUSED = "covered=not-covered pa-needed=no-auth"
TECHNICAL = "covered=indeterminate pa-needed=no-auth technical"
UNSEEN = "covered=indeterminate technical"
# What is said without a version and in 2.0, and in 2.2; empty where nothing can be said.
TOLD = {
    "covered": (COVERED, COVERED),
    "covered by the diagnosis": (COVERED, COVERED),
    "covered lead": (COVERED, COVERED),
    "failed, and covered": (COVERED, COVERED),
    "possible window": (TIMING, TIMING),
    "undated": (TIMING, TIMING),
    "open": (OTHER, OTHER),
    "not supplied": (OTHER, OTHER),
    "window": (REFUSED, "covered=not-covered"),
    "not covered": (REFUSED, "covered=not-covered"),
    "failed": (OTHER, TECHNICAL),
    "failed in part": (OTHER, TECHNICAL),
    "no patient": (COVERED, "covered=not-covered no-member-found"),
    "not in force": ("", "covered=not-covered no-active-coverage"),
    "no such coverage": ("", "covered=not-covered coverage-not-found"),
    "coverage failed": ("", UNSEEN),
}


def call(ordered: Json, chart: Json, hook: str, version: str | None) -> bytes:
    """The body of a hook call about one order, on its own day whatever the hook."""
    reference = f"{ordered['resourceType']}/{ordered['id']}"
    body = json.loads(sign([ordered], chart))
    context = body["context"]
    match hook:
        case "order-select":
            context["selections"] = [reference]
        case "order-dispatch":
            del context["draftOrders"]
            context |= {"dispatchedOrders": [reference], "performer": "Organization/o"}
        case "appointment-book":
            del context["draftOrders"]
            booked = {
                "resourceType": "Appointment",
                "id": "a1",
                "status": "proposed",
                "start": f"{ordered['occurrenceDateTime']}T09:00:00-05:00",
                "basedOn": [{"reference": reference}],
            }
            context["appointments"] = bundle([booked])
    if hook not in {"order-sign", "order-select"}:
        body["prefetch"] = chart | {"ordered": ordered}
    body |= {"hook": hook, "hookInstance": INSTANCE}
    if version is not None:
        body["extension"] = {"davinci-crd.requestedVersion": version}
    return json.dumps(body).encode()


def statement(
    answer: Answer, situation: str, hook: str = "order-sign", version: str | None = None
) -> list[Json]:
    """The parts of the coverage information of a situation; none where nothing is said."""
    response = answer(call(*SITUATIONS[situation], hook, version))
    listed = response.system_actions
    if not listed:
        return []
    (action,) = listed
    (extension,) = json.loads(bytes(action.resource))["extension"]
    assert extension["url"] == URL
    assert set(extension) == {"url", "extension"}
    found: list[Json] = extension["extension"]
    return found


def value(parts: list[Json], url: str) -> Json | str | None:
    """The value of a part that stands there at most once."""
    found = [v for one in parts if one["url"] == url for k, v in one.items() if k != "url"]
    assert len(found) < 2
    return found[0] if found else None


def reason(parts: list[Json]) -> Json:
    found = value(parts, "reason")
    assert isinstance(found, dict)
    return found


def told(parts: list[Json]) -> str:
    """The codes of a statement, then those of its reason."""
    codes = [f"{one['url']}={one['valueCode']}" for one in parts if one["url"] not in ALWAYS]
    codes += [one["code"] for one in reason(parts).get("coding", ())] if parts else []
    return " ".join(codes)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("situation", TOLD)
def test_each_situation_is_told_as_the_version_wants_it(
    answer: Answer, situation: str, version: str | None
) -> None:
    expected = TOLD[situation][version == "2.2"]
    for hook in ("order-sign", "order-dispatch", "appointment-book"):
        assert told(statement(answer, situation, hook, version)) == expected


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("situation", TOLD)
def test_a_selected_order_is_told_the_same_without_asking_for_documents(
    answer: Answer, situation: str, version: str | None
) -> None:
    expected = TOLD[situation][version == "2.2"].replace(f"{OPEN} ", "")
    assert told(statement(answer, situation, "order-select", version)) == expected


KINDS = {
    "coverage": "valueReference",
    "covered": "valueCode",
    "pa-needed": "valueCode",
    "doc-needed": "valueCode",
    "doc-purpose": "valueCode",
    "info-needed": "valueCode",
    "billingCode": "valueCoding",
    "reason": "valueCodeableConcept",
    "date": "valueDate",
    "coverage-assertion-id": "valueString",
}


@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("situation", SITUATIONS)
def test_a_statement_is_well_formed(
    answer: Answer, situation: str, hook: str, version: str | None
) -> None:
    parts = statement(answer, situation, hook, version)
    if not parts:
        return
    assert [set(one) for one in parts] == [{"url", KINDS[one["url"]]} for one in parts]
    assert max(Counter(one["url"] for one in parts).values()) == 1
    assert {"coverage", "covered", "billingCode", "reason", "date"} <= {p["url"] for p in parts}
    codes = {one["url"]: one.get("valueCode") for one in parts}
    # crd-ci-q3, q1 and q8: what is open says what it takes; documents have a purpose and a reason.
    conditional = "conditional" in codes.values()
    assert ("info-needed" in codes) is conditional
    assert ("doc-purpose" in codes) is ("doc-needed" in codes)
    # crd-ci-q2, and what is new in 2.2.
    assert version == "2.2" or codes["covered"] != "indeterminate"
    unseen = situation == "coverage failed"
    refused = version == "2.2" and codes["covered"] == "not-covered"
    assert ("pa-needed" in codes) is not (refused or unseen)
    assert reason(parts)["text"].strip()
    assert value(parts, "coverage") == {"reference": "Coverage/cov-1"}
    assert value(parts, "billingCode") == SITUATIONS[situation][0]["code"]["coding"][0]
    assert value(parts, "date") == TODAY.isoformat()


def test_the_code_of_a_reason_names_its_system(answer: Answer) -> None:
    (coding,) = reason(statement(answer, "failed", version="2.2"))["coding"]
    assert coding == {"system": REASONS, "code": "technical"}


# ------------------------------------------------------------------------------- the reason's text


@pytest.mark.parametrize("situation", SITUATIONS)
def test_a_reason_names_the_day_its_source_and_the_policy(answer: Answer, situation: str) -> None:
    text = reason(statement(answer, situation, version="2.2"))["text"]
    assert "2026-11-20 (the order's date) by CMS NCD 20.4" in text
    assert ": ." not in text


@pytest.mark.parametrize(
    ("situation", "says"),
    [
        ("covered", "met for B3"),
        ("covered by the diagnosis", "diagnosis of the article's list"),
        ("possible window", "clear from 2026-12-11"),
        ("undated", "the infarction's date"),
        ("open", "the covered diagnosis"),
        ("window", "first eligible day 2026-12-21"),
        ("not covered", "an LVEF above the limit"),
    ],
)
def test_a_reason_says_why(answer: Answer, situation: str, says: str) -> None:
    assert says in reason(statement(answer, situation))["text"]


def texts(answer: Answer, body: bytes) -> list[str]:
    """The reasons of all orders of a call."""
    found = []
    for action in answer(body).system_actions:
        (extension,) = json.loads(bytes(action.resource))["extension"]
        found.append(reason(extension["extension"])["text"])
    return found


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"day": None}, "2026-11-21 (today, for want of a readable date"),
        (
            {"day": None, "status": "completed", "authoredOn": "2026-11-02"},
            "2026-11-02 (the day the order was written, assumed)",
        ),
    ],
)
def test_a_reason_names_a_day_that_was_assumed(answer: Answer, fields: Json, says: str) -> None:
    (text,) = texts(answer, sign([order("33249", "cpt", **fields)], prefetch(*b3_chart())))
    assert says in text


def test_a_reason_names_a_payer_that_was_assumed_for_every_order(answer: Answer) -> None:
    unknown = payer("plan", "https://payer.example/types", id="cov-1")
    chart = by_keys([*b3_chart(), unknown])
    found = texts(answer, sign([order(), order("33216", id="lead")], chart))
    assert ["takes it as Medicare" in text for text in found] == [True, True]
    assert "Medicare" not in texts(answer, sign([order()], prefetch(*b3_chart())))[0]


# ------------------------------------------------------------------------------ the assertion's id


def assertion(parts: list[Json]) -> str:
    found = value(parts, "coverage-assertion-id")
    assert isinstance(found, str)
    return found


@pytest.mark.parametrize("situation", SITUATIONS)
def test_the_same_answer_to_the_same_facts_has_the_same_id(answer: Answer, situation: str) -> None:
    said = {
        (value(parts, "covered"), assertion(parts))
        for version in VERSIONS
        for hook in ("order-sign", "order-select", "order-dispatch")
        if (parts := statement(answer, situation, hook, version))
    }
    assert all(len(assertion_id) == 32 for _, assertion_id in said)
    # The hook makes no difference, nor does the version where it answers alike.
    assert len(said) == len({covered for covered, _ in said})
    assert len({assertion_id for _, assertion_id in said}) == len(said)


def test_other_facts_have_another_id(answer: Answer) -> None:
    ids = [assertion(statement(answer, situation, version="2.2")) for situation in SITUATIONS]
    assert len(set(ids)) == len(SITUATIONS)


def test_a_call_with_and_without_its_fhir_server_has_one_id(answer: Answer) -> None:
    mine, chart = SITUATIONS["covered"]
    body = call(mine, chart, "order-sign", None)
    named = json.dumps(json.loads(body) | {"fhirServer": "https://a.example/fhir"}).encode()
    (one,), (other,) = answer(body).system_actions, answer(named).system_actions
    assert bytes(one.resource) == bytes(other.resource)


def test_another_order_patient_or_coverage_has_another_id(answer: Answer) -> None:
    mine, chart = SITUATIONS["covered"]
    other = [*b3_chart(), payer("1", id="cov-2")]
    bodies = [
        call(mine, chart, "order-sign", None),
        call(mine | {"id": "order-2"}, chart, "order-sign", None),
        call(mine, by_keys(other), "order-sign", None),
        call(mine, chart, "order-sign", None)
        .replace(b'Patient/p1"', b'Patient/p2"')
        .replace(b'"p1"', b'"p2"'),
    ]
    ids = set()
    for body in bodies:
        (action,) = answer(body).system_actions
        (extension,) = json.loads(bytes(action.resource))["extension"]
        ids.add(assertion(extension["extension"]))
    assert len(ids) == len(bodies)


# -------------------------------------------------------------------- what else a reason should say


def test_a_reason_names_the_partner_that_the_chart_supports(answer: Answer) -> None:
    failure = condition("441481004", "2025-04-01", system="snomed")
    chart = [*(r for r in b3_chart() if "I50.22" not in json.dumps(r)), failure]
    (text,) = texts(answer, sign([order()], prefetch(*chart)))
    assert "the partner diagnosis of I25.5, which the chart supports as I50.22." in text
    assert "ICD-10-CM code" not in text


def test_a_reason_says_what_could_not_be_looked_up(answer: Answer) -> None:
    failed = prefetch(*b3_chart()) | {"encounters": FAILURE}
    (text,) = texts(answer, sign([order()], failed))
    assert "encounters: the client's query failed" in text


def test_a_covered_order_without_cards_still_tells_of_an_older_lvef(answer: Answer) -> None:
    infarction = condition("I21.4", "2026-09-01")
    chart = [*b2_chart(), infarction]
    older = [
        r | {"effectiveDateTime": "2026-08-01"} if "8806-2" in json.dumps(r) else r for r in chart
    ]
    body = sign([order()], prefetch(*older))
    assert not answer(body).cards
    (text,) = texts(answer, body)
    assert "Criteria met for B2" in text
    assert "LVEF is older than a later infarction" in text
