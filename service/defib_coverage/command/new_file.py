"""Files of a result: there once they are whole, never over another, for their owner's eyes."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

from defib_coverage.documents.document import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """A file that is there once all of it is written, for its owner's eyes only.

    Raises:
        InputError: there is one of its name.
        OSError: it cannot be written.
    """
    if path.exists():
        message = f"{path}: is there already. Name another folder"
        raise InputError(message)
    part = path.with_name(path.name + ".part")
    try:
        opened = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(opened, "wb") as file:
            yield file
        part.rename(path)
    finally:
        part.unlink(missing_ok=True)
