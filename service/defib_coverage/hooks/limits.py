"""What a body may hold before it is decoded, and where in a body a place is.

The decoder skips what the rules do not read; these checks make sure that what it skips is honest
JSON text too, at a cost far below that of decoding.
"""

from __future__ import annotations

import re
from random import random

import stringzilla

from defib_coverage.errors import RequestError
from defib_coverage.fhir.raw import clean

LONGEST_NUMBER = 1000
DEEPEST = 200
# What memory a decoded chart takes hangs on its objects, lists and strings, and all but a few of
# them follow a comma. Charts of real patients have one in 40 bytes.
MOST_VALUES = 1_000_000
_SAMPLES = 64
_SAMPLE = 8192
LONGEST_STRING = 8 << 20
# A string of LONGEST_STRING covers at least one whole block of this size.
_BLOCK = LONGEST_STRING // 2
_QUOTE = re.compile(rb'(?<!\\)"')
# All that stands outside of strings.
_OUTSIDE = re.compile(rb"[\s\[\]{},:0-9.+\-eEtrufalsn]*+")
# A run of LONGEST_NUMBER digits covers at least two neighbouring bytes of this stride.
_STRIDE = LONGEST_NUMBER // 2
_TWO_DIGITS = re.compile(rb"(?=[0-9]{2})")
_MAYBE_SURROGATE = re.compile(rb"\\u[dD]")
# All text up to the first surrogate that stands alone: looked for here, where it costs little.
_NO_LONE = re.compile(
    rb"(?:[^\\]++|\\(?:[^u]|u(?![dD][89a-fA-F][0-9a-fA-F]{2})|"
    rb"u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}))*+",
    re.DOTALL,
)
_ESCAPE = re.compile(rb"\\(?:u([0-9a-fA-F]{4})|.)", re.DOTALL)
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"?|[{}\[\]:,]|[^\s"{}\[\]:,]+', re.DOTALL)
# Naming a place costs a walk through all text before it: not for places far inside.
_FARTHEST = 1 << 20
_LONGEST_PATH = 12


def check_text(body: bytes | bytearray) -> None:
    """Refuse text that is not honest JSON even where the decoder would not look.

    Raises:
        RequestError: 400 for text that is not UTF-8, a lone surrogate, or an endless number; 413
            for more values, or more text in one string, than a chart has.
    """
    if not body.isascii():
        try:
            body.decode()
        except UnicodeDecodeError as error:
            raise _refusal(body, error.start, "the text is not UTF-8") from error
    # Few bodies have an escape of this kind at all, and with SIMD that is soon known.
    escape = stringzilla.find(body, rb"\u")
    if escape >= 0 and _MAYBE_SURROGATE.search(body, escape) is not None:
        _check_surrogates(body)
    _check_numbers(body)
    # What is smaller cannot hold as many.
    if len(body) > 2 * MOST_VALUES:
        if _seems_dense(body) and body.count(b",") > MOST_VALUES:
            message = f"the body has more than {MOST_VALUES} values"
            raise RequestError(413, "too-costly", message, "the body")
        _check_strings(body)


def _seems_dense(body: bytes | bytearray) -> bool:
    """Whether a body may have too many values, by a sample: counting them all costs a fifth more.

    An honest body is far below the bound. Of one that has twice as many, a sample that nobody can
    foresee misses all but half with a chance of one in a million.
    """
    part = len(body) // _SAMPLES
    found = 0
    for number in range(_SAMPLES):
        start = number * part + int(random() * (part - _SAMPLE))  # noqa: S311 - only unforeseen
        found += body.count(b",", start, start + _SAMPLE)
    return found * len(body) > MOST_VALUES // 2 * _SAMPLES * _SAMPLE


def _check_strings(body: bytes | bytearray) -> None:
    """No string of ``LONGEST_STRING`` bytes."""
    for start in range(0, len(body) - _BLOCK + 1, _BLOCK):
        if _QUOTE.search(body, start, start + _BLOCK) is not None:
            continue
        begin = body.rfind(b'"', 0, start) + 1
        after = _QUOTE.search(body, start + _BLOCK)
        end = len(body) if after is None else after.start()
        if end - begin >= LONGEST_STRING and _OUTSIDE.fullmatch(body, begin, end) is None:
            message = f"a string has {LONGEST_STRING} bytes or more"
            raise RequestError(413, "too-long", message, f"byte {begin}")


def _check_surrogates(body: bytes | bytearray) -> None:
    """A surrogate escape must be a high one directly followed by a low one."""
    honest = _NO_LONE.match(body)
    high_ends = -1
    for match in _ESCAPE.finditer(body, 0 if honest is None else honest.end()):
        value = int(match[1], 16) if match[1] else 0
        low = 0xDC00 <= value <= 0xDFFF  # noqa: PLR2004 - the range of low surrogates
        paired = low and match.start() == high_ends
        if low is not paired or (high_ends >= 0 and not paired):
            raise _refusal(body, match.start(), "a lone surrogate is no character")
        high_ends = match.end() if 0xD800 <= value <= 0xDBFF else -1  # noqa: PLR2004 - high ones
    if high_ends >= 0:
        raise _refusal(body, high_ends, "a lone surrogate is no character")


def _check_numbers(body: bytes | bytearray) -> None:
    """No run of ``LONGEST_NUMBER`` digits: no honest number or identifier has one."""
    for match in _TWO_DIGITS.finditer(body[::_STRIDE]):
        start = match.start() * _STRIDE
        if not body[start : start + _STRIDE].isdigit():
            continue
        while start > 0 and body[start - 1 : start].isdigit():
            start -= 1
        if body[start : start + LONGEST_NUMBER].isdigit():
            raise _refusal(body, start, f"a number has {LONGEST_NUMBER} digits or more")


def _refusal(body: bytes | bytearray, offset: int, message: str) -> RequestError:
    return RequestError(400, "structure", message, place_of(body, offset))


def deepest_place(body: bytes | bytearray) -> str:
    """Where the text is nested more deeply than ``DEEPEST``."""
    depth = 0
    for match in _TOKEN.finditer(body, 0, _FARTHEST):
        token = match[0]
        if token in {b"{", b"["}:
            depth += 1
            if depth > DEEPEST:
                return place_of(body, match.start())
        elif token in {b"}", b"]"}:
            depth -= 1
    return "the body"


def place_of(body: bytes | bytearray, offset: int) -> str:
    """The place of a byte as a path such as ``prefetch.conditions.entry[3]``, and its number."""
    if offset > _FARTHEST:
        return f"byte {offset}"
    path: list[str | int] = []
    name = ""
    for match in _TOKEN.finditer(body, 0, offset):
        token = match[0]
        if token.startswith(b'"'):
            name = clean(token[1:-1].decode(errors="replace"))
        else:
            _step(path, token, name)
    text = "".join(
        f"[{part}]" if isinstance(part, int) else f".{part}" if part else ""
        for part in path[:_LONGEST_PATH]
    )
    return f"{text.lstrip('.')} (byte {offset})" if text else f"byte {offset}"


def _step(path: list[str | int], token: bytes, name: str) -> None:
    """Follow one mark of JSON along the path to where it leads."""
    if token == b"{":
        path.append("")
    elif token == b"[":
        path.append(0)
    elif token in {b"}", b"]"}:
        del path[-1:]
    elif path and token == b"," and isinstance(path[-1], int):
        path[-1] += 1
    elif path and token == b":" and isinstance(path[-1], str):
        path[-1] = name
