"""The ledger's report as one HTML page: no script, nothing from elsewhere, light and dark.

The page is built as a tree, whose writer escapes every text: what clients send is never markup.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, tostring

from defib_coverage.ledger.charts import MOST_BARS, bars, by_status, child, columns

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from defib_coverage.ledger.report import Rates, Report

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #59636e; --paper: #ffffff;
  --line: #d1d9e0; --tile: #f6f8fa; --accepted: #1f6fb4; --overridden: #c2560c;
  --covered: #2c7a4b; --conditional: #b98900; --not-covered: #b3261e; --other: #76808a; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #9da7b1; --paper: #0f1318;
  --line: #313a44; --tile: #181e25; --accepted: #6cb1ee; --overridden: #f0975a;
  --covered: #5fbf87; --conditional: #e0b84c; --not-covered: #f08078; --other: #8b96a1; } }
body { margin: 0 auto; padding: 1.5rem; max-width: 62rem; background: var(--paper);
  color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; }
p, figcaption { color: var(--soft); max-width: 48rem; }
.tiles { display: grid; gap: .75rem; grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); }
.tile { background: var(--tile); border: 1px solid var(--line); border-radius: .5rem;
  padding: .6rem .8rem; }
.tile b { display: block; font-size: 1.4rem; font-variant-numeric: tabular-nums; }
.tile span { color: var(--soft); font-size: .85rem; }
figure { margin: 1rem 0; overflow-x: auto; }
svg { width: 100%; min-width: 40rem; height: auto; } svg text { fill: var(--ink); }
.accepted { fill: var(--accepted); } .overridden { fill: var(--overridden); }
.covered { fill: var(--covered); } .conditional { fill: var(--conditional); }
.not-covered { fill: var(--not-covered); } .other { fill: var(--other); }
.rule { stroke: var(--line); stroke-width: 1; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .9rem;
  font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .6rem; text-align: right; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child, .words { text-align: left; overflow-wrap: anywhere;
  min-width: 6rem; }
"""


def page_of(report: Report, title: str) -> bytes:
    """The page, in UTF-8."""
    html = Element("html", lang="en")
    head = child(html, "head")
    child(head, "meta", charset="utf-8")
    child(head, "meta", {"http-equiv": "Content-Security-Policy", "content": _POLICY})
    child(head, "meta", name="viewport", content="width=device-width, initial-scale=1")
    child(head, "title", text=f"defib-coverage: {title}")
    child(head, "style", text=_STYLE)
    body = child(html, "body")
    child(body, "h1", text=title)
    _tiles(body, report.total)
    unmatched = report.unmatched
    told = (
        f"Answers to cards that were never sent: {unmatched.unknown}; to cards whose decision is "
        f"kept no longer: {unmatched.purged}. They count nowhere here. Cards that nobody answered "
        "are not reported, so rates are those of answered cards."
    )
    child(body, "p", text=told)
    _over_time(body, report)
    _taken(body, "By finding", report.by_finding, "A card counts for each finding of its order.")
    _taken(body, "By kind of card", report.by_kind, "Kinds are the topics of CRD.")
    _taken(body, "By client", report.by_client, "")
    _taken(body, "By policy version", report.by_policy, "")
    _reasons(body, report)
    written: bytes = tostring(html, encoding="utf-8", method="html")
    return b"<!DOCTYPE html>\n" + written


def _tiles(body: Element, total: Rates) -> None:
    tiles = child(body, "div", {"class": "tiles"})
    for number, name in (
        (f"{total.decisions:,}", "decisions"),
        (f"{total.cards:,}", "cards"),
        (f"{total.answered:,}", "answered"),
        (_share(total.acceptance), "accepted"),
        (_share(total.override), "overridden"),
        (f"{total.taken:,}", f"with a suggestion, of {total.offers:,} offered"),
    ):
        tile = child(tiles, "div", {"class": "tile"})
        child(tile, "b", text=number)
        child(tile, "span", text=name)


def _over_time(body: Element, report: Report) -> None:
    child(body, "h2", text="Statuses over time")
    if not report.statuses:
        child(body, "p", text="nothing")
        return
    shown = by_status(report.statuses)
    figure = child(body, "figure")
    figure.append(columns("Decisions over time, by status", shown.rows, shown.names, shown.classes))
    _table(
        body,
        ("", *shown.names),
        ([time, *(f"{number:,}" for number in numbers)] for time, numbers in shown.rows),
    )


def _taken(body: Element, title: str, rates: Sequence[Rates], note: str) -> None:
    child(body, "h2", text=title)
    if note:
        child(body, "p", text=note)
    if not rates:
        child(body, "p", text="nothing")
        return
    answered = [one for one in rates if one.answered]
    if answered:
        rows = [(one.name, [one.accepted, one.overridden]) for one in answered]
        names = ("accepted", "overridden")
        figure = child(body, "figure")
        figure.append(bars(f"Answered cards, {title.lower()}", rows, names, names))
        if len(rows) > MOST_BARS:
            child(figure, "figcaption", text=f"The first {MOST_BARS}; the table has all of them.")
    headings = ("", "decisions", "cards", "answered", "accepted", "overridden", "with suggestion")
    _table(
        body,
        headings,
        (
            [
                one.name,
                f"{one.decisions:,}" if one.decisions else "-",
                f"{one.cards:,}",
                f"{one.answered:,}",
                _share(one.acceptance),
                _share(one.override),
                f"{one.taken:,}",
            ]
            for one in rates
        ),
    )


def _reasons(body: Element, report: Report) -> None:
    child(body, "h2", text="Reasons of overrides")
    if not report.reasons:
        child(body, "p", text="nothing")
        return
    rows = [(one.code, [one.number]) for one in report.reasons]
    figure = child(body, "figure")
    figure.append(bars("Overridden cards, by reason", rows, ("overridden",), ("overridden",)))
    told = ([one.code, f"{one.number:,}", one.system or "-"] for one in report.reasons)
    _table(body, ("", "cards", "code system"), told, words=2)


def _table(
    body: Element, headings: Sequence[str], rows: Iterable[Sequence[str]], words: int = 0
) -> None:
    """A table whose first column, and that of ``words``, are text."""
    table = child(child(body, "div", {"class": "scroll"}), "table")
    for tag, cells in [("th", headings), *(("td", row) for row in rows)]:
        line = child(table, "tr")
        for number, cell in enumerate(cells):
            style = {"class": "words"} if words and number == words else {}
            child(line, tag, style, text=cell)


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.0%}"
