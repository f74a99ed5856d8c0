"""Small numbers hidden: nothing that a report tells lets one of them be worked out."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_attack import STATUSES, Attack
from audit_samples import finding, pair, row, sample_rows, window, write_audit
from defib_coverage.audit.reporting.hiding import WITHHELD, Hidden, Limit, Part
from defib_coverage.audit.reporting.rates import OTHERS
from defib_coverage.audit.reporting.report import Wanted, write_report

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fhir_builders import Json

STATUS = ("covered", "conditional", "not-covered")
PAYMENT = "code,amount\n33249,30000\n33264,20000\n"
FOREIGN = "not-applicable"


def report_of(folder: Path, rows: Sequence[Json], least: int | None) -> Path:
    """The folder of the report of some rows."""
    audit = write_audit(folder / "out", rows)
    payment = folder / "payment.csv"
    payment.write_text(PAYMENT)
    wanted = Wanted(audit, folder / f"report-{least}", payment, least)
    write_report(wanted, {})
    return wanted.output


def check_attack(folder: Path, rows: Sequence[Json], least: int) -> int:
    """Attack every hidden cell of a report; how many there are."""
    attack = Attack(report_of(folder, rows, least), least)
    hidden = attack.hidden()
    for cell in hidden:
        low, high = attack.range(cell)
        assert low < high, f"{cell} is {low}"
    for cell, text in attack.told.items():
        assert not text.isdigit() or not 0 < int(text) < least, f"{cell} is told"
    assert not [rest for rest in attack.remainders() if 0 < rest < least]
    return len(hidden)


def rows_of(specs: Sequence[tuple[Json, int]]) -> list[Json]:
    """As many performed or ordered events of each kind as are asked for."""
    rows: list[Json] = []
    for spec, number in specs:
        for _ in range(number):
            rows.append(row(len(rows) + 1, **spec))
    return rows


def kind(  # noqa: PLR0913 - what an event is made of
    status: str = "covered",
    year: int = 2024,
    *,
    performed: bool = True,
    site: str | None = "A",
    operator: str | None = None,
    code: str = "33249",
    windows: Sequence[Json] = (),
    pairs: Sequence[Json] = (),
    findings: Sequence[Json] = (),
) -> Json:
    """What makes a row of one kind."""
    return {
        "status": status,
        "waitingPeriods": [*windows],
        "missingSecondary": [*pairs],
        "findings": [*findings],
        "order": {"serviceDate": f"{year}-03-02", "code": code},
        "audit": {"performed": performed, "site": site, "operator": operator},
    }


WINDOWS = st.sampled_from([(), (window("MI", 5),), (window("MI", 15), window("PCI", 80))])
PAIRS = st.sampled_from(
    [(), (pair("I25.5", ["I50.22"]),), (pair("I25.5", ["I50.22"], ["I50.22"]),)]
)
FINDINGS = st.sampled_from([(), (finding("lvef-missing"),), (finding("sdm-missing", "info"),)])
KINDS = st.builds(
    kind,
    st.sampled_from((*STATUS, FOREIGN)),
    st.integers(2021, 2023),
    performed=st.sampled_from((True, True, False)),
    site=st.sampled_from(("A", "B", "C", None)),
    operator=st.sampled_from(("x", "y", "z")),
    code=st.sampled_from(("33249", "33264", "33270")),
    windows=WINDOWS,
    pairs=PAIRS,
    findings=FINDINGS,
)
# Numbers around the limits that are tried: where hidden cells are easiest to work out.
SPECS = st.lists(
    st.tuples(KINDS, st.sampled_from((1, 1, 2, 3, 4, 5, 9, 10, 11, 12, 25))),
    min_size=6,
    max_size=24,
)


@settings(max_examples=60)
@given(specs=SPECS, least=st.sampled_from((3, 4, 11)))
def test_no_hidden_cell_can_be_worked_out(specs: list[tuple[Json, int]], least: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        check_attack(Path(folder), rows_of(specs), least)


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.builds(
                kind,
                st.sampled_from(STATUS),
                st.integers(2021, 2024),
                site=st.sampled_from("ABCD"),
            ),
            st.integers(1, 7),
        ),
        max_size=25,
    )
)
def test_no_hidden_cell_can_be_worked_out_where_all_are_about_the_limit(
    specs: list[tuple[Json, int]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        check_attack(Path(folder), rows_of(specs), 4)


def test_no_hidden_cell_of_a_realistic_audit_can_be_worked_out(tmp_path: Path) -> None:
    assert check_attack(tmp_path, sample_rows(900), 11) > 50


def test_the_attack_holds_what_is_true_for_possible(tmp_path: Path) -> None:
    rows = sample_rows(900)
    hiding = Attack(report_of(tmp_path, rows, 11), 11)
    whole = Attack(report_of(tmp_path, rows, None), 11)
    truth = {cell: int(whole.told.get(cell, 0)) for cell in hiding.told}
    # What is pooled stands in no other report.
    for cell in hiding.told:
        if OTHERS in cell:
            rest = {c: n for c, n in whole.told.items() if c[::2] == cell[::2]}
            truth[cell] = sum(int(n) for c, n in rest.items() if c not in hiding.told)
    assert hiding.allows(truth)


def test_the_attack_finds_what_is_not_hidden_well(tmp_path: Path) -> None:
    # A sound report whose complementary cells are told again is broken by the same attack.
    specs = [(kind(year=2021), 4), (kind(year=2022), 20), (kind(year=2023), 30)]
    folder = report_of(tmp_path, rows_of(specs), 11)
    path = folder / "status-by-year.csv"
    text = path.read_text()
    assert "performed,2022,withheld" in text
    path.write_text(text.replace("performed,2022,withheld", "performed,2022,20"))
    attack = Attack(folder, 11)
    assert attack.range(("years", "performed", "covered", "2021")) == (4, 4)


def test_reports_of_two_worlds_that_differ_in_hidden_numbers_are_the_same_bytes(
    tmp_path: Path,
) -> None:
    # What differs is hidden everywhere: in the page, its pictures and every file.
    first, second = tmp_path / "one", tmp_path / "two"
    for folder, few in ((first, 5), (second, 7)):
        folder.mkdir()
        report_of(folder, _world(few), 11)
    names = sorted(path.name for path in (first / "report-11").iterdir())
    assert "sites.csv" in names
    for name in names:
        one, two = (folder / "report-11" / name for folder in (first, second))
        assert one.read_bytes() == two.read_bytes(), name
        assert name in {"run.csv", "money-at-risk.csv"} or b"&lt;11" in one.read_bytes().replace(
            b"<11", b"&lt;11"
        )


def _world(few: int) -> list[Json]:
    """Events that differ by a small number in each table, which another number makes up for."""
    many = 30 - few
    partner = pair("I25.5", ["I50.22"], ["I50.22"])
    rows = rows_of(
        [
            *((kind(year=2021), few), (kind(year=2022), many), (kind(year=2023), 60)),
            (kind("not-covered", 2023, windows=[window("MI", 5)], site="C"), few),
            (kind("not-covered", 2023, windows=[window("MI", 15)], site="B"), many),
            (kind("not-covered", 2023, windows=[window("MI", 25)], site="D"), 30),
            (kind("conditional", 2023, pairs=[partner], site="D"), few),
            (kind("conditional", 2023, pairs=[pair("I25.5", ["I50.22"])], site="D"), many),
            (kind("conditional", 2023, findings=[finding("nyha-missing")], site="D"), few),
            (kind("conditional", 2023, performed=False, site="D"), 90),
            (kind("covered", 2023, performed=False, site="D"), few),
            (kind("covered", 2022, performed=False, site="D"), many),
            (kind("conditional", 2023, findings=[finding("sdm-missing")], site="D"), many),
        ]
    )
    sites = [*"C" * (40 - few), *"B" * (20 + few), *"D" * 30]
    for site, one in zip(sites, rows[: len(sites)], strict=True):
        one["audit"]["site"] = site
    # sdm-missing is listed: as often in both worlds.
    listed = [
        one for one in rows if one["findings"] and one["findings"][0]["code"] != "nyha-missing"
    ]
    for one in listed[20:]:
        one["findings"] = []
    return rows


def test_rows_and_patients_and_days_are_nowhere(tmp_path: Path) -> None:
    folder = report_of(tmp_path, sample_rows(300), 11)
    names = {path.name for path in folder.iterdir()}
    assert not names & {"orders.csv", "worklist.csv", "rejects.csv", "money-lacking.csv"}
    text = "".join(path.read_text() for path in folder.iterdir())
    assert "Patient/" not in text
    assert "ServiceRequest/" not in text
    days = {one["order"]["serviceDate"] for one in sample_rows(300)}
    assert not [day for day in days if day in text and day != "2026-11-21"]


@pytest.mark.parametrize("number", [1, 10, 11, 21])
def test_a_population_of_few_events_is_in_no_table(tmp_path: Path, number: int) -> None:
    folder = report_of(tmp_path, rows_of([(kind("not-covered", windows=[window()]), number)]), 11)
    assert [path.name for path in sorted(folder.iterdir())] == ["index.html", "run.csv"]
    page = (folder / "index.html").read_text()
    assert "There are too few events to tell of any." in page
    assert f"<b>{number}</b>" not in page


def test_findings_that_tell_of_windows_and_pairs_are_left_out(tmp_path: Path) -> None:
    # 21 in a window, of which 11 after a bypass, would leave 10 after an infarction.
    told = [finding("waiting-period-open"), finding("secondary-diagnosis-missing")]
    specs = [
        (kind(), 90),
        (kind("not-covered", windows=[window("CABG", 20)], findings=told), 11),
        (kind("not-covered", windows=[window("MI", 20)], findings=told), 10),
        (kind("not-covered", findings=[finding("lvef-too-high")]), 20),
    ]
    rows = rows_of(specs)
    folder = report_of(tmp_path, rows, 11)
    assert [line.split(",")[0] for line in (folder / "findings.csv").read_text().split()] == [
        *("finding", "lvef-too-high"),
    ]
    whole = report_of(tmp_path, rows, None)
    assert "waiting-period-open,,21" in (whole / "findings.csv").read_text()


def test_a_status_that_few_events_have_is_in_no_table(tmp_path: Path) -> None:
    specs = [
        *((kind(), 160), (kind(site="B"), 40), (kind("conditional"), 90)),
        (kind("not-covered", windows=[window()]), 4),
    ]
    folder = report_of(tmp_path, rows_of(specs), 11)
    lines = (folder / "status-by-year.csv").read_text().splitlines()
    assert lines[-1] == "performed,all,200,withheld,<11,294"
    assert "B,40,withheld,,," in (folder / "sites.csv").read_text()


def test_a_line_of_which_every_cell_is_the_least_is_withheld_whole() -> None:
    limit = Limit(3)
    assert limit.line([Part(1)] * 3 + [Part(0)], 3) == (WITHHELD,) * 4


def test_the_smallest_cell_that_helps_goes_with_a_hidden_one() -> None:
    limit = Limit(11)
    parts = [Part(n) for n in (300, 4, 0, 40, 12)]
    assert limit.line(parts, 356) == (300, Hidden("<11"), 0, 40, WITHHELD)


def test_two_cells_that_hide_each_other_need_no_third() -> None:
    small = Hidden("<11")
    assert Limit(11).line([Part(4), Part(5), Part(50)], 59) == (small, small, 50)


def test_a_cell_that_leaves_little_of_its_whole_is_withheld() -> None:
    assert Limit(11).share(98, 100) == (WITHHELD, 100)
    assert Limit(11).share(4, 100) == (Hidden("<11"), 100)
    assert Limit(11).share(0, 100) == (0, 100)
    # 11 of 12: beside the 12 it could be nothing else.
    assert Limit(11).share(11, 12) == (WITHHELD, WITHHELD)


FEW, ENOUGH, MANY = 4, 11, 30


def _money(folder: Path) -> tuple[list[str], str]:
    """The lines of the money table, and the page."""
    lines = (folder / "money-at-risk.csv").read_text().splitlines()[1:]
    return lines, (folder / "index.html").read_text()


@pytest.mark.parametrize("codes", [["33249", "33264"], ["33270"]])
def test_money_that_is_all_hidden_is_withheld_and_not_nothing(
    tmp_path: Path, codes: list[str]
) -> None:
    # Of 22 events some are in the payment table, but too few of each code.
    specs = [(kind(), 90)]
    specs += [(kind("not-covered", code=code), 10) for code in codes]
    specs += [(kind("not-covered", code="33270"), 22 - 10 * len(codes))]
    lines, page = _money(report_of(tmp_path, rows_of(specs), 11))
    assert lines == ["not covered,all,,withheld,withheld", "conditional,all,,0,0.00"]
    assert "<li><b>22</b> <span>performed, not covered</span></li>" in page
    assert "<li><b>withheld</b> <span>at risk, not covered</span></li>" in page
    assert "<li><b>0</b> <span>at risk, conditional</span></li>" in page
    picture = page[page.index("<svg", page.index("<figcaption>Money at risk")) :]
    texts = re.findall(r"<text[^>]*>([^<]*)", picture[: picture.index("</svg>")])
    assert texts == ["at risk", "not covered", "withheld", "conditional", "0"]


def test_money_does_not_tell_hidden_amounts_from_none(tmp_path: Path) -> None:
    # A code that few have stands in the payment table, or does not.
    for name, code in (("few", "33249"), ("none", "33270")):
        (tmp_path / name).mkdir()
        specs = [
            *((kind(), 20), (kind("not-covered", code=code), FEW)),
            (kind("not-covered", code="33270"), MANY - FEW),
            (kind("conditional", code="33249"), 5),
        ]
        report_of(tmp_path / name, rows_of(specs), 11)
    files = [sorted((tmp_path / name / "report-11").iterdir()) for name in ("few", "none")]
    assert [path.name for path in files[0]] == [path.name for path in files[1]]
    assert all(one.read_bytes() == two.read_bytes() for one, two in zip(*files, strict=True))
    # Of what is hidden itself no money is told either; of the others their number is.
    years = tmp_path / "few" / "report-11" / "status-by-year.csv"
    assert years.read_text().splitlines()[-1] == "performed,all,withheld,<11,30,55"
    assert _money(tmp_path / "few" / "report-11")[0] == [
        "not covered,all,,withheld,withheld",
        "conditional,all,,withheld,withheld",
    ]


def test_money_that_leaves_some_out_says_so(tmp_path: Path) -> None:
    specs = [
        *((kind(), 90), (kind("not-covered", code="33249"), MANY)),
        *((kind("not-covered", code="33264"), FEW), (kind("not-covered", code="33270"), ENOUGH)),
        (kind("conditional"), MANY),
    ]
    lines, page = _money(report_of(tmp_path, rows_of(specs), 11))
    assert lines == [
        "not covered,33249,30000.00,30,900000.00",
        "not covered,all that is told,,30,900000.00",
        "conditional,33249,30000.00,30,900000.00",
        "conditional,all,,30,900000.00",
    ]
    assert "<span>at risk, not covered, as far as told</span>" in page
    assert "<span>at risk, conditional</span>" in page


def test_statuses_of_the_attack_are_those_of_the_report() -> None:
    assert [status.replace(" ", "-") for status in STATUSES] == list(STATUS)
