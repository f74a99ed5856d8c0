"""The shapes of CDS Hooks cards: what members their parts have, and how to walk through them."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crd_judge.json_text import Json

MEMBERS = {
    "card": "uuid summary detail indicator source suggestions selectionBehavior overrideReasons "
    "links extension",
    "source": "label url icon topic",
    "coding": "system code display version",
    "suggestion": "label uuid isRecommended actions actionSelectionBehavior extension",
    "action": "type description resource resourceId extension",
    "link": "label url type appContext autolaunchable extension",
}
Check = tuple[str, bool, str, str]

"""A rule, whether it holds, what was found, and where."""


def is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def is_absolute(value: object) -> bool:
    if not isinstance(value, str):
        return False
    split = urlsplit(value)
    return split.scheme in {"http", "https"} and bool(split.hostname)


def objects(value: object) -> list[Json]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def suggestions(card: Json, place: str) -> Iterator[tuple[Json, str]]:
    for number, one in enumerate(objects(card.get("suggestions"))):
        yield one, f"{place}.suggestions[{number}]"


def actions(card: Json, place: str) -> Iterator[tuple[Json, str]]:
    for suggestion, where in suggestions(card, place):
        for number, one in enumerate(objects(suggestion.get("actions"))):
            yield one, f"{where}.actions[{number}]"


def known(kind: str, one: Json, place: str) -> Check:
    foreign = sorted(one.keys() - set(MEMBERS[kind].split()))
    return "C25", not foreign, ", ".join(foreign), place
