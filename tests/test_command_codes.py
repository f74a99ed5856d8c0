"""``policy codes``: what is known of a code of any system in any spelling."""

from __future__ import annotations

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
        "(heart-failure-partners, coverage, P-GROUP1)",
        "valid from 2018-02-15",
        "on a claim it is the companion of I25.2 (P-B2-CODES)",
        "It is no order code.",
    ),
    "I25.5": ("on a claim I25.5 must go with one of I50.21, I50.22, I50.23, I50.41",),
    "I47.2": (
        "valid from 2018-02-15 through 2022-09-30 after that use I47.20, I47.21, I47.29",
        "speaks of the past: it need not be current",
    ),
    "i5a": ("counts on the claim and says nothing about the patient",),
    "g0448": (
        "HCPCS G0448",
        "(in our own words)",
        "initial-implant: needs one of B1, B2, B3, B4, B5, B6, D-BTT, D-IDE",
    ),
    " 33249 ": ("CPT 33249", "copyright of the American Medical Association"),
    "33225": (
        "lead-only: needs a listed diagnosis that stands alone, or a complete pair",
        "Beside an implant of the same call it stands or falls with the implant.",
        "silent where no defibrillator is evidenced",
    ),
    "C1721": ("ordered by a DeviceRequest",),
    "A0392": (
        "HCPCS A0392 ambulance defibrillation supplies",
        "Silent: it orders no defibrillator of the article",
        "a hint (P-B1), never proof, told unless B1 is met",
        "if there was an arrest from VF, I46.2 or I49.01 then and Z86.74 now",
    ),
    "92953": (
        "CPT 92953 temporary pacing through skin pads",
        "Silent: it orders no defibrillator of the article",
        "raises a question on the service date or the day before",
        "look for a pacemaker indication (I44.1, I44.2, I49.5)",
    ),
    "429007001": ("SNOMED CT 429007001", "documents what the claim code Z86.74 says"),
    "la28405-1": ("LOINC LA28405-1", "B3, B4: NYHA class II or III (P-B3): among the readings"),
    "K0606": ("an option while a waiting period runs",),
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
        ("i5024", "Near: I50.2"),
        ("33250", "Near: 332"),
        ("nothing-like-it", "No known code is near."),
    ],
)
def test_unknown_code(code: str, near: str) -> None:
    done = run("policy", "codes", code)
    assert done.returncode == 1
    assert done.stdout.startswith(f"{code}: is in no value set.")
    assert near in done.stdout


def test_code_of_a_site(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text(
        'extends = "lvef"\ncodes = [{ system = "urn:site", code = "EF-1", display = "EF here" }]\n',
    )
    done = run("policy", "codes", "EF-1", settings={"OVERLAY": os.fspath(tmp_path)})
    assert words(done.stdout).startswith("urn:site EF-1 EF here")
