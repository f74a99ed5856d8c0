"""Which files an audit finds: none is passed over because a folder or a link is odd."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest

from defib_coverage.audit.inputs import find_files
from defib_coverage.documents.document import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def export(tmp_path: Path) -> Path:
    made = tmp_path / "export"
    (made / "part").mkdir(parents=True)
    (made / "part" / "a.ndjson").write_bytes(b"{}\n")
    return made


def names(*sources: Path) -> list[str]:
    return [one.name for one in find_files(list(map(str, sources)), sources[0] / "out")]


def test_folder_that_is_linked_to_is_read(export: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "b.ndjson").write_bytes(b"{}\n")
    (export / "more").symlink_to(tmp_path / "elsewhere")
    assert names(export) == ["more/b.ndjson", "part/a.ndjson"]


def test_links_that_go_in_a_circle_are_followed_once(export: Path) -> None:
    (export / "part" / "up").symlink_to(export)
    (export / "part" / "again").symlink_to(export / "part")
    assert names(export) == ["part/a.ndjson"]


@pytest.mark.parametrize("pattern", ["", "*"])
def test_link_that_leads_nowhere_is_told(pattern: str, export: Path) -> None:
    (export / "b.ndjson").symlink_to(export / "gone.ndjson")
    (export / "notes.txt").symlink_to(export / "gone.txt")
    with pytest.raises(InputError, match=r"b\.ndjson: No such file"):
        find_files([str(export / pattern)], export / "out")


def test_what_is_no_file_is_no_input(export: Path) -> None:
    os.mkfifo(export / "pipe.ndjson")
    (export / "linked.ndjson").symlink_to(export / "pipe.ndjson")
    (export / "folder.ndjson").mkdir()
    assert names(export) == ["part/a.ndjson"]


@contextmanager
def nobody() -> Iterator[None]:
    """Without the rights of who may read everything."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


def test_folder_that_cannot_be_read_is_told() -> None:
    with TemporaryDirectory() as folder:
        export = Path(folder) / "export"
        (export / "part").mkdir(parents=True)
        (export / "part" / "a.ndjson").write_bytes(b"{}\n")
        export.parent.chmod(0o755)
        (export / "part").chmod(0)
        with nobody(), pytest.raises(InputError, match="part: Permission denied"):
            names(export)
        (export / "part").chmod(0o755)
