"""Evidence of a disease without its claim code: what it asks for, and which codes it supports."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fhir_builders import (
    Json,
    concept,
    condition,
    lvef,
    order,
    patient,
    procedure,
    visit,
    weak_heart,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    Judge = Callable[..., list[Json]]

# SNOMED CT of the value sets: dilated cardiomyopathy, VF, arrest in the history, infarction in the
# past, infarction of an age not said, torsades.
DILATED, VF, ARREST_ONCE, OLD_MI, MI, TORSADES = (
    *("399020009", "71908006", "429007001"),
    *("1755008", "22298006", "31722008"),
)
SUCCESSORS = ["I47.20", "I47.21", "I47.29"]


def by_name(
    code: str,
    onset: str | None = None,
    /,
    clinical: str = "active",
    verification: str = "confirmed",
    **fields: object,
) -> Json:
    """A Condition in SNOMED CT."""
    return condition(
        code, onset, system="snomed", clinical=clinical, verification=verification, **fields
    )


def told(found: Json) -> dict[str, list[str]]:
    """The codes that settle each finding, by finding."""
    return {f["code"]: f["codes"] for f in found["findings"]}


# ---------------------------------------------------------------- rule 3: what is no longer current


@pytest.mark.parametrize("status", ["resolved", "inactive", "remission"])
@pytest.mark.parametrize("verification", ["confirmed", "provisional"])
def test_a_disease_that_is_over_supports_no_code_in_either_system(
    status: str, verification: str, judge: Judge
) -> None:
    for code, system in ((DILATED, "snomed"), ("I42.0", "icd10cm")):
        over = condition(
            code, "2012-03-01", system=system, clinical=status, verification=verification
        )
        found = judge([order()], [patient(), over, *weak_heart(30)])[0]
        assert (found["status"], found["indicationsMet"]) == ("conditional", [])
        assert told(found)["dx-not-current"] == []
        assert told(found).keys() & {"needs-icd10-code", "dx-unconfirmed"} == set()
        assert "no-covered-diagnosis-found" in told(found)
        assert not any(i["candidate"] for i in found["indications"])


def test_a_disease_that_is_still_there_speaks_beside_one_that_is_over(judge: Judge) -> None:
    over = by_name("83521008", "2012-03-01", clinical="resolved")
    found = judge([order()], [patient(), over, by_name(DILATED), *weak_heart(30)])[0]
    assert told(found)["needs-icd10-code"] == ["I42.0"]


def test_what_is_over_is_named_once(judge: Judge) -> None:
    both = concept("I42.0", "icd10cm")
    both["coding"] += concept(DILATED, "snomed")["coding"]
    over = condition("I42.0", clinical="resolved", code=both, id="over")
    (found,) = judge([order()], [patient(), over, *weak_heart(30)])
    (one,) = [f for f in found["findings"] if f["code"] == "dx-not-current"]
    assert [(e["reference"], e["code"]) for e in one["evidence"]] == [
        ("Condition/over", "I42.0"),
        ("Condition/over", DILATED),
    ]


@pytest.mark.parametrize(
    ("code", "supported"),
    [(VF, []), (ARREST_ONCE, ["Z86.74"]), (OLD_MI, ["I25.2"])],
    ids=["VF", "arrest in the history", "infarction in the past"],
)
def test_a_past_event_supports_a_code_of_the_past_only(
    code: str, supported: list[str], judge: Judge
) -> None:
    # Rule 3: history counts in any status; a code of the episode itself is not for a later claim.
    over = by_name(code, "2019-03-01", clinical="resolved")
    found = judge([order()], [patient(), over, *weak_heart(28)])[0]
    assert any(i["candidate"] for i in found["indications"])
    assert told(found)["needs-icd10-code"] == supported
    assert "dx-not-current" not in told(found)


def test_an_episode_that_is_not_over_supports_its_code(judge: Judge) -> None:
    found = judge([order()], [patient(), by_name(VF, "2026-11-01"), lvef(40)])[0]
    assert told(found)["needs-icd10-code"] == ["I49.01"]


def test_an_infarction_that_is_over_still_leads_to_b2(judge: Judge) -> None:
    over = condition("I21.4", "2020-03-01", clinical="resolved")
    found = judge([order()], [patient(), over, *weak_heart(28)])[0]
    assert [i["id"] for i in found["indications"] if i["candidate"]] == ["B2"]


@pytest.mark.parametrize(("code", "system"), [("441481004", "snomed"), ("I50.22", "icd10cm")])
def test_a_partner_that_is_over_is_told_as_over_in_either_system(
    code: str, system: str, judge: Judge
) -> None:
    over = condition(code, "2015-01-01", system=system, clinical="resolved")
    chart = [patient(), condition("I25.2", "2020-01-01"), over, lvef(28), visit()]
    found = judge([order()], chart)[0]
    assert found["missingSecondary"][0]["supported"] == []
    assert "dx-not-current" in told(found)
    assert told(found).keys() & {"hf-code-not-qualifying", "needs-icd10-code"} == set()


# --------------------------------------------------------------- rules 4.2 and 6: I25.2 is too soon


@pytest.mark.parametrize(
    ("onset", "soon"),
    [("2026-11-03", True), ("2026-10-23", True), ("2026-10-22", False), (None, False)],
)
def test_i252_is_not_offered_before_four_weeks(
    onset: str | None, *, soon: bool, judge: Judge
) -> None:
    # Day 28 is 2026-11-20; I25.2 begins on day 29.
    found = judge([order()], [patient(), by_name(OLD_MI, onset), *weak_heart(28)])[0]
    assert ("i25.2-not-yet-valid" in told(found)) is soon
    assert told(found).get("needs-icd10-code") == (None if soon else ["I25.2"])


@pytest.mark.parametrize(
    ("other", "soon"),
    [
        (by_name("399211009", "2015-05-01"), False),
        (by_name("399211009", recordedDate="2024-02-01"), False),
        (by_name("399211009", recordedDate="2026-11-10"), True),
        (by_name("399211009"), True),
    ],
    ids=["older", "written down long ago", "written down since", "without a date"],
)
@pytest.mark.parametrize("recent", [OLD_MI, MI])
def test_an_older_infarction_may_be_coded_beside_a_recent_one(
    recent: str, other: Json, *, soon: bool, judge: Judge
) -> None:
    # Rule 3: a record that only says "once" adds nothing where another says when.
    chart = [patient(), by_name(recent, "2026-11-03"), other, *weak_heart(28)]
    found = judge([order()], chart)[0]
    assert ("i25.2-not-yet-valid" in told(found)) is soon
    assert told(found).get("needs-icd10-code") == (None if soon else ["I25.2"])


def test_a_note_of_today_of_an_infarction_in_the_past_is_not_too_soon(judge: Judge) -> None:
    noted = by_name(OLD_MI, recordedDate="2026-11-18")
    found = judge([order()], [patient(), noted, *weak_heart(28)])[0]
    assert told(found)["needs-icd10-code"] == ["I25.2"]
    assert "i25.2-not-yet-valid" not in told(found)


# ------------------------------------------------------------ tension 10: which successor it may be


@pytest.mark.parametrize("place", ["chart", "order"])
def test_of_the_successors_only_those_that_the_chart_supports_are_offered(
    place: str, judge: Judge
) -> None:
    reasons = [concept("I47.2", "icd10cm")] if place == "order" else []
    retired = [condition("I47.2", "2020-01-01")] if place == "chart" else []
    ordered = order(reasonCode=reasons or None)
    chart = [patient(), *retired, lvef(40)]
    assert told(judge([ordered], chart)[0])["code-not-effective"] == SUCCESSORS
    for more, expected in (
        ([by_name(TORSADES, "2024-01-01")], ["I47.21"]),
        ([by_name("25569003"), by_name(TORSADES)], ["I47.20", "I47.21"]),
        ([by_name(VF)], SUCCESSORS),
        ([by_name(TORSADES, verification="provisional")], SUCCESSORS),
        ([by_name(TORSADES, clinical="resolved")], SUCCESSORS),
    ):
        found = judge([ordered], [*chart, *more])[0]
        assert told(found)["code-not-effective"] == expected


def test_a_retired_code_of_a_past_episode_has_no_successor_to_offer(judge: Judge) -> None:
    over = condition("I47.2", "2015-01-01", clinical="resolved")
    found = judge([order()], [patient(), over, lvef(40)])[0]
    assert told(found)["code-not-effective"] == []
    again = by_name(TORSADES, "2026-10-01")
    found = judge([order()], [patient(), over, again, lvef(40)])[0]
    assert told(found)["code-not-effective"] == ["I47.21"]


# ------------------------------------------------------------------------------------- long charts


def many(code: str, count: int, name: str, system: str = "icd10cm") -> list[Json]:
    """Records of one code and one day, told apart by their ids."""
    return [condition(code, "2026-11-01", system=system, id=f"{name}-{n}") for n in range(count)]


@pytest.mark.parametrize(
    ("cause", "finding"),
    [("I21.4", "associated-with-acute-mi"), ("E87.6", "reversible-cause-suspected")],
)
def test_as_many_causes_as_episodes_of_one_day_are_told_in_time(
    cause: str, finding: str, judge: Judge
) -> None:
    # A judge that looks at every pair of them does not come to an end here.
    chart = [patient(), *many("I47.20", 3000, "vt"), *many(cause, 3000, "cause"), lvef(40)]
    found = judge([order()], chart)[0]
    (one,) = [f for f in found["findings"] if f["code"] == finding]
    references = [e["reference"] for e in one["evidence"]]
    assert len(set(references)) == len(references) > 0
    assert all(name.startswith("Condition/cause-") for name in references)


def test_many_records_that_support_a_partner_are_told_in_time(judge: Judge) -> None:
    failing = many("441481004", 5000, "hf", "snomed")
    chart = [patient(), condition("I25.2", "2020-01-01"), *failing, lvef(28), visit()]
    found = judge([order()], chart)[0]
    assert found["missingSecondary"][0]["supported"] == ["I50.22"]
    assert "hf-code-not-qualifying" not in told(found)


# ------------------------------------------------------------- how a reading of that day was taken


@pytest.mark.parametrize(
    ("procedures", "stated"),
    [
        ([procedure("75572", "2026-10-01")], False),
        ([procedure("75572", "2026-10-01"), procedure("93306", "2026-10-01")], True),
        ([procedure("93306", "2026-10-02")], False),
        ([procedure("93306", "2026-10")], False),
        ([procedure("93306", None)], False),
        ([procedure("93306", "2026-10-01", status="preparation")], False),
        ([], False),
    ],
    ids=["CT", "CT and echo", "next day", "some day", "no day", "planned", "none"],
)
def test_an_approved_imaging_of_the_same_day_tells_the_modality(
    procedures: list[Json], *, stated: bool, judge: Judge
) -> None:
    reading = lvef(28, "2026-10-01", code="10230-1")
    found = judge([order()], [patient(), condition("I25.2", "2020-01-01"), reading, *procedures])[0]
    assert ("lvef-modality-not-stated" not in told(found)) is stated
