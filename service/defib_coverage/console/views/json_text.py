"""JSON as people read it: indented, every character visible, with a place for each record."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Literal

import msgspec
from markupsafe import escape

from defib_coverage.console.writing import HIDING
from defib_coverage.fhir.amend import items, members
from defib_coverage.fhir.raw import name_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_DEEPEST = 8
_INDENT = 2
_MOST_LINES = 3000
_AROUND = 2
# Of a comparison that is shown.
_MOST_SHOWN, _LONGEST_LINE = 200, 300
_encode = msgspec.json.Encoder().encode


class Piece(msgspec.Struct, frozen=True):
    """Some of a text; where it is one record, the anchor under which that is found."""

    text: str
    anchor: str | None = None


class Line(msgspec.Struct, frozen=True):
    """A line of a comparison: it stood there before, was added, was taken away, or was left out."""

    kind: Literal["same", "added", "removed", "gap"]
    text: str


class Shown(msgspec.Struct, frozen=True):
    """A document, or of a large one what matters; ``size`` is the length of the whole."""

    pieces: tuple[Piece, ...]
    size: int
    whole: bool = True


def pretty(raw: bytes | msgspec.Raw) -> str:
    """JSON with indentation; characters that would hide or turn others as escapes."""
    return spelled(msgspec.json.format(raw, indent=_INDENT).decode())


def spelled(text: str) -> str:
    """JSON that means the same, with escapes for the characters that would hide or turn others."""
    return HIDING.sub(_escape, text)


def weight(text: str) -> int:
    """How many bytes a text takes in a page, where quotes and brackets are written out."""
    return len(escape(text).encode(errors="replace"))


def shown(body: bytes, anchors: Mapping[str, str], most: int) -> Shown:
    """A document with an anchor at every record that has one.

    Args:
        body: the document.
        anchors: names of anchors by the references of their records.
        most: how long a document may be on the page to be shown whole; of a longer one, the records
            with anchors, as long as they come to no more.
    """
    held: dict[str, msgspec.Raw] = {}
    rest = _without(msgspec.Raw(body.strip()), anchors, held, _DEEPEST)
    if len(body) <= most:
        whole = tuple(_pieces(pretty(rest), held))
        if sum(weight(piece.text) for piece in whole) <= most:
            return Shown(whole, len(body))
    pieces: list[Piece] = []
    left = most
    for anchor, record in held.items():
        text = pretty(record)
        heavy = weight(text)
        text = text if heavy <= left else text[: left * len(text) // heavy]
        left -= min(heavy, left)
        if text:
            pieces.append(Piece(text, anchor))
            pieces.append(Piece("\n"))
    return Shown(tuple(pieces), len(body), whole=False)


def _without(
    raw: msgspec.Raw, anchors: Mapping[str, str], held: dict[str, msgspec.Raw], depth: int
) -> msgspec.Raw:
    """A text with a mark in the place of every record that has an anchor; the first of a name.

    What is no record keeps its text: numbers keep their digits.
    """
    begin = bytes(memoryview(raw)[:1])
    if not depth or begin not in {b"{", b"["}:
        return raw
    if begin == b"[":
        inside = items(raw) or []
        return msgspec.Raw(_encode([_without(one, anchors, held, depth - 1) for one in inside]))
    kind, identifier = name_of(raw)
    anchor = anchors.get(f"{kind}/{identifier}")
    if anchor is not None and anchor not in held:
        held[anchor] = raw
        return msgspec.Raw(_encode(_mark(anchor)))
    if kind not in {"", "Bundle"}:
        return raw
    named = members(raw)
    return msgspec.Raw(
        _encode({name: _without(one, anchors, held, depth - 1) for name, one in named.items()})
    )


def _mark(anchor: str) -> str:
    # Anchors are names of our own: a document that holds such a text gets no record twice.
    return f"\ue000{anchor}\ue001"


def _pieces(text: str, held: Mapping[str, msgspec.Raw]) -> Iterable[Piece]:
    """A text in pieces, with the records put back where their marks stand."""
    marks = re.compile('( *)("[^"\n]*": )?"\ue000(' + "|".join(held) + ')\ue001"') if held else None
    place = 0
    for found in marks.finditer(text) if marks is not None else ():
        before = text[place : found.start()] + found[1] + (found[2] or "")
        record = pretty(held[found[3]])
        yield Piece(before)
        yield Piece(record.replace("\n", "\n" + found[1]), found[3])
        place = found.end()
    yield Piece(text[place:])


def changes(before: bytes | None, after: bytes) -> tuple[Line, ...]:
    """What is different in a resource, line by line, with some lines around; all of a new one."""
    new = pretty(after).splitlines()
    if before is None:
        return _kept([Line("added", line) for line in new[:_MOST_LINES]])
    old = pretty(before).splitlines()
    if max(len(old), len(new)) > _MOST_LINES:
        return (Line("gap", "too long to be compared here"),)
    lines: list[Line] = []
    for text in list(difflib.unified_diff(old, new, n=_AROUND, lineterm=""))[2:]:
        if text.startswith("@@"):
            lines.append(Line("gap", "…"))
        elif text.startswith("+"):
            lines.append(Line("added", text[1:]))
        elif text.startswith("-"):
            lines.append(Line("removed", text[1:]))
        else:
            lines.append(Line("same", text[1:]))
    return _kept(lines)


def _kept(lines: Sequence[Line]) -> tuple[Line, ...]:
    """The first lines, without the ends of very long ones."""
    kept = [
        Line(one.kind, one.text[:_LONGEST_LINE] + "…" * (len(one.text) > _LONGEST_LINE))
        for one in lines[:_MOST_SHOWN]
    ]
    if len(lines) > len(kept):
        kept.append(Line("gap", f"… and {len(lines) - len(kept)} lines more"))
    return tuple(kept)


def _escape(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be")
    pairs = (units[n : n + 2] for n in range(0, len(units), 2))
    return "".join(f"\\u{int.from_bytes(pair):04x}" for pair in pairs)
