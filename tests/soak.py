"""Runs a check over many changed examples: each within a time, all within bounds of memory.

PYTEST_DONT_REWRITE: nothing here asserts.
"""

from __future__ import annotations

import faulthandler
import gc
import os
import resource
import signal
import sys
import time
from random import Random
from typing import TYPE_CHECKING

import psutil
from hypothesis import HealthCheck, given, note, seed, settings
from hypothesis import strategies as st

from mutation import damage, encode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mutation import Mutator, Tree

    Check = Callable[[int, list[int]], bool]

INPUTS = int(os.environ.get("SOAK_INPUTS", "5000"))
SEED = int(os.environ.get("SOAK_SEED", "1"))
SECONDS = 5
"""What one input may take at most, on a busy machine too."""
MOST_GROWTH = 100 << 20
"""Bytes of memory that all further inputs may add to what the first ones took."""
_BYTES = 0.03  # the share of changes that are made to bytes
_FIRST = 500
_MOST_CHANGES = 10
# Hypothesis remembers what it tried: not for longer than this many inputs.
_ROUND = 2500
_ROUND_SECONDS = 600
# What the decoder refuses says nothing about the rest.
_FEWEST_ANSWERED = 0.2


def change(mutator: Mutator, tree: Tree, changes: Sequence[int]) -> list[Random]:
    """Change an example; what it returns is still to be made of its bytes."""
    left: list[Random] = []
    for number in changes:
        chance = Random(number)  # noqa: S311 - seeded, so that a failure can be repeated
        if chance.random() < _BYTES:
            left.append(chance)
        else:
            mutator.change(tree, chance)
    return left


def damaged(tree: Tree, left: Sequence[Random], other: bytes) -> bytes:
    """The text of a changed example."""
    text = encode(tree)
    for chance in left:
        text = damage(text, chance, other)
    return text


def soak(name: str, check: Check, examples: int, inputs: int) -> None:
    """Check that many inputs, and say how long it took.

    Args:
        name: of the check.
        check: takes the number of an example and the numbers of the changes to it; tells whether
            the input was good enough to be answered.
        examples: how many examples there are.
        inputs: how many inputs to check.
    """
    begin = time.monotonic()
    process = psutil.Process()
    after_first = done = answered = 0
    while done < inputs:
        count = min(_ROUND, inputs - done) if done else min(_FIRST, inputs)
        found = _round(check, examples, count, SEED * 1_000_000 + done)
        done += len(found)
        answered += sum(found)
        gc.collect()
        after_first = after_first or process.memory_info().rss
    growth = process.memory_info().rss - after_first
    highest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    seconds = time.monotonic() - begin
    sys.stdout.write(
        f"{name}: {done} inputs, {answered} of them answered, seed {SEED}, {seconds:.0f} s, "
        f"{growth >> 20} MB more at the end, {highest} MB at most\n"
    )
    if answered < done * _FEWEST_ANSWERED:
        message = f"{name}: of {done} inputs only {answered} came past the decoder"
        raise AssertionError(message)
    if growth > MOST_GROWTH:
        message = f"{name}: memory grew by {growth} bytes"
        raise AssertionError(message)


def _round(check: Check, examples: int, count: int, number: int) -> list[bool]:
    """One run of Hypothesis; for every input, what the check told."""
    found: list[bool] = []

    @seed(number)
    @settings(max_examples=count, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        st.integers(0, examples - 1),
        st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=_MOST_CHANGES),
    )
    def every_input(example: int, changes: list[int]) -> None:
        note(f"example {example}, changes {changes}")
        signal.setitimer(signal.ITIMER_REAL, SECONDS)
        try:
            found.append(check(example, changes))
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)

    before = signal.signal(signal.SIGALRM, _too_slow)
    # An endless loop in C lets no signal through.
    faulthandler.dump_traceback_later(_ROUND_SECONDS, exit=True)
    try:
        every_input()
    finally:
        faulthandler.cancel_dump_traceback_later()
        signal.signal(signal.SIGALRM, before)
    return found


def _too_slow(*_: object) -> None:
    message = f"the input took more than {SECONDS} s"
    raise AssertionError(message)
