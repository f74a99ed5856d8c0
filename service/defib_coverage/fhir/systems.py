"""Code system URIs: every spelling seen on the wire, and the short name used inside."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# The first URI of each is the one we publish.
SYSTEM_URIS: Mapping[str, tuple[str, ...]] = {
    "icd10cm": (
        "http://hl7.org/fhir/sid/icd-10-cm",
        "http://terminology.hl7.org/CodeSystem/icd10CM",
        "urn:oid:2.16.840.1.113883.6.90",
    ),
    "icd10pcs": (
        "http://www.cms.gov/Medicare/Coding/ICD10",
        "https://www.cms.gov/Medicare/Coding/ICD10",
        "http://terminology.hl7.org/CodeSystem/icd10PCS",
        "http://hl7.org/fhir/sid/icd-10-pcs",
        "urn:oid:2.16.840.1.113883.6.4",
    ),
    "cpt": (
        "http://www.ama-assn.org/go/cpt",
        "https://www.ama-assn.org/go/cpt",
        "urn:oid:2.16.840.1.113883.6.12",
    ),
    "hcpcs": (
        "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets",
        "https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets",
        "http://www.nlm.nih.gov/research/umls/hcpcs",
        "http://terminology.hl7.org/CodeSystem/HCPCS-all-codes",
        "urn:oid:2.16.840.1.113883.6.285",
        "https://bluebutton.cms.gov/resources/codesystem/hcpcs",
    ),
    "snomed": (
        "http://snomed.info/sct",
        "https://snomed.info/sct",
        "urn:oid:2.16.840.1.113883.6.96",
    ),
    "loinc": ("http://loinc.org", "https://loinc.org", "urn:oid:2.16.840.1.113883.6.1"),
    "rxnorm": (
        "http://www.nlm.nih.gov/research/umls/rxnorm",
        "urn:oid:2.16.840.1.113883.6.88",
    ),
    "mdc": ("urn:iso:std:iso:11073:10101", "urn:oid:2.16.840.1.113883.6.24"),
    "dicom": ("http://dicom.nema.org/resources/ontology/DCM", "urn:oid:1.2.840.10008.2.16.4"),
    "v2-0360": (
        "http://terminology.hl7.org/CodeSystem/v2-0360",
        "http://terminology.hl7.org/CodeSystem/v2-0360|2.7",
        "http://hl7.org/fhir/v2/0360",
        "urn:oid:2.16.840.1.113883.18.220",
    ),
    "practitioner-role": ("http://terminology.hl7.org/CodeSystem/practitioner-role",),
    "payer-typology": (
        "https://nahdo.org/sopt",
        "urn:oid:2.16.840.1.113883.3.221.5",
    ),
    "x12-claim-filing": ("https://codesystem.x12.org/005010/1032",),
}
# This project's own code systems, below this base unless a site has its own. That of evidence is
# known by its last part, whatever its base is.
CANONICAL_BASE = "https://defib-coverage.example/fhir"
OWN_EVIDENCE = "defib-evidence"
OWN_OVERRIDE_REASON = "defib-override-reason"
ALIASES: Mapping[str, str] = {uri: name for name, uris in SYSTEM_URIS.items() for uri in uris}
CPT_SUFFIX = "-cpt"
# Titles of these may be shown: they are in the public domain.
PUBLIC_DOMAIN = frozenset({"icd10cm", "icd10pcs", "rxnorm"})


def alias_of(uri: str) -> str | None:
    """The short name of a code system, None for one that no value set uses."""
    alias = ALIASES.get(uri)
    if alias is None and uri.endswith("/CodeSystem/" + OWN_EVIDENCE):
        return OWN_EVIDENCE
    return alias


def meant_by(uri: str, code: str) -> str | None:
    """The short name of the code system that a coding means; None for one no value set uses.

    CPT is level I of HCPCS: claims data, Medicare's own too, have its codes under HCPCS's name.
    """
    alias = alias_of(uri)
    return "cpt" if alias == "hcpcs" and code.strip()[:1].isdecimal() else alias


def own_system(name: str, base: str) -> str:
    """The URI of one of this project's own code systems, below the canonical base."""
    return f"{base}/CodeSystem/{name}"


def published_uri(alias: str, base: str) -> str:
    """The URI that is published for a code system.

    Args:
        alias: its short name, also of one of our own; that of a site's own system is its URI.
        base: the canonical base of our own.
    """
    uris = SYSTEM_URIS.get(alias)
    if uris is not None:
        return uris[0]
    return alias if ":" in alias else own_system(alias, base)


def published_set(name: str, system: str) -> str:
    """The id under which a value set's codes of a system are published: CPT's stand apart."""
    return name + CPT_SUFFIX if system == "cpt" else name


# The systems as readers know them.
SYSTEM_NAMES: Mapping[str, str] = {
    "icd10cm": "ICD-10-CM",
    "icd10pcs": "ICD-10-PCS",
    "cpt": "CPT",
    "hcpcs": "HCPCS",
    "snomed": "SNOMED CT",
    "loinc": "LOINC",
    "rxnorm": "RxNorm",
    "mdc": "ISO/IEEE 11073",
    "dicom": "DICOM",
    "v2-0360": "HL7 table 0360",
    "practitioner-role": "HL7 practitioner role",
    "payer-typology": "Source of Payment Typology",
    "x12-claim-filing": "X12 claim filing indicator",
    OWN_EVIDENCE: "defib-coverage evidence",
}
