"""The rules of cards (C) of the judge of CRD answers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from crd_judge.call import Broken, Facts
from crd_judge.card_shapes import Check, actions, is_absolute, is_text, known, objects, suggestions
from crd_judge.json_text import COVERAGE_INFORMATION, Json, statements, texts
from crd_judge.suggestions import broken_uuids, changes, offers, says_more

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

RULES = {
    "C01": "summary is one line of fewer than 140 characters",
    "C02": "indicator is info, warning or critical",
    "C03": "source is an object with a label",
    "C04": "source.url and source.icon are absolute",
    "C05": "source.topic is a Coding with system and code",
    "C06": "the topic's code is a CRD card type, its system that of the version",
    "C07": "uuid is present",
    "C08": "uuids are bare RFC 4122 strings",
    "C09": "uuids are unique over the run",
    "C10": "detail is text",
    "C11": "suggestions go with selectionBehavior",
    "C12": "suggestions is a non-empty array of objects with labels",
    "C13": "every suggestion has a uuid",
    "C14": "isRecommended is boolean, and true once at most under at-most-one",
    "C15": "actionSelectionBehavior is not used",
    "C16": "actions have a lower-case type and a description",
    "C17": "created and updated resources are complete",
    "C18": "updates point at a draft order and keep its id",
    "C19": "deletes carry the reference of a draft order, and a create goes with them",
    "C20": "override reasons are Codings with code, system and display",
    "C21": "override codes are unique in a card",
    "C22": "links have label, absolute http(s) url, and type absolute or smart",
    "C23": "appContext is text and on smart links only",
    "C24": "autolaunchable is boolean",
    "C25": "no members outside of the specification",
    "C26": "associated-resource names orders of this request",
    "C27": "with several orders, a card names its own",
    "C28": "coverage information is never in a card",
    "C29": "links and suggestions are not mixed",
    "C30": "critical is not used for payment or coverage",
    "C31": "no HTML in summary, detail or labels",
    "C32": "codes of the HL7 override system exist",
}
_TOPIC_SYSTEMS = {
    "2.0": "http://hl7.org/fhir/us/davinci-crd/CodeSystem/temp",
    "2.2": "http://terminology.hl7.org/CodeSystem/cdshooks-card-type",
}
_COST_TOPICS = {
    "appropriate-use",
    "claim",
    "cost",
    "coverage-info",
    "insurance",
    "limits",
    "network",
    "unsolicited-determ",
}
_TOPICS = _COST_TOPICS | {
    "clinical-reminder",
    "contraindication",
    "duplicate-therapy",
    "guideline",
    "off-guideline",
    "therapy-alternatives-opt",
    "therapy-alternatives-req",
}
_OVERRIDES = "http://terminology.hl7.org/CodeSystem/non-adherence-reason-codes"
_OVERRIDE_CODES = {
    "action-completed",
    "action-unsuccessful",
    "cds-not-applicable",
    "cds-suboptimal-context",
    "indication-order-exists",
    "patient-contraindication",
    "patient-ineligible",
    "patient-refuses",
    "recipient-disagrees-evidence",
    "recipient-does-not-understand",
    "service-not-available",
    "too-costly-uncovered",
}
_HTML = re.compile(r"<[a-z!/?]|\]\(\s*(javascript|data|vbscript):", re.IGNORECASE)


def broken_cards(facts: Facts, cards: list[object], seen: set[str]) -> Iterator[Broken]:
    """The rules that cards break."""
    for number, card in enumerate(cards):
        place = f"cards[{number}]"
        if not isinstance(card, dict):
            yield Broken("C25", "no object", place)
            continue
        for part in _PARTS:
            for rule, holds, what, where in part(facts, card, place):
                if not holds:
                    yield Broken(rule, what, where)
        yield from broken_uuids(card, place, seen)


def _head(facts: Facts, card: Json, place: str) -> Iterator[Check]:
    """What every card has."""
    summary, detail = card.get("summary"), card.get("detail")
    one_line = isinstance(summary, str) and len(summary.splitlines()) == 1
    yield "C01", one_line and len(str(summary)) < 140, str(summary), place
    indicator = card.get("indicator")
    yield "C02", indicator in {"info", "warning", "critical"}, str(indicator), place
    yield "C10", detail is None or is_text(detail), "no text", f"{place}.detail"
    yield known("card", card, place)
    source = card.get("source")
    source = source if isinstance(source, dict) else {}
    yield "C03", is_text(source.get("label")), "no label", f"{place}.source"
    for name in ("url", "icon"):
        value = source.get(name)
        yield "C04", value is None or is_absolute(value), str(value), f"{place}.source.{name}"
    yield known("source", source, f"{place}.source")
    topic = source.get("topic")
    topic = topic if isinstance(topic, dict) else {}
    system, code = topic.get("system"), topic.get("code")
    where = f"{place}.source.topic"
    yield "C05", is_text(system) and is_text(code), "no Coding", where
    theirs = _TOPIC_SYSTEMS[facts.version or "2.0"]
    ours = system in _TOPIC_SYSTEMS.values()
    yield "C06", not ours or (system == theirs and code in _TOPICS), f"{system} {code}", where
    yield known("coding", topic, where)
    yield "C30", indicator != "critical" or code not in _COST_TOPICS, str(code), place
    yield "C29", not (card.get("links") and card.get("suggestions")), "both", place


def _words(_: Facts, card: Json, place: str) -> Iterator[Check]:
    """Override reasons, links, and text that is shown."""
    reasons = card.get("overrideReasons", [])
    codings = objects(reasons)
    for one in codings:
        whole = all(is_text(one.get(name)) for name in ("code", "system", "display"))
        yield "C20", whole, str(one), f"{place}.overrideReasons"
        exists = one.get("system") != _OVERRIDES or one.get("code") in _OVERRIDE_CODES
        yield "C32", exists, str(one.get("code")), f"{place}.overrideReasons"
        yield known("coding", one, f"{place}.overrideReasons")
    yield "C20", isinstance(reasons, list) and len(reasons) == len(codings), "other", place
    codes = [(one.get("system"), one.get("code")) for one in codings]
    yield "C21", len(set(codes)) == len(codes), str(codes), f"{place}.overrideReasons"
    links = objects(card.get("links", []))
    yield "C22", len(links) == len(card.get("links", [])), "other than objects", f"{place}.links"
    for one in links:
        typed = one.get("type") in {"absolute", "smart"} and is_text(one.get("label"))
        yield "C22", typed and is_absolute(one.get("url")), str(one), f"{place}.links"
        context = one.get("appContext")
        right = context is None or (is_text(context) and one.get("type") == "smart")
        yield "C23", right, str(context), f"{place}.links"
        launch = one.get("autolaunchable", False)
        yield "C24", isinstance(launch, bool), str(launch), f"{place}.links"
        yield known("link", one, f"{place}.links")
    labelled = [one for one, _ in suggestions(card, place)] + links
    shown = [card.get("summary"), card.get("detail"), *(one.get("label") for one in labelled)]
    source = card.get("source")
    shown.append(source.get("label") if isinstance(source, dict) else None)
    found = [text for text in shown if isinstance(text, str) and _HTML.search(text)]
    yield "C31", not found, str(found)[:200], place


def _about(facts: Facts, card: Json, place: str) -> Iterator[Check]:
    """Which orders a card is about, and that it says nothing that belongs to the order itself."""
    extension = card.get("extension", {})
    named = extension.get("davinci-crd.associated-resource") if isinstance(extension, dict) else 0
    if named is not None:
        found = [one.get("reference") for one in objects(named)]
        right = isinstance(named, list) and 0 < len(named) == len(found)
        yield "C26", right and all(one in facts.orders for one in found), str(named), place
    else:
        yield "C27", len(facts.drafts) < 2, "names no orders", place
    carried = {url for order in facts.orders.values() for url in _urls(order)}
    new = COVERAGE_INFORMATION in set(texts(card)) - carried
    for one, _ in actions(card, place):
        resource = one.get("resource")
        if isinstance(resource, dict) and COVERAGE_INFORMATION in set(texts(resource)):
            new = new or says_more(facts, resource)
    yield "C28", not new, "coverage information", place


def _urls(order: str) -> Iterator[str]:
    if statements(order):
        yield COVERAGE_INFORMATION


_PARTS: tuple[Callable[[Facts, Json, str], Iterator[Check]], ...] = (
    _head,
    offers,
    changes,
    _words,
    _about,
)
