"""The panel "What if" over HTTP: its link, its forms, its refusals, and what it shows."""

from __future__ import annotations

import html
import json
import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from defib_coverage.console.samples import read_samples
from live_server import bundle, condition, lvef, order, patient, sign

if TYPE_CHECKING:
    from live_server import Live

pytest_plugins = ("live_server",)
PATH = "/try/what-if"
SAMPLES = [sample.id for sample in read_samples()]
BYPASS = f"{PATH}?sample=bypass-80-days&on=2026-11-20"


def send(live: Live, *, follow: bool = True, **fields: str) -> requests.Response:
    """What a form of the panel sends."""
    return requests.post(live.base + PATH, data=fields, timeout=30, allow_redirects=follow)


def words(page: requests.Response) -> str:
    """The text of a page, its white space closed up."""
    text = " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page.text)).split())
    return text.replace(" :", ":")


def statuses(page: requests.Response) -> list[str]:
    """The statuses of the panel: before, and after where something is changed."""
    shown = re.search(r'<h3 id="what-if-result".*?</h3>', page.text, re.DOTALL)
    assert shown is not None
    return re.findall(r'class="badge is-([a-z-]+)"', shown[0])


def offers(page: requests.Response) -> list[str]:
    """The changes behind each offer."""
    told = re.search(r'<ol class="if-offers">.*?</ol>', page.text, re.DOTALL)
    return [] if told is None else re.findall(r'name="set" value="([^"]+)"', told[0])


def test_without_a_patient_it_asks_for_one(live: Live) -> None:
    page = live.get(PATH)
    assert page.status_code == 200
    assert all(f'value="{name}"' in page.text for name in SAMPLES)
    assert 'id="what-if"' not in page.text


@pytest.mark.parametrize("sample", SAMPLES)
def test_each_offer_makes_of_a_sample_what_it_promises(live: Live, sample: str) -> None:
    page = live.get(f"{PATH}?sample={sample}&on=2026-11-20")
    assert page.status_code == 200
    assert len(page.content) < 300_000
    [before] = statuses(page)
    assert before == "covered" or offers(page) or "No document can change this" in page.text
    for text in offers(page):
        changed = send(live, sample=sample, on="2026-11-20", set=text)
        assert statuses(changed) == [before, "covered"]
        assert "nothing more is needed" in changed.text


def test_transplant_list_is_told_to_be_beyond_documents(live: Live) -> None:
    page = words(live.get(f"{PATH}?sample=transplant-list&on=2026-11-20"))
    assert "No document can change this:" in page
    assert "the local contractor decides" in page
    assert "P-D-BTT: Bridge to transplant" in page


def test_a_change_is_told_with_what_it_flips(live: Live) -> None:
    page = send(live, sample="bypass-80-days", on="2026-11-20", make="date", date="2026-12-02")
    assert statuses(page) == ["not-covered", "covered"]
    told = words(page)
    assert "The order was not covered and is now covered." in told
    assert "No bypass surgery in the past 3 months: not met → becomes met" in told
    assert "Service date 2026-12-02" in told


def test_form_of_a_sample_leads_to_a_link_that_holds_no_chart(live: Live) -> None:
    answer = send(
        live,
        follow=False,
        sample="bypass-80-days",
        on="2026-11-20",
        about="ServiceRequest/order-1",
        changes="nyha=2",
        make="lvef",
        lvef_value="28",
        lvef_method="echo",
        lvef_day="2026-11-01",
    )
    assert answer.status_code == 303
    link = urlsplit(answer.headers["location"])
    assert link.path == PATH
    assert parse_qs(link.query) == {
        "sample": ["bypass-80-days"],
        "on": ["2026-11-20"],
        "about": ["ServiceRequest/order-1"],
        "changes": ["nyha=2;lvef=28,echo@2026-11-01"],
    }
    page = live.get(answer.headers["location"])
    assert html.escape(answer.headers["location"]) in page.text
    assert "LVEF 28 % by echocardiography on 2026-11-01" in page.text


@pytest.mark.parametrize(
    ("fields", "changes"),
    [
        ({"make": "add", "add_code": "i5022", "add_day": "2026-01-02"}, "add=I50.22@2026-01-02"),
        ({"make": "add", "add_code": " I50.22 "}, "add=I50.22"),
        ({"make": "remove", "remove_code": "I50.22"}, "remove=I50.22"),
        (
            {"make": "move", "move_record": "Procedure/bypass", "move_day": "2026-08-01"},
            "move=Procedure/bypass@2026-08-01",
        ),
        ({"make": "lvef", "lvef_value": "32.5", "lvef_method": ""}, "lvef=32.5"),
        ({"make": "nyha", "nyha_class": "3", "nyha_day": "2026-11-01"}, "nyha=3@2026-11-01"),
        ({"make": "sdm", "sdm_holder": "NP", "sdm_day": "2026-11-01"}, "sdm=NP@2026-11-01"),
        ({"make": "sdm", "sdm_holder": "NP", "sdm_tool": "no-tool"}, "sdm=NP,no-tool"),
        (
            {"make": "drug", "drug_class": "gdmt-raas", "drug_day": "2026-05-01"},
            "drug=gdmt-raas@2026-05-01",
        ),
        ({"make": "device", "device": "defibrillator"}, "device=defibrillator"),
        ({"make": "date", "date": "2027-01-03", "changes": "date=2026-12-01"}, "date=2027-01-03"),
        ({"make": "order", "order_code": "33262"}, "order=33262"),
        ({"set": ""}, ""),
        ({"set": "nyha=2", "changes": "nyha=4"}, "nyha=2"),
    ],
)
def test_each_control_makes_its_change(
    live: Live, fields: dict[str, str], changes: str
) -> None:
    answer = send(live, follow=False, sample="bypass-80-days", on="2026-11-20", **fields)
    assert answer.status_code == 303
    query = parse_qs(urlsplit(answer.headers["location"]).query)
    assert query.get("changes", [""]) == [changes]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"make": "lvef", "lvef_value": "low"}, "the LVEF must be a number of per cent above 1"),
        ({"make": "add", "add_code": "heart"}, "it must be an ICD-10-CM code, as in I50.22"),
        ({"make": "add", "add_code": "I50.22;nyha=2"}, "holds more than one value"),
        ({"make": "date", "date": ""}, "the day must be a date"),
        ({"make": "everything"}, "there is no such control"),
        ({"make": "add", "add_code": "I50.22", "changes": "nonsense"}, "change 1 is none"),
        ({"set": "nyha=9"}, "the NYHA class must be 1, 2, 3 or 4"),
    ],
)
def test_change_that_cannot_be_read_leaves_the_panel_with_the_reason(
    live: Live, fields: dict[str, str], told: str
) -> None:
    page = send(live, sample="bypass-80-days", on="2026-11-20", **fields)
    assert page.status_code == 400
    assert told in words(page)
    assert statuses(page) == ["not-covered"]


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("sample=nobody", "there is no such sample patient"),
        ("sample=covered&on=yesterday", "the day of the call must be a date"),
    ],
)
def test_link_to_nothing_is_refused_in_words(live: Live, query: str, told: str) -> None:
    page = live.get(f"{PATH}?{query}")
    assert page.status_code == 400
    assert told in words(page)


def test_changes_of_a_link_may_not_be_longer_than_a_link(live: Live) -> None:
    page = live.get(f"{BYPASS}&changes={'nyha=2;' * 300}")
    assert page.status_code == 400
    assert "longer than 1000 characters" in page.text


def chart(*more: dict[str, object]) -> dict[str, object]:
    """A call with a chart of its own."""
    mi = condition("I25.2", "mi", onsetDateTime="2019-01-01")
    return sign(order(), chart=[mi, lvef(28), *more])


def test_a_chart_that_was_handed_in_is_carried_by_the_form_and_has_no_link(live: Live) -> None:
    document = json.dumps(chart())
    page = send(live, document=document, on="2026-11-20", make="nyha", nyha_class="2")
    assert page.status_code == 200
    assert statuses(page) == ["conditional", "conditional"]
    carried = re.search(r'<textarea name="document" hidden>(.*?)</textarea>', page.text, re.DOTALL)
    assert carried is not None
    assert json.loads(html.unescape(carried[1])) == json.loads(document)
    assert "There is no link to these changes" in page.text
    assert "what-if-link" not in page.text
    again = send(live, document=html.unescape(carried[1]), on="2026-11-20", set=offers(page)[0])
    assert statuses(again) == ["conditional", "covered"]


def test_a_bundle_with_its_own_order_will_do(live: Live) -> None:
    resources = [patient(), order(), condition("I25.2", "mi", onsetDateTime="2019-01-01")]
    page = send(live, document=json.dumps(bundle(*resources)), on="2026-11-20")
    assert page.status_code == 200
    assert offers(page)


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ("{", "Your document"),
        ("[]", "Your document"),
        ('{"resourceType": "Patient", "id": "x"}', "Your document"),
    ],
)
def test_document_that_is_no_call_is_refused_in_words(
    live: Live, document: str, told: str
) -> None:
    page = send(live, document=document, on="2026-11-20")
    assert page.status_code == 400
    assert told in words(page)


def test_hostile_names_and_texts_are_shown_as_text(live: Live) -> None:
    evil = "<script>alert(1)</script>\u202e"
    call = chart(condition("I21.4", "mi-2", recordedDate=evil, onsetDateTime="2026-11-01"))
    call["context"]["draftOrders"]["entry"][0]["resource"]["note"] = [{"text": evil}]  # type: ignore[index]
    page = send(live, document=json.dumps(call), on="2026-11-20", make="nyha", nyha_class="2")
    assert page.status_code == 200
    assert "<script>alert" not in page.text
    assert "\u202e" not in page.text


def test_form_that_is_none_is_refused(live: Live) -> None:
    many = "&".join(f"f{n}=1" for n in range(100))
    for body in (many, b"\xff=\xff"):
        answer = requests.post(
            live.base + PATH,
            data=body,
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            timeout=30,
        )
        assert answer.status_code == 400
    plain = requests.post(
        live.base + PATH, data="x", headers={"Content-Type": "text/plain"}, timeout=30
    )
    assert plain.status_code == 415


def test_several_orders_can_be_asked_about(live: Live) -> None:
    call = sign(order(), order("93306", identity="echo"), chart=[condition("I25.2", "mi")])
    page = send(live, document=json.dumps(call), on="2026-11-20", about="ServiceRequest/echo")
    assert statuses(page) == ["not-applicable"]
    assert "No document can change this" in page.text
    assert "<option selected>ServiceRequest/echo</option>" in page.text
