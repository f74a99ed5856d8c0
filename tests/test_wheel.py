"""The wheel: one package with its data inside, that judges as the repository does."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from live_server import covered_chart, open_chart, sign

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("policies", "valuesets", "cards")
JUDGE = """
import json, sys
sys.path.insert(0, sys.argv[1])
import defib_coverage
from datetime import date
from defib_coverage.content import data_root, load
from defib_coverage.hooks.evaluation import Evaluator
from defib_coverage.hooks.wire import decode_request
knowledge = load().knowledge()
statuses = []
for line in sys.stdin.buffer:
    decoded = decode_request(line, knowledge.index)
    (found,) = Evaluator(knowledge).evaluate(decoded, date(2026, 11, 20)).determinations
    statuses.append([found.status, list(found.indications_met)])
print(json.dumps([defib_coverage.__file__, str(data_root()), knowledge.digest, statuses]))
"""


def _run(*command: str, where: Path, given: bytes = b"") -> bytes:
    """Run a command without anything of this checkout in its environment."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "DEFIB_COVERAGE_"))}
    done = subprocess.run(
        command,
        cwd=where,
        env=kept | {"PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        input=given,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)]
    _run(*build, str(ROOT), where=folder)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    _run(*pip, "--target", str(target), str(wheel), where=target)
    return target


def test_the_wheel_is_pure_python_and_named_by_the_version(wheel: Path) -> None:
    name, version, *tags = wheel.stem.split("-")
    assert name == "defib_coverage"
    assert tags == ["py3", "none", "any"]
    source = (ROOT / "service/defib_coverage/__init__.py").read_text(encoding="utf-8")
    assert f'__version__ = "{version}"' in source


def test_the_wheel_holds_one_package_and_its_metadata_only(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        top = {name.partition("/")[0] for name in archive.namelist()}
    package, metadata = sorted(top)
    assert package == "defib_coverage"
    assert metadata.startswith("defib_coverage-")
    assert metadata.endswith(".dist-info")


def test_the_wheel_holds_every_module_of_the_package(wheel: Path) -> None:
    source = ROOT / "service"
    modules = {p.relative_to(source).as_posix() for p in source.glob("defib_coverage/**/*.py")}
    with ZipFile(wheel) as archive:
        held = set(archive.namelist())
    assert modules <= held
    pages = {p.relative_to(source).as_posix() for p in source.glob("defib_coverage/*/page/*.*")}
    assert len(pages) == 3
    assert pages <= held
    assert "defib_coverage/py.typed" in held
    assert not [name for name in held if name.endswith((".pyc", ".pyo"))]
    assert not [name for name in held if re.search(r"(^|/)(tests?/|test_|conftest)", name)]


def test_the_wheel_holds_what_the_pages_are_made_of(wheel: Path) -> None:
    source = ROOT / "service"
    kept = {
        p.relative_to(source).as_posix(): p.read_bytes()
        for p in source.glob("defib_coverage/console/**/*.*")
        if p.suffix not in {".py", ".pyc"}
    }
    with ZipFile(wheel) as archive:
        held = {name: archive.read(name) for name in archive.namelist() if name in kept}
    assert held == kept
    assert {Path(name).suffix for name in held} == {".css", ".html", ".js", ".json", ".svg"}


def test_the_data_in_the_wheel_equal_those_in_the_repository(wheel: Path) -> None:
    kept = {
        path.relative_to(ROOT).as_posix(): path.read_bytes()
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*")
        if path.is_file()
    }
    inside = "defib_coverage/data/"
    with ZipFile(wheel) as archive:
        held = {
            name.removeprefix(inside): archive.read(name)
            for name in archive.namelist()
            if name.startswith(inside)
        }
    assert sorted(held) == sorted(kept)
    assert held == kept
    assert any(name.startswith("policies/ncd-20.4/") for name in held)


def test_the_wheel_carries_licence_readme_and_command(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        names = archive.namelist()
        (metadata,) = (n for n in names if n.endswith(".dist-info/METADATA"))
        (scripts,) = (n for n in names if n.endswith(".dist-info/entry_points.txt"))
        assert any(n.endswith("/licenses/LICENSE") for n in names)
        assert (ROOT / "README.md").read_text(encoding="utf-8") in archive.read(metadata).decode()
        assert "defib-coverage = defib_coverage.__main__:main" in archive.read(scripts).decode()
    assert "defib_coverage/__main__.py" in names


def test_an_installed_wheel_judges_by_the_data_inside_it(installed: Path) -> None:
    calls = [sign(chart=covered_chart()), sign(chart=open_chart())]
    lines = b"\n".join(json.dumps(call).encode() for call in calls)
    code = [sys.executable, "-W", "error", "-c", JUDGE, str(installed)]
    package, data, digest, statuses = json.loads(_run(*code, where=installed.parent, given=lines))
    assert Path(package).is_relative_to(installed)
    assert Path(data) == installed / "defib_coverage" / "data"
    assert len(digest) == 64
    assert statuses == [["covered", ["B3"]], ["conditional", []]]


def test_an_installed_wheel_has_the_digest_of_the_repository(installed: Path) -> None:
    code = [sys.executable, "-c", JUDGE]
    _, _, packed, _ = json.loads(_run(*code, str(installed), where=installed.parent))
    _, _, loose, _ = json.loads(_run(*code, str(ROOT / "service"), where=installed.parent))
    assert packed == loose
