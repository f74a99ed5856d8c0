"""What a push prints: its plan, and lines that are printed as long as somebody reads them."""

from __future__ import annotations

import os
import sys
from collections import Counter, defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from defib_coverage.command.options import counted
from defib_coverage.command.page import plain
from defib_coverage.command.push_checks import told

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from defib_coverage.terminology.push_plan import Action, Plan, Step

_VERBS: Mapping[Action, str] = {
    "create": "create",
    "replace": "replace",
    "unchanged": "leave as they are",
    "refused": "refuse",
}
_MOST_OF_A_REASON = 5


def say(text: str, *, err: bool = False) -> None:
    """Print a line, without what would steer a terminal.

    Where nobody reads on, as behind ``| head``, nothing more is printed, and the push goes on: it
    was asked for, and what it has begun it shall end.
    """
    try:
        typer.echo(plain(text), err=err)
    except BrokenPipeError:
        stream = sys.stderr if err else sys.stdout
        with Path(os.devnull).open("wb") as nothing:
            os.dup2(nothing.fileno(), stream.fileno())


def say_all(lines: Iterable[str]) -> None:
    """Print lines."""
    for line in lines:
        say(line)


def print_plan(planned: Plan) -> None:
    """Print what would be written and what is refused, and how many of each."""
    for step in planned.of("create", "replace"):
        say(f"  {step.action} {_about(step)}")
        say_all(told(step.differences))
    refused: defaultdict[str, list[Step]] = defaultdict(list)
    for step in planned.refused:
        refused[step.reason].append(step)
    for reason, steps in refused.items():
        say_all(_refused(reason, steps))
    counts = Counter(step.action for step in planned.steps)
    parts = [f"{counts[action]} to {verb}" for action, verb in _VERBS.items() if counts[action]]
    say(f"Plan: {counted(len(planned.steps), 'resource')}: {', '.join(parts)}.")


def _about(step: Step) -> str:
    """A resource, and why it becomes what it does."""
    reason = f": {step.reason}" if step.reason else ""
    return step.parcel.place + reason + (f" ({step.other})" if step.other else "")


def _refused(reason: str, steps: Sequence[Step]) -> Iterator[str]:
    """What is refused for one reason: a single resource with it, of several the first ones."""
    if len(steps) == 1:
        yield f"  refused {_about(steps[0])}"
        yield from told(steps[0].differences)
        return
    yield f"  refused {counted(len(steps), 'resource')}: {reason}"
    for step in steps[:_MOST_OF_A_REASON]:
        yield f"    {step.parcel.place}" + (f" ({step.other})" if step.other else "")
        yield from (f"  {line}" for line in told(step.differences))
    if len(steps) > _MOST_OF_A_REASON:
        yield f"    and {len(steps) - _MOST_OF_A_REASON} more"
