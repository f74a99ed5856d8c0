"""How much one request may make the server do."""

from __future__ import annotations

from defib_coverage.terminology.operations.errors import refusal

MOST_WORK = 100_000
"""What one request may spend: a unit is a code or property looked at, or ten characters tested."""
_CHARACTERS = 10


class Work:
    """Counts what a request makes us handle, over all of its value sets."""

    def __init__(self) -> None:
        """Start with nothing done."""
        self.done = 0

    def look_at(self, codes: int) -> None:
        """Count codes that are looked at.

        Raises:
            TerminologyError: 422 where it is too much.
        """
        self.done += codes
        if self.done > MOST_WORK:
            text = f"the value set needs more work than {MOST_WORK} codes to be looked at"
            raise refusal(422, "too-costly", text)

    def test(self, value: str) -> None:
        """Count a value that is tested.

        Raises:
            TerminologyError: 422 where it is too much.
        """
        self.look_at(1 + len(value) // _CHARACTERS)
