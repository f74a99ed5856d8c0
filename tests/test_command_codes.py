"""``policy codes``: what is known of a code of any system in any spelling."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from command_line import run, words

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

KNOWN: Mapping[str, tuple[str, ...]] = {
    "i5022": (
        "ICD-10-CM I50.22 Chronic systolic (congestive) heart failure",
        "(heart-failure-partners: list of diagnoses of the article, P-GROUP1)",
        "Valid from 2018-02-15",
        "B2, B3, B4: companion that a claim must carry, from 2018-02-15",
        "B2: it is a companion of I25.2 (P-B2-CODES)",
        "Close to its list and not on it: - ICD-10-CM I50.20",
        "It is no order code.",
    ),
    "I25.5": (
        "It does not stand alone: a companion must stand beside it.",
        "B3: I25.5 must go with one of I50.21, I50.22, I50.23, I50.41",
    ),
    "Z76.82": ("D-BTT: Z76.82 must go with I50.84 (P-D-BTT)",),
    "I47.2": (
        "Valid from 2018-02-15 through 2022-09-30. - After that use I47.20, I47.21, I47.29.",
        "Replaced it: - ICD-10-CM I47.20",
        "Speaks of the past: the record need not be current",
    ),
    "I47.20": ("Before that it was I47.2.", "Stood for it through 2022-09-30: - ICD-10-CM I47.2"),
    "i5a": (
        "counts on the claim and says nothing about the patient",
        "I5A follows its cause, which is coded first.",
    ),
    "g0448": (
        "HCPCS G0448",
        "(in our own words)",
        "Class initial-implant: it needs one of B1, B2, B3, B4, B5, B6, D-BTT, D-IDE",
    ),
    " 33249 ": (
        "CPT 33249",
        "copyright of the American Medical Association",
        "A diagnosis of the article must stand beside it, alone or in a complete pair.",
    ),
    "33225": (
        "Class lead-only: it needs a listed diagnosis that stands alone, or a complete pair",
        "Beside an implant of the same call it stands or falls with the implant.",
        "silent where no defibrillator is evidenced",
        "33225 is billed only beside its parent procedure.",
    ),
    "C1721": ("It is ordered by a DeviceRequest", "It names the device;"),
    "A0392": (
        "HCPCS A0392 ambulance defibrillation supplies",
        "B1 (Sustained VT or VF arrest in the history): a hint, no proof",
        "Often looked up beside it: - HCPCS A0394",
        "Silent: it orders no defibrillator service of the article",
        "a hint and no proof, told unless B1 is met.",
        "if there was an arrest from VF, I46.2 or I49.01 then and Z86.74 now",
        "(P-B1, arrest-hint)",
    ),
    "92953": (
        "CPT 92953 temporary pacing through skin pads",
        "(temporary-pacing-cpt: what a chart may show,",
        "no implanted device and no sign of one",
        "Silent: it orders no defibrillator service of the article",
        "dated on the service date or the day before, puts in question: clinically stable",
        "look for a pacemaker indication (I44.1, I44.2, I49.5)",
    ),
    "429007001": ("SNOMED CT 429007001", "What it documents is said by Z86.74"),
    "la28405-1": ("LOINC LA28405-1", "B3, B4: holds the class for: NYHA class II or III (P-B3)"),
    "K0606": ("Named on cards as an option while a waiting period runs",),
    "0210093": (
        "Known as one of a family of codes (021[0-3].*)",
        "starts the waiting period of 3 months after bypass surgery",
    ),
    "C79.63": ("Secondary malignant neoplasm of bilateral ovaries",),
    "02PAXMZ": ("It is not among the procedures of the article for a service on",),
    "RN": ("No criterion of the policy names its value sets",),
}


@pytest.mark.parametrize("code", KNOWN)
def test_known_code(code: str) -> None:
    done = run("policy", "codes", code)
    assert done.returncode == 0
    page = words(done.stdout)
    for text in KNOWN[code]:
        assert text in page


@pytest.mark.parametrize(
    ("code", "near"),
    [
        (
            "i5024",
            "Near: ICD-10-CM I50.20 (Unspecified systolic (congestive) heart failure); ICD-10",
        ),
        ("33250", "Near: CPT 332"),
        ("429007002", "Near: SNOMED CT 429007001 ("),
        ("429007012", "No known code is near."),
        ("2102301", "No known code is near."),
        ("E11.9", "No known code is near."),
        ("nothing-like-it", "No known code is near."),
    ],
)
def test_unknown_code(code: str, near: str) -> None:
    done = run("policy", "codes", code)
    assert done.returncode == 1
    assert done.stdout.startswith(f"{code}: is in no value set.")
    assert near in words(done.stdout)


def test_code_that_only_a_family_matches() -> None:
    done = run("policy", "codes", "C79.99")
    assert done.returncode == 1
    page = words(done.stdout)
    assert "(through 2026) has C79.99 as a billable code." in page
    assert "Near: ICD-10-CM C79.9 (" in page
    assert "raises a question" in page
    asked = run("policy", "codes", "C79.99", "--json")
    assert asked.returncode == 1
    answer = json.loads(asked.stdout)
    assert [found["checkedThrough"] for found in answer["codes"]] == ["2026"]
    assert "C79.9" in {one["code"] for one in answer["near"]}


@pytest.mark.parametrize(
    ("code", "modifiers"),
    [("33249:Q0", ["Q0"]), (" 33249-q0-kx", ["Q0", "KX"]), ("g0448:KX", ["KX"])],
)
def test_code_with_modifiers(code: str, modifiers: list[str]) -> None:
    done = run("policy", "codes", code)
    assert done.returncode == 0
    left_out = " and ".join(modifiers)
    assert words(done.stdout).startswith(
        f"The lists hold codes without modifiers: what follows leaves out {left_out}. "
    )
    answer = json.loads(run("policy", "codes", code, "--json").stdout)
    assert answer["modifiers"] == modifiers
    assert [found["code"] for found in answer["codes"]] == [code.strip()[:5].upper()]


@pytest.mark.parametrize("code", ["33250:Q0", "A4100:Q", "33249:", "I50.2:Q0", "33249:Q0:"])
def test_code_with_what_is_no_modifier_or_unknown(code: str) -> None:
    done = run("policy", "codes", code)
    assert done.returncode == 1
    assert done.stdout.startswith(f"{code}: is in no value set.")


def test_code_of_a_site(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text(
        'extends = "lvef"\ncodes = [{ system = "urn:site", code = "EF-1", display = "EF here" }]\n',
    )
    done = run("policy", "codes", "EF-1", settings={"OVERLAY": os.fspath(tmp_path)})
    assert words(done.stdout).startswith("urn:site EF-1 EF here")


def test_code_of_another_day() -> None:
    before = words(run("policy", "codes", "I47.2", "--on", "2022-09-30").stdout)
    assert "In force on 2022-09-30." in before
    assert "It stands alone: the article asks for no companion." in before
    after = words(run("policy", "codes", "I47.2", "--on", "2022-10-01").stdout)
    assert "No longer in force on 2022-10-01." in after
    assert "It is no claim code for a service on 2022-10-01." in after
    assert run("policy", "codes", "I47.2", "--on", "yesterday").returncode == 2


@pytest.mark.parametrize("system", ["payer-typology", "https://nahdo.org/sopt"])
def test_code_of_one_system(system: str) -> None:
    both = run("policy", "codes", "12").stdout
    assert "Medicare fee for service" in both
    assert "X12 claim filing indicator 12" in both
    one = run("policy", "codes", "12", "--system", system).stdout
    assert "Medicare fee for service" in one
    assert "X12" not in one


def test_unknown_system_is_refused() -> None:
    done = run("policy", "codes", "I25.2", "--system", "icd9")
    assert done.returncode == 2
    assert done.stdout == ""
    assert "--system icd9: no value set uses it; known are icd10cm" in words(done.stderr)


def test_code_of_another_system() -> None:
    done = run("policy", "codes", "I25.2", "--system", "cpt")
    assert done.returncode == 1
    page = words(done.stdout)
    assert page == "I25.2: is in no value set as a code of cpt. It is a code of ICD-10-CM."


def test_facts_for_programs() -> None:
    (found,) = json.loads(run("policy", "codes", "I252", "--on", "2026-11-21", "--json").stdout)[
        "codes"
    ]
    assert (found["uri"], found["code"]) == ("http://hl7.org/fhir/sid/icd-10-cm", "I25.2")
    assert (found["day"], found["status"]) == ("2026-11-21", "in-force")
    assert [s["valueSet"] for s in found["valueSets"]] == ["b2-diagnoses", "old-mi"]
    assert [c["indication"] for c in found["companions"]] == ["B2"]
    unknown = run("policy", "codes", "I50.24", "--json")
    assert unknown.returncode == 1
    assert json.loads(unknown.stdout)["codes"] == []
    assert {
        "system": "icd10cm",
        "systemName": "ICD-10-CM",
        "code": "I50.21",
        "words": "Acute systolic (congestive) heart failure",
    } in json.loads(unknown.stdout)["near"]
