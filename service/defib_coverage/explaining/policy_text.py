"""The rules of a policy in plain English, one sentence a criterion."""

from __future__ import annotations

from typing import TYPE_CHECKING

from defib_coverage.coverage import policy
from defib_coverage.coverage.dates import parse_span

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from defib_coverage.coverage.codes import CodeIndex
    from defib_coverage.coverage.policy import Criterion, PolicyVersion, WaitingEvent

_CLASSES = ("I", "II", "III", "IV")
_SILENCE = {
    "ask": "Where nothing is on file it stays open.",
    "clear": "Where nothing is on file it is taken as so, and a person attests to it.",
}
_METHODS = {
    "echo": "echocardiography",
    "nuclear": "radionuclide imaging",
    "cmr": "cardiac MRI",
    "cath": "catheter angiography",
    "ct": "CT",
}


class PolicyText:
    """Puts one policy version into words as of one day."""

    def __init__(self, version: PolicyVersion, index: CodeIndex, day: date) -> None:
        """Speak of ``version`` with the codes that are in force on ``day``."""
        self._version = version
        self._index = index
        self._day = day

    def criterion(self, criterion: Criterion) -> str:
        """How a criterion is judged."""
        return f"{self._rule(criterion)} {_SILENCE[criterion.if_not_documented]}"

    def _rule(self, criterion: Criterion) -> str:
        match criterion:
            case policy.Diagnosis() | policy.Pairing() | policy.Episode():
                return self._diagnosis(criterion)
            case policy.Association() | policy.Absence() | policy.RateControl():
                return self._absence(criterion)
            case policy.Measurement() | policy.FunctionalClass():
                return self._measurement(criterion)
            case policy.WaitingPeriod():
                label = self._version.waiting[criterion.event].label
                return f"The waiting period after {label} must be over (see below)."
            case policy.Therapy() | policy.Visit() | policy.ExistingDevice():
                return self._care(criterion)
            case policy.Judgement():
                return "Only a person can say."

    def _diagnosis(self, criterion: policy.Diagnosis | policy.Pairing | policy.Episode) -> str:
        if isinstance(criterion, policy.Episode):
            shown = self._titles(criterion.evidence)
            return f"The chart shows it by {shown}; a claim code alone does not."
        if isinstance(criterion, policy.Pairing):
            text = (
                f"On the claim {self.codes(criterion.primaries, 'each of')} must go with "
                f"{self.codes(criterion.partners)}."
            )
            if criterion.notice_until is not None:
                text += f" Through {criterion.notice_until} contractors only gave notice."
            return text
        text = f"A confirmed, current diagnosis: {self.codes(criterion.claim)}."
        if criterion.not_alone:
            text += f" {_listed(criterion.not_alone)} counts beside another code only."
        if criterion.not_yet:
            text += f" Where the code cannot be reported yet: {self._titles(criterion.not_yet)}."
        if criterion.not_yet_for is not None:
            text += f" It cannot be reported for {criterion.not_yet_for} after the event."
        return text

    def _absence(
        self,
        criterion: policy.Association | policy.Absence | policy.RateControl,
    ) -> str:
        match criterion:
            case policy.Association():
                causes = self._titles(criterion.causes)
                if criterion.cause_window is not None:
                    causes = self._version.waiting[criterion.cause_window].label
                return f"Open where every episode lies within {criterion.within} of {causes}."
            case policy.RateControl():
                return (
                    f"Open where the chart has {self._titles((criterion.uncontrolled,))}, or "
                    f"{self._titles((criterion.rhythms,))} with a latest heart rate above "
                    f"{criterion.above}."
                )
        parts = [
            (criterion.fails, "Not met where the chart has {}."),
            (criterion.asks, "Open where the chart has {}."),
            (criterion.asks_on_day, "Open where the service date has {}."),
            (criterion.asks_day_before, "Open where the service date or the day before has {}."),
            (criterion.asks_planned, "Open where planned: {}."),
        ]
        return " ".join(text.format(self._titles(sets)) for sets, text in parts if sets)

    def _measurement(self, criterion: policy.Measurement | policy.FunctionalClass) -> str:
        if isinstance(criterion, policy.FunctionalClass):
            allowed = _listed(_CLASSES[number - 1] for number in criterion.allowed)
            return f"The latest class on or before the service date is one of {allowed}."
        what = "There is a reading on or before the service date"
        if criterion.at_most is not None:
            what = (
                f"The latest reading on or before the service date is {criterion.at_most} or less"
            )
        methods = _listed(_METHODS.get(name, name) for name in criterion.approved)
        text = f"{what}, by one of {methods}."
        after = [self._title(name) for name in criterion.after_events]
        after += [f"the start of {self._title(name)}" for name in criterion.after_therapies]
        return f"{text} One from before {' or '.join(after)} is flagged." if after else text

    def _care(self, criterion: policy.Therapy | policy.Visit | policy.ExistingDevice) -> str:
        if isinstance(criterion, policy.Visit):
            return (
                f"A {self._titles((criterion.visits,))} on or before the service date, held by one "
                "who may hold it."
            )
        if isinstance(criterion, policy.ExistingDevice):
            return (
                f"Shown by {self._titles(criterion.evidence)}, or by a completed implant that no "
                "later procedure took out."
            )
        classes = " and ".join(self._title(name) for name in criterion.classes)
        text = (
            f"One drug of each: {classes}; each begun at least {criterion.at_least} before the "
            "service date, the anniversary included, and not stopped."
        )
        for name, others in criterion.instead.items():
            together = " with ".join(self._title(other) for other in others)
            text += f" Instead of {self._title(name)}: {together}."
        return text

    def waiting(self, event: WaitingEvent) -> list[str]:
        """How the days of a waiting period are counted."""
        length = parse_span(event.last_excluded)
        if length.unit == "days":
            text = (
                f"The day of the event is day 0. Day {length.count} is the last excluded day, day "
                f"{length.count + 1} the first eligible one."
            )
        else:
            text = (
                "The day of the event is day 0. The last excluded day is the same day of the month "
                f"{length.count} calendar months later, or that month's last day; the next day is "
                "the first eligible one."
            )
        lines = [text]
        if event.recorded_within is not None:
            lines.append(
                f"An undated acute record began at most {event.recorded_within} before it was "
                "written down.",
            )
        if event.past_after is not None:
            lines.append(
                f"An undated past record began at least {event.past_after} before it was written "
                "down.",
            )
        if event.also_show is not None:
            lines.append(f"Some read {event.also_show}; where that is longer it is shown beside.")
        return lines

    def codes(self, value_set: str, several: str = "one of") -> str:
        """The codes of a set that are in force on the day; ``several`` leads a list of them."""
        found = self._index.codes_in_force(value_set, self._day)
        if len(found) > 1:
            return f"{several} {_listed(found)}"
        return found[0] if found else "no code in force"

    def _titles(self, value_sets: Iterable[str]) -> str:
        return ", ".join(self._title(name) for name in value_sets) or "nothing"

    def _title(self, value_set: str) -> str:
        title = self._index.value_sets[value_set].title
        # Initials such as LVEF stay as they are.
        return title if title[1:2].isupper() else title[:1].lower() + title[1:]


def _listed(items: Iterable[str]) -> str:
    return ", ".join(items)
