"""Runs of an audit that are broken off, repeated, or begun where another one stands."""

from __future__ import annotations

import os
import signal
import stat
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import pytest

from audit_breaks import POINTS, broken_off
from audit_exports import Export, write
from audit_population import TODAY, population
from audit_runs import WRITTEN, audit, audited, outcome_of
from audit_shapes import Shape
from command_line import run

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    from fhir_builders import Json

# Many files, so that there is a middle to be killed in.
SHAPE = Shape(name="runs", parts=25, packing="various", duplicates=True, strangers=50, odd=True)


class Whole(NamedTuple):
    """An export, and the folder of an audit of it that nothing broke off."""

    export: Export
    out: Path


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    return whole_of(tmp_path_factory.mktemp("whole"), SHAPE)


def whole_of(folder: Path, shape: Shape) -> Whole:
    """An export in this shape, and its audit, in a folder."""
    export = write(folder / "export", population(), shape)
    audited(export.folder, folder / "out")
    return Whole(export, folder / "out")


def assert_same(out: Path, whole: Whole) -> None:
    """The same bytes in every file, and nothing else in the folder."""
    for name in WRITTEN:
        assert (out / name).read_bytes() == (whole.out / name).read_bytes(), name
    assert sorted(path.name for path in out.iterdir()) == sorted([*WRITTEN, "manifest.json"])
    assert without_times(out) == without_times(whole.out)


def without_times(out: Path) -> Json:
    manifest = outcome_of(out).manifest
    return {k: v for k, v in manifest.items() if k not in {"started", "finished"}}


def broken(
    whole: Whole, out: Path, point: str | int, *options: str, by: int = signal.SIGKILL
) -> subprocess.CompletedProcess[str]:
    """An audit of the export that is broken off."""
    source = whole.export.folder
    asked = ("-o", str(out), "--today", TODAY, *options)
    return broken_off("audit", "run", source, *asked, out=out, point=point, by=by)


@pytest.mark.parametrize("point", POINTS)
def test_killed_run_goes_on_to_the_same_bytes(point: str, whole: Whole, tmp_path: Path) -> None:
    done = broken(whole, tmp_path / "out", point)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert POINTS[point](tmp_path / "out")
    audited(whole.export.folder, tmp_path / "out")
    assert_same(tmp_path / "out", whole)


def test_run_that_is_killed_again_and_again_comes_to_the_same_bytes(
    whole: Whole, tmp_path: Path
) -> None:
    """Each time it gets a little further."""
    kills = 0
    while (done := broken(whole, tmp_path / "out", 100 * (kills + 1))).returncode:
        assert done.returncode == -signal.SIGKILL, done.stderr
        kills += 1
    assert kills > 5
    assert_same(tmp_path / "out", whole)


def test_killed_run_on_spark_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    """It is killed with its cluster, in the middle of reading."""
    whole = whole_of(tmp_path, msgspec.structs.replace(SHAPE, parts=2))
    out = tmp_path / "on-spark"
    done = broken(whole, out, "some scanned", "--engine", "spark", "--master", "local[2]")
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert POINTS["some scanned"](out)
    audited(whole.export.folder, out, "--master", "local[2]", engine="spark")
    for name in WRITTEN:
        assert (out / name).read_bytes() == (whole.out / name).read_bytes(), name


def test_killed_run_that_had_written_all_is_finished_whatever_comes(tmp_path: Path) -> None:
    """It was killed while it cleared up; then its input changed."""
    export = write(tmp_path / "export", population(), SHAPE)
    broken(Whole(export, tmp_path), tmp_path / "out", "written")
    one_more(export.folder)
    done = audit(export.folder, "-o", tmp_path / "out")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "holds a finished audit" in done.stderr
    assert not (tmp_path / "out" / "work").exists()
    assert outcome_of(tmp_path / "out").rows


def test_run_that_is_interrupted_says_how_it_goes_on(whole: Whole, tmp_path: Path) -> None:
    done = broken(whole, tmp_path / "out", "some scanned", by=signal.SIGINT)
    assert done.returncode == 130
    assert "the same command goes on from there" in done.stderr
    assert "Traceback" not in done.stderr
    audited(whole.export.folder, tmp_path / "out")
    assert_same(tmp_path / "out", whole)


def test_finished_audit_is_never_written_over(whole: Whole) -> None:
    before = {name: (whole.out / name).read_bytes() for name in (*WRITTEN, "manifest.json")}
    done = audit(whole.export.folder, "-o", whole.out)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "holds a finished audit" in done.stderr
    assert {name: (whole.out / name).read_bytes() for name in before} == before


def test_folder_with_something_else_in_it_is_left_alone(whole: Whole, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    done = audit(whole.export.folder, "-o", tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "is not empty" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def longer(export: Path) -> None:
    with (export / "blank.ndjson").open("ab") as file:
        file.write(b"\n")


def of_another_time(export: Path) -> None:
    """The same length, changed since."""
    path = export / "blank.ndjson"
    status = path.stat()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1_000_000))


def one_more(export: Path) -> None:
    (export / "zzz.ndjson").write_bytes(b"")


def one_less(export: Path) -> None:
    (export / "blank.ndjson").unlink()


@pytest.mark.parametrize("change", [longer, of_another_time, one_more, one_less])
def test_run_does_not_go_on_with_other_files(
    change: Callable[[Path], None], tmp_path: Path
) -> None:
    export = write(tmp_path / "export", population(), SHAPE)
    broken(Whole(export, tmp_path), tmp_path / "out", "some scanned")
    change(export.folder)
    done = audit(export.folder, "-o", tmp_path / "out")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "the files were changed" in done.stderr
    assert not (tmp_path / "out" / "manifest.json").exists()


def test_run_does_not_go_on_with_other_options(whole: Whole, tmp_path: Path) -> None:
    broken(whole, tmp_path / "out", "some scanned")
    for options in (["--hindsight"], ["--today", "2026-11-19"]):
        done = audit(whole.export.folder, "-o", tmp_path / "out", *options)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert "other options" in done.stderr


def test_run_does_not_go_on_with_other_payers(whole: Whole, tmp_path: Path) -> None:
    """Not by another file: by another payer in the same one."""
    payers = tmp_path / "payers.toml"
    payers.write_text('[payers.one]\nlabel = "One"\nnames = ["One"]\n')
    settings = {"PAYERS": str(payers)}
    asked = ("audit", "run", whole.export.folder, "-o", tmp_path / "out", "--today", TODAY)
    broken_off(*asked, out=tmp_path / "out", point="some scanned", settings=settings)
    payers.write_text('[payers.one]\nlabel = "One"\nnames = ["Two"]\n')
    done = run(*asked, settings=settings)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "other options or settings" in done.stderr


def test_run_does_not_go_on_with_another_engine(whole: Whole, tmp_path: Path) -> None:
    """What one engine knows so far is not what the other one keeps."""
    broken(whole, tmp_path / "out", "some scanned")
    done = audit(whole.export.folder, "-o", tmp_path / "out", "--engine", "spark")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "by the embedded engine; go on with that one, or delete the folder" in done.stderr


@pytest.mark.parametrize("processes", ["1", "3"])
def test_number_of_processes_changes_nothing(processes: str, whole: Whole, tmp_path: Path) -> None:
    audited(whole.export.folder, tmp_path / "out", "--processes", processes)
    assert_same(tmp_path / "out", whole)


def test_output_inside_the_input_is_not_read(whole: Whole, tmp_path: Path) -> None:
    export = write(tmp_path, population(), SHAPE)
    inside = tmp_path / "audits" / "first"
    audited(tmp_path, inside)
    assert (inside / WRITTEN[0]).read_bytes() == (whole.out / WRITTEN[0]).read_bytes()
    names = {one["file"] for one in outcome_of(inside).manifest["inputs"]}
    assert names == {file.name for file in export.files}


def test_what_was_decided_of_patients_is_for_its_owner_only(whole: Whole) -> None:
    for name in (*WRITTEN, "manifest.json"):
        assert stat.S_IMODE((whole.out / name).stat().st_mode) == 0o600


def test_input_that_is_none_is_told_in_a_line(tmp_path: Path) -> None:
    for name in ("empty", "odd"):
        (tmp_path / name).mkdir()
    with open(bytes(tmp_path / "odd") + b"/\xff.ndjson", "wb") as file:  # noqa: PTH123 - no text
        file.write(b"{}")
    folders = (str(tmp_path / name) for name in ("empty", "odd", "nowhere", "*.ndjson"))
    # An empty name, as of a variable that is not set, is not the folder that one stands in.
    for source in (*folders, "", " "):
        done = audit(source, "-o", tmp_path / "out")
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert not (tmp_path / "out").exists()
