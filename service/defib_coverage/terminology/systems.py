"""The code systems as they are published: their releases, and the notices that go with them."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Literal

import msgspec

from defib_coverage.fhir.systems import OWN_EVIDENCE, OWN_OVERRIDE_REASON

if TYPE_CHECKING:
    from collections.abc import Mapping

_OCTOBER = 10
OWN_FINDING = "defib-finding"
OWN_INDICATION = "defib-indication"
OWN_PROPERTY = "defib-property"
OWN_WORDS = "defib-designation"
Rhythm = Literal["fiscal-year", "calendar-year", "fixed"]


class CodeSystemFacts(msgspec.Struct, frozen=True):
    """A foreign code system.

    ``rhythm`` is how its releases are named: by the fiscal year that begins in October, by the
    calendar year, or by ``release`` whatever the day; a fixed one without a release is not pinned.
    ``notice`` is what its owner wants to be told; ``{year}`` in it is the year in which the release
    came out: that of CPT does so in the August before.
    """

    title: str
    oid: str | None
    rhythm: Rhythm
    release: str | None = None
    notice: str | None = None

    def release_on(self, day: date) -> str | None:
        """The release in force on ``day``; None where none can be named."""
        match self.rhythm:
            case "fiscal-year":
                return str(day.year + (day.month >= _OCTOBER))
            case "calendar-year":
                return str(day.year)
            case "fixed":
                return self.release

    def notice_on(self, day: date, since: date | None = None) -> str | None:
        """What the owner wants to be told of the release in force on ``day``; None for nothing.

        With ``since`` it is told of all releases from that day on.
        """
        years = "" if since is None else f"{since.year - 1}-"
        return None if self.notice is None else self.notice.format(year=f"{years}{day.year - 1}")


# The owners' own words.
_CPT = (
    "CPT © Copyright {year} American Medical Association. All rights reserved. AMA and CPT are "
    "registered trademarks of the American Medical Association."
)
_LOINC = (
    "This material contains content from LOINC (http://loinc.org). LOINC is copyright © "
    "Regenstrief Institute, Inc. and the Logical Observation Identifiers Names and Codes (LOINC) "
    "Committee and is available at no cost under the license at http://loinc.org/license. LOINC® "
    "is a registered United States trademark of Regenstrief Institute, Inc."
)
_SNOMED = (
    "This material contains content that is copyright of SNOMED International. Implementers of "
    "these specifications must have the appropriate SNOMED CT Affiliate license - for more "
    "information contact https://www.snomed.org/get-snomed or info@snomed.org."
)
# In words of ours.
_SOPT = (
    "The codes of the Source of Payment Typology are maintained by the National Center for Health "
    "Statistics of the United States Centers for Disease Control and Prevention; their labels here "
    "are this project's words."
)
_X12 = (
    "The codes of the claim filing indicator belong to X12 (https://x12.org), which licenses the "
    "use of its standards; their labels here are this project's words."
)
# By the short names of the value set files.
FACTS: Mapping[str, CodeSystemFacts] = {
    "icd10cm": CodeSystemFacts("ICD-10-CM", "2.16.840.1.113883.6.90", "fiscal-year"),
    "icd10pcs": CodeSystemFacts("ICD-10-PCS", "2.16.840.1.113883.6.4", "fiscal-year"),
    "cpt": CodeSystemFacts("CPT", "2.16.840.1.113883.6.12", "calendar-year", notice=_CPT),
    "hcpcs": CodeSystemFacts("HCPCS Level II", "2.16.840.1.113883.6.285", "calendar-year"),
    # The edition: the United States', whatever its date.
    "snomed": CodeSystemFacts(
        "SNOMED CT",
        "2.16.840.1.113883.6.96",
        "fixed",
        "http://snomed.info/sct/731000124108",
        _SNOMED,
    ),
    "loinc": CodeSystemFacts("LOINC", "2.16.840.1.113883.6.1", "fixed", "2.82", _LOINC),
    "rxnorm": CodeSystemFacts("RxNorm", "2.16.840.1.113883.6.88", "fixed"),
    "mdc": CodeSystemFacts("ISO/IEEE 11073-10101", "2.16.840.1.113883.6.24", "fixed"),
    "dicom": CodeSystemFacts("DICOM", "1.2.840.10008.2.16.4", "fixed"),
    "v2-0360": CodeSystemFacts("HL7 v2 table 0360, degrees", "2.16.840.1.113883.18.220", "fixed"),
    "practitioner-role": CodeSystemFacts("HL7 practitioner roles", None, "fixed"),
    "payer-typology": CodeSystemFacts(
        "Source of Payment Typology", "2.16.840.1.113883.3.221.5", "fixed", notice=_SOPT
    ),
    "x12-claim-filing": CodeSystemFacts("X12 claim filing indicator", None, "fixed", notice=_X12),
}

# Our own code systems do not change with the article: each has a version of its own.
OWN_VERSIONS: Mapping[str, str] = {
    OWN_FINDING: "1.0.0",
    OWN_EVIDENCE: "1.0.0",
    OWN_OVERRIDE_REASON: "1.0.0",
    OWN_INDICATION: "1.0.0",
    OWN_WORDS: "1.0.0",
    OWN_PROPERTY: "1.0.0",
}
OWN_DATE = "2026-11-22"


def release_of(alias: str, day: date) -> str | None:
    """The release of a code system that is in force on a day; None where none can be named.

    Args:
        alias: its short name, also of one of our own.
        day: the day.
    """
    facts = FACTS.get(alias)
    return OWN_VERSIONS.get(alias) if facts is None else facts.release_on(day)


def changes_yearly(alias: str) -> bool:
    """Whether a code system has a release of its own for each year."""
    facts = FACTS.get(alias)
    return facts is not None and facts.rhythm != "fixed"
