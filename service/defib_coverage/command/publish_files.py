"""Files that are published: each is there whole or not at all."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

import typer

from defib_coverage.documents.document import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files into a folder, and print each with its size and SHA-256.

    A file of the same name is replaced: the same data make the same bytes, so what is replaced was
    the same or was made of other data.

    Raises:
        InputError: the folder or a file cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, body in files.items():
            _write(folder / name, body)
    except OSError as error:
        message = f"{error.filename or folder}: cannot be written ({error.strerror})"
        raise InputError(message) from error
    except ValueError as error:
        message = f"{folder}: is no usable name"
        raise InputError(message) from error
    for name, body in files.items():
        typer.echo(f"{folder / name}: {len(body)} bytes")
        typer.echo(f"  sha256 {hashlib.sha256(body).hexdigest()}")


def _write(path: Path, body: bytes) -> None:
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
