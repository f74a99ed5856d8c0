"""Findings: every code there is, and how much each matters in a given determination."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from defib_coverage.coverage.determination import Severity

# always: a warning. open: a warning while no indication is met, else info. info: info.
Weight = Literal["always", "open", "info"]

FINDINGS: Mapping[str, Weight] = {
    "secondary-diagnosis-missing": "open",
    "waiting-period-open": "open",
    "code-not-effective": "always",
    "order-code-not-effective": "always",
    "lvef-too-high": "always",
    "nyha-not-allowed": "always",
    "not-clinically-stable": "always",
    "brain-damage": "always",
    "lvef-missing": "open",
    "lvef-modality-not-approved": "open",
    "lvef-unit-suspect": "open",
    "lvef-preliminary": "open",
    "nyha-missing": "open",
    "sdm-missing": "open",
    "omt-not-shown": "open",
    "omt-less-than-3-months": "open",
    "needs-icd10-code": "open",
    "i25.2-not-yet-valid": "open",
    "hf-code-not-qualifying": "open",
    "near-miss-diagnosis": "open",
    "dx-unconfirmed": "open",
    "dx-not-current": "open",
    "weak-dx-only": "open",
    "associated-with-acute-mi": "open",
    "reversible-cause-suspected": "open",
    "history-of-vt-vf": "open",
    "existing-icd-not-evidenced": "open",
    "b6-diagnosis-missing": "open",
    "no-covered-diagnosis-found": "open",
    "no-group1-diagnosis": "open",
    "mi-date-unknown": "open",
    "revasc-date-unknown": "open",
    "event-date-imprecise": "open",
    "revasc-candidate-suspected": "open",
    "prognosis-needs-documentation": "open",
    "svt-rate-needs-documentation": "open",
    "lvef-modality-not-stated": "info",
    "lvef-predates-event": "info",
    "between-month-and-90-day-readings": "info",
    "event-after-dos": "info",
    "pacemaker-exception-possible": "info",
    "mac-discretion": "info",
    "ide-claim-elements": "info",
    "shared-lead-code": "info",
    "pacemaker-combination-code": "info",
    "non-icd-order": "info",
    "policy-not-in-effect": "info",
    "arrest-hint": "info",
    "pacing-hint": "info",
    "sdm-ordered": "info",
    "payer-not-medicare": "info",
    "assumes-medicare": "info",
    "coverage-taken-as-medicare": "info",
    "several-coverages": "info",
    "coverage-not-in-force": "info",
    "other-patient-ignored": "info",
    "order-partly-unread": "always",
    "order-not-wanted": "info",
    "order-of-other-patient": "info",
    "record-incomplete": "info",
}
# They speak of the patient or the order as a whole, whichever indication is met.
GLOBAL = frozenset({"not-clinically-stable", "brain-damage", "order-code-not-effective"})


def severity(code: str, origins: Collection[str], met: Collection[str]) -> Severity:
    """How much a finding matters, given the indications it comes from and those that are met.

    What comes only from an indication that failed, while another is met, is information.
    """
    weight = FINDINGS[code]
    if weight == "info":
        return "info"
    if not met:
        return "warning"
    if weight == "open":
        return "info"
    if code not in GLOBAL and origins and not set(origins) & set(met):
        return "info"
    return "warning"
