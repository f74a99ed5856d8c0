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
    from collections.abc import Set as AbstractSet

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


class _Results(dict[str, "Result"]):
    """What the criteria of a case come to, each found out when it is first asked for."""

    def __init__(self, case: Case, baseline: Baseline | None, told: AbstractSet[str]) -> None:
        super().__init__()
        self._case = case
        self._silence = {} if baseline is None else baseline.results
        self._told = told

    def __missing__(self, name: str) -> Result:
        result = None if name in self._told else self._silence.get(name)
        if result is None:
            criterion = self._case.policy.criteria[name]
            result = _JUDGES[type(criterion)](criterion, self._case)
        self[name] = result
        return result


class Judged:
    """The criteria of one case, each judged once however many indications name it."""

    def __init__(self, case: Case, baseline: Baseline | None) -> None:
        """Judge nothing yet but the events that waiting periods hang on.

        ``results`` are what the criteria come to.

        Args:
            case: the chart, the day and the rules.
            baseline: what silence comes to on that day; None where a part of the record is missing,
                since its silence means nothing.
        """
        self.case = case
        self._baseline = baseline
        # The criteria and the indications' leads that the chart, or the call, speaks of.
        self._told: set[str] = set()
        self._led_to: set[str] = set()
        if baseline is not None:
            rulebook = case.rulebook
            for value_set in case.view.names:
                self._told.update(rulebook.criteria_of.get(value_set, ()))
                self._led_to.update(rulebook.indications_of.get(value_set, ()))
            if case.removals_in_call:
                # A removal beside the order speaks where the chart is silent.
                self._told.add(case.policy.existing_device)
                self._led_to.update(case.policy.indications)
        self.results = _Results(case, baseline, self._told)
        self._shown: dict[str, CriterionResult] = {}
        case.paced = waiting.pacemaker_hints(case)
        case.windows = {name: waiting.waiting_of(name, case) for name in case.policy.waiting}

    def quiet(self, name: str) -> IndicationResult | None:
        """The indication as silence leaves it, if the chart says nothing that leads to it."""
        if self._baseline is None or name in self._led_to:
            return None
        return self._baseline.indications[name]

    def shown(self, name: str) -> CriterionResult:
        """What the criterion came to, as the contract tells it."""
        if self._baseline is not None and name not in self._told:
            return self._baseline.shown[name]
        shown = self._shown.get(name)
        if shown is None:
            result = self.results[name]
            shown = self._shown[name] = tell_criterion(self.case.policy, name, result)
        return shown

    def leads_to(self, name: str) -> bool:
        """Whether the chart leads to an indication."""
        for lead in self.case.policy.indications[name].candidates:
            if self.results[lead].candidate:
                return True
        return False

    def indication(self, name: str, *, candidate: bool) -> IndicationResult:
        """One indication: in full for a candidate, else only what leads to it."""
        policy = self.case.policy
        rule = policy.indications[name]
        criteria = [self.shown(c) for c in (rule.all_of if candidate else rule.candidates)]
        return tell_indication(policy, name, criteria, candidate=candidate)


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
        baseline = make_baseline(rulebook.policy, Judged(empty, None).results)
        rulebook.baselines[case.day] = baseline
    return Judged(case, baseline)
