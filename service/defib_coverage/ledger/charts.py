"""Charts as SVG elements: bars that lie, columns that stand, each with its numbers in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from xml.etree.ElementTree import Element, SubElement

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# In the units of a chart, which is as wide as the page.
_WIDTH = 900
_BAR, _STEP = 16, 24
_LABEL = 300
_END = 60
_HEIGHT = 220
_LEGEND = 30
_FONT = "12"
# What fits beside a bar.
_MOST_LETTERS = 44
MOST_BARS = 25
"""What a chart of bars shows."""
# Labels below columns, at most.
_MOST_LABELS = 12
_STATUSES = ("covered", "conditional", "not-covered")


class Stacks(NamedTuple):
    """What columns show: the names and the classes of their parts, and each with its numbers."""

    names: tuple[str, ...]
    classes: tuple[str, ...]
    rows: tuple[tuple[str, tuple[int, ...]], ...]


def by_status(statuses: Sequence[tuple[str, Mapping[str, int]]]) -> Stacks:
    """How many decisions came to each status in each time; the usual ones always stand there."""
    others = sorted({name for _, found in statuses for name in found} - {*_STATUSES})
    names = (*_STATUSES, *others)
    classes = tuple(name if name in _STATUSES else "other" for name in names)
    rows = ((time, tuple(found.get(name, 0) for name in names)) for time, found in statuses)
    return Stacks(names, classes, tuple(rows))


def child(
    parent: Element,
    tag: str,
    attributes: Mapping[str, str] | None = None,
    text: str | None = None,
    **more: str,
) -> Element:
    """An element below another; text without what steers whoever shows it."""
    made = SubElement(parent, tag, {**(attributes or {}), **more})
    made.text = None if text is None else shown(text)
    return made


def shown(text: str) -> str:
    """Text without control characters; line breaks stay."""
    return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)


def bars(
    title: str,
    rows: Sequence[tuple[str, Sequence[int]]],
    names: Sequence[str],
    classes: Sequence[str],
) -> Element:
    """Lying bars, the first rows of many.

    Args:
        title: what is shown.
        rows: what each bar is about, and how long its parts are.
        names: of the parts.
        classes: of the parts, for their colours.
    """
    rows = rows[:MOST_BARS]
    svg = _svg(title, _LEGEND + _STEP * len(rows))
    _legend(svg, names, classes)
    most = max(sum(parts) for _, parts in rows) or 1
    scale = (_WIDTH - _LABEL - _END) / most
    for number, (name, parts) in enumerate(rows):
        y = _LEGEND + _STEP * number
        short = name if len(name) <= _MOST_LETTERS else name[: _MOST_LETTERS - 1] + "…"
        _text(svg, _LABEL - 8, y + 13, short, "end")
        x = float(_LABEL)
        for part, kind, what in zip(parts, classes, names, strict=True):
            width = part * scale
            _rect(svg, (x, y, width, _BAR), kind, f"{name}: {part:,} {what}")
            x += width
        _text(svg, x + 6, y + 13, f"{sum(parts):,}", "start")
    return svg


def columns(
    title: str,
    stacks: Sequence[tuple[str, Sequence[int]]],
    names: Sequence[str],
    classes: Sequence[str],
) -> Element:
    """Standing columns, one beside another; arguments as of ``bars``."""
    svg = _svg(title, _LEGEND + _HEIGHT + 24)
    _legend(svg, names, classes)
    most = max(sum(parts) for _, parts in stacks) or 1
    step = (_WIDTH - _END) / len(stacks)
    every = -(-len(stacks) // _MOST_LABELS)
    foot = _LEGEND + _HEIGHT
    rule = {"class": "rule", "x1": str(_END), "x2": str(_WIDTH)}
    for share in (0.0, 0.5, 1.0):
        level = foot - share * (_HEIGHT - 10)
        child(svg, "line", rule, y1=f"{level:.1f}", y2=f"{level:.1f}")
        _text(svg, _END - 8, level + 4, f"{most * share:,.0f}", "end")
    for number, (name, parts) in enumerate(stacks):
        x, y = _END + step * number, float(foot)
        for part, kind, what in zip(parts, classes, names, strict=True):
            height = part / most * (_HEIGHT - 10)
            y -= height
            place = (x + step * 0.1, y, min(step * 0.8, 60.0), height)
            _rect(svg, place, kind, f"{name}: {part:,} {what}")
        if number % every == 0 and x + _END <= _WIDTH:
            _text(svg, x + step * 0.1, foot + 18, name, "start")
    return svg


def _svg(title: str, height: int) -> Element:
    svg = Element("svg", viewBox=f"0 0 {_WIDTH} {height}", role="img")
    svg.set("aria-label", shown(title))
    svg.set("font-size", _FONT)
    child(svg, "title", text=title)
    return svg


def _legend(svg: Element, names: Sequence[str], classes: Sequence[str]) -> None:
    x = float(_END)
    key = child(svg, "g", {"class": "key"})
    for name, kind in zip(names, classes, strict=True):
        _rect(key, (x, 4, 12, 12), kind, name)
        _text(key, x + 18, 14, name, "start")
        x += 40 + 7 * len(name)


def _rect(svg: Element, place: tuple[float, float, float, float], kind: str, told: str) -> None:
    x, y, width, height = (f"{value:.1f}" for value in place)
    rect = child(svg, "rect", {"class": kind}, x=x, y=y, width=width, height=height)
    child(rect, "title", text=told)


def _text(svg: Element, x: float, y: float, text: str, anchor: str) -> None:
    attributes = {"text-anchor": anchor, "x": f"{x:.1f}", "y": f"{y:.1f}"}
    child(svg, "text", attributes, text)
