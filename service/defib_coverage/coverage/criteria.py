"""One judge for every kind of criterion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from defib_coverage.coverage import care, diagnoses, episodes, measurements, policy, waiting
from defib_coverage.coverage.baseline import (
    Baseline,
    make_baseline,
    tell_criterion,
    tell_indication,
)
from defib_coverage.coverage.case import Case
from defib_coverage.coverage.chart import Chart, ChartView

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from defib_coverage.coverage.determination import CriterionResult, IndicationResult
    from defib_coverage.coverage.results import Result

# Each judge takes the criterion type it stands beside.
_JUDGES: Mapping[type, Callable[[Any, Case], Result]] = {
    policy.Diagnosis: diagnoses.judge_diagnosis,
    policy.Episode: episodes.judge_episode,
    policy.Association: episodes.judge_association,
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

    def __init__(self, case: Case, baseline: Baseline | None) -> None:
        """Judge nothing yet but the events that waiting periods hang on.

        Args:
            case: the chart, the day and the rules.
            baseline: what silence comes to on that day; None where a part of the record is missing,
                since its silence means nothing.
        """
        self.case = case
        self.baseline = baseline
        names = case.view.names
        # Where there is a baseline: the criteria to which the chart says nothing.
        self._silent = (
            frozenset[str]()
            if baseline is None
            else {name for name, sets in case.rulebook.sets.items() if sets.isdisjoint(names)}
        )
        self._results: dict[str, Result] = {}
        self._shown: dict[str, CriterionResult] = {}
        case.paced = waiting.pacemaker_hints(case)
        case.windows = {name: waiting.waiting_of(name, case) for name in case.policy.waiting}
        if baseline is not None and case.removals_in_call:
            # A removal beside the order speaks where the chart is silent.
            self.result_of(case.policy.existing_device)

    def result(self, name: str) -> Result:
        """What the criterion came to."""
        result = self._results.get(name)
        if result is not None:
            return result
        if self.baseline is not None and name in self._silent:
            return self.baseline.results[name]
        return self.result_of(name)

    def result_of(self, name: str) -> Result:
        """Judge the criterion."""
        criterion = self.case.policy.criteria[name]
        result = self._results[name] = _JUDGES[type(criterion)](criterion, self.case)
        return result

    def shown(self, name: str) -> CriterionResult:
        """What the criterion came to, as the contract tells it."""
        shown = self._shown.get(name)
        if shown is not None:
            return shown
        if self.baseline is not None and name in self._silent and name not in self._results:
            return self.baseline.shown[name]
        result = self.result(name)
        shown = self._shown[name] = tell_criterion(self.case.policy, name, result)
        return shown

    def indication(self, name: str, *, bound: bool) -> IndicationResult:
        """One indication: in full for a candidate, else only what leads to it.

        ``bound``: the order is a candidate for it by being ordered.
        """
        policy = self.case.policy
        leads = policy.indications[name].candidates
        if bound or any(self.result(lead).candidate for lead in leads):
            criteria = [self.shown(c) for c in policy.indications[name].all_of]
            return tell_indication(policy, name, criteria, candidate=True)
        return tell_indication(policy, name, [self.shown(c) for c in leads])

    def quiet(self, name: str) -> IndicationResult | None:
        """The indication as silence leaves it, if the chart says nothing that leads to it."""
        names = self.case.view.names
        if self.baseline is None or not self.case.rulebook.lead_sets[name].isdisjoint(names):
            return None
        if self.case.removals_in_call:
            return None
        return self.baseline.indications[name]


_MOST_BASELINES = 1000


def judge_case(case: Case) -> Judged:
    """Judge a case against what silence comes to on its day."""
    if case.view.chart.missing:
        return Judged(case, None)
    rulebook = case.rulebook
    baseline = rulebook.baselines.get(case.day)
    if baseline is None:
        if len(rulebook.baselines) >= _MOST_BASELINES:
            rulebook.baselines.clear()
        empty = Case(rulebook, ChartView(Chart({}), case.day, None), ())
        baseline = make_baseline(rulebook.policy, Judged(empty, None).result)
        rulebook.baselines[case.day] = baseline
    return Judged(case, baseline)
