"""Dependencies point one way, and the core reads no clock, disk, network or log."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import defib_coverage

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = "defib_coverage"
ROOT = Path(defib_coverage.__file__).parent
CORE_MAY_USE = sys.stdlib_module_names | {"msgspec"}
# What would make the core's answer depend on more than its arguments.
IMPURE = {
    "asyncio",
    "glob",
    "http",
    "io",
    "logging",
    "multiprocessing",
    "os",
    "pathlib",
    "random",
    "secrets",
    "shutil",
    "socket",
    "sqlite3",
    "ssl",
    "subprocess",
    "sys",
    "tempfile",
    "threading",
    "time",
    "urllib",
    "uuid",
    "zoneinfo",
}
# What each layer may import of the package; what stands in no layer is wiring, above them all.
LAYERS = {
    "coverage": {"coverage"},
    "network": {"errors", "network"},
    "fhir": {"coverage", "errors", "fhir", "network"},
    "bulk": {"bulk", "documents", "errors", "fhir", "hooks", "network"},
    "explaining": {"coverage", "errors", "explaining", "families", "fhir"},
    "hooks": {"coverage", "database", "errors", "fhir", "hooks", "logs", "network", "tables"},
    "running": {"__version__", "coverage", "errors", "hooks", "ledger", "logs", "running"},
    "ledger": {"coverage", "database", "errors", "fhir", "ledger", "logs", "replaying"},
    "database": {"database", "errors"},
    "selftest": {"coverage", "errors", "fhir", "hooks", "selftest"},
    "edge": {"edge", "errors", "hooks", "logs", "network"},
    "terminology": {
        *("__version__", "coverage", "errors", "explaining", "families", "fhir", "terminology"),
    },
    "whatif": {"coverage", "errors", "explaining", "fhir", "whatif"},
    "audit": {
        *("__version__", "audit", "content", "coverage", "documents", "drafts", "errors"),
        *("explaining", "fhir", "hooks", "ledger", "payer_file"),
    },
    "console": {
        *("__version__", "console", "content", "coverage", "documents", "edge", "errors"),
        *("explaining", "families", "fhir", "hooks", "ledger", "logs", "running", "selftest"),
        *("settings", "setting_meanings", "setting_values", "terminology", "whatif"),
    },
    "documents": {"coverage", "documents", "errors", "explaining", "fhir", "hooks"},
    "errors": set[str](),
    "logs": {"coverage"},
    "tables": {"errors"},
    "payer_file": {"errors", "fhir", "tables"},
    "content": {"checks", "coverage", "errors", "fhir", "overlay", "tables"},
    "replaying": {"coverage", "errors", "explaining", "replaying"},
    "drafts": {"checks", "content", "coverage", "errors", "overlay", "tables"},
    "families": {"checks", "content", "coverage", "errors", "tables"},
    "family_checks": {"coverage", "errors", "families"},
}
# Where the product starts, where it waits for others, and where it writes down when.
TIMED = {
    *("app", "bulk", "callers", "calls", "command", "edge", "ledger", "ledger_routes", "logs"),
    "network",
    "running",
    "selftest",
    "shadow",
    "terminology_routes",
}
DEADLINES = {"fhir/client.py", "hooks/fetching.py"}
CLOCKS = {"now", "today", "utcnow", "localtime", "gmtime", "monotonic", "perf_counter"}
MODULES = sorted(ROOT.rglob("*.py"))


def layer_of(path: Path) -> str:
    """The top folder or module of the package that a file belongs to."""
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def waits(path: Path) -> bool:
    """Whether a module waits for others, and so needs to know how long."""
    return path.relative_to(ROOT).as_posix() in DEADLINES


def imports(path: Path) -> Iterator[str]:
    """The full names of all modules that a file imports, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} imports relatively"
            assert node.module is not None
            if node.module == PACKAGE:
                yield from (f"{PACKAGE}.{alias.name}" for alias in node.names)
            else:
                yield node.module


def named(paths: list[Path]) -> list[object]:
    """Files as parameters, named by their place in the package."""
    return [pytest.param(p, id=p.relative_to(ROOT).as_posix()) for p in paths]


@pytest.mark.parametrize("path", named([p for p in MODULES if layer_of(p) in LAYERS]))
def test_layer_imports_only_what_lies_below(path: Path) -> None:
    own = [name.split(".")[1] for name in imports(path) if name.startswith(PACKAGE + ".")]
    assert set(own) <= LAYERS[layer_of(path)]


@pytest.mark.parametrize("path", named([p for p in MODULES if layer_of(p) == "coverage"]))
def test_core_imports_only_the_standard_library_and_msgspec(path: Path) -> None:
    foreign = {name.split(".")[0] for name in imports(path)} - {PACKAGE}
    assert foreign <= CORE_MAY_USE
    assert not foreign & IMPURE


@pytest.mark.parametrize("path", named([p for p in MODULES if layer_of(p) == "coverage"]))
def test_core_opens_and_prints_nothing(path: Path) -> None:
    calls = {
        node.func.id
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert not calls & {"open", "print", "input", "eval", "exec", "__import__"}


@pytest.mark.parametrize(
    "path",
    named(
        [
            p
            for p in MODULES
            if layer_of(p) not in TIMED and p.relative_to(ROOT).as_posix() not in DEADLINES
        ]
    ),
)
def test_clock_is_read_only_where_the_product_starts_or_waits(path: Path) -> None:
    read = {
        node.attr
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
        and node.attr in CLOCKS
        and isinstance(node.value, ast.Name)
        and node.value.id in {"date", "datetime", "time"}
    }
    assert read == set()
