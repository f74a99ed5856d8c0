"""``/try`` over HTTP: samples, documents, what is refused, hostile text, and what a page weighs."""

from __future__ import annotations

import asyncio
import json
import re
from copy import deepcopy
from datetime import date, timedelta
from html import unescape
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

import fuzz_seeds
import mutation
from console_charts import (
    HOSTILE,
    SAMPLES,
    SCRIPT,
    STATUSES,
    TURNED,
    chart_bundle,
    counting_call,
    hostile,
    large_call,
    many_orders,
)
from defib_coverage.app import create_app
from defib_coverage.command.fhir_check import problems_of
from defib_coverage.console.forms import read_form
from defib_coverage.console.samples import Sample
from defib_coverage.console.trials import Trial, Trials, Tried
from defib_coverage.console.views.answers import answer_view
from defib_coverage.console.views.json_text import changes, pretty, shown
from defib_coverage.console.views.markdown import drawn
from defib_coverage.documents.document import InputError
from defib_coverage.documents.order_codes import OrderedCode
from defib_coverage.errors import RequestError
from defib_coverage.settings import Settings
from live_server import (
    TODAY,
    Json,
    asked,
    bundle,
    covered_chart,
    dispatch,
    every_call,
    order,
    patient,
    running,
    sign,
)

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.types import Message

    from defib_coverage.coverage.determine import Knowledge
    from live_server import Live

pytest_plugins = ("live_server",)
BIDI = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def post(live: Live, files: dict[str, bytes] | None = None, /, **fields: str) -> requests.Response:
    """Send the form of the page, as a browser does."""
    parts: dict[str, Any] = {name: (None, value) for name, value in fields.items()}
    parts |= {name: (f"{name}.json", content) for name, content in (files or {}).items()}
    return requests.post(live.base + "/try", files=parts, timeout=60)


def verdict(page: requests.Response) -> tuple[str, str]:
    """Status and service date that a page shows."""
    found = re.search(
        r'id="verdict" data-service-date="([0-9-]+)" data-said="([a-z ]+) on', page.text
    )
    assert found is not None, page.text[:3000]
    return found[2], found[1]


# ------------------------------------------------------------------------------------ the samples


def test_every_story_has_its_sample() -> None:
    assert [one.id for one in SAMPLES] == list(STATUSES)
    assert len({one.title for one in SAMPLES} | {one.story for one in SAMPLES}) == 2 * len(SAMPLES)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda one: one.id)
def test_a_sample_is_good_fhir_and_tells_every_date_from_the_order(sample: Sample) -> None:
    template = sample.template.decode()
    assert len(re.findall(r'"@[+-]\d+d(?:~vague)?"', template)) == template.count('"@')
    request = json.loads(sample.request(TODAY))
    held = [entry["resource"] for entry in request["context"]["draftOrders"]["entry"]]
    for value in request["prefetch"].values():
        inside = [entry["resource"] for entry in value.get("entry", ())]
        held += inside if value["resourceType"] == "Bundle" else [value]
    problems = [(p.place, p.text) for one in held for p in problems_of(one, one["id"])]
    # One record of one sample is broken, and meant to be.
    broken = [("broken.effectiveDateTime", problems[0][1])] if problems else []
    assert problems == (broken if sample.id == "everything-wrong" else [])


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda one: one.id)
def test_a_sample_never_goes_stale(sample: Sample, knowledge: Knowledge, trials: Trials) -> None:
    wanted = STATUSES[sample.id].replace(" ", "-")
    # The last day of a short month, a leap day, the first of a year; and days of no meaning.
    days = [date(2027, 2, 28), date(2028, 2, 29), date(2027, 1, 1), date(2030, 12, 31)]
    days += [TODAY + timedelta(days=37 * n) for n in range(20)]
    for day in days:
        found = trials.tried(Trial(source=sample, today=day))
        assert [one.status for one in found.evaluation.determinations] == [wanted], day
        assert answer_view(found, knowledge).leading is not None


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda one: one.id)
def test_the_page_shows_what_the_live_service_answers(sample: Sample, live: Live) -> None:
    page = live.get(f"/try?sample={sample.id}")
    assert page.status_code == 200
    assert verdict(page) == (STATUSES[sample.id], TODAY.isoformat())
    request = json.loads(sample.request(TODAY))
    cards = live.cards(request)
    summaries = re.findall(r'<h3 id="card-\d+">.*?<bdi>(.*?)</bdi></h3>', page.text, re.DOTALL)
    assert [unescape(one) for one in summaries] == [card["summary"] for card in cards]
    shown_labels = [label for card in cards for label in _labels(card)]
    for label in shown_labels:
        assert label in unescape(page.text)
    assert len(page.content) < 300_000


def _labels(card: Json) -> list[str]:
    found = [one["label"] for one in card.get("suggestions", ())]
    found += [one["display"] for one in card.get("overrideReasons", ())]
    return found + [one["label"] for one in card.get("links", ())] + [card["source"]["label"]]


def test_every_record_that_the_tree_names_stands_in_the_request(live: Live) -> None:
    for sample in SAMPLES:
        page = live.get(f"/try?sample={sample.id}").text
        named = set(re.findall(r'href="#(record-\d+)"', page))
        present = re.findall(r'id="(record-\d+)"', page)
        assert named <= set(present)
        assert len(present) == len(set(present))
    page = live.get("/try?sample=infarction-25-days").text
    assert re.search(r'href="#record-\d+"><bdi>Condition/infarction</bdi>', page)


def test_the_response_and_the_request_can_be_had_as_they_are(live: Live) -> None:
    request = post(live, sample="covered", part="request")
    assert request.headers["content-type"] == "text/plain; charset=utf-8"
    assert request.headers["x-content-type-options"] == "nosniff"
    assert json.loads(request.text) == json.loads(SAMPLES[0].request(TODAY))
    response = json.loads(post(live, sample="covered", part="response").text)
    assert response["cards"] == []
    assert len(response["systemActions"]) == 1


# ------------------------------------------------------------------------- order and service date


def test_the_day_moves_and_the_windows_that_are_over_stay_in_the_picture(live: Live) -> None:
    first = post(live, sample="infarction-25-days", date="2026-12-05")
    assert verdict(first) == ("not covered", "2026-12-05")
    page = post(live, sample="infarction-25-days", date="2026-12-06")
    assert verdict(page) == ("covered", "2026-12-06")
    assert 'class="blocked is-over"' in page.text
    assert "not on this service date" in page.text
    assert 'aria-valuetext="2026-12-06: covered"' in page.text
    assert 'class="blocked is-definite"' in first.text
    assert "first eligible 2026-12-06" in first.text


def test_a_link_to_a_sample_shows_the_same_on_every_day(live: Live) -> None:
    page = live.get("/try?sample=infarction-25-days&as_of=2025-03-10&date=2025-03-26")
    assert verdict(page) == ("covered", "2025-03-26")
    assert 'value="2025-03-10"' in page.text


@pytest.mark.parametrize("hook", [*every_call()])
def test_a_call_of_every_hook_can_be_moved(live: Live, hook: str) -> None:
    body = json.dumps(every_call()[hook])
    assert verdict(post(live, document=body))[1] != "2027-03-04"
    page = post(live, document=body, date="2027-03-04")
    assert verdict(page)[1] == "2027-03-04"
    moved = json.loads(post(live, document=body, date="2027-03-04", part="request").text)
    assert live.determination(moved)["order"]["serviceDate"] == "2027-03-04"


def test_another_order_takes_the_place_of_the_one_in_the_call(live: Live) -> None:
    body = json.dumps(sign(order(), order("33225", identity="order-2"), chart=covered_chart()))
    moved = json.loads(post(live, document=body, order="hcpcs|C1722", part="request").text)
    (entry,) = moved["context"]["draftOrders"]["entry"]
    assert entry["resource"]["resourceType"] == "DeviceRequest"
    assert entry["resource"]["subject"] == {"reference": "Patient/p1"}
    assert live.determination(moved)["order"]["code"] == "C1722"
    select = json.dumps(sign(hook="order-select"))
    moved = json.loads(post(live, document=select, order="cpt|33262", part="request").text)
    assert moved["context"]["selections"] == ["ServiceRequest/order-1"]
    assert live.determination(moved)["order"]["class"] == "replacement"


def test_what_the_form_chose_stays_chosen(live: Live) -> None:
    page = post(live, sample="covered", order="cpt|33262", date="2026-12-01").text
    assert '<option value="cpt|33262" selected>' in page
    assert 'name="date" min="2000-01-01" max="2100-12-31" value="2026-12-01"' in page
    assert re.search(r'value="covered" checked', page)


# ------------------------------------------------------------------------------------- documents


def test_a_bundle_is_a_chart_for_any_order(live: Live) -> None:
    body = json.dumps(chart_bundle())
    page = post(live, document=body, order="cpt|33249", date="2026-11-30")
    assert verdict(page) == ("covered", "2026-11-30")
    uploaded = post(live, {"file": body.encode()}, document="", sample="", order="cpt|33249")
    assert verdict(uploaded) == ("covered", TODAY.isoformat())
    own = json.dumps(chart_bundle(order()))
    assert verdict(post(live, document=own)) == ("covered", TODAY.isoformat())


def test_a_file_wins_over_what_was_pasted_and_both_stay_in_the_form(live: Live) -> None:
    body = json.dumps(chart_bundle(order()))
    page = post(live, {"file": body.encode()}, document='{"old": 1}', sample="")
    assert verdict(page)[0] == "covered"
    again = unescape(re.findall(r"<textarea[^>]*>(.*?)</textarea>", page.text, re.DOTALL)[0])
    assert json.loads(again) == json.loads(body)


TWO_PATIENTS = bundle(patient("p1"), patient("p2"), *covered_chart()[1:])
WRONG: dict[str, tuple[dict[str, str], str]] = {
    "nothing": ({"document": ""}, "Your document: is empty"),
    "no JSON": (
        {"document": '{"resourceType": "Bundle", "entry": [}'},
        "Your document: entry[0] (byte 37): the body is not JSON",
    ),
    "a list": ({"document": "[]"}, "Your document: holds a list, not a JSON object"),
    "a resource": (
        {"document": json.dumps(patient())},
        "holds the resource type 'Patient', not a CDS Hooks request or a FHIR Bundle",
    ),
    "no order": (
        {"document": json.dumps(chart_bundle())},
        "holds no draft or active defibrillator order; name one with Order",
    ),
    "two patients": (
        {"document": json.dumps(TWO_PATIENTS), "order": "cpt|33249"},
        "holds 2 patients; choose one with Patient id: p1, p2",
    ),
    "a broken call": (
        {"document": json.dumps(sign() | {"context": {"patientId": "p1"}})},
        "Your document: context.userId: userId is missing",
    ),
    "another hook": (
        {"document": json.dumps(sign() | {"hook": "patient-view"})},
        "Your document: hook: the hook is none of order-select",
    ),
    "an order that stands": (
        {
            "document": json.dumps(dispatch("ServiceRequest/order-1", ordered=order())),
            "order": "cpt|33262",
        },
        "the call is of the hook order-dispatch, whose orders stand already: leave it",
    ),
    "no sample": ({"sample": "nobody"}, "Sample: there is none called 'nobody'"),
    "no code": ({"sample": "covered", "order": "cpt|93306"}, "'cpt|93306' is none of the codes"),
    "no system": ({"sample": "covered", "order": "33249"}, "Order: '33249' is none of the codes"),
    "no day": ({"sample": "covered", "date": "2026-02-30"}, "Service date: '2026-02-30' is no day"),
    "a day without dashes": ({"sample": "covered", "date": "20261122"}, "'20261122' is no day"),
    "a day of a week": ({"sample": "covered", "as_of": "2026-W47-1"}, "'2026-W47-1' is no day"),
    "a far day": ({"sample": "covered", "date": "9999-12-31"}, "is no day such as 2026-12-01"),
    "an odd day": ({"sample": "covered", "as_of": "today"}, "Day of the sample: 'today' is no day"),
    "an odd patient": ({"patient": "a b"}, "Patient id: is no id of FHIR"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_answered_is_told_with_its_place(live: Live, case: str) -> None:
    fields, told = WRONG[case]
    page = post(live, **fields)
    assert page.status_code == 400
    (trouble,) = re.findall(r'<div class="trouble" role="alert">(.*?)</div>', page.text, re.DOTALL)
    assert told in unescape(trouble)
    # In a page that is there, it is an answer like any other.
    part = post(live, **fields, part="answer")
    assert part.status_code == 200
    assert told in unescape(part.text)
    assert "<main" not in part.text


def test_one_of_several_patients_can_be_named(live: Live) -> None:
    page = post(live, document=json.dumps(TWO_PATIENTS), order="cpt|33249", patient="Patient/p1")
    assert verdict(page)[0] == "covered"


def test_a_form_that_cannot_be_read_is_refused_in_words(live: Live) -> None:
    url = live.base + "/try"
    multipart = {"Content-Type": "multipart/form-data; boundary=x"}
    cases: list[tuple[dict[str, str], bytes, int]] = [
        ({"Content-Type": "application/json"}, b"{}", 415),
        ({"Content-Type": "text/plain"}, b"x", 415),
        ({"Content-Type": "multipart/form-data"}, b"x", 400),
        (multipart, b"nothing like it", 400),
        ({"Content-Type": "application/x-www-form-urlencoded"}, b"a=1&" * 200, 400),
        ({"Content-Type": "application/x-www-form-urlencoded"}, b"\xff=1", 400),
    ]
    for headers, body, status in cases:
        answer = requests.post(url, body, headers=headers, timeout=30)
        assert (answer.status_code, body[:20]) == (status, body[:20])
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert "<h1>" in answer.text
    large = post(live, document="x" * (17 << 20))
    assert large.status_code == 413
    assert "larger than 16777216 bytes" in large.text


def test_a_large_document_is_no_field_with_escapes(live: Live) -> None:
    body = b"sample=&document=" + b"%20" * 400_000
    answer = live.post("/try", body, {"Content-Type": "application/x-www-form-urlencoded"})
    assert answer.status_code == 413
    assert "a form larger than 1048576 bytes must be multipart/form-data" in answer.text
    assert "is empty" in post(live, document=" " * 1_200_000).text


async def asked_page(app: FastAPI, method: str) -> int:
    """Ask an application in this process for the page of a sample: the status."""
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": "/try",
        "raw_path": b"/try",
        "query_string": b"",
        "root_path": "",
        "headers": [
            (b"host", b"localhost"),
            (b"content-type", b"application/x-www-form-urlencoded"),
        ],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
    }
    statuses: list[int] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"sample=covered", "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    await app(scope, receive, send)
    return statuses[0]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_few_pages_are_made_at_a_time_and_calls_have_places_of_their_own(method: str) -> None:
    app = create_app(Settings(ledger="off", max_calls=1), lambda: TODAY)
    call = json.dumps(sign()).encode()

    async def together() -> tuple[list[int], int]:
        # The pages of the console are read before the first is made.
        assert await asked_page(app, method) == 200
        pages = [asyncio.create_task(asked_page(app, method)) for _ in range(4)]
        await asyncio.sleep(0)
        status, _ = await asked(app, "/cds-services/defibrillator-order-sign", call)
        return sorted(await asyncio.gather(*pages)), status

    assert asyncio.run(together()) == ([200, 200, 503, 503], 200)


def test_a_form_is_read_as_it_was_sent() -> None:
    body = (
        b'--b\r\nContent-Disposition: form-data; name="one"\r\n\r\n1\r\n2\r\n'
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.json"\r\n'
        b"Content-Type: application/json\r\n\r\n{}\r\n--b--\r\n"
    )
    assert read_form(body, "multipart/form-data; boundary=b") == {"one": b"1\r\n2", "file": b"{}"}
    assert read_form(b"a=1&b=%C3%A9+x&a=", "application/x-www-form-urlencoded; charset=utf-8") == {
        "a": b"",
        "b": "é x".encode(),
    }
    for broken in (body[:-10], body.replace(b"--b--", b"--c--"), b""):
        with pytest.raises(RequestError) as refused:
            read_form(broken, "multipart/form-data; boundary=b")
        assert refused.value.status == 400


def test_an_address_brings_no_chart(live: Live) -> None:
    document = json.dumps(chart_bundle(order()))
    for sample in ({}, {"sample": ""}, {"sample": " "}):
        for name in ("file", "document"):
            query = {**sample, name: document, "patient": "p-secret"}
            page = requests.get(live.base + "/try", params=query, timeout=60)
            assert page.status_code == 200
            assert re.search(r'value="covered" checked', page.text)
            assert "c-ischemic" not in page.text
            assert "p-secret" not in page.text


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Host": "evil.example"},
        {"Host": "evil.example", "Sec-Fetch-Site": "same-origin"},
        {"Host": "localhost.evil.example"},
    ],
    ids=["origin", "cross-site", "name", "own name", "nearly localhost"],
)
def test_a_page_of_another_site_may_not_send_the_form(live: Live, headers: dict[str, str]) -> None:
    for path in ("/try", "/connect/test-call", "/connect/self-check"):
        body = {"sample": "covered", "hook": "order-sign", "story": "covered"}
        page = requests.post(live.base + path, data=body, headers=headers, timeout=30)
        assert page.status_code == 403
        assert "verdict" not in page.text


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1", "[::1]:8000", "10.1.2.3:80"])
def test_a_machine_may_be_asked_by_its_address(live: Live, host: str) -> None:
    body, headers = {"sample": "covered"}, {"Host": host, "Sec-Fetch-Site": "same-origin"}
    page = requests.post(live.base + "/try", data=body, headers=headers, timeout=30)
    assert verdict(page)[0] == "covered"


def test_a_name_that_the_settings_say_may_be_asked() -> None:
    body, headers = {"sample": "covered"}, {"Host": "cds.example.org"}
    with running(public_base="https://cds.example.org") as named:
        page = requests.post(named.base + "/try", data=body, headers=headers, timeout=30)
        assert verdict(page)[0] == "covered"


# ---------------------------------------------------------------------------------- hostile charts


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_shown_as_text(live: Live, text: str) -> None:
    for call in (hostile(text), {"hook": text}, {"resourceType": text}, hostile(text) | {text: 1}):
        for part in ("", "answer"):
            page = post(live, document=json.dumps(call, ensure_ascii=False), part=part).text
            assert SCRIPT not in page
            assert "<b>b</b>" not in page
            assert "<x y" not in page
            assert "evil.example" not in "".join(re.findall(r'(?:src|href)="[^"]*"', page))
            assert not BIDI.search(page)
    assert not BIDI.search(live.get("/try?sample=everything-wrong").text)


def test_hostile_fields_of_the_form_are_shown_as_text(live: Live) -> None:
    for text in (SCRIPT, TURNED, '"><script src=x>'):
        for name in ("sample", "order", "date", "patient", "as_of", "part"):
            page = post(live, **{"sample": "covered", name: text})
            assert "<script>" not in page.text
            assert "<script src=x" not in page.text
            assert not BIDI.search(page.text)


def test_a_document_comes_back_into_the_form_with_the_same_meaning(live: Live) -> None:
    call = hostile(TURNED + "\x07" + SCRIPT)
    page = post(live, document=json.dumps(call, ensure_ascii=False)).text
    again = unescape(re.findall(r"<textarea[^>]*>(.*?)</textarea>", page, re.DOTALL)[0])
    assert not BIDI.search(again)
    assert json.loads(again) == call


def test_a_card_is_drawn_without_html_pictures_or_scripts() -> None:
    text = (
        f"{SCRIPT} <img src=x> ![p](https://evil.example/p.png) [a](javascript:alert(1)) "
        "**strong**\n- item\n\n# title\n\n[b](data:text/html,x)"
    )
    html = str(drawn(text))
    assert "<script" not in html
    assert "<img" not in html
    assert "<h1" not in html
    assert "javascript:" not in re.findall(r'href="([^"]*)"', html)
    assert not re.findall(r'href="(?!https?:)', html)
    assert "<strong>strong</strong>" in html
    assert "<li>item</li>" in html


# --------------------------------------------------------------------------------- JSON as it is


def test_json_keeps_its_digits_and_shows_what_hides() -> None:
    raw = '{"a":0.10,"b":1E400,"c":"x\u202ey\U000e0041","d":12345678901234567890123}'.encode()
    text = pretty(raw)
    assert '"a": 0.10' in text
    assert '"b": 1E400' in text
    assert '"d": 12345678901234567890123' in text
    assert '"x\\u202ey\\udb40\\udc41"' in text
    whole = shown(raw, {}, 10_000)
    assert "".join(piece.text for piece in whole.pieces) == text


def test_a_record_is_found_again_where_it_stood() -> None:
    call = json.dumps(sign(chart=covered_chart())).encode()
    anchors = {"Condition/c-ischemic": "record-1", "Patient/p1": "record-2", "Device/none": "x"}
    found = shown(call, anchors, 100_000)
    assert json.loads("".join(piece.text for piece in found.pieces)) == json.loads(call)
    held = {piece.anchor: json.loads(piece.text) for piece in found.pieces if piece.anchor}
    assert held["record-1"]["id"] == "c-ischemic"
    assert held["record-2"]["resourceType"] == "Patient"
    short = shown(call, anchors, 1500)
    assert not short.whole
    assert short.size == len(call)
    assert {piece.anchor for piece in short.pieces} == {None, "record-1", "record-2"}
    assert sum(len(piece.text) for piece in short.pieces) < 1510


def test_many_blanks_cost_no_more_than_other_letters() -> None:
    record = {"resourceType": "Patient", "id": "p1"}
    body = json.dumps({"note": " " * 2_000_000, "patient": record}).encode()
    found = shown(body, {"Patient/p1": "record-1"}, 3_000_000)
    assert "".join(piece.text for piece in found.pieces) == pretty(body)
    assert [piece.anchor for piece in found.pieces] == [None, "record-1", None]


def test_a_document_cannot_have_a_record_shown_many_times() -> None:
    marks = ["\ue000record-1\ue001"] * 500
    record = {"resourceType": "Patient", "id": "p1", "note": "x" * 10_000}
    body = json.dumps({"marks": marks, "patient": record}, ensure_ascii=False).encode()
    found = shown(body, {"Patient/p1": "record-1"}, 60_000)
    assert json.loads("".join(piece.text for piece in found.pieces)) == json.loads(body)


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 900 + b"]" * 900,
        b"[" + b",".join([b"[" * 300 + b"]" * 300] * 800) + b"]",
        b"[" + b",".join([b"[" * 30 + b"1" + b"]" * 30] * 800) + b"]",
    ],
    ids=["deep", "wide and deep", "wide"],
)
def test_what_is_nested_deeply_does_not_grow(body: bytes) -> None:
    assert len(pretty(body)) <= 4 * len(body)
    assert pretty(body).replace("\n", "").replace(" ", "") == body.decode()
    found = shown(body, {}, 60_000)
    assert sum(len(piece.text) for piece in found.pieces) <= 200_000


def test_of_a_long_record_the_beginning_is_shown() -> None:
    record = {"resourceType": "Patient", "id": "p1", "note": "\x7f" * 50_000}
    body = json.dumps({"patient": record}, ensure_ascii=False).encode()
    for most in (1000, 60_000):
        found = shown(body, {"Patient/p1": "record-1"}, most)
        assert not found.whole
        assert sum(len(piece.text) for piece in found.pieces) <= most + 1
        assert found.pieces[0].anchor == "record-1"


def test_changes_are_told_line_by_line() -> None:
    before, after = b'{"a":1,"b":2,"c":3}', b'{"a":1,"b":4,"c":3}'
    told = [(line.kind, line.text.strip()) for line in changes(before, after)]
    assert ("removed", '"b": 2,') in told
    assert ("added", '"b": 4,') in told
    assert ("same", '"a": 1,') in told
    assert {line.kind for line in changes(None, after)} == {"added"}
    long = json.dumps({str(n): n for n in range(5000)}).encode()
    assert [line.kind for line in changes(long, after)] == ["gap"]
    one_line = json.dumps({"a": "x" * 1_000_000}).encode()
    assert [line.kind for line in changes(None, one_line)] == ["gap"]


# ----------------------------------------------------------------------------------------- weight


def test_a_page_stays_light_under_a_large_chart(live: Live) -> None:
    body = json.dumps(large_call()).encode()
    assert len(body) > 800_000
    page = post(live, {"file": body}, sample="")
    assert verdict(page)[0] == "covered"
    files = sum(len(live.get(a).content) for a in _files(page.text))
    assert len(page.content) + files < 300_000
    part = post(live, {"file": body}, sample="", part="answer")
    assert len(part.content) < 300_000
    assert "Too long to be shown whole" in part.text
    assert re.search(r'href="#record-\d+"><bdi>Observation/lvef', part.text)
    whole = post(live, {"file": body}, sample="", part="request")
    assert json.loads(whole.text) == json.loads(body)


@pytest.mark.parametrize(
    "call",
    [counting_call(), many_orders(), many_orders(heavy=True)],
    ids=["records", "orders", "both"],
)
def test_a_page_stays_light_when_everything_counts(live: Live, call: Json) -> None:
    body = json.dumps(call).encode()
    page = post(live, {"file": body}, sample="")
    assert page.status_code == 200
    part = post(live, {"file": body}, sample="", part="answer")
    files = sum(len(live.get(a).content) for a in _files(page.text))
    assert len(part.content) < 300_000
    assert len(page.content) + files < 300_000
    assert re.search(r"and \d+ more|\d+ further orders", part.text)
    assert "is answered here but too long to be repeated" in page.text


def _files(page: str) -> set[str]:
    return set(re.findall(r'(?:src|href)="(/console/[^"]+)"', page))


# ------------------------------------------------------------------------------------ at random


@pytest.fixture(scope="module")
def trials(knowledge: Knowledge) -> Trials:
    return Trials(knowledge)


CALLS = [*every_call().values(), *fuzz_seeds.calls()[:100]]
MUTATOR = mutation.Mutator(CALLS)
CODES = (
    None,
    OrderedCode("cpt", "33249", "ServiceRequest"),
    OrderedCode("hcpcs", "C1721", "DeviceRequest"),
)
DAYS = (None, date(2000, 1, 1), date(2018, 2, 15), date(2026, 12, 1), date(2100, 12, 31))


class Case(NamedTuple):
    """A call with some damage, and what the form chooses beside it."""

    body: bytes
    code: OrderedCode | None
    day: date | None


@st.composite
def cases(draw: st.DrawFn) -> Case:
    tree = deepcopy(draw(st.sampled_from(CALLS)))
    for seed in draw(st.lists(st.integers(0, 2**32), max_size=4)):
        MUTATOR.change(tree, Random(seed))  # noqa: S311 - seeded, not secret
    body = mutation.encode(tree)
    return Case(body, draw(st.sampled_from(CODES)), draw(st.sampled_from(DAYS)))


def came_to(trials: Trials, case: Case) -> Tried | str:
    """What a case comes to: an answer, or why there is none."""
    trial = Trial(source=case.body, today=TODAY, order=case.code, service_date=case.day)
    try:
        return trials.tried(trial)
    except InputError as error:
        return str(error)


@given(cases())
def test_damaged_calls_are_answered_or_refused(
    knowledge: Knowledge, trials: Trials, case: Case
) -> None:
    found = came_to(trials, case)
    if isinstance(found, str):
        assert found.startswith(("Your document: ", "Order: "))
        return
    view = answer_view(found, knowledge)
    assert len(view.orders) + view.further == len(found.evaluation.determinations)
    if view.picture is not None:
        assert 0 <= view.picture.position <= view.picture.span
