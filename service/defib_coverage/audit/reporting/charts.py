"""The report's pictures: columns, bars and intervals as SVG, drawn from what the tables tell.

They are as narrow as a telephone, so that nothing of them has to be looked for sideways: words
stand above the bars, and legends take as many lines as they need.
A hidden number draws nothing: neither a height nor a scale tells of it.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple
from xml.etree.ElementTree import Element, tostring

from markupsafe import Markup

from defib_coverage.audit.reporting.hiding import Hidden
from defib_coverage.audit.reporting.section import Chart
from defib_coverage.audit.reporting.table import Cell, Ratio, told
from defib_coverage.ledger.charts import child, shown

if TYPE_CHECKING:
    from collections.abc import Sequence

_WIDTH = 400
_RIGHT = 12
_LINE, _HEIGHT, _FOOT = 20, 190, 24
_STEP, _BAR = 38, 14
# Where the axis of shares begins and ends: half of a label stands beyond it.
_FROM, _TO = 12, _WIDTH - 24
# How wide a letter is at most on an average, and how many stand in a line.
_LETTER, _DIGIT = 7, 8
_LETTERS = 48
MOST_ROWS = 25
"""How many rows a picture of bars has; the table beside it has more."""
_MOST_LABELS = 8
_GAP = "*"


class Kind(NamedTuple):
    """A part of each column or bar: what it is called, and its class in the style sheet."""

    name: str
    style: str


class Stack(NamedTuple):
    """A column or bar: what it is about, and the numbers of its parts."""

    label: str
    parts: tuple[Cell, ...]


class Whisker(NamedTuple):
    """A share with its interval, and what it is about."""

    label: str
    rate: Ratio
    low: Ratio
    high: Ratio
    note: str


def columns(caption: str, kinds: Sequence[Kind], stacks: Sequence[Stack]) -> Chart:
    """Standing columns, their parts one upon another."""
    names = _legend(kinds, has_gap=any(_has_gap(stack) for stack in stacks))
    svg = _svg(caption, _below(names) + _HEIGHT + _FOOT)
    _put(svg, names)
    top = _round_up(max((_length(stack) for stack in stacks), default=0))
    left = _room(f"{top:,.0f}")
    foot, room = float(_below(names) + _HEIGHT), _HEIGHT - 18.0
    for part in (0, 1, 2):
        level = foot - room * part / 2
        _line(svg, (left, level, _WIDTH - _RIGHT, level), "rule")
        _text(svg, (left - 6, level + 4), f"{top * part / 2:,.0f}", "end")
    step = (_WIDTH - left - _RIGHT) / max(len(stacks), 1)
    wide = min(step * 0.7, 48.0)
    every = -(-len(stacks) // _MOST_LABELS)
    for number, stack in enumerate(stacks):
        x, y = left + step * (number + 0.5), foot
        for kind, cell in zip(kinds, stack.parts, strict=True):
            tall = room * _number(cell) / top
            y -= tall
            if tall:
                _rect(svg, (x - wide / 2, y, wide, tall), kind, stack.label, cell)
        if _has_gap(stack):
            _text(svg, (x, y - 4), _GAP, "middle")
        # Counted from the end: the last is the newest year, or what is over all others.
        if (len(stacks) - 1 - number) % every == 0:
            _text(svg, (x, foot + 16), stack.label, "middle")
    return _chart(caption, svg)


def bars(caption: str, kinds: Sequence[Kind], stacks: Sequence[Stack]) -> Chart:
    """Lying bars, the first of many, each with its sum at its end."""
    stacks = stacks[:MOST_ROWS]
    names = _legend(kinds, has_gap=any(_sum(stack) == _GAP for stack in stacks))
    svg = _svg(caption, _below(names) + _STEP * len(stacks))
    _put(svg, names)
    most = max((_length(stack) for stack in stacks), default=0) or 1
    scale = (_WIDTH - max((_room(_sum(stack)) for stack in stacks), default=0)) / most
    for number, stack in enumerate(stacks):
        x, y = 0.0, _below(names) + _STEP * number + 18.0
        _text(svg, (0, y - 4), _short(stack.label), "start")
        for kind, cell in zip(kinds, stack.parts, strict=True):
            length = scale * _number(cell)
            if length:
                _rect(svg, (x, y, length, _BAR), kind, stack.label, cell)
            x += length
        _text(svg, (x + 6 if x else 0, y + 12), _sum(stack), "start")
    return _chart(caption, svg)


def intervals(caption: str, rows: Sequence[Whisker], overall: Ratio | None) -> Chart:
    """Shares with their intervals, the first of many; a line stands at the share of all."""
    rows = rows[:MOST_ROWS]
    head, foot = _LINE + 6, _LINE + 6 + _STEP * len(rows)
    svg = _svg(caption, foot + _FOOT)
    top = max([0.05, *(row.high.value for row in rows), overall.value if overall else 0])
    scale = (_TO - _FROM) / top
    for part in (0, 1, 2):
        x = _FROM + scale * top * part / 2
        _line(svg, (x, head, x, foot), "rule")
        _text(svg, (x, foot + 16), f"{top * part / 2:.0%}", "middle")
    if overall is not None:
        x = _FROM + scale * overall.value
        _line(svg, (x, head - 6, x, foot), "overall")
        # Written towards the side that has more room.
        _text(svg, (x, 14), f"all: {told(overall)}", "start" if 2 * x < _WIDTH else "end")
    for number, row in enumerate(rows):
        y = head + _STEP * number + 27.0
        _text(svg, (0, y - 11), _short(row.label), "start")
        low, rate, high = (_FROM + scale * share.value for share in (row.low, row.rate, row.high))
        group = child(svg, "g")
        child(group, "title", text=f"{row.label}: {row.note}")
        _line(group, (low, y, high, y), "whisker")
        for end in (low, high):
            _line(group, (end, y - 5, end, y + 5), "whisker")
        child(group, "circle", {"class": "rate", "cx": f"{rate:.1f}", "cy": f"{y:.1f}", "r": "5"})
    return _chart(caption, svg)


def _number(cell: Cell) -> float:
    return float(cell) if isinstance(cell, int | Decimal) else 0.0


def _length(stack: Stack) -> float:
    return sum(_number(cell) for cell in stack.parts)


def _has_gap(stack: Stack) -> bool:
    return any(isinstance(cell, Hidden) for cell in stack.parts)


def _sum(stack: Stack) -> str:
    """What stands at the end of a bar: its sum, or what is told instead."""
    if _has_gap(stack):
        only = stack.parts[0]
        return only.text if len(stack.parts) == 1 and isinstance(only, Hidden) else _GAP
    return f"{_length(stack):,.0f}"


def _round_up(number: float) -> int:
    """The next number that halves well: 2, 4, 6, 8, 10, 20, 40, ..."""
    size = 1
    while True:
        for factor in (2, 4, 6, 8, 10):
            if number <= size * factor:
                return size * factor
        size *= 10


def _room(number: str) -> int:
    """How wide a number is at most, with what keeps it from its neighbours."""
    return max(14 + _DIGIT * len(number), 44)


def _short(label: str) -> str:
    return label if len(label) <= _LETTERS else label[: _LETTERS - 1] + "…"


def _svg(caption: str, height: float) -> Element:
    svg = Element("svg", viewBox=f"0 0 {_WIDTH} {height:.0f}", role="img")
    svg.set("aria-label", shown(caption))
    svg.set("font-size", "13")
    return svg


class _Name(NamedTuple):
    """A name in a legend, with its place; ``style`` is None where no colour stands before it."""

    x: int
    y: int
    style: str | None
    text: str


def _legend(kinds: Sequence[Kind], *, has_gap: bool) -> list[_Name]:
    """The names of the parts, in as many lines as they take."""
    wanted: list[tuple[str | None, str]] = [(kind.style, kind.name) for kind in kinds]
    if has_gap:
        wanted.append((None, f"{_GAP} not all of it is told"))
    found, x, y = [], 0, 0
    for style, text in wanted:
        width = (18 if style else 0) + _LETTER * len(text)
        if x and x + width > _WIDTH:
            x, y = 0, y + _LINE
        found.append(_Name(x, y, style, text))
        x += width + 16
    return found


def _below(names: Sequence[_Name]) -> int:
    """Where there is room below a legend."""
    return max(name.y for name in names) + _LINE + 6


def _put(svg: Element, names: Sequence[_Name]) -> None:
    for x, y, style, text in names:
        if style:
            place = {"x": str(x), "y": str(y + 4), "width": "12", "height": "12"}
            child(svg, "rect", {"class": style, **place})
        _text(svg, (x + 18 if style else x, y + 14), text, "start")


def _rect(
    svg: Element, place: tuple[float, float, float, float], kind: Kind, label: str, cell: Cell
) -> None:
    x, y, width, height = (f"{value:.1f}" for value in place)
    made = child(svg, "rect", {"class": kind.style}, x=x, y=y, width=width, height=height)
    child(made, "title", text=f"{label}: {told(cell)} {kind.name}")


def _line(svg: Element, ends: tuple[float, float, float, float], style: str) -> None:
    x1, y1, x2, y2 = (f"{value:.1f}" for value in ends)
    child(svg, "line", {"class": style}, x1=x1, y1=y1, x2=x2, y2=y2)


def _text(svg: Element, place: tuple[float, float], text: str, anchor: str) -> None:
    x, y = (f"{value:.1f}" for value in place)
    child(svg, "text", {"text-anchor": anchor, "x": x, "y": y}, text)


def _chart(caption: str, svg: Element) -> Chart:
    # The writer of the tree has escaped every text.
    return Chart(caption, Markup(tostring(svg, encoding="unicode", method="html")))  # noqa: S704
