"""The published resources for tests, and short ways to ask the operations on them."""

from __future__ import annotations

from datetime import UTC, date, datetime

BASE = "https://defib-coverage.example/fhir"
TODAY = date(2026, 11, 21)
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
ICD = "http://hl7.org/fhir/sid/icd-10-cm"
PCS = "http://www.cms.gov/Medicare/Coding/ICD10"
CPT = "http://www.ama-assn.org/go/cpt"
