"""The section about the run: what was read, by what, and what could not be used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from defib_coverage.audit.reporting.section import Section
from defib_coverage.audit.reporting.table import Cell, Table

if TYPE_CHECKING:
    from collections import Counter

    from defib_coverage.audit.manifest import Manifest
    from defib_coverage.audit.reporting.hiding import Limit


def run(manifest: Manifest, rejects: Counter[str], foreign: int, limit: Limit | None) -> Section:
    """What the run says of itself.

    Args:
        manifest: of the run.
        rejects: how many lines were rejected for each reason.
        foreign: how many events were not ours to judge.
        limit: with one, only what tells of no group of patients.
    """
    counts = manifest.counts
    rows: list[tuple[Cell, ...]] = [
        ("files read", len(manifest.inputs)),
        ("bytes read", sum(one.bytes for one in manifest.inputs)),
        ("lines read", counts.lines),
    ]
    note = "What the run counted: lines, and orders rather than events."
    if limit is not None:
        # Beside the events, patients and orders would tell of those that are not shown.
        told = "How many patients, orders and rejected lines there were is not told."
        table = Table("run", "Counts of the run", ("what", "number"), tuple(rows))
        return Section("run", "The run", (note, told), (), (table,))
    rows += [
        ("blank lines", counts.blank),
        ("rejects", counts.rejects),
        ("records of patients with an order", counts.with_orders),
        ("records of patients without one", counts.without_orders),
        ("patients with an order", counts.patients),
        ("orders", counts.orders),
        *((f"orders {status.replace('-', ' ')}", n) for status, n in counts.by_status.items()),
        ("events that are not ours to judge", foreign),
    ]
    tables = [Table("run", "Counts of the run", ("what", "number"), tuple(rows))]
    if rejects:
        reasons = tuple((reason, n) for reason, n in rejects.most_common())
        caption = "Rejected, by reason; rejects.ndjson of the audit names each file and line"
        tables.append(Table("rejects", caption, ("reason", "number"), reasons))
    return Section("run", "The run", (note,), (), tuple(tables))


def facts(manifest: Manifest) -> tuple[tuple[str, str], ...]:
    """What stands at the head of the page: names with what they are."""
    known = (
        "everything that was read, whenever it was recorded"
        if manifest.hindsight
        else "only what was recorded by the service day"
    )
    policies = ", ".join(f"{one.id} {one.version}" for one in manifest.policies) or "none"
    return (
        ("Judged by", policies),
        ("With", known),
        ("Run", f"{manifest.started} to {manifest.finished}"),
        ("Today was", manifest.today.isoformat()),
        ("Program", f"defib-coverage {manifest.version}, engine {manifest.engine}"),
        ("Data", manifest.data_digest),
    )
