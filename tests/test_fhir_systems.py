"""The URIs of code systems: every spelling of clients is read, one of each is written."""

from __future__ import annotations

import pytest

from defib_coverage.fhir.systems import ALIASES, SYSTEM_URIS, alias_of

WRITTEN = {
    "icd10cm": "http://hl7.org/fhir/sid/icd-10-cm",
    "icd10pcs": "http://www.cms.gov/Medicare/Coding/ICD10",
    "cpt": "http://www.ama-assn.org/go/cpt",
    "hcpcs": "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets",
    "loinc": "http://loinc.org",
    "snomed": "http://snomed.info/sct",
}
READ = {
    "http://terminology.hl7.org/CodeSystem/icd10CM": "icd10cm",
    "http://terminology.hl7.org/CodeSystem/icd10PCS": "icd10pcs",
    "https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets": "hcpcs",
    "http://www.nlm.nih.gov/research/umls/hcpcs": "hcpcs",
    "http://terminology.hl7.org/CodeSystem/HCPCS-all-codes": "hcpcs",
    "urn:oid:2.16.840.1.113883.6.90": "icd10cm",
    "urn:oid:2.16.840.1.113883.6.4": "icd10pcs",
    "urn:oid:2.16.840.1.113883.6.12": "cpt",
    "urn:oid:2.16.840.1.113883.6.285": "hcpcs",
    "urn:oid:2.16.840.1.113883.6.1": "loinc",
    "urn:oid:2.16.840.1.113883.6.96": "snomed",
}


@pytest.mark.parametrize("system", WRITTEN)
def test_the_uri_that_is_written_is_the_one_of_the_terminology(system: str) -> None:
    assert SYSTEM_URIS[system][0] == WRITTEN[system]
    assert alias_of(WRITTEN[system]) == system


@pytest.mark.parametrize("uri", READ)
def test_a_uri_that_is_met_is_read_and_never_written(uri: str) -> None:
    assert alias_of(uri) == READ[uri]
    assert uri not in {uris[0] for uris in SYSTEM_URIS.values()}


def test_no_uri_stands_for_two_systems() -> None:
    assert len(ALIASES) == sum(len(uris) for uris in SYSTEM_URIS.values())


@pytest.mark.parametrize(
    "uri",
    [
        "http://hl7.org/fhir/sid/icd-10",  # WHO's, another system
        "http://hl7.org/fhir/sid/icd-10-cm/",
        "HTTP://HL7.ORG/FHIR/SID/ICD-10-CM",
        "http://hl7.org/fhir/sid/icd-9-cm",
        "",
    ],
)
def test_a_uri_of_another_system_is_none_of_ours(uri: str) -> None:
    assert alias_of(uri) is None
