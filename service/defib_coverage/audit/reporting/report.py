"""The whole report: an audit is read once, row by row, and all files are written from that."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from defib_coverage.audit.manifest import read_manifest
from defib_coverage.audit.reporting import figures, lacks
from defib_coverage.audit.reporting.at_risk import at_risk
from defib_coverage.audit.reporting.events import events_of
from defib_coverage.audit.reporting.files import ORDERS, PAGE, WORKLIST, new_report
from defib_coverage.audit.reporting.hiding import Limit
from defib_coverage.audit.reporting.orders import ORDER_HEADS, WORK_HEADS, order_cells, work_cells
from defib_coverage.audit.reporting.page import View, Work, page_of
from defib_coverage.audit.reporting.payment import read_payment_table
from defib_coverage.audit.reporting.population import basis, populations
from defib_coverage.audit.reporting.ranking import entry_of
from defib_coverage.audit.reporting.rates import by_operator, by_site
from defib_coverage.audit.reporting.reading import count_rejects, read_rows
from defib_coverage.audit.reporting.run import facts, run
from defib_coverage.audit.reporting.sorting import Sorter
from defib_coverage.audit.reporting.table import csv_line, csv_of
from defib_coverage.audit.reporting.tally import Tally
from defib_coverage.audit.reporting.tiles import tiles

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from defib_coverage.audit.reporting.events import Event
    from defib_coverage.audit.reporting.files import Drawer
    from defib_coverage.audit.reporting.payment import PaymentTable, Priced
    from defib_coverage.audit.reporting.rows import Row
    from defib_coverage.audit.reporting.section import Section

    Watch = Callable[[Iterable[Row], int], Iterable[Row]]

FIRST = 200
"""How many entries of the worklist stand in the page."""


class Wanted(msgspec.Struct, frozen=True):
    """What is asked for.

    ``payment`` is the file of the payment table; ``suppress_below`` the limit below which numbers
    are hidden; ``replace``: a report that is there already goes.
    """

    audit: Path
    output: Path
    payment: Path | None = None
    suppress_below: int | None = None
    replace: bool = False


class Written(msgspec.Struct, frozen=True):
    """What was written: the files, and how many entries the worklist has (None: there is none)."""

    files: tuple[Path, ...]
    entries: int | None


def write_report(
    wanted: Wanted, shorts: Mapping[str, str], watched: Watch = lambda rows, _: rows
) -> Written:
    """Write the report of an audit.

    Args:
        wanted: what is asked for.
        shorts: the phrases of findings, by code.
        watched: gives on the rows that it is given, of which there are so many, and may show how
            far it is.

    Raises:
        InputError: audit or payment table cannot be used, or the report cannot be written.
    """
    manifest = read_manifest(wanted.audit)
    payment = None if wanted.payment is None else read_payment_table(wanted.payment)
    rejects = count_rejects(wanted.audit, manifest)
    limit = None if wanted.suppress_below is None else Limit(wanted.suppress_below)
    rows = watched(read_rows(wanted.audit, manifest), manifest.counts.orders)
    events = ((event, None if payment is None else payment.of(event)) for event in events_of(rows))
    tally = Tally()
    with new_report(wanted.output, replace=wanted.replace) as drawer:
        work = None if limit is not None else _write_rows(events, tally, payment, drawer)
        # With a limit nothing of a single event is written: the numbers are all there is.
        for event, priced in events:
            tally.add(event, priced)
        sections = _sections(tally, limit, shorts, priced=payment is not None)
        sections.append(run(manifest, rejects, tally.foreign, limit))
        for table in chain.from_iterable(section.tables for section in sections):
            with drawer.open(f"{table.name}.csv") as file:
                file.write(csv_of(table))
        found = populations(tally, limit)
        view = View(
            facts=facts(manifest),
            tiles=tiles(tally, found, limit, priced=payment is not None),
            sections=tuple(sections),
            work=work,
            least=wanted.suppress_below,
            priced=payment is not None,
        )
        with drawer.open(PAGE) as file:
            file.write(page_of(view))
    paths = tuple(wanted.output / name for name in sorted(drawer.names))
    return Written(paths, None if work is None else work.number)


def _write_rows(
    events: Iterable[tuple[Event, Priced | None]],
    tally: Tally,
    payment: PaymentTable | None,
    drawer: Drawer,
) -> Work:
    """Count all events, and write what names them: every order, and the worklist."""
    sorter = Sorter(drawer.scratch)
    with drawer.open(ORDERS) as file:
        file.write(csv_line(ORDER_HEADS))
        for event, priced in events:
            tally.add(event, priced)
            entry = entry_of(event, None if priced is None else priced.amount)
            if entry is not None:
                sorter.add(entry)
            for row in event.rows:
                paid = None if payment is None else payment.amount(row.order.code, event.day)
                file.write(csv_line(order_cells(row, paid)))
    first = []
    with drawer.open(WORKLIST) as file:
        file.write(csv_line(WORK_HEADS))
        for number, entry in enumerate(sorter.entries(), start=1):
            file.write(csv_line(work_cells(number, entry)))
            if number <= FIRST:
                first.append(entry)
    return Work(tuple(first), sorter.number)


def _sections(
    tally: Tally, limit: Limit | None, shorts: Mapping[str, str], *, priced: bool
) -> list[Section]:
    """The sections that there is something to tell in."""
    found = populations(tally, limit)
    base = basis(found)
    if not any(one.shown for one in found):
        return []
    made = [figures.by_year(tally, found, limit), figures.windows(tally, found, limit)]
    if priced and base is not None:
        made.append(at_risk(tally, base, limit))
    made.append(lacks.pairs(tally, found, limit))
    made += [one for one in (by_site(tally, base, limit), by_operator(tally, base, limit)) if one]
    made.append(lacks.findings(tally, found, limit, shorts))
    return made
