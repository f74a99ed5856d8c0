"""One judge for every kind of criterion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from defib_coverage.coverage import care, diagnoses, measurements, policy, waiting
from defib_coverage.coverage.determination import CriterionResult

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from defib_coverage.coverage.case import Case, Result

# Each judge takes the criterion type it stands beside.
_JUDGES: Mapping[type, Callable[[Any, Case], Result]] = {
    policy.Diagnosis: diagnoses.judge_diagnosis,
    policy.Episode: diagnoses.judge_episode,
    policy.Association: diagnoses.judge_association,
    policy.Pairing: diagnoses.judge_pairing,
    policy.Absence: diagnoses.judge_absence,
    policy.RateControl: diagnoses.judge_rate_control,
    policy.Measurement: measurements.judge_measurement,
    policy.FunctionalClass: measurements.judge_class,
    policy.WaitingPeriod: waiting.judge_waiting_period,
    policy.Therapy: care.judge_therapy,
    policy.Visit: care.judge_visit,
    policy.ExistingDevice: care.judge_device,
    policy.Judgement: care.judge_judgement,
}


class Judged:
    """The criteria of one case, each judged once however many indications name it."""

    def __init__(self, case: Case) -> None:
        """Judge nothing yet but the events that waiting periods hang on."""
        self.case = case
        case.paced = waiting.pacemaker_hints(case)
        case.windows = {name: waiting.waiting_of(name, case) for name in case.policy.waiting}
        self._results: dict[str, Result] = {}
        self._shown: dict[str, CriterionResult] = {}

    def result(self, criterion_id: str) -> Result:
        """What the criterion came to."""
        result = self._results.get(criterion_id)
        if result is None:
            criterion = self.case.policy.criteria[criterion_id]
            result = _JUDGES[type(criterion)](criterion, self.case)
            self._results[criterion_id] = result
        return result

    def shown(self, criterion_id: str) -> CriterionResult:
        """What the criterion came to, as the contract tells it."""
        shown = self._shown.get(criterion_id)
        if shown is None:
            result = self.result(criterion_id)
            silent = self.case.rulebook.silent_criteria
            if not result.silent:
                shown = self._tell(criterion_id, result)
            elif criterion_id in silent:
                shown = silent[criterion_id]
            else:
                shown = silent[criterion_id] = self._tell(criterion_id, result)
            self._shown[criterion_id] = shown
        return shown

    def _tell(self, criterion_id: str, result: Result) -> CriterionResult:
        criterion = self.case.policy.criteria[criterion_id]
        return CriterionResult(
            id=criterion_id,
            label=criterion.label,
            truth=result.truth,
            citation=criterion.cite,
            evidence=result.evidence,
            gaps=result.gaps,
            attest=result.attest,
        )
