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
from live_server import condition, lvef, order, sign
from test_vignettes import EVERY, today_of

if TYPE_CHECKING:
    from live_server import Json, Live

pytest_plugins = ("live_server",)
PATH = "/try"
SAMPLES = [sample.id for sample in read_samples()]
BYPASS = {"sample": "bypass-80-days", "as_of": "2026-11-20"}


def send(live: Live, **fields: str) -> requests.Response:
    """What the form of the page sends."""
    return requests.post(live.base + PATH, data=fields, timeout=30)


def panel(page: requests.Response) -> str:
    """The panel as HTML."""
    found = re.search(r'<section class="panel" id="what-if".*?</section>', page.text, re.DOTALL)
    assert found is not None
    return found[0]


def words(page: requests.Response) -> str:
    """The text of the panel, its white space closed up."""
    text = " ".join(html.unescape(re.sub(r"<[^>]+>", " ", panel(page))).split())
    return text.replace(" :", ":").replace(" ;", ";")


def statuses(page: requests.Response) -> list[str]:
    """The status of the leading order without the changes, and with them."""
    return re.findall(r'class="badge is-([a-z-]+)"', panel(page).partition("<h3>")[0])


def status(page: requests.Response) -> str:
    """The status that the page tells first."""
    found = re.search(r'id="verdict-title"><span class="badge is-([a-z-]+)"', page.text)
    assert found is not None
    return found[1]


def offers(page: requests.Response) -> list[str]:
    """The changes behind each offer."""
    return re.findall(r'name="set" value="([^"]+)">Suppose so', page.text)


def changes(page: requests.Response) -> str:
    """The changes that the panel sends along."""
    return html.unescape(re.findall(r'name="changes" value="([^"]*)"', panel(page))[0])


@pytest.mark.parametrize("sample", SAMPLES)
def test_each_offer_makes_of_a_sample_what_it_promises(live: Live, sample: str) -> None:
    page = live.get(f"{PATH}?sample={sample}&as_of=2026-11-20")
    assert page.status_code == 200
    assert len(page.content) < 300_000
    before = status(page)
    assert (
        before == "covered"
        or offers(page)
        or "No further fact that the service reads" in words(page)
    )
    for text in offers(page):
        changed = send(live, sample=sample, as_of="2026-11-20", set=html.unescape(text))
        assert statuses(changed) == [before, "covered"]
        assert status(changed) == "covered"
        assert "It is covered with these changes; nothing more is needed." in words(changed)


def test_transplant_list_is_told_to_be_beyond_documents(live: Live) -> None:
    page = words(live.get(f"{PATH}?sample=transplant-list"))
    assert "No further fact that the service reads makes it covered:" in page
    assert "the local contractor decides" in page
    assert "P-D-BTT Bridge to transplant" in page


def bundle(vignette: Json) -> str:
    """The patient of a case and the orders as one FHIR Bundle."""
    held = [*vignette["resources"], *vignette["orders"]]
    entries = [{"resource": resource} for resource in held]
    return json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries})


BEYOND_HELP = {
    "D-IDE": "P-D-IDE",
    "D-BTT-MISSING": "P-D-BTT",
    "O-BRIDGE-COMPLETE": "P-D-BTT",
    "ADD-BRAINDEAD": "P-ADD3",
    "O-VEGETATIVE": "P-ADD3",
    "O-SHOCK": "P-ADD1",
}


@pytest.mark.parametrize("name", BEYOND_HELP)
def test_bundle_of_a_patient_whom_nothing_documentable_helps_says_so(live: Live, name: str) -> None:
    vignette = next(v for v in EVERY if v["id"] == name)
    page = send(live, document=bundle(vignette), as_of=today_of(vignette).isoformat())
    assert page.status_code == 200
    assert status(page) == vignette["expect"]["status"]
    assert offers(page) == []
    told = words(page).partition("No further fact that the service reads makes it covered:")[2]
    assert BEYOND_HELP[name] in told


def test_a_change_is_told_with_what_it_flips(live: Live) -> None:
    page = send(live, **BYPASS, make="date", date_day="2026-12-02")
    assert statuses(page) == ["not-covered", "covered"]
    told = words(page)
    assert "No bypass surgery in the past 3 months: not met → becomes met" in told
    assert "Service date 2026-12-02 Undo" in told
    assert 'data-said="7 things flip. The order was not covered and is now covered."' in page.text
    # The date is the form's own, where it can be moved further.
    assert changes(page) == ""
    assert 'name="date" min="2000-01-01" max="2100-12-31" value="2026-12-02"' in page.text


def test_cards_are_those_of_the_changed_chart(live: Live) -> None:
    before = send(live, sample="covered", as_of="2026-11-20")
    after = send(live, sample="covered", as_of="2026-11-20", make="lvef", lvef_value="45")
    assert "No card: everything is there" in before.text
    assert "No card" not in after.text
    assert status(after) == "not-covered"


def test_link_of_a_sample_holds_no_chart_and_shows_the_same_again(live: Live) -> None:
    page = send(
        live,
        **BYPASS,
        date="2026-12-02",
        changes="nyha=2",
        make="lvef",
        lvef_value="28",
        lvef_method="echo",
        lvef_day="2026-11-01",
    )
    link = html.unescape(re.findall(r'href="([^"]+)" id="what-if-link"', page.text)[0])
    assert urlsplit(link).path == PATH
    assert parse_qs(urlsplit(link).query) == {
        "sample": ["bypass-80-days"],
        "as_of": ["2026-11-20"],
        "date": ["2026-12-02"],
        "changes": ["nyha=2;lvef=28,echo@2026-11-01"],
    }
    assert panel(live.get(link)) == panel(page)


@pytest.mark.parametrize(
    ("fields", "made"),
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
        ({"make": "nyha", "nyha_class": "3", "changes": "lvef=28"}, "lvef=28;nyha=3"),
        ({"make": "nyha", "nyha_class": "3", "changes": "nyha=3"}, "nyha=3"),
        ({"changes": "nyha=4"}, "nyha=4"),
        ({"set": "", "changes": "nyha=4"}, ""),
        ({"set": "nyha=2", "changes": "nyha=4"}, "nyha=2"),
        ({"changes": "nyha=4", "changes_for": "bypass-80-days"}, "nyha=4"),
        ({"changes": "nyha=4", "changes_for": "covered"}, ""),
    ],
)
def test_each_control_makes_its_change(live: Live, fields: dict[str, str], made: str) -> None:
    page = send(live, **BYPASS, **fields)
    assert page.status_code == 200
    assert changes(page) == made


@pytest.mark.parametrize(
    ("made", "why"),
    [
        ("add=A00.0", "no value set reads this code"),
        ("add=I25.2@2026-11-21", "the day is after the service date, 2026-11-20"),
        ("lvef=28,echo@2026-11-21", "the day is after the service date, 2026-11-20"),
        ("nyha=2@2027-01-01", "the day is after the service date, 2026-11-20"),
        ("sdm=MD@2027-01-01", "the day is after the service date, 2026-11-20"),
        ("drug=gdmt-raas@2027-01-01", "the day is after the service date, 2026-11-20"),
        ("move=Condition/nope@2026-11-01", "no such record that the rules read"),
        ("remove=I25.2", "no record that the rules read has this code"),
    ],
)
def test_change_that_can_do_nothing_says_why_and_asks_for_no_document(
    live: Live, made: str, why: str
) -> None:
    page = words(send(live, sample="no-data", as_of="2026-11-20", changes=made))
    assert f"It does not count: {why}." in page
    assert "To document, if it is true" not in page


def test_change_counts_where_an_earlier_one_or_the_service_date_lets_it(live: Live) -> None:
    fields = {"sample": "no-data", "as_of": "2026-11-20"}
    made = "add=I25.2;move=Condition/what-if-I25.2@2026-01-01;remove=I25.2"
    later = send(live, **fields, date="2026-12-02", changes="lvef=28@2026-11-21")
    for page in (send(live, **fields, changes=made), later):
        assert "It does not count" not in words(page)
        assert "To document, if it is true" in words(page)


def test_undo_takes_one_change_back(live: Live) -> None:
    page = send(live, **BYPASS, date="2026-12-02", changes="nyha=4;lvef=28")
    undone = re.findall(r'name="set" value="([^"]*)" aria-label="Undo: ([^"]+)"', panel(page))
    assert undone == [
        ("nyha=4;lvef=28", "Service date 2026-12-02"),
        ("date=2026-12-02;lvef=28", "NYHA class IV"),
        ("date=2026-12-02;nyha=4", "LVEF 28 %"),
    ]
    back = send(live, **BYPASS, date="2026-12-02", changes="nyha=4;lvef=28", set=undone[0][0])
    assert 'max="2100-12-31" value=""' in back.text
    assert statuses(back) == ["not-covered", "not-covered"]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"make": "lvef", "lvef_value": "low"}, "the LVEF must be a number of per cent above 1"),
        ({"make": "add", "add_code": "heart"}, "it must be an ICD-10-CM code, as in I50.22"),
        ({"make": "add", "add_code": "I50.22;nyha=2"}, "holds more than one value"),
        ({"make": "date", "date_day": ""}, "the day must be a date"),
        ({"make": "everything"}, "there is no such control"),
        ({"set": "nyha=9"}, "the NYHA class must be 1, 2, 3 or 4"),
    ],
)
def test_change_that_cannot_be_read_leaves_the_others_as_they_are(
    live: Live, fields: dict[str, str], told: str
) -> None:
    page = send(live, **BYPASS, changes="nyha=2", **fields)
    assert page.status_code == 400
    assert told in words(page)
    assert changes(page) == "nyha=2"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("nonsense", "What if: change 1 is none that is known"),
        ("nyha=2;" * 300, "longer than 1000 characters"),
        ("date=2026-12-02", "the order and its day are chosen in the form"),
        ("order=33262", "the order and its day are chosen in the form"),
    ],
)
def test_link_with_changes_that_cannot_be_read_is_refused_in_words(
    live: Live, text: str, told: str
) -> None:
    answer = requests.get(
        live.base + PATH, params={"sample": "covered", "changes": text}, timeout=30
    )
    assert answer.status_code == 400
    assert told in html.unescape(answer.text)


def chart(*more: Json) -> Json:
    """A call with a chart of its own."""
    mi = condition("I25.2", "mi", onsetDateTime="2019-01-01")
    return sign(order(), chart=[mi, lvef(28), *more])


def test_a_chart_that_was_handed_in_is_asked_about_and_has_no_link(live: Live) -> None:
    document = json.dumps(chart())
    page = send(live, document=document, make="nyha", nyha_class="2")
    assert page.status_code == 200
    assert statuses(page) == ["conditional", "conditional"]
    assert "There is no link to these changes" in words(page)
    assert "what-if-link" not in page.text
    again = send(live, document=document, set=html.unescape(offers(page)[0]))
    assert statuses(again) == ["conditional", "covered"]


def test_hostile_names_and_texts_are_shown_as_text(live: Live) -> None:
    evil = "<script>alert(1)</script>\u202e"
    call = chart(condition("I21.4", "mi-2", recordedDate=evil, onsetDateTime="2026-11-01"))
    call["context"]["draftOrders"]["entry"][0]["resource"]["note"] = [{"text": evil}]
    page = send(live, document=json.dumps(call), make="nyha", nyha_class="2", changes_for="")
    assert page.status_code == 200
    assert "<script>alert" not in page.text
    assert "\u202e" not in page.text
    for field in ("changes", "set", "make", "add_code", "changes_for"):
        page = send(live, **(BYPASS | {"make": "add", field: evil}))
        assert "<script>alert" not in page.text


def test_call_of_something_else_is_told_to_be_not_judged(live: Live) -> None:
    call = sign(order("93306"), chart=[condition("I25.2", "mi")])
    page = words(send(live, document=json.dumps(call)))
    assert "No further fact that the service reads makes it covered: Not judged" in page
