"""Facts of the code systems and of publishing that what is published is held against, as data."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

BASE = "https://defib-coverage.example/fhir"
CPT = "http://www.ama-assn.org/go/cpt"
ICD10CM = "http://hl7.org/fhir/sid/icd-10-cm"
ICD10PCS = "http://www.cms.gov/Medicare/Coding/ICD10"
HCPCS = "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"
SNOMED = "http://snomed.info/sct"
LOINC = "http://loinc.org"
_YEAR = r"20\d\d"


def verhoeff(code: str) -> bool:
    """Whether the last digit is the check digit of SNOMED CT: a sum over the dihedral group."""
    step = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)
    check = 0
    for place, digit in enumerate(reversed(code)):
        value = int(digit)
        for _ in range(place % 8):
            value = step[value]
        turn = (check + value if check < 5 else check - value) % 5
        check = turn + 5 * ((check >= 5) != (value >= 5))
    return check == 0


def mod10(code: str) -> bool:
    """Whether the digit behind the hyphen is the check digit of LOINC; answers have another."""
    if code.startswith("LA"):
        return True
    number, _, given = code.partition("-")
    total = 0
    for place, digit in enumerate(reversed(re.sub(r"\D", "", number))):
        value = int(digit) * (1 if place % 2 else 2)
        total += value // 10 + value % 10
    return (10 - total % 10) % 10 == int(given)


class SystemFacts(msgspec.Struct, frozen=True):
    """A code system: the forms of a code and of a release, a check digit, whether titles may go."""

    code: str
    version: str | None = None
    check: Callable[[str], bool] | None = None
    titled: bool = False


SYSTEMS: Mapping[str, SystemFacts] = {
    # Three characters alone, or a dot after them.
    ICD10CM: SystemFacts(r"[A-Z]\d[0-9A-Z](\.[0-9A-Z]{1,4})?", _YEAR, titled=True),
    # Neither I nor O, and no dot.
    ICD10PCS: SystemFacts(r"[0-9A-HJ-NP-Z]{7}", _YEAR, titled=True),
    CPT: SystemFacts(r"\d{4}[0-9FTU]", _YEAR),
    # Codes with a D are the American Dental Association's.
    HCPCS: SystemFacts(r"[A-CE-V]\d{4}", _YEAR),
    LOINC: SystemFacts(r"(LA)?\d{1,6}-\d", r"2\.\d\d", mod10),
    SNOMED: SystemFacts(
        r"\d{6,18}", r"http://snomed\.info/sct/731000124108(/version/\d{8})?", verhoeff
    ),
    "http://www.nlm.nih.gov/research/umls/rxnorm": SystemFacts(r"\d+"),
    "urn:iso:std:iso:11073:10101": SystemFacts(r"\d+"),
    "http://dicom.nema.org/resources/ontology/DCM": SystemFacts(r"[A-Z]{2}"),
    "http://terminology.hl7.org/CodeSystem/v2-0360": SystemFacts(r"[A-Z]+"),
    "http://terminology.hl7.org/CodeSystem/practitioner-role": SystemFacts(r"[a-z]+"),
    "https://nahdo.org/sopt": SystemFacts(r"\d+"),
    "https://codesystem.x12.org/005010/1032": SystemFacts(r"[0-9A-Z]{2}"),
}
# Other spellings of the same systems, which are read and never written.
WRONG_URIS = (
    "http://terminology.hl7.org/CodeSystem/icd10CM",
    "http://terminology.hl7.org/CodeSystem/icd10PCS",
    "https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets",
    "https://www.cms.gov/Medicare/Coding/ICD10",
    "http://www.nlm.nih.gov/research/umls/hcpcs",
    "http://terminology.hl7.org/CodeSystem/HCPCS-all-codes",
    "https://www.ama-assn.org/go/cpt",
    "https://snomed.info/sct",
    "https://loinc.org",
    "http://hl7.org/fhir/sid/icd-10",
    "http://hl7.org/fhir/sid/icd-10-pcs",
)
# The first and the last fiscal year of codes that not every release has.
LIFETIMES: Mapping[str, tuple[str, str]] = {
    "I47.2": ("", "2022"),
    "I47.20": ("2023", "9999"),
    "I47.21": ("2023", "9999"),
    "I47.29": ("2023", "9999"),
    "I5A": ("2022", "9999"),
    "02PAXMZ": ("", "2021"),
    "0JH60FZ": ("2020", "9999"),
    "0JH63FZ": ("2020", "9999"),
    "0JPT0FZ": ("2020", "9999"),
    "0JPT3FZ": ("2020", "9999"),
    "C7537": ("2023", "9999"),
    "C7538": ("2023", "9999"),
    "C7539": ("2023", "9999"),
    "C7540": ("2023", "9999"),
}
CPT_NOTICE = (
    "CPT © Copyright {year} American Medical Association. All rights reserved. AMA and CPT are "
    "registered trademarks of the American Medical Association."
)
NOTICES: Mapping[str, tuple[str, ...]] = {
    CPT: ("CPT © Copyright 20", "American Medical Association", "All rights reserved"),
    LOINC: ("http://loinc.org/license", "Regenstrief Institute, Inc.", "registered United States"),
    "https://nahdo.org/sopt": ("Source of Payment Typology", "National Center for Health Stat"),
    "https://codesystem.x12.org/005010/1032": ("claim filing indicator", "belong to X12"),
    SNOMED: ("copyright of SNOMED International", "SNOMED CT Affiliate license"),
}
_CORE = "http://hl7.org/fhir/StructureDefinition/"
_R5 = "http://hl7.org/fhir/5.0/StructureDefinition/extension-ValueSet.expansion."
# The extensions that are written, each with the element of its value; None for one of parts.
EXTENSIONS: Mapping[str, str | None] = {
    f"{_CORE}resource-effectivePeriod": "valuePeriod",
    f"{_CORE}cqf-knowledgeCapability": "valueCode",
    f"{_CORE}cqf-expansionParameters": "valueReference",
    f"{_CORE}artifact-versionAlgorithm": "valueCoding",
    f"{_CORE}artifact-versionPolicy": "valueCodeableConcept",
    f"{_CORE}artifact-relatedArtifact": "valueRelatedArtifact",
    f"{_CORE}artifact-isOwned": "valueBoolean",
    f"{_CORE}valueset-warning": "valueMarkdown",
    f"{_CORE}valueset-concept-comments": "valueString",
    f"{_R5}property": None,
    f"{_R5}contains.property": None,
}
# What may be said of a CPT number: its part in the policy, nothing of what it stands for.
CPT_COMMENTS = {
    "may only raise a question, never settle one",
    "counts as a claim code and says nothing about the patient",
    "also serves pacemakers",
}
