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
_MOST_COMPARED = 200_000
_AROUND = 2
# What is nested deeper, or would grow more, is shown without indentation.
_DEEPEST_INDENTED = 32
_MOST_GROWTH = 4
_OPEN, _CLOSE = "\ue000", "\ue001"
_TEXTS = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_NO_STRUCTURE = bytes(set(range(256)) - set(b"[]{},"))
# What a byte does to the depth, and one more: bytes know no minus.
_STEPS = bytes.maketrans(b"[{,]}", b"\2\2\1\0\0")
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
    """JSON with indentation; characters that would hide or turn others as escapes.

    Without indentation where it is nested deeply, or would come to several times its length.
    """
    plain = msgspec.json.format(raw, indent=-1)
    text = msgspec.json.format(plain, indent=_INDENT) if _can_be_indented(plain) else plain
    return spelled(text.decode())


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
        text = pretty(rest)
        # A document that holds such marks itself is shown without places.
        own = text.count(_OPEN) == len(held)
        whole = tuple(_pieces(text, held)) if own else (Piece(pretty(body)),)
        if sum(weight(piece.text) for piece in whole) <= most:
            return Shown(whole, len(body))
    pieces: list[Piece] = []
    left = most
    for anchor, record in held.items():
        text = _beginning(record, left)
        heavy = weight(text)
        text = text if heavy <= left else text[: left * len(text) // heavy]
        left -= min(heavy, left)
        if text:
            pieces.append(Piece(text, anchor))
            pieces.append(Piece("\n"))
    return Shown(tuple(pieces), len(body), whole=False)


def _can_be_indented(plain: bytes) -> bool:
    """Whether JSON without white space can be indented without getting far longer."""
    structure = _TEXTS.sub(b"", plain).translate(_STEPS, _NO_STRUCTURE)
    left = (_MOST_GROWTH - 1) * len(plain)
    depth = 0
    for step in structure:
        depth += step - 1
        left -= 1 + _INDENT * depth
        if depth > _DEEPEST_INDENTED or left < 0:
            return False
    return True


def _beginning(record: msgspec.Raw, most: int) -> str:
    """A record, or as much of it as may be shown; one that is far too long as it came."""
    begin = bytes(memoryview(record)[: most + 1])
    text = pretty(record) if len(begin) <= most else spelled(begin.decode(errors="ignore"))
    return text[:most]


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
    return f"{_OPEN}{anchor}{_CLOSE}"


def _pieces(text: str, held: Mapping[str, msgspec.Raw]) -> Iterable[Piece]:
    """A text in pieces, with the records put back where their marks stand."""
    # Split at the marks: a search for what stands before them would begin anew at every blank.
    parts = text.split(f'"{_OPEN}')
    line = ""
    for number, part in enumerate(parts):
        rest = part
        if number:
            anchor, _, rest = part.partition(f'{_CLOSE}"')
            indentation = line[: len(line) - len(line.lstrip(" "))]
            yield Piece(pretty(held[anchor]).replace("\n", "\n" + indentation), anchor)
        yield Piece(rest)
        line = rest[rest.rfind("\n") + 1 :]


def changes(before: bytes | None, after: bytes) -> tuple[Line, ...]:
    """What is different in a resource, line by line, with some lines around; all of a new one."""
    if len(before or b"") + len(after) > _MOST_COMPARED:
        return (Line("gap", "too long to be compared here"),)
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
