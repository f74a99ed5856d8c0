"""What a fetch tells while it goes on, to whoever shows it."""

from __future__ import annotations

from typing import Protocol


class Watch(Protocol):
    """Shows how a fetch gets on; called from several threads."""

    def told(self, line: str) -> None:
        """Something worth a line has happened."""

    def waits(self, why: str, seconds: float) -> None:
        """The server is asked again in so many seconds; ``why`` is short and holds no secret."""

    def begins(self, files: int, done: int) -> None:
        """Files are loaded from here on; some may be there already."""

    def came(self, size: int) -> None:
        """So many bytes more."""

    def loaded(self, file: str, lines: int) -> None:
        """A file is complete."""
