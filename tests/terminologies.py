"""The published resources for tests, and short ways to ask the operations on them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from defib_coverage.content import load
from defib_coverage.families import load_families
from defib_coverage.terminology.catalogue import Catalogue
from defib_coverage.terminology.operations.errors import TerminologyError
from defib_coverage.terminology.operations.operations import Operations
from defib_coverage.terminology.operations.parameters import Body, Query

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fhir_builders import Json

BASE = "https://defib-coverage.example/fhir"
TODAY = date(2026, 11, 21)
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
ICD = "http://hl7.org/fhir/sid/icd-10-cm"
PCS = "http://www.cms.gov/Medicare/Coding/ICD10"
CPT = "http://www.ama-assn.org/go/cpt"


