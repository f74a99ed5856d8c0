"""Responses and cards: their shape, and that nothing from a chart becomes live markup."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from markdown_it import MarkdownIt

from live_server import (
    SERVICE_IDS,
    TODAY,
    Json,
    concept,
    condition,
    covered_chart,
    device_order,
    every_call,
    lvef,
    observation,
    open_chart,
    order,
    patient,
    sign,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from live_server import Live

pytest_plugins = ("live_server",)
SNOMED = "http://snomed.info/sct"
TOPICS = {
    "coverage-info",
    "claim",
    "insurance",
    "limits",
    "network",
    "appropriate-use",
    "cost",
    "therapy-alternatives-opt",
    "therapy-alternatives-req",
    "clinical-reminder",
    "duplicate-therapy",
    "contraindication",
    "guideline",
    "off-guideline",
}
CARD_MEMBERS = {
    "uuid",
    "summary",
    "detail",
    "indicator",
    "source",
    "suggestions",
    "selectionBehavior",
    "overrideReasons",
    "links",
    "extension",
}


def waiting_chart() -> list[Json]:
    """A complete chart within a waiting period, and a partner diagnosis that does not serve."""
    return [
        *[r for r in covered_chart() if r["id"] != "c-failure"],
        condition("I50.9", "c-unspecified"),
        condition("I21.4", "c-infarction", onsetDateTime="2026-11-10"),
    ]


def every_kind_of_answer() -> dict[str, Json]:
    """Calls whose answers hold every kind of card, and none."""
    calls = {f"{hook}, open": call for hook, call in every_call().items()}
    return calls | {
        "covered": sign(chart=covered_chart()),
        "waiting": sign(chart=waiting_chart()),
        "empty record": sign(chart=[]),
        "several orders": sign(order(), device_order(), order("33262", identity="order-2")),
        "not ours": sign(order("93306")),
        "lead beside an implant": sign(order(), order("33225", identity="order-2")),
        "removal": sign(order("33241"), chart=[patient()]),
    }


CALLS = every_kind_of_answer()


def _values(node: object) -> Iterator[object]:
    yield node
    inner = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    for value in inner:
        yield from _values(value)


def _strict(text: bytes) -> Json:
    """JSON without NaN and without a name said twice."""

    def once(pairs: list[tuple[str, Any]]) -> Json:
        assert len({name for name, _ in pairs}) == len(pairs)
        return dict(pairs)

    def never(constant: str) -> None:
        raise AssertionError(constant)

    found: Json = json.loads(text, object_pairs_hook=once, parse_constant=never)
    return found


# --------------------------------------------------------------------------------------- the answer


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_an_answer_is_strict_json_with_cards_and_nothing_foreign(live: Live, call: Json) -> None:
    response = live.send(call)
    assert response.status_code == 200
    assert response.headers["content-type"].partition(";")[0] == "application/json"
    answer = _strict(response.content)
    assert isinstance(answer["cards"], list)
    assert set(answer) <= {"cards", "systemActions", "extension"}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_an_answer_has_no_white_space_between_its_parts(live: Live, call: Json) -> None:
    content = live.send(call).content
    compact = json.dumps(json.loads(content), separators=(",", ":"), ensure_ascii=False)
    assert content == compact.encode()


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_nothing_but_the_cards_is_null_or_empty(live: Live, call: Json) -> None:
    for card in live.cards(call):
        for value in _values(card):
            assert value not in (None, "", [], {})


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_an_answer_comes_within_the_time_that_crd_allows(live: Live, call: Json) -> None:
    assert live.send(call).elapsed.total_seconds() < 5


def test_orders_not_ours_get_no_cards(live: Live) -> None:
    for code in ("93306", "33206", "92960"):
        assert live.cards(sign(order(code))) == []


def test_a_covered_order_with_nothing_open_gets_no_cards(live: Live) -> None:
    assert live.cards(sign(chart=covered_chart())) == []


# ---------------------------------------------------------------------------------------- the cards


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_every_card_is_well_formed(live: Live, call: Json) -> None:
    for card in live.cards(call):
        assert set(card) <= CARD_MEMBERS
        assert 0 < len(card["summary"]) < 140
        assert "\n" not in card["summary"]
        assert card["indicator"] in {"info", "warning"}
        assert isinstance(card["detail"], str)
        assert str(UUID(card["uuid"])) == card["uuid"]


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_every_card_names_its_source_and_topic(live: Live, call: Json) -> None:
    for card in live.cards(call):
        source = card["source"]
        assert set(source) <= {"label", "url", "icon", "topic"}
        assert source["label"].strip()
        for member in {"url", "icon"} & set(source):
            parts = urlsplit(source[member])
            assert parts.scheme == "https"
            assert parts.netloc
        assert source["topic"]["system"] == "http://hl7.org/fhir/us/davinci-crd/CodeSystem/temp"
        assert source["topic"]["code"] in TOPICS


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_suggestions_and_links_are_left_out_where_there_are_none(live: Live, call: Json) -> None:
    for card in live.cards(call):
        assert ("selectionBehavior" in card) is ("suggestions" in card)
        for suggestion in card.get("suggestions", []):
            assert set(suggestion) <= {"label", "uuid", "isRecommended", "actions"}
        for link in card.get("links", []):
            assert link["type"] in {"absolute", "smart"}
            assert isinstance(link.get("autolaunchable", False), bool)


def test_card_uuids_are_never_used_twice(live: Live) -> None:
    seen: list[str] = []
    for _ in range(3):
        for call in every_kind_of_answer().values():
            seen += [card["uuid"] for card in live.cards(call)]
    assert len(seen) > 30
    assert len(set(seen)) == len(seen)


def test_a_card_about_one_of_several_orders_names_it(live: Live) -> None:
    request = sign(order(), device_order(), order("93306", identity="echo-1"))
    references = {"ServiceRequest/order-1", "DeviceRequest/device-1"}
    cards = live.cards(request)
    named = []
    for card in cards:
        associated = card["extension"]["davinci-crd.associated-resource"]
        assert all(set(one) == {"reference"} for one in associated)
        named.append({one["reference"] for one in associated})
    assert all(one and one <= references for one in named)
    assert set().union(*named) == references


def test_a_card_names_its_order_in_human_terms(live: Live) -> None:
    verdicts = [c for c in live.cards(sign(order(), device_order())) if "judged for" in c["detail"]]
    assert len(verdicts) == 2
    for code in ("33249", "C1721"):
        assert any(code in card["detail"] and code in card["summary"] for card in verdicts)


def test_a_card_of_the_only_order_has_no_need_to_name_it(live: Live) -> None:
    for card in live.cards(sign()):
        assert isinstance(card.get("extension", {}), dict)


def test_coverage_information_is_never_inside_a_card(live: Live) -> None:
    for call in every_kind_of_answer().values():
        assert "ext-coverage-information" not in live.send(call).text


def test_the_verdict_does_not_depend_on_the_hook(live: Live) -> None:
    for hook in ("order-sign", "order-select"):
        (first, *_) = live.cards(sign(hook=hook, chart=waiting_chart()))
        assert "not covered on 2026-11-20" in first["summary"]
        assert first["indicator"] == "warning"


# --------------------------------------------------------------------- text that came with the call

MARKUP = [
    "<img src=x onerror=alert(1)>",
    "<script>alert(1)</script>",
    "[x](javascript:alert(1))",
    "![x](https://evil.example/pixel.png)",
    "<https://evil.example>",
    "**bold** _it_ ~~gone~~ `code`",
    "a\n\n# Heading\n\n- item\n\n```\ncode\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |",
    "a\r\n\r\n<div onclick=alert(1)>\r\n",
    "&lt;img src=x onerror=alert(1)&gt;",
    "\\<img src=x onerror=alert(1)>",
    "\\\\[x](javascript:alert(1))",
    "a\u2028<svg onload=alert(1)>",
    "x\n===\n[x]: javascript:alert(1)",
]


class _Tags(HTMLParser):
    """Collects the tags of a page, with what they carry."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, list[tuple[str, str | None]]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, attrs))


def _tags(text: str) -> list[tuple[str, list[tuple[str, str | None]]]]:
    renderer = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    return _Tags(renderer.render(text)).found


def _places(text: str) -> dict[str, Json]:
    """Calls that carry a text in every place whose content may reach a card."""
    undated = {"onsetDateTime": None}
    failing = {"resourceType": "OperationOutcome", "issue": [{"diagnostics": text}]}
    device: Json = {
        "resourceType": "Device",
        "id": text,
        "patient": {"reference": "Patient/p1"},
        "type": concept("72506001", SNOMED) | {"text": text},
        "deviceName": [{"name": text}],
    }
    odd = condition("I21.4", text, onsetDateTime=text) | {"abatementDateTime": 5}
    request = {
        "LVEF unit": sign(chart=[*open_chart()[:2], lvef(32, unit=text)]),
        "LVEF id": sign(chart=[*open_chart()[:2], lvef(52, text)]),
        "LVEF in words": sign(
            chart=[*open_chart()[:2], observation("8806-2", "o1", valueString=text)],
        ),
        "NYHA in words": sign(
            chart=[*open_chart(), observation("88020-3", text, valueString="NYHA IV " + text)],
        ),
        "Condition id": sign(chart=[*open_chart(), condition("I21.4", text, **undated)]),
        "Condition text": sign(
            chart=[
                *open_chart(),
                condition("I50.9", text, code=concept("I50.9", text) | {"text": text}),
                condition("I50.9", text),
            ],
        ),
        "Condition date": sign(chart=[*open_chart(), condition("I21.4", "c", onsetDateTime=text)]),
        "Device": sign(chart=[*open_chart(), device]),
        "unreadable": sign(chart=[*open_chart(), odd]),
        "order id": sign(order(identity=text), device_order()),
        "order text": sign(
            order(code=concept("33249", SERVICE_IDS["order-sign"]) | {"text": text})
        ),
        "order code": sign(order(text)),
        "recent event": sign(
            chart=[*covered_chart(), condition("I21.4", text, onsetDateTime="2026-11-10")],
        ),
        "failure": sign(chart=open_chart()),
        "key": sign(chart=open_chart()),
    }
    request["failure"]["prefetch"]["procedures"] = failing
    request["key"]["prefetch"][text] = failing
    return request


@pytest.mark.parametrize("text", MARKUP, ids=[f"markup-{n}" for n in range(len(MARKUP))])
@pytest.mark.parametrize("place", list(_places("")))
def test_text_of_the_chart_never_becomes_live_markup(live: Live, text: str, place: str) -> None:
    for card in live.cards(_places(text)[place]):
        # The product's own cards have paragraphs, lists and bold labels, without attributes.
        for tag, attributes in _tags(card["detail"]):
            assert tag in {"p", "ul", "li", "strong", "br"}
            assert attributes == []
        assert not re.search(r"<\w|\]\(", card["summary"])
        assert "\n" not in card["summary"]


def test_text_of_the_chart_does_reach_the_cards_in_these_tests(live: Live) -> None:
    marked = "zz9marker"
    reached = {
        place
        for place, call in _places(marked).items()
        if any(marked in card["detail"] for card in live.cards(call))
    }
    assert {"LVEF unit", "LVEF id", "Condition id", "unreadable", "recent event"} <= reached


def test_an_address_in_the_chart_is_not_made_a_link_by_github_flavour(live: Live) -> None:
    """GitHub's flavour links bare addresses: they must not stand unbroken."""
    for address in ("https://evil.example/x", "www.evil.example", "mallory@evil.example"):
        for place in ("LVEF unit", "Condition id", "recent event"):
            for card in live.cards(_places(address)[place]):
                assert address not in card["detail"]


def test_long_text_of_the_chart_does_not_lengthen_a_summary(live: Live) -> None:
    for call in _places("x" * 5000).values():
        for card in live.cards(call):
            assert len(card["summary"]) < 140


def test_today_is_what_the_server_says_it_is(live: Live) -> None:
    undated = order()
    del undated["occurrenceDateTime"]
    judged = live.determination(sign(undated))["order"]
    assert judged["serviceDate"] == TODAY.isoformat()
    assert judged["serviceDateBasis"] == "today"
