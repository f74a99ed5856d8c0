"""The judge of CRD answers can fail: every rule is broken once, alone, and is told.

The good answers are written by hand, not by the service.
"""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from crd_exchange import (
    GOOD,
    GOOD_REPLY,
    ONE,
    TODAY,
    TWO,
    answer,
    exchange,
    judged,
    part,
    request,
    statement,
)
from crd_faults import FAULTS, Fault, said, update
from crd_judge.rules import RULES, Call, Reply, broken_rules

if TYPE_CHECKING:
    from crd_judge.call import Version

# The response rules of the conformance checklist.
IDS = """
R01 R02 R03 R04 R05 R06 R07 R08 R09 R10
C01 C02 C03 C04 C05 C06 C07 C08 C09 C10 C11 C12 C13 C14 C15 C16
C17 C18 C19 C20 C21 C22 C23 C24 C25 C26 C27 C28 C29 C30 C31 C32
S01 S02 S03 S04 S05 S06 S07 S08 S09 S10 S11
K01 K02 K03 K04 K05 K06 K07 K08 K09 K10 K11 K12 K13
Kq1 Kq2 Kq3 Kq4 Kq5 Kq6 Kq8 Kq9 Kqv
"""


@pytest.mark.parametrize("hook", ["order-sign", "order-select"])
@pytest.mark.parametrize("version", [None, "2.0", "2.2"])
def test_a_good_answer_breaks_nothing(version: Version | None, hook: str) -> None:
    asked, answered = exchange(version, hook)
    assert judged(version, asked, answered) == []


def test_a_call_that_wants_no_coverage_information_gets_none() -> None:
    asked, answered = exchange(None, "order-sign")
    asked["extension"] = {"davinci-crd.configuration": {"coverage-info": False}}
    del answered["systemActions"]
    assert judged(None, asked, answered) == []
    asked["extension"] = {"davinci-crd.configuration": {"coverage-info": True}}
    assert {one.rule for one in judged(None, asked, answered)} == {"S01", "S04"}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.rules.replace(" ", "-"))
def test_a_fault_breaks_its_rule_and_no_other(fault: Fault) -> None:
    asked, answered = exchange(fault.version, fault.hook)
    fault.change(answered)
    found = {one.rule for one in judged(fault.version, asked, answered)}
    assert found == set(fault.rules.split())


WHOLE = {
    "R01": GOOD_REPLY._replace(status=500),
    "R02": GOOD_REPLY._replace(content_type="text/html"),
    "R06": GOOD_REPLY._replace(seconds=5.0),
    "R07": GOOD_REPLY._replace(seconds=0.6),
}
TEXTS: list[tuple[str, str | bytes]] = [
    ("R03", '{"cards":[],"cards":[]}'),
    ("R03", '{"cards":[NaN]}'),
    ("R03", '{"cards":[]'),
    ("R03", "[]"),
    ("R03", b'{"cards":[],"extension":{"x":"\xff"}}'),
    ("R08", GOOD.replace(":", ": ", 1)),
    ("R08", GOOD + "\n"),
    ("S08", GOOD.replace("1.25", "1.250")),
    ("S07", GOOD.replace('"draft","intent"', '"dr\\u0061ft","intent"')),
]


@pytest.mark.parametrize(("rule", "reply"), WHOLE.items(), ids=WHOLE)
def test_a_fault_of_the_whole_reply_is_told(rule: str, reply: Reply) -> None:
    found = {one.rule for one in judged(None, request(), answer(), reply)}
    assert rule in found
    assert found <= {rule, "R07"}


@pytest.mark.parametrize(("rule", "text"), TEXTS)
def test_a_fault_of_the_text_is_told(rule: str, text: str | bytes) -> None:
    assert rule in {one.rule for one in judged(None, request(), text)}


def test_a_selection_is_kept_to() -> None:
    asked, answered = exchange(None, "order-select")
    asked["context"]["selections"] = [TWO]
    assert {one.rule for one in judged(None, asked, answered)} == {"S11"}


def test_what_was_said_of_another_coverage_stays() -> None:
    asked, answered = exchange(None, "order-sign")
    other = statement("id-9")
    other["extension"][0] = part("coverage", "Reference", {"reference": "Coverage/c2"})
    drafted = asked["context"]["draftOrders"]["entry"][0]["resource"]
    drafted["extension"].append(other)
    assert {one.rule for one in judged(None, asked, answered)} == {"S07"}
    update(answered)["resource"]["extension"].insert(1, other)
    assert judged(None, asked, answered) == []


def test_what_stands_there_already_is_nothing_new() -> None:
    asked, answered = exchange(None, "order-sign")
    drafted = asked["context"]["draftOrders"]["entry"][0]["resource"]
    drafted["extension"].append(said(answered))
    assert {one.rule for one in judged(None, asked, answered)} == {"S04"}


def test_uuids_of_an_earlier_reply_are_not_used_again() -> None:
    seen: set[str] = set()
    call = Call(None, "order-sign", json.dumps(request()), (ONE, TWO), TODAY)
    reply = GOOD_REPLY._replace(body=GOOD.encode())
    assert broken_rules(call, reply, seen) == []
    assert {one.rule for one in broken_rules(call, reply, seen)} == {"C09"}


# --------------------------------------------------------------------------------- the judge itself


def test_the_judge_knows_every_rule_of_the_checklist_and_no_other() -> None:
    assert sorted(RULES) == sorted(IDS.split())
    broken = {rule for fault in FAULTS for rule in fault.rules.split()}
    assert broken | set(WHOLE) | {rule for rule, _ in TEXTS} | {"S11"} == set(IDS.split())


def test_the_judge_uses_nothing_of_the_service() -> None:
    modules = sorted((Path(__file__).parent / "crd_judge").glob("*.py"))
    assert len(modules) > 5
    for module in modules:
        tree = ast.parse(module.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            for found in names:
                # Its own modules and those of others; none of the tests around it.
                top = found.partition(".")[0]
                assert not (Path(__file__).parent / f"{top}.py").exists(), (module.name, found)
                assert top != "defib_coverage", (module.name, found)
