"""``audit report``: events counted once, the worst first, files for others, clear errors."""

from __future__ import annotations

import json
import stat
from decimal import Decimal
from typing import TYPE_CHECKING, get_args

import msgspec
import pytest

from audit_samples import (
    finding,
    in_order,
    pair,
    read_csv,
    row,
    sample_rows,
    window,
    write_audit,
)
from command_line import run, words
from defib_coverage.audit.reporting.events import events_of
from defib_coverage.audit.reporting.interval import wilson
from defib_coverage.audit.reporting.ranking import Entry, entry_of
from defib_coverage.audit.reporting.report import Wanted, write_report
from defib_coverage.audit.reporting.rows import Row
from defib_coverage.audit.reporting.sorting import Sorter
from defib_coverage.coverage.orders import ServiceDateBasis
from defib_coverage.documents.document import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from fhir_builders import Json

    Cells = dict[str, str]


def report_of(folder: Path, rows: Sequence[Json], payment: str | None = None) -> Path:
    """The folder of the report of some rows."""
    audit = write_audit(folder / "out", rows)
    table = None
    if payment is not None:
        table = folder / "payment.csv"
        table.write_text(payment)
    write_report(Wanted(audit, folder / "report", table), {"lvef-missing": "the LVEF"})
    return folder / "report"


def rows_in(folder: Path, name: str) -> list[Cells]:
    return list(read_csv(folder / f"{name}.csv"))


def refused(folder: Path) -> str:
    """What is said of an audit that cannot be used; nothing is left behind."""
    with pytest.raises(InputError) as raised:
        write_report(Wanted(folder, folder / "report"), {})
    assert not (folder / "report").exists()
    return str(raised.value)


# Events


def test_order_procedure_and_claim_of_a_day_are_one_event(tmp_path: Path) -> None:
    rows = [
        row(1, patient="Patient/a", order={"reference": name}, audit={"performed": done})
        for name, done in (("ServiceRequest/1", False), ("Procedure/1", True), ("Claim/1#1", True))
    ]
    folder = report_of(tmp_path, [*rows, row(2, patient="Patient/a", order=_on("2024-03-03"))])
    all_years = [one for one in rows_in(folder, "status-by-year") if one["year"] == "all"]
    assert [(one["events"], one["all"]) for one in all_years] == [("performed", "2")]
    assert len(rows_in(folder, "orders")) == 4


def _on(day: str) -> Json:
    return {"serviceDate": day}


def test_what_was_performed_counts_and_not_what_was_ordered(tmp_path: Path) -> None:
    ordered = row(1, patient="Patient/a", status="not-covered", audit={"performed": False})
    ordered["order"]["reference"] = "ServiceRequest/1"
    folder = report_of(tmp_path, [ordered, row(1, patient="Patient/a")])
    (year, total) = rows_in(folder, "status-by-year")
    assert (year["year"], year["covered"], total["not covered"]) == ("2024", "1", "0")


def test_the_worst_status_of_an_event_counts(tmp_path: Path) -> None:
    rows = [
        row(number, patient="Patient/a", status=status)
        for number, status in enumerate(("covered", "not-covered", "conditional", "not-applicable"))
    ]
    (year, _) = rows_in(report_of(tmp_path, rows), "status-by-year")
    assert (year["not covered"], year["all"]) == ("1", "1")


def test_an_event_that_is_not_ours_is_in_no_figure(tmp_path: Path) -> None:
    folder = report_of(tmp_path, [row(1, status="not-applicable"), row(2)])
    assert rows_in(folder, "status-by-year")[-1]["all"] == "1"
    counts = {one["what"]: one["number"] for one in rows_in(folder, "run")}
    assert counts["events that are not ours to judge"] == "1"
    assert counts["orders"] == "2"
    assert not rows_in(folder, "worklist")


def test_windows_count_each_kind_once_by_the_one_that_ends_last(tmp_path: Path) -> None:
    windows = [
        *(window("MI", 3), window("MI", 10), window("PCI", 81), window("PCI", 200)),
        window("CABG", 20, applies=False, exception="pacemaker"),
    ]
    folder = report_of(tmp_path, [row(1, status="not-covered", waitingPeriods=windows)])
    found = {one["days early"]: one for one in rows_in(folder, "open-windows")}
    assert found["1-10"]["MI performed"] == "1"
    assert found["over 90"]["PCI performed"] == "1"
    assert [found["all"][f"{name} performed"] for name in ("MI", "CABG", "PCI")] == ["1", "0", "1"]
    (lifted,) = [one for one in rows_in(folder, "window-certainty") if one["window"] == "CABG"]
    assert (lifted["how it stands"], lifted["performed"]) == ("pacemaker", "1")


def test_performed_and_ordered_windows_are_told_apart(tmp_path: Path) -> None:
    rows = [
        row(1, status="not-covered", waitingPeriods=[window("MI", 11)]),
        row(
            2,
            status="not-covered",
            waitingPeriods=[window("MI", 20)],
            audit={"performed": False},
        ),
    ]
    found = rows_in(report_of(tmp_path, rows), "open-windows")
    assert [one["days early"] for one in found if one["MI performed"] == "1"] == ["11-20", "all"]
    assert [one["days early"] for one in found if one["MI ordered only"] == "1"] == ["11-20", "all"]


def test_missing_pairs_tell_how_many_have_a_supported_partner(tmp_path: Path) -> None:
    partners = ["I50.23", "I50.22"]
    rows = [
        row(1, missingSecondary=[pair("I25.5", partners)]),
        row(2, missingSecondary=[pair("I25.5", partners[::-1], ["I50.22"])]),
        row(3, missingSecondary=[pair("I42.0", partners)]),
    ]
    found = rows_in(report_of(tmp_path, rows), "missing-pairs")
    assert [list(one.values()) for one in found] == [
        ["I25.5", "I50.22 I50.23", "2", "1"],
        ["I42.0", "I50.22 I50.23", "1", "0"],
    ]


def test_rates_of_sites_have_the_interval_of_wilson(tmp_path: Path) -> None:
    rows = [
        row(number, status=status, audit={"site": site})
        for number, (site, status) in enumerate(
            [("Small", "not-covered")] + [("Large", "covered")] * 8 + [("Large", "not-covered")] * 2
        )
    ]
    found = rows_in(report_of(tmp_path, rows), "sites")
    assert [one["site"] for one in found] == ["Large", "Small"]
    # Newcombe (1998), Statistics in Medicine 17: the score interval of 2 in 10 and of 1 in 1.
    assert [found[0][name] for name in ("rate", "95 % from", "to")] == [
        *("0.2000", "0.0567", "0.5098"),
    ]
    assert found[1]["95 % from"] == "0.2065"
    assert not (tmp_path / "report" / "operators.csv").exists()


@pytest.mark.parametrize(
    ("part", "whole", "low", "high"),
    # Newcombe (1998), table I, method 3.
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson(part: int, whole: int, low: float, high: float) -> None:
    assert wilson(part, whole) == pytest.approx((low, high), abs=0.00005)


def test_where_nothing_was_performed_rates_are_of_the_orders(tmp_path: Path) -> None:
    rows = [row(1, status="not-covered", audit={"performed": False, "operator": "Dr X"})]
    (found,) = rows_in(report_of(tmp_path, rows), "operators")
    assert (found["operator"], found["not covered"]) == ("Dr X", "1")
    page = (tmp_path / "report" / "index.html").read_text()
    assert "Nothing was performed: of the orders" in page


def test_findings_count_events_and_tell_warnings_apart(tmp_path: Path) -> None:
    rows = [
        row(1, findings=[finding("lvef-missing"), finding("lvef-missing", text="Again.")]),
        row(2, findings=[finding("lvef-missing", "info")]),
    ]
    (found,) = rows_in(report_of(tmp_path, rows), "findings")
    assert list(found.values()) == ["lvef-missing", "the LVEF", "2", "1"]


def test_a_realistic_audit_adds_up(tmp_path: Path) -> None:
    rows = sample_rows(400)
    folder = report_of(tmp_path, rows)
    assert len(rows_in(folder, "orders")) == len(rows)
    years = rows_in(folder, "status-by-year")
    for name in ("performed", "ordered only"):
        (total,) = (one for one in years if (one["events"], one["year"]) == (name, "all"))
        for column in ("covered", "conditional", "not covered", "all"):
            parts = (one for one in years if one["events"] == name and one["year"] != "all")
            assert sum(int(one[column]) for one in parts) == int(total[column])
    performed = next(one for one in years if one["year"] == "all")
    for name in ("sites", "operators"):
        found = rows_in(folder, name)
        assert sum(int(one["events"]) for one in found) == int(performed["all"])
        assert sum(int(one["not covered"]) for one in found) == int(performed["not covered"])
    numbers = [one["number"] for one in rows_in(folder, "worklist")]
    assert numbers == [str(n) for n in range(1, len(numbers) + 1)]


# Money

PRICES = (
    "Code, amount ,from,until\n33249,100.50,,2023-12-31\n33249,200,2024-01-01,\n c1721 ,900,,\n"
)


def test_money_counts_an_event_once_with_its_highest_amount(tmp_path: Path) -> None:
    both = [
        row(1, patient="Patient/a", status="not-covered"),
        row(2, patient="Patient/a", status="not-covered", order={"code": "C1721"}),
    ]
    rows = [
        *(*both, row(3, status="conditional"), row(4, status="conditional", order={"code": "X"})),
        row(5, status="not-covered", order=_on("2023-12-31")),
        row(6),
    ]
    folder = report_of(tmp_path, rows, PRICES)
    found = [tuple(one.values()) for one in rows_in(folder, "money-at-risk")]
    assert found == [
        ("not covered", "C1721", "900.00", "1", "900.00"),
        ("not covered", "33249", "100.50", "1", "100.50"),
        ("not covered", "all", "", "2", "1000.50"),
        ("conditional", "33249", "200.00", "1", "200.00"),
        ("conditional", "all", "", "1", "200.00"),
    ]
    assert [tuple(one.values()) for one in rows_in(folder, "money-lacking")] == [("X", "1")]
    page = words((folder / "index.html").read_text())
    assert "Events without an amount in the table: 1 conditional." in page
    amounts = {one["order"]: one["amount"] for one in rows_in(folder, "worklist")}
    assert amounts["Procedure/1"] == "900.00"


def test_an_event_is_priced_by_its_order_where_the_procedure_has_another_code(
    tmp_path: Path,
) -> None:
    rows = [
        row(1, patient="Patient/a", status="not-covered", audit={"performed": False}),
        row(2, patient="Patient/a", status="not-covered", order={"code": "02H43KE"}),
    ]
    rows[0]["order"]["reference"] = "ServiceRequest/1"
    (found, _, _) = rows_in(report_of(tmp_path, rows, PRICES), "money-at-risk")
    assert found["at risk"] == "200.00"


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        *(("31250", "31250.00"), ("31250.5", "31250.50"), ("0", "0.00"), ("$31250.00", "31250.00")),
        *(("31,250.00", "31250.00"), ("$31,250.00", "31250.00"), (" $ 31,250 ", "31250.00")),
        *(("999,999,999.99", "999999999.99"), ("1,000", "1000.00"), ("250.00", "250.00")),
    ],
)
def test_amounts_are_read_as_a_spreadsheet_writes_them(
    tmp_path: Path, text: str, amount: str
) -> None:
    folder = report_of(tmp_path, [row(status="not-covered")], f'code,amount\n33249,"{text}"\n')
    assert rows_in(folder, "money-at-risk")[0]["at risk"] == amount


@pytest.mark.parametrize(
    "text",
    [
        *("31,25", "31,250,00", "3125,000", "1,2500", "31,250,", ",250", "0,250", "000,250"),
        *("31.250,00", "31 250", "$", "$$5", "5$", "$-5", "-$5", "(5)", "€5", "USD 5"),
        *("1,000,000,000", "1_000", "+5", "1,250.005", "1,250.", "\u0665"),
    ],
)
def test_other_ways_to_write_amounts_are_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError) as raised:
        report_of(tmp_path, [row()], f'code,amount\n33249,"{text}"\n')
    assert str(raised.value) == (
        f"{tmp_path / 'payment.csv'}: line 2: {text!r} is no amount such as 30250.00 or 30,250.00"
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "line 1: must name the columns code, amount[, from, until]"),
        ("code,price\n1,2\n", "line 1: must name the columns code, amount[, from, until]"),
        ("code,amount,amount\n", "line 1: must name the columns code, amount[, from, until]"),
        ("code,amount\n", "holds no amounts"),
        ("code,amount\n33249,30,000.00\n", "line 2: has 3 cells, the first line names 2"),
        ("code,amount\n33249,NaN\n", "line 2: 'NaN' is no amount such as 30250.00"),
        ("code,amount\n33249,-1\n", "line 2: '-1' is no amount such as 30250.00"),
        ("code,amount\n33249,1e30\n", "line 2: '1e30' is no amount such as 30250.00"),
        ("code,amount\n33249,1.005\n", "line 2: '1.005' is no amount such as 30250.00"),
        ("code,amount\n33249\n", "line 2: '' is no amount such as 30250.00"),
        ("code,amount\n ,5\n", "line 2: has no code"),
        ("code,amount\nc1721,1\n\nC1721,2\n", "line 4: C1721 has an amount for the same days"),
        ("code,amount,from\n1,2,2024\n", "line 2: from '2024' is no day such as 2024-01-31"),
        (
            "code,amount,from,until\n1,2,2024-02-01,2024-01-31\n",
            "line 2: until is before from",
        ),
        ('code,amount\n"1,2\n', "line 2: is no CSV (unexpected end of data)"),
    ],
)
def test_a_payment_table_is_refused_by_its_line(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(InputError) as raised:
        report_of(tmp_path, [row()], text)
    assert str(raised.value).startswith(f"{tmp_path / 'payment.csv'}: {told}")
    assert "\n" not in str(raised.value)


# Worklist


def test_the_worst_comes_first(tmp_path: Path) -> None:
    planned = {"performed": False}
    warn, info = [finding("lvef-missing")], [finding("lvef-missing", "info")]
    possible = window("MI", 90, certainty="possible")
    rows = [
        row(1, status="not-covered", waitingPeriods=[window("MI", 12)], audit=planned),
        row(2, status="conditional", findings=warn),
        row(3, status="covered", missingSecondary=[pair("I25.5", ["I50.22"])]),
        row(4, status="not-covered", findings=warn),
        row(5, status="not-covered", waitingPeriods=[window("MI", 12)]),
        row(6, status="not-covered", waitingPeriods=[window("MI", 2), window("PCI", 80)]),
        row(7, status="conditional", findings=info),
        row(8, status="covered", findings=warn),
        row(9, status="not-applicable"),
        row(10, status="not-covered", waitingPeriods=[possible]),
        row(11, status="conditional", findings=warn, audit=planned),
    ]
    found = rows_in(report_of(tmp_path, rows), "worklist")
    assert [one["patient"].removeprefix("Patient/") for one in found] == [
        *("6", "5", "10", "4", "3", "2", "1", "11"),
    ]
    assert found[0]["days early"] == "80"
    assert [one["group"] for one in found[-2:]] == ["ordered only"] * 2
    page = (tmp_path / "report" / "index.html").read_text()
    assert "Ordered only</th>" in page[page.index('<section id="worklist"') :]


def test_the_worklist_says_why_and_where(tmp_path: Path) -> None:
    made = row(
        1,
        status="not-covered",
        waitingPeriods=[window("MI", 1, certainty="possible", eventDate=None)],
        missingSecondary=[pair("I25.5", ["I50.22", "I50.23"], ["I50.22"])],
        findings=[finding("waiting-period-open"), finding("nyha-missing", text="No class.")],
        audit={"sameDay": ["Claim/7#1"], "site": "General", "operator": "Dr X", "line": 41},
    )
    (found,) = rows_in(report_of(tmp_path, [made]), "worklist")
    assert found["why"] == (
        "MI of unknown day: possibly 1 day before the first eligible day, 2024-03-14; I25.5 "
        "without one of I50.22, I50.23; the chart supports I50.22; No class."
    )
    assert found["evidence"] == "Condition/mi Observation/o1"
    assert found["same day"] == "Claim/7#1"
    assert (found["file"], found["line"]) == ("Procedure.ndjson", "41")
    assert (found["site"], found["operator"]) == ("General", "Dr X")


def test_files_and_page_tell_what_the_day_rests_on(tmp_path: Path) -> None:
    told = {
        "occurrence": "as recorded",
        "appointment": "the booked day",
        "authored-assumed": "the day it was written",
        "today": "unknown: today",
    }
    rows = [
        row(number, status="not-covered", order={"serviceDateBasis": basis})
        for number, basis in enumerate(told)
    ]
    folder = report_of(tmp_path, rows)
    due = {f"Procedure/{number}": words for number, words in enumerate(told.values())}
    for name in ("orders", "worklist"):
        found = rows_in(folder, name)
        assert list(found[0]).index("day is") == list(found[0]).index("service day") + 1
        assert {one["order"]: one["day is"] for one in found} == due
    page = (folder / "index.html").read_text()
    for words_ in list(told.values())[1:]:
        assert page.count(f'class="day">2024-03-02<span>{words_}</span>') == 1
    assert page.count('class="day">2024-03-02</td>') == 1
    # No way in which the service finds a day is without words.
    assert set(told) == {*get_args(ServiceDateBasis)}


def test_the_page_has_the_first_200(tmp_path: Path) -> None:
    rows = [row(n, status="not-covered", findings=[finding("x")]) for n in range(230)]
    folder = report_of(tmp_path, rows)
    page = (folder / "index.html").read_text()
    assert "The first 200 of 230 events to review" in page
    assert page.count("Procedure.ndjson, line") == 200
    assert len(rows_in(folder, "worklist")) == 230


def test_entries_are_sorted_in_parts_as_in_one(tmp_path: Path) -> None:
    rows = [msgspec.convert(one, Row) for one in in_order(sample_rows(300))]
    entries = [entry for event in events_of(rows) if (entry := entry_of(event, Decimal("1.50")))]
    sorter = Sorter(tmp_path, part=7)
    for entry in entries:
        sorter.add(entry)
    found: list[Entry] = list(sorter.entries())
    assert len(list(tmp_path.iterdir())) > 5
    assert found == sorted(entries, key=lambda one: one.place)


# Files


def test_files_are_for_their_owner_only(tmp_path: Path) -> None:
    folder = report_of(tmp_path, [row()])
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_formulas_are_defused_and_markup_is_text(tmp_path: Path) -> None:
    hostile = "<script>alert(1)</script>\u202e"
    made = row(1, status="not-covered", findings=[finding("x", text=hostile)])
    made["audit"] |= {"site": "=1+1", "operator": " @SUM(A1)", "file": "-a.ndjson"}
    made["patient"] = "+Patient/1"
    folder = report_of(tmp_path, [made])
    (found,) = rows_in(folder, "worklist")
    assert [found[name] for name in ("patient", "site", "operator", "file")] == [
        *("'+Patient/1", "'=1+1", "' @SUM(A1)", "'-a.ndjson"),
    ]
    assert rows_in(folder, "sites")[0]["site"] == "'=1+1"
    page = (folder / "index.html").read_text()
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "\u202e" not in page


def test_a_report_that_is_there_is_left_alone_without_force(tmp_path: Path) -> None:
    folder = report_of(tmp_path, [row()])
    (folder / "index.html").write_text("mine")
    with pytest.raises(InputError) as raised:
        report_of(tmp_path, [row()])
    assert "is there already. Name another folder, or add --force" in str(raised.value)
    assert (folder / "index.html").read_text() == "mine"
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]


def test_force_takes_rows_of_patients_away_where_small_numbers_are_hidden(tmp_path: Path) -> None:
    folder = report_of(tmp_path, [row()])
    (folder / "notes.txt").write_text("mine")
    assert (folder / "orders.csv").exists()
    write_report(Wanted(tmp_path / "out", folder, None, 11, replace=True), {})
    assert {path.name for path in folder.iterdir()} == {"index.html", "run.csv", "notes.txt"}


def test_an_audit_without_orders_has_a_report(tmp_path: Path) -> None:
    folder = report_of(tmp_path, [], PRICES)
    page = (folder / "index.html").read_text()
    assert "No order of the audit was ours to judge." in page
    assert "Nothing to review." in page


# What is no audit


def test_what_is_no_audit_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path / "nowhere").endswith("nowhere: there is no such folder")
    told = refused(tmp_path)
    assert told == (
        f"{tmp_path}: holds no manifest.json: it is no audit. Run defib-coverage audit run first"
    )


def test_an_unfinished_audit_is_refused(tmp_path: Path) -> None:
    audit = write_audit(tmp_path, [row()])
    (audit / "manifest.json").unlink()
    assert "holds no manifest.json: the audit is not finished" in refused(audit)


def test_rows_that_are_missing_are_told(tmp_path: Path) -> None:
    audit = write_audit(tmp_path, [row(1), row(2)])
    lines = (audit / "determinations.ndjson").read_text().splitlines(keepends=True)
    (audit / "determinations.ndjson").write_text(lines[0])
    assert "rows: 1, counted by the manifest: 2. The audit is not finished" in refused(audit)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b'{"patient": "Patient/secret"', "line 2: is cut off"),
        (b'{"patient": "Patient/secret"\n', "line 2: is damaged (no JSON text)"),
        (b"\xff\xfe\n", "line 2: is damaged (no JSON text)"),
        (b"[1]\n", "line 2: is damaged (no JSON object)"),
        (b"[" * 5000 + b"\n", "line 2: is damaged"),
        (
            b'{"patient": "Patient/secret"}\n',
            "line 2: is damaged (without the required field `audit`)",
        ),
    ],
)
def test_a_damaged_line_is_told_without_what_it_says(
    tmp_path: Path, line: bytes, told: str
) -> None:
    audit = write_audit(tmp_path, [row(1)])
    with (audit / "determinations.ndjson").open("ab") as file:
        file.write(line)
    message = refused(audit)
    assert message.startswith(f"{audit / 'determinations.ndjson'}: {told}")
    assert "secret" not in message


def test_a_wrong_value_is_told_by_its_place(tmp_path: Path) -> None:
    audit = write_audit(tmp_path, [row(1, order={"serviceDate": "soon"})])
    assert "line 1: is damaged (order.serviceDate is not what it should be)" in refused(audit)


def test_rows_out_of_order_are_refused(tmp_path: Path) -> None:
    audit = write_audit(tmp_path, [row(1), row(2), row(3)])
    path = audit / "determinations.ndjson"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[::-1]))
    assert "line 2: is not where it belongs" in refused(audit)


@pytest.mark.parametrize("name", ["determinations.ndjson", "rejects.ndjson"])
def test_what_was_changed_is_refused_where_it_adds_up(tmp_path: Path, name: str) -> None:
    reject = {"file": "Condition.ndjson", "line": 7, "reason": "no JSON", "part": None}
    audit = write_audit(tmp_path, [row(1), row(2)], [reject])
    path = audit / name
    path.write_text(path.read_text().replace(".ndjson", ".json", 1))
    assert f"{path}: is not what the audit wrote" in refused(audit)


def test_statuses_that_the_manifest_counts_otherwise_are_told(tmp_path: Path) -> None:
    audit = write_audit(tmp_path, [row(1)])
    path = audit / "determinations.ndjson"
    path.write_text(path.read_text().replace('"covered"', '"conditional"'))
    assert "its statuses are not those that the manifest counts" in refused(audit)


def test_a_manifest_of_another_format_is_refused(tmp_path: Path) -> None:
    audit = write_audit(tmp_path, [row(1)])
    path = audit / "manifest.json"
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps(manifest | {"format": 1}))
    assert "has format 1; this version reads format 2" in refused(audit)
    path.write_text("{")
    assert "is no manifest of an audit" in refused(audit)


def test_rejects_are_counted_by_reason(tmp_path: Path) -> None:
    rejects = [{"file": "a", "line": n, "part": None, "reason": "no JSON text"} for n in range(3)]
    audit = write_audit(tmp_path / "out", [row()], [*rejects, rejects[0] | {"reason": "empty"}])
    write_report(Wanted(audit, tmp_path / "report"), {})
    found = rows_in(tmp_path / "report", "rejects")
    assert [tuple(one.values()) for one in found] == [("no JSON text", "3"), ("empty", "1")]
    (audit / "rejects.ndjson").write_text("")
    assert "lines: 0, counted by the manifest: 4" in refused(audit)


# The command


def test_the_command_writes_beside_the_audit(tmp_path: Path) -> None:
    audit = write_audit(tmp_path / "out", [row(1, status="not-covered")])
    done = run("audit", "report", audit)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "  1 event to review"
    assert f"{audit}/report/index.html" in done.stdout
    again = run("audit", "report", audit)
    assert (again.returncode, again.stdout) == (2, "")
    assert again.stderr.count("\n") == 1
    hidden = run("audit", "report", audit, "--suppress-below", "11", "--force")
    assert hidden.stdout.splitlines()[-1] == "  numbers from 1 to 10 are hidden"


def test_a_limit_that_hides_nothing_is_refused(tmp_path: Path) -> None:
    done = run("audit", "report", tmp_path, "--suppress-below", "2")
    assert done.returncode == 2
    told = words(run("audit", "report", "--help").stdout.replace("│", " "))
    assert "CMS's cell size policy is 11" in told
