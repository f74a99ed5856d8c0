"""The invariants of coverage information as FHIRPath, evaluated by an engine that is not ours.

Each is worded here, per version of CRD, from what the guide wants; an expression that comes out
empty has failed, as the HL7 validator has it. Statements that differ in day, id, reason or Coverage
only are one and the same here.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from fhirpathpy import compile as compile_path

from crd_judge.json_text import COVERAGE_INFORMATION

if TYPE_CHECKING:
    from crd_corpus import Case
    from crd_judge.call import Version

pytest_plugins = ("crd_corpus",)
Json = dict[str, Any]


def code(url: str) -> str:
    return f"extension.where(url = '{url}').valueCode"


def some(url: str) -> str:
    return f"extension.where(url = '{url}').exists()"


def has(url: str, value: str) -> str:
    return f"{code(url)}.where($this = '{value}').exists()"


_OPEN = " or ".join(has(url, "conditional") for url in ("covered", "pa-needed", "doc-needed"))
_UNDECIDED = " or ".join(
    has(url, "indeterminate") for url in ("covered", "pa-needed", "doc-needed")
)
_IN_WORDS = "extension.where(url = 'reason').valueCodeableConcept.text.exists()"
BOTH: dict[str, str] = {
    "crd-ci-q1": f"{some('questionnaire')} implies {some('doc-needed')}",
    "crd-ci-q3": f"({some('info-needed')}) = ({_OPEN})",
    "crd-ci-q5": f"{some('satisfied-pa-id')} = {has('pa-needed', 'satisfied')}",
    "crd-ci-q6": f"{has('info-needed', 'OTH')} implies {_IN_WORDS}",
    "crd-ci-q7": "extension.where(url = 'reason').valueCodeableConcept.all(text.exists() or "
    "coding.where(system.contains('davinci-crd') and code.exists()).exists())",
}


def when(condition: str) -> str:
    """A set of parts as the left side of ``implies``: true where there are some, else empty."""
    return f"iif({condition}, true, {{}})"


_NOT_REFUSED = "extension.where(url = 'covered' and valueCode != 'not-covered').exists()"
_ALREADY_CLEAR = f"{has('pa-needed', 'satisfied')} or {has('pa-needed', 'no-auth')}"
INVARIANTS: dict[Version, dict[str, str]] = {
    "2.0": BOTH
    | {
        "crd-ci-q1": f"({some('questionnaire')} or {some('response')}) implies "
        f"{some('doc-needed')}",
        "crd-ci-q2": f"{_NOT_REFUSED} implies {some('pa-needed')}",
        # Sets on the left of "implies", read literally: empty where the order is refused, so that
        # only what stands on the right can hold.
        "crd-ci-q2 literally": f"{when(_NOT_REFUSED)} implies {some('pa-needed')}",
        "crd-ci-q4": f"{has('pa-needed', 'satisfied')} implies "
        f"{has('doc-purpose', 'withpa')}.not()",
    },
    "2.2": BOTH
    | {
        "crd-ci-q2": f"{has('covered', 'not-covered')} implies {some('pa-needed')}.not()",
        "crd-ci-q4": f"({_ALREADY_CLEAR} or {has('covered', 'not-covered')}) implies "
        f"{has('doc-purpose', 'withpa')}.not()",
        "crd-ci-q4 literally": f"{when(f'({_ALREADY_CLEAR})')} implies "
        f"{has('doc-purpose', 'withpa')}.not()",
        "crd-ci-q8": f"{some('doc-purpose')} implies {some('reason')}",
        "crd-ci-q9": f"({_UNDECIDED}) implies {some('reason')}",
    },
}
# Where no version is asked for, all of both, save for q2, which
# both cannot have; q4 of 2.2 says more.
NO_VERSION = INVARIANTS["2.2"] | INVARIANTS["2.0"] | {"crd-ci-q4": INVARIANTS["2.2"]["crd-ci-q4"]}
_COMPILED = {text: compile_path(text) for texts in INVARIANTS.values() for text in texts.values()}


def invariants(version: Version | None) -> dict[str, str]:
    return NO_VERSION if version is None else INVARIANTS[version]


def failed(statement: Json, version: Version | None) -> set[str]:
    """The invariants that a statement does not meet."""
    return {
        name
        for name, text in invariants(version).items()
        if _COMPILED[text](statement, {}) != [True]
    }


def substance(statement: Json) -> str:
    """A statement without what no invariant looks at."""
    kept = []
    for part in statement["extension"]:
        match part["url"]:
            case "date" | "coverage-assertion-id" | "billingCode" | "coverage" | "dependency":
                continue
            case "reason":
                reason = part["valueCodeableConcept"]
                kept.append(part | {"valueCodeableConcept": reason | {"text": "?"}})
                assert reason["text"]
            case _:
                kept.append(part)
    return json.dumps(statement | {"extension": kept})


def test_all_that_is_said_meets_the_invariants(corpus: tuple[Case, ...]) -> None:
    said = {
        (substance(extension), case.call.version)
        for case in corpus
        for action in case.answer.get("systemActions", ())
        for extension in action["resource"]["extension"]
        if extension["url"] == COVERAGE_INFORMATION
    }
    assert len(said) > 12
    wrong = {
        (text, version): names
        for text, version in said
        if (names := failed(json.loads(text), version))
    }
    assert wrong == {}


# -------------------------------------------------------------------------------- they can fail


NAMES = {"pa": "pa-needed", "doc": "doc-needed", "info": "info-needed", "purpose": "doc-purpose"}


def part(name: str, value: str) -> Json:
    """A part of a statement: a code, or what its name stands for."""
    match name:
        case "reason":
            return {"url": name, "valueCodeableConcept": {"text": value}}
        case "coded":
            return {"url": "reason", "valueCodeableConcept": {"coding": [{"code": value}]}}
        case "questionnaire":
            return {"url": name, "valueCanonical": value}
        case "response":
            return {"url": name, "valueReference": {"reference": value}}
        case "id":
            return {"url": "satisfied-pa-id", "valueString": value}
        case _:
            return {"url": NAMES.get(name, name), "valueCode": value}


def statement(**parts: str) -> Json:
    return {"url": COVERAGE_INFORMATION, "extension": [part(*one) for one in parts.items()]}


COVERED = {"covered": "covered", "pa": "no-auth", "reason": "Because."}
OPEN = {"covered": "conditional", "pa": "no-auth", "info": "timeframe", "reason": "Because."}
REFUSED = {"covered": "not-covered", "pa": "no-auth", "reason": "Because."}
SILENT = {"covered": "not-covered", "reason": "Because."}
NEEDED = {"covered": "covered", "pa": "auth-needed", "reason": "Because."}


@pytest.mark.parametrize(
    ("said", "version"),
    [
        (COVERED, None),
        (OPEN, None),
        (REFUSED, None),
        (REFUSED, "2.0"),
        (SILENT, "2.2"),
        ({"covered": "indeterminate", "pa": "no-auth", "reason": "Because."}, "2.2"),
        (COVERED | {"doc": "clinical", "questionnaire": "http://x.example/q"}, None),
        (NEEDED | {"doc": "clinical", "purpose": "withclaim"}, None),
        ({"covered": "covered", "pa": "satisfied", "id": "1", "reason": "Because."}, "2.0"),
    ],
)
def test_a_good_statement_meets_the_invariants(said: dict[str, str], version: Version) -> None:
    assert failed(statement(**said), version) == set()


@pytest.mark.parametrize(
    ("said", "version", "wrong"),
    [
        (COVERED | {"questionnaire": "http://x.example/q"}, "2.2", {"crd-ci-q1"}),
        (COVERED | {"response": "QuestionnaireResponse/1"}, "2.0", {"crd-ci-q1"}),
        ({"covered": "covered"}, "2.0", {"crd-ci-q2", "crd-ci-q2 literally"}),
        # Empty implies false is empty: the engine refuses what the guide wants.
        (SILENT, "2.0", {"crd-ci-q2 literally"}),
        (SILENT, None, {"crd-ci-q2 literally"}),
        (REFUSED, "2.2", {"crd-ci-q2"}),
        (COVERED | {"info": "timeframe"}, "2.0", {"crd-ci-q3"}),
        (COVERED | {"info": "timeframe"}, "2.2", {"crd-ci-q3"}),
        ({"covered": "conditional", "pa": "no-auth", "reason": "x"}, "2.2", {"crd-ci-q3"}),
        (COVERED | {"doc": "conditional"}, "2.0", {"crd-ci-q3"}),
        (
            {
                "covered": "covered",
                "pa": "satisfied",
                "id": "1",
                "purpose": "withpa",
                "reason": "x",
            },
            "2.0",
            {"crd-ci-q4"},
        ),
        (COVERED | {"purpose": "withpa"}, "2.2", {"crd-ci-q4", "crd-ci-q4 literally"}),
        (SILENT | {"purpose": "withpa"}, "2.2", {"crd-ci-q4", "crd-ci-q4 literally"}),
        # Read literally, withpa fails whatever else is said.
        (NEEDED | {"purpose": "withpa"}, "2.2", {"crd-ci-q4 literally"}),
        (NEEDED | {"purpose": "withpa"}, None, {"crd-ci-q4 literally"}),
        ({"covered": "covered", "pa": "satisfied", "reason": "x"}, "2.0", {"crd-ci-q5"}),
        (COVERED | {"id": "1"}, "2.2", {"crd-ci-q5"}),
        (
            {"covered": "conditional", "pa": "no-auth", "info": "OTH"},
            "2.2",
            {"crd-ci-q6"},
        ),
        ({"covered": "covered", "pa": "no-auth", "coded": "x"}, "2.2", {"crd-ci-q7"}),
        ({"covered": "covered", "pa": "no-auth", "purpose": "retain-doc"}, "2.2", {"crd-ci-q8"}),
        ({"covered": "indeterminate"}, "2.2", {"crd-ci-q9"}),
        ({"covered": "covered", "pa": "indeterminate"}, "2.2", {"crd-ci-q9"}),
    ],
)
def test_a_bad_statement_does_not(
    said: dict[str, str], version: Version | None, wrong: set[str]
) -> None:
    assert failed(statement(**said), version) == wrong


def test_the_document_names_the_same_invariants() -> None:
    named = {name.removesuffix(" literally") for texts in INVARIANTS.values() for name in texts}
    assert named == {f"crd-ci-q{number}" for number in range(1, 10)}
