"""What becomes of every line of an export that is odd: nothing is lost, and the counts add up."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import pytest

from audit_odd_lines import (
    FILES,
    LONG,
    LONGEST,
    NOT_READ,
    ODD,
    Odd,
    OddFile,
    condition,
    noise_of,
    odd_lines,
)
from audit_population import Charted, calls_of, charted
from audit_runs import COUNTS, Outcome, audited, differences, run_here
from fhir_builders import b3_chart, order

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fhir_builders import Json
    from live_server import Live

pytest_plugins = ("live_server",)
# Where the odd line stands in its file.
PLACE = 3


def patients() -> list[str]:
    """A patient for each kind of odd line."""
    return [f"odd-{number}" for number in range(len(ODD))]


def chart_of(patient: str) -> Charted:
    """A chart by which an implant is covered, unless the odd line counts."""
    return charted(patient, order(), *b3_chart())


class Ran(NamedTuple):
    """The charts, and what an audit made of them and of an odd line for each."""

    charts: list[Charted]
    odd: list[Odd]
    outcome: Outcome


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """A file for each odd line: blank, odd, then a chart that the line might belong to."""
    folder = tmp_path_factory.mktemp("lines")
    source = folder / "export"
    source.mkdir()
    charts = [chart_of(patient) for patient in patients()]
    odd = [odd_lines(f"Patient/{chart.patient}")[number] for number, chart in enumerate(charts)]
    for chart, one in zip(charts, odd, strict=True):
        lines = [json.dumps(record).encode() for record in chart.everything()]
        lines[PLACE - 1 : PLACE - 1] = [one.text]
        source.joinpath(f"{chart.patient}.ndjson").write_bytes(b"\n".join(lines) + b"\n")
    return Ran(charts, odd, audited(source, folder / "out"))


def number_of(kind: str) -> int:
    return next(number for number, odd in enumerate(ODD) if odd.kind == kind)


@pytest.mark.parametrize("kind", [odd.kind for odd in ODD])
def test_odd_line_is_rejected_with_its_place_or_used(kind: str, ran: Ran) -> None:
    number = number_of(kind)
    odd, name = ran.odd[number], f"odd-{number}.ndjson"
    rejects = [one for one in ran.outcome.rejects if one["file"] == name]
    if odd.fate != "rejected":
        assert rejects == []
        return
    (reject,) = rejects
    assert reject.keys() == {"file", "line", "part", "reason"}
    assert (reject["line"], reject["part"]) == (PLACE, None)
    assert odd.reason in reject["reason"]
    # A reason says nothing of what stands in the record.
    assert "I21.4" not in reject["reason"]
    assert name.removesuffix(".ndjson") not in reject["reason"]


def test_record_that_is_odd_counts_as_it_does_for_the_service(ran: Ran, live: Live) -> None:
    """What is rejected, or nobody's, is as if it were not there; all the rest counts as live."""
    expected = {}
    for chart, odd in zip(ran.charts, ran.odd, strict=True):
        (found,) = live_says(chart, odd, live)
        expected[f"Patient/{chart.patient}", found["order"]["reference"]] = found
    assert len({json.dumps(one["findings"]) for one in expected.values()}) > 2
    assert differences(ran.outcome.determinations, expected) == {}


def live_says(chart: Charted, odd: Odd, live: Live) -> list[Json]:
    """The determinations of the service, with the odd line as it is in the prefetch."""
    (call,) = calls_of(chart)
    body = json.loads(call.body())
    body["prefetch"]["conditions"]["entry"].append({"resource": "ODD"})
    # An audit is not told whose a record of nobody might have been.
    text = odd.text if odd.fate in {"record", "unread"} else b"null"
    # The service takes no body of that size, and no number of that length.
    for long in (b"x" * LONG, b"9" * 5000):
        text = text.replace(long, long[:1])
    response = live.post("/determinations", json.dumps(body).encode().replace(b'"ODD"', text))
    assert response.ok, (odd.kind, response.text[:500])
    found: list[Json] = response.json()["determinations"]
    return found


def test_counts_of_odd_lines_add_up(ran: Ran) -> None:
    counts = ran.outcome.counts
    fates = Counter(odd.fate for odd in ran.odd)
    in_charts = sum(len(chart.everything()) for chart in ran.charts)
    assert counts["lines"] == in_charts + len(ran.odd)
    fates["record"] += in_charts
    assert {fate: counts[name] for fate, name in COUNTS.items()} == {
        fate: fates[fate] for fate in COUNTS
    }
    assert counts["orders"] == counts["patients"] == len(ran.charts)


def test_row_of_an_order_below_an_odd_line_names_its_line(ran: Ran) -> None:
    assert {row["audit"]["line"] for row in ran.outcome.rows} == {1}


# ------------------------------------------------------------------------------ files that are odd


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    folder = tmp_path_factory.mktemp("files")
    (folder / "export" / "errors").mkdir(parents=True)
    for one in FILES:
        (folder / "export" / one.name).write_bytes(one.body)
    for name, text in NOT_READ.items():
        (folder / "export" / name).write_bytes(text)
    return audited(folder / "export", folder / "out")


@pytest.mark.parametrize("odd", FILES, ids=lambda odd: odd.name)
def test_odd_file_is_read_as_far_as_it_goes(odd: OddFile, files: Outcome) -> None:
    rejects = [one for one in files.rejects if one["file"] == odd.name]
    lines = {one["line"] for one in rejects} - {None}
    assert lines == {n for n, fate in enumerate(odd.fates, 1) if fate == "rejected"}
    reasons = [one["reason"] for one in rejects if one["line"] is None]
    assert len(reasons) == bool(odd.reason)
    assert all(odd.reason in reason for reason in reasons)
    (listed,) = (one for one in files.manifest["inputs"] if one["file"] == odd.name)
    assert listed["lines"] == len(odd.fates)
    assert listed["bytes"] == len(odd.body)
    assert listed["sha256"] == hashlib.sha256(odd.body).hexdigest()


def test_what_lies_beside_an_export_is_not_read(files: Outcome) -> None:
    assert {one["file"] for one in files.manifest["inputs"]} == {one.name for one in FILES}


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_line_of_any_length_costs_only_itself(
    pack: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    """One line of the greatest length, one a byte longer, and an order after both."""
    chart = chart_of("p")
    empty = condition("Patient/p", note=[{"text": ""}])
    head, tail = empty[:-4], empty[-4:]
    longest = head + b"x" * (LONGEST - len(empty)) + tail
    text = longest + b"\n" + head + b"x" * (LONGEST - len(empty) + 1) + tail + b"\n"
    text += b"\n".join(json.dumps(one).encode() for one in chart.everything())
    (tmp_path / "export").mkdir()
    (tmp_path / "export" / "long.ndjson").write_bytes(pack(text))
    outcome = run_here(tmp_path / "export", tmp_path / "out")
    (reject,) = outcome.rejects
    assert (reject["line"], reject["reason"]) == (2, "longer than 64 MB")
    (row,) = outcome.rows
    assert row["audit"]["line"] == 3
    # The one of the greatest length was read: an infarction a fortnight ago.
    assert row["status"] == "not-covered"


def test_damaged_data_in_the_middle_of_a_file_are_told(tmp_path: Path) -> None:
    """Nothing that comes before the damage is lost, and no other file with it."""
    chart = chart_of("p")
    lines = [json.dumps(one).encode() for one in chart.everything()]
    noise = [condition("Patient/q", id=f"c{n}", note=[{"text": noise_of(n)}]) for n in range(2000)]
    packed = bytearray(gzip.compress(b"\n".join([*lines, *noise])))
    middle = len(packed) // 2
    packed[middle : middle + 64] = b"\xff" * 64
    (tmp_path / "export").mkdir()
    (tmp_path / "export" / "1.ndjson.gz").write_bytes(packed)
    (tmp_path / "export" / "2.ndjson").write_bytes(b"\n".join(noise[:10]))
    outcome = run_here(tmp_path / "export", tmp_path / "out")
    assert [row["status"] for row in outcome.rows] == ["covered"]
    faults = [one for one in outcome.rejects if one["line"] is None]
    assert [one["file"] for one in faults] == ["1.ndjson.gz"]
    counts = outcome.counts
    assert counts["lines"] == counts["records"] + counts["rejected"]
    assert counts["rejected"] == len(outcome.rejects) - 1
    assert counts["records"] > len(lines) + 10
