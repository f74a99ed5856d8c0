"""What CDS Hooks and CRD ask of every card, rule by rule; of suggestions only where there are some.

A rule may fail in any way on a card that is not even of the right shape: that breaks it as well.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from uuid import UUID

import msgspec

from defib_coverage.selftest.charts import Json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_LONGEST_SUMMARY = 139
_CARD_TYPES = frozenset(
    {
        "coverage-info",
        "unsolicited-determ",
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
)
_CARD_TYPE_SYSTEMS = frozenset(
    {
        "http://hl7.org/fhir/us/davinci-crd/CodeSystem/temp",
        "http://terminology.hl7.org/CodeSystem/cdshooks-card-type",
    }
)
_MEMBERS = frozenset(
    {
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
)
# Markup that would come to life in a page: a tag, a link or an image, a bare address, where no
# backslash takes its meaning away.
_LIVE = re.compile(
    r"(?<!\\)(?:\\\\)*(?:<[a-z/!?]|\[[^\]\n]*\]\(|https?://[^\s)]*selftest\.invalid)",
    re.IGNORECASE,
)
_ASSOCIATED = "davinci-crd.associated-resource"


class CardRule(msgspec.Struct, frozen=True):
    """One rule: its id, what it asks, and whether a card holds it in a call with these orders."""

    id: str
    text: str
    holds: Callable[[Json, frozenset[str]], bool]


def values(node: object) -> Iterator[object]:
    """A JSON value and all values in it."""
    yield node
    inner = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    for value in inner:
        yield from values(value)


def live_markup(text: str) -> bool:
    """Whether a text holds markup that would come to life."""
    return _LIVE.search(text) is not None


def is_text(value: object) -> bool:
    """Whether a value is a text that says something."""
    return isinstance(value, str) and bool(value.strip())


def _url(value: str) -> bool:
    parts = urlsplit(value)
    return parts.scheme in {"http", "https"} and bool(parts.netloc)


def _uuid(value: str) -> bool:
    return str(UUID(value)) == value.lower()


def _actions(card: Json) -> list[Json]:
    return [a for s in card.get("suggestions", []) for a in s.get("actions", [])]


def _action(action: Json, orders: frozenset[str]) -> bool:
    """Lower-case type, a description; a resource to create or update, an order to delete."""
    resource = action.get("resource")
    named = resource is not None and f"{resource['resourceType']}/{resource.get('id')}"
    match action["type"]:
        case "create":
            fits = bool(resource["resourceType"]) if isinstance(resource, dict) else False
        case "update":
            fits = named in orders
        case "delete":
            fits = resource is None and action["resourceId"] in orders
        case _:
            fits = False
    return fits and is_text(action["description"])


def _suggestions(card: Json) -> bool:
    found = card.get("suggestions")
    if found is None:
        return "selectionBehavior" not in card
    recommended = [s.get("isRecommended", False) for s in found]
    return (
        bool(found)
        and card["selectionBehavior"] in {"at-most-one", "any"}
        and all(is_text(s["label"]) and _uuid(s["uuid"]) for s in found)
        and all(isinstance(r, bool) for r in recommended)
        and (card["selectionBehavior"] == "any" or sum(recommended) <= 1)
        and not any("actionSelectionBehavior" in s for s in found)
    )


def _reasons(card: Json) -> bool:
    found = card.get("overrideReasons", [])
    codes = {(r["system"], r["code"]) for r in found}
    return len(codes) == len(found) and all(
        is_text(r[m]) for r in found for m in ("code", "system", "display")
    )


def _link(link: Json) -> bool:
    smart = link["type"] == "smart"
    return (
        (smart or link["type"] == "absolute")
        and is_text(link["label"])
        and _url(link["url"])
        and ("appContext" not in link or (smart and isinstance(link["appContext"], str)))
        and isinstance(link.get("autolaunchable", False), bool)
    )


def _associated(card: Json, orders: frozenset[str]) -> bool:
    """Only orders of the call are named, and with several orders some are."""
    extension = card.get("extension", {})
    named = {r["reference"] for r in extension.get(_ASSOCIATED, [])}
    return isinstance(extension, dict) and named <= orders and (len(orders) < 2 or bool(named))  # noqa: PLR2004 - several


def _quiet(card: Json) -> bool:
    """No text of a card comes to life; links of the card stand in ``links``."""
    texts = [card["summary"], card.get("detail", "")]
    texts += [s["label"] for s in card.get("suggestions", [])]
    texts += [link["label"] for link in card.get("links", [])]
    return not any(live_markup(text) for text in texts)


def _topic(card: Json) -> bool:
    topic = card["source"]["topic"]
    known = topic["system"] not in _CARD_TYPE_SYSTEMS or topic["code"] in _CARD_TYPES
    return is_text(topic["system"]) and is_text(topic["code"]) and known


CARD_RULES = (
    CardRule(
        "C01",
        "summary is one line of fewer than 140 characters",
        lambda c, _: (
            is_text(c["summary"])
            and len(c["summary"]) <= _LONGEST_SUMMARY
            and c["summary"].isprintable()
        ),
    ),
    CardRule(
        "C02",
        "indicator is a known one",
        lambda c, _: c["indicator"] in {"info", "warning", "critical"},
    ),
    CardRule("C03", "source has a label", lambda c, _: is_text(c["source"]["label"])),
    CardRule(
        "C04",
        "addresses of source are absolute",
        lambda c, _: all(_url(c["source"][m]) for m in ("url", "icon") if m in c["source"]),
    ),
    CardRule("C05-C06", "source.topic is a CRD card type", lambda c, _: _topic(c)),
    CardRule("C07-C08", "uuid is a bare UUID", lambda c, _: _uuid(c["uuid"])),
    CardRule("C10", "detail is text", lambda c, _: is_text(c.get("detail", "none"))),
    CardRule("C11-C15", "suggestions are well formed", lambda c, _: _suggestions(c)),
    CardRule(
        "C16-C19", "actions are well formed", lambda c, o: all(_action(a, o) for a in _actions(c))
    ),
    CardRule("C20-C21", "override reasons are distinct codings", lambda c, _: _reasons(c)),
    CardRule(
        "C22-C24", "links are well formed", lambda c, _: all(_link(n) for n in c.get("links", []))
    ),
    CardRule("C25", "no members but those of CDS Hooks", lambda c, _: set(c) <= _MEMBERS),
    CardRule("C26-C27", "the orders meant are named, and only they", _associated),
    CardRule(
        "C28",
        "coverage information is in no card",
        lambda c, _: "ext-coverage-information" not in json.dumps(c),
    ),
    CardRule(
        "C29",
        "links and suggestions are not mixed",
        lambda c, _: not ("links" in c and "suggestions" in c),
    ),
    CardRule("C30", "coverage is not critical", lambda c, _: c["indicator"] != "critical"),
    CardRule("C31", "no text comes to life", lambda c, _: _quiet(c)),
)
