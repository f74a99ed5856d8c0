"""What those who watch the service are told of each call: metrics, traces."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from defib_coverage.coverage.determination import Determination
    from defib_coverage.logs import CallAnswered, CallRefused, FeedbackTaken


class Answered(NamedTuple):
    """A call that was answered: its line of the log, what was found, and how long it took.

    ``parent`` is the header ``traceparent`` of the call, as it came.
    """

    line: CallAnswered
    found: Sequence[Determination]
    seconds: float
    parent: str | None = None


class Refused(NamedTuple):
    """A call that was refused."""

    line: CallRefused
    seconds: float
    parent: str | None = None


class Taken(NamedTuple):
    """Feedback that was kept."""

    line: FeedbackTaken
    seconds: float
    parent: str | None = None


class Watcher(Protocol):
    """Is told of every call; what it does must cost next to nothing, and never fail."""

    def answered(self, call: Answered) -> None:
        """A call was answered."""

    def refused(self, call: Refused) -> None:
        """A call was refused."""

    def taken(self, feedback: Taken) -> None:
        """Feedback was kept."""
