"""``evaluate``: the page for a person, the JSON of the service, and Bundles of every shape."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from command_line import (
    COVERED,
    MISSING,
    ROOT,
    WAITING,
    determinations,
    environment,
    run,
    words,
)

if TYPE_CHECKING:
    from pathlib import Path

# ---------------------------------------------------------------------------------- for a person


def test_waiting_period_shows_its_days_and_the_first_eligible_one() -> None:
    done = run("evaluate", WAITING)
    assert done.returncode == 0
    assert "NOT COVERED  33249 on 2026-11-19  first eligible day 2026-12-05" in done.stdout
    assert "NOT MET No infarction in the past 40 days (P-B2)" in done.stdout
    assert "Condition/cond-stemi, I21.02, of 2026-10-25" in done.stdout
    timeline = done.stdout.partition("Timeline")[2]
    assert "2026-10-25  MI: infarction, day 0 (Condition/cond-stemi)" in timeline
    assert "2026-11-19  service date, 16 days before the first eligible day" in timeline
    assert "2026-12-04  MI: last excluded day, 40 days after" in timeline
    assert "2026-12-05  first eligible day" in timeline


def test_missing_secondary_shows_what_the_chart_supports() -> None:
    done = run("evaluate", MISSING)
    page = words(done.stdout)
    assert page.startswith("CONDITIONAL 33249 on 2027-02-09")
    assert "I25.5 must carry one of I50.21, I50.22, I50.23, I50.41, I50.42, I50.43" in page
    assert "the chart supports I50.22 by Condition/cond-heart-failure, 441481004" in page
    assert "warning: secondary-diagnosis-missing" in page
    assert "Timeline" not in page


def test_covered_shows_why() -> None:
    page = words(run("evaluate", COVERED).stdout)
    assert page.startswith("COVERED 33249 on 2027-01-14 by B3")
    assert "met LVEF of 35 % or less (P-B3)" in page
    assert "Observation/obs-lvef, 18043-0, 32 %, of 2026-12-15" in page
    assert "Nothing in the chart leads to B1, B2, B4, B5, B6, D-BTT, D-IDE" in page


@pytest.mark.parametrize("sample", [WAITING, MISSING, COVERED], ids=lambda path: path.stem)
def test_page_fits_80_columns_and_needs_no_colour(sample: Path) -> None:
    done = run("evaluate", sample)
    assert max(len(line) for line in done.stdout.splitlines()) <= 80
    assert "\x1b" not in done.stdout


def test_terminal_gets_colours() -> None:
    colours = environment() | {"FORCE_COLOR": "1", "TERM": "xterm-256color"}
    del colours["NO_COLOR"]
    done = subprocess.run(
        [sys.executable, "-m", "defib_coverage", "evaluate", WAITING],
        capture_output=True,
        check=True,
        cwd=ROOT,
        env=colours,
    )
    assert b"\x1b[1;31mNOT COVERED" in done.stdout


def test_terminal_without_letters_for_the_tree_is_no_error() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "defib_coverage", "evaluate", WAITING],
        capture_output=True,
        check=True,
        cwd=ROOT,
        env=environment() | {"PYTHONIOENCODING": "ascii"},
    )
    assert b"first eligible day 2026-12-05" in done.stdout


# --------------------------------------------------------------------------------------- as JSON


def test_json_names_are_those_of_the_contract() -> None:
    (found,) = determinations(WAITING)
    assert found["status"] == "not-covered"
    assert found["earliestEligibleDate"] == "2026-12-05"
    assert found["order"]["class"] == "initial-implant"
    (window,) = found["waitingPeriods"]
    assert window["lastExcludedDay"] == "2026-12-04"
    assert window["daysRemaining"] == 16


def test_cards_are_those_of_the_hook() -> None:
    cards = json.loads(run("evaluate", WAITING, "--cards").stdout)["cards"]
    assert "first eligible day 2026-12-05" in cards[0]["summary"]
    covered = json.loads(run("evaluate", COVERED, "--cards").stdout)
    assert covered["cards"] == []
    (action,) = covered["systemActions"]
    assert action["resource"]["extension"][-1]["url"].endswith("/ext-coverage-information")


def test_a_call_that_the_service_would_refuse_is_refused(tmp_path: Path) -> None:
    request = json.loads(COVERED.read_bytes())
    del request["prefetch"]["coverage"]
    request["extension"] = {"davinci-crd.requestedVersion": "2.2"}
    file = tmp_path / "call.json"
    file.write_text(json.dumps(request))
    done = run("evaluate", file, "--cards")
    assert done.returncode == 2
    assert "call.json" in done.stderr
    assert "no Coverage was sent" in done.stderr


def test_packed_file(tmp_path: Path) -> None:
    packed = tmp_path / "chart.json.gz"
    packed.write_bytes(
        gzip.compress(WAITING.read_bytes()[:900]) + gzip.compress(WAITING.read_bytes()[900:])
    )
    assert determinations(packed)[0]["earliestEligibleDate"] == "2026-12-05"


def test_order_code_without_a_date_is_judged_today(tmp_path: Path) -> None:
    patient = {"resourceType": "Patient", "id": "p1"}
    chart = tmp_path / "chart.json"
    chart.write_text(
        json.dumps(
            {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": patient}]},
        ),
    )
    page = run("evaluate", chart, "--order", "33249").stdout
    assert "the day is today" in page
    dated = run("evaluate", chart, "--order", "33249", "--date", "2026-12-01").stdout
    assert "the day is the order's date" in dated
