"""Opening what an audit reads: files of this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import BinaryIO


def open_file(path: str) -> BinaryIO:
    """Open a file to read it from any place.

    Raises:
        OSError: it cannot be read.
    """
    return Path(path).open("rb")
