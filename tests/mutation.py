"""Changes JSON at random, so that much of it still looks like FHIR: structure, values, bytes.

Every change is made by a ``Random`` of its own, so that of several changes any may be left out.
PYTEST_DONT_REWRITE: nothing here asserts.
"""

from __future__ import annotations

import json
import re
from copy import deepcopy
from random import Random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# Any JSON; what is inside is looked at as it comes.
Tree = Any

DATES = (
    "2026", "2026-11", "2026-11-20", "2026-11-20T10:00:00Z", "2026-11-20T10:00:00.123+14:00",
    "2026-02-29", "2024-02-29", "0000-00-00", "0001-01-01", "0001-01-01T00:00:00+14:00",
    "9999-12-31", "9999-12-31T23:59:59-12:00", "10000-01-01", "2026-13-45", "2026-11-20T25:61:61Z",
    "2016-12-31T23:59:60Z", "2026-11-20T24:00:00Z", "2026-1-2", "20261120", "-2026-11-20", "today",
    "2026-11-20T10:00:00+99:99", "\u0662\u0660\u0662\u0666-11-20", " 2026-11-20", "2026-11-20\n",
)  # fmt: skip
NUMBERS = (
    0, -0.0, -1, 1, 34.999999999999, 35, 35.0, 0.35, 100, 101, 1e308, -1e308, 5e-324, 10**18,
    2**63, 2**64, -(2**63) - 1, 10**310, 10**900, float("nan"), float("inf"), True, "35", "35 %",
)  # fmt: skip
TEXTS = (
    "", " ", "x", "p1", "Patient/p1", "Patient/", "/", "#", "#who", "Patient/p2", "urn:uuid:0",
    "null", "ServiceRequest/order-1", "DeviceRequest/device-1", "Practitioner/dr-1",
    "Patient/p1/_history/1", "https://ehr.example.org/fhir/Patient/p1", "http://[::1",
    "https://ehr.example.org/../x", "//x", "Bundle", "Patient", "Condition", "Observation",
    "OperationOutcome", "Medication", "Basic", "Practitioner", "PractitionerRole",
    "ServiceRequest", "Appointment", "Nonsense", "order-dispatch", "order-sign",
    "entered-in-error", "final", "active", "completed", "resolved", "refuted", "next", "%",
    "I25.5", "I21.4", "i21.4", "I214", "33249", "33249 ", "C1721", "8806-2", "88020-3", "LVEF 30%",
    "http://hl7.org/fhir/sid/icd-10-cm", "http://snomed.info/sct",
    "urn:oid:2.16.840.1.113883.6.90", "<img src=x onerror=alert(1)>", "[a](javascript:alert(1))",
    "\ud800", "\udc00\ud800", "\ufeff", "\x00", "a\x00b", "\x7f", "\u2028", "\u202e", "\U0001f600",
    "e\u0301" * 50, "x" * 5000, "%s%n{0}", "9" * 999, "9" * 1001, "prefetch", '"prefetch":{', "\\",
    "{{context.patientId}}", "Patient?_id=",
)  # fmt: skip
# Where json.dumps does not go: written in place of the text RAW + number.
RAWS = (
    b"1e999", b"-1e999", b"-0", b"1E5", b"012", b"0x1F", b"1.", b"NaN", b"-Infinity", b"undefined",
    b"9" * 5000, b"[" * 150 + b"]" * 150, b"[" * 250 + b"]" * 250, b"[" * 5000 + b"]" * 5000,
    b'{"a":' * 190 + b"1" + b"}" * 190, b'{"resource":' * 900 + b"1" + b"}" * 900, b"[1,]", b"",
    b'"\\ud83d\\ude00"', b'"\\ud83d"', b'"\\u0041\\/\\b\\n"', b'"\\x41"', b'"\xff"',
    b'"\xed\xa0\x80"', b'"a\x01b"', b'"\xc0\xaf"', b'{"a":1,"a":2}', b"/**/1", b"'x'", b'"', b"}",
    b"]", b"{}{}",
)  # fmt: skip
NAMES = (
    "resourceType", "id", "entry", "resource", "contained", "code", "coding", "extension",
    "prefetch", "context", "link", "total", "search", "mode", "", "\u0000", "__class__", "tag",
    "type", "_value",
)  # fmt: skip
PIECES = (
    b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"null", b"\\u0000", b"\\ud800", b"\xff",
    b"\x00", b"\xef\xbb\xbf", b'"prefetch":', b'"prefetch":{},', b'"hook":"order-sign",',
    b'"resource":null,', b"1e999", b"-", b" " * 3000, b"\r\n", b"//", b"=", b".", b"'''",
    b"\n[[clients]]\n", b"# ",
)  # fmt: skip
_KINDS = ("delete", "add", "repeat", "rename", "like", "odd", "reshape", "copy", "mangle", "any")
_WEIGHTS = (2, 2, 1, 1, 3, 2, 1, 2, 1, 1)
_RAW = "\u0000raw:"
_RAW_TEXT = re.compile(rb'"\\u0000raw:(\d+)"')
_TWICE = "\u0000twice"
_TWICE_TEXT = rb"\u0000twice"
_DATE = re.compile(r"\d{4}-\d\d")
_REPEATS = 30
_MOST_REPEATED = 100


def encode(tree: Tree) -> bytes:
    """A changed tree as text, which need not be JSON any more."""
    text = json.dumps(tree).encode()
    if rb"\u0000" in text:
        text = _RAW_TEXT.sub(lambda match: RAWS[int(match[1][:9]) % len(RAWS)], text)
        text = text.replace(_TWICE_TEXT, b"")
    return text


def damage(text: bytes, chance: Random, other: bytes) -> bytes:
    """Change bytes: flip, cut, insert, repeat, exchange, or go on as another text does."""
    found = bytearray(text or b" ")
    place = chance.randrange(len(found))
    end = place + chance.choice((1, 1, 2, 5, 30, 1000))
    match chance.randrange(7):
        case 0:
            found[place] ^= 1 << chance.randrange(8)
        case 1:
            del found[place:end]
        case 2:
            del found[place:]
        case 3:
            found[place:place] = chance.choice(PIECES)
        case 4:
            found[place:place] = found[place:end]
        case 5:
            found[place:end] = chance.randbytes(chance.randrange(9))
        case _:
            found[place:] = other[chance.randrange(len(other)) :]
    return bytes(found)


class Mutator:
    """Makes changes with values that other examples hold under the same names."""

    def __init__(self, examples: Sequence[Tree]) -> None:
        """Learn names and values from ``examples``."""
        found: dict[str, dict[str, Tree]] = {}
        for name, value in _members(list(examples)):
            found.setdefault(name, {}).setdefault(json.dumps(value), value)
        self._values = {name: list(values.values()) for name, values in found.items()}
        self._names = [*found, *NAMES]

    def change(self, tree: Tree, chance: Random) -> None:
        """Change one place of a tree."""
        node = _pick(tree, chance)
        if not node:
            self._add(node, chance)
            return
        step = chance.choice(list(node) if isinstance(node, dict) else range(len(node)))
        name = step if isinstance(step, str) else ""
        kind = chance.choices(_KINDS, _WEIGHTS)[0]
        if kind == "delete":
            del node[step]
        elif kind == "add":
            self._add(node, chance)
        elif kind == "repeat":
            _repeat(node, step, chance)
        elif kind == "rename" and isinstance(node, dict):
            node[chance.choice(self._names)] = node.pop(step)
        else:
            node[step] = self._instead(kind, name, node[step], tree, chance)

    def _instead(self, kind: str, name: str, value: Tree, tree: Tree, chance: Random) -> Tree:
        """What takes the place of a value."""
        match kind:
            case "like":
                return self._like(name, value, chance)
            case "odd":
                return _odd(value, chance)
            case "reshape":
                return _reshaped(value, chance)
            case "copy":
                there = _pick(tree, chance)
                return deepcopy(chance.choice(_inner(there))) if there else value
            case "mangle" if isinstance(value, str):
                return _mangled(value, chance)
            case _:
                return self._any(chance)

    def _add(self, node: Tree, chance: Random) -> None:
        """Add a member that is known, or an element."""
        if isinstance(node, dict):
            name = chance.choice(self._names)
            node[name] = self._like(name, None, chance)
        elif isinstance(node, list):
            node.insert(chance.randrange(len(node) + 1), self._any(chance))

    def _like(self, name: str, value: Tree, chance: Random) -> Tree:
        """A value that stands elsewhere under this name."""
        known = self._values.get(name)
        return deepcopy(chance.choice(known)) if known else _odd(value, chance)

    def _any(self, chance: Random) -> Tree:
        """Any value at all."""
        match chance.randrange(6):
            case 0:
                return chance.choice((None, True, False, [], {}, [None], [[]], {"": None}))
            case 1:
                return chance.choice(NUMBERS)
            case 2:
                return _RAW + str(chance.randrange(len(RAWS)))
            case 3:
                return self._like(chance.choice(self._names), None, chance)
            case _:
                return chance.choice(chance.choice((TEXTS, DATES)))


def _members(tree: Tree) -> Iterator[tuple[str, Tree]]:
    """Every member of every object, at any depth."""
    for name, value in tree.items() if isinstance(tree, dict) else (("", one) for one in tree):
        if name:
            yield name, value
        if isinstance(value, dict | list):
            yield from _members(value)


def _inner(node: Tree) -> list[Tree]:
    return list(node.values()) if isinstance(node, dict) else node


def _pick(tree: Tree, chance: Random) -> Tree:
    """An object or list, rather inside than at the top, and rather where there is much."""
    node = tree
    while chance.random() < 0.9:
        inner = [one for one in _inner(node) if isinstance(one, dict | list)]
        if not inner:
            break
        (node,) = chance.choices(inner, [1 + len(one) for one in inner])
    return node


def _odd(value: Tree, chance: Random) -> Tree:
    """An odd value of the same kind."""
    if isinstance(value, str):
        return chance.choice(DATES if _DATE.match(value) else TEXTS)
    if isinstance(value, int | float):
        return chance.choice(NUMBERS)
    return chance.choice((None, [], {}, "", 0, [value], {"resourceType": "Bundle"}))


def _reshaped(value: Tree, chance: Random) -> Tree:
    """The same in another shape."""
    bundle = {"resourceType": "Bundle", "entry": [{"resource": value}]}
    shapes: list[Tree] = [[value], {"value": value}, bundle, json.dumps(value), [value, None]]
    if isinstance(value, list | dict) and value:
        shapes += [
            _inner(value)[0],
            {str(n): one for n, one in enumerate(_inner(value))},
            _inner(value),
        ]
    return deepcopy(chance.choice(shapes))


def _repeat(node: Tree, step: Any, chance: Random) -> None:  # noqa: ANN401 - a name or a number
    """Once more: as an element, or as a member of the same name."""
    if isinstance(node, dict):
        node[f"{step}{_TWICE}"] = deepcopy(node[step])
    elif len(node) < _MOST_REPEATED:
        node += [deepcopy(node[step]) for _ in range(chance.choice((1, 1, 2, _REPEATS)))]


def _mangled(text: str, chance: Random) -> str:
    """A text cut, continued, or with another letter in it."""
    place = chance.randrange(len(text) + 1)
    return (
        text[:place]
        + chance.choice(("", "", "0", "/", "-", "\u00e9", "\ud800"))
        + (text[place + chance.randrange(3) :] if chance.random() < 0.7 else "")
    )
