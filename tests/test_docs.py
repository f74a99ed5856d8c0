"""The documents stay true: commands, settings, links, names and numbers that they state."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import msgspec
import pytest

from defib_coverage.content import load
from defib_coverage.coverage import policy
from defib_coverage.coverage.wording import LONGEST_SHORT
from defib_coverage.edge import protocol
from defib_coverage.explaining.lookup_properties import PROPERTIES
from defib_coverage.fhir import client
from defib_coverage.fhir.needs import READ_TYPES
from defib_coverage.hooks import envelope, feedback, limits, request
from defib_coverage.hooks.configuration import OPTIONS
from defib_coverage.hooks.discovery import SERVICE_IDS
from defib_coverage.running.metrics import Metrics
from defib_coverage.setting_meanings import MEANINGS
from defib_coverage.settings import PREFIX, Settings
from defib_coverage.terminology.releases import Releases

if TYPE_CHECKING:
    from collections.abc import Callable

    from defib_coverage.hooks.response import HookResponse

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
DOCUMENTS = sorted(
    p
    for folder in (
        ROOT,
        *(ROOT / n for n in ("docs", "policies", "valuesets", "cards", "bench", "deploy")),
    )
    for p in folder.glob("*.md")
)


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_link_into_the_repository_leads_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text()):
        if not target.startswith("http"):
            assert (document.parent / target).exists(), target


def in_code(pattern: str) -> set[str]:
    """What the documents say in code, not in prose."""
    return {
        found
        for document in DOCUMENTS
        for code in re.findall(r"`([^`\n]+)`", document.read_text())
        + blocks(document.read_text(), "sh")
        for found in re.findall(pattern, code)
    }


def test_every_make_target_that_is_named_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    named = in_code(r"\bmake ([a-z-]+)\b")
    assert {"run", "check", "bench", "bench-ledger"} <= named
    assert named <= set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))


def test_every_subcommand_that_is_named_exists() -> None:
    named = in_code(r"defib-coverage ((?:(?:policy|client|ledger|db|publish|audit) )?[a-z]+)\b") - {
        "defib"
    }
    assert {"evaluate", "validate", "policy diff", "client add", "ledger report"} <= named
    assert {"publish package", "publish history", "publish tables", "publish page"} <= named
    for words in named:
        done = subprocess.run(
            [sys.executable, "-m", "defib_coverage", *words.split(), "--help"],
            capture_output=True,
            check=False,
            env={"PYTHONPATH": str(ROOT / "service"), "PATH": ""},
        )
        assert done.returncode == 0, words


@pytest.mark.parametrize("name", ["README.md", "docs/publishing.md", "docs/pushing.md"])
def test_commands_run_as_they_are_written(name: str) -> None:
    """In the environment that ``make venv`` makes."""
    lines = [
        line for block in blocks((ROOT / name).read_text(), "sh") for line in block.split("\n")
    ]
    commands = [line for line in lines if "defib-coverage " in line and "git clone" not in line]
    assert commands
    assert [one for one in commands if ".venv/bin/defib-coverage " not in one] == []


def test_the_files_of_the_readme_exist() -> None:
    for path in re.findall(r"docs/samples/[\w-]+\.json", README):
        assert (ROOT / path).exists(), path


def test_the_settings_of_the_readme_are_the_settings() -> None:
    row = rf"^\| `{PREFIX}([A-Z_]+)` \| (?:`([^`]*)`)? ?\| (.+?)(?: \(\[\w+\]\(.+\)\))? \|$"
    rows = re.findall(row, README, re.MULTILINE)
    fields = {f.name: f.default for f in msgspec.structs.fields(Settings)}
    assert [name.lower() for name, _, _ in rows] == list(fields) == list(MEANINGS)
    for name, default, meaning in rows:
        value = fields[name.lower()]
        assert default == ("" if value in {None, ()} else str(value))
        assert meaning == MEANINGS[name.lower()]


def test_the_bounds_that_are_told_are_the_bounds() -> None:
    bounds = {
        name: value
        for module in (client, envelope, feedback, limits, protocol, request)
        for name, value in vars(module).items()
        if name.isupper()
    }
    told = re.findall(r"`([A-Z_]+)` = (\d+)", (ROOT / "docs/security.md").read_text())
    assert len(told) == 10
    for name, value in told:
        assert bounds[name] == int(value), name


def test_the_metrics_that_are_told_are_the_metrics() -> None:
    text = (ROOT / "docs/running.md").read_text()
    row = r"^\| `(defib_coverage_\w+)` \| (\w+) \| (.*?) ?\| (.+) \|$"
    told = [
        (name, kind, tuple(re.findall(r"`(\w+)`", labels)), meaning)
        for name, kind, labels, meaning in re.findall(row, text, re.MULTILINE)
    ]
    assert told == [
        (f"{m.name}_total" if m.kind == "counter" else m.name, m.kind, m.labels, m.meaning)
        for m in Metrics("").described
    ]


def test_every_type_that_is_read_is_told_to_who_grants_the_token() -> None:
    text = (ROOT / "docs/clients.md").read_text()
    told = text[text.index("### What the access token must allow") : text.index("### Keys")]
    for resource_type in READ_TYPES:
        assert re.search(rf"\b{resource_type}\b", told), resource_type


def test_the_options_are_those_of_the_discovery_document() -> None:
    text = (ROOT / "docs" / "crd.md").read_text().partition("\n## Options\n")[2]
    told = re.findall(r"^\| `([a-z0-9-]+)` \| (\w+) \| (\w+) \| (.+) \|$", text, re.MULTILINE)
    assert told == [(o.code, o.type, json.dumps(o.default), o.description) for o in OPTIONS]


def test_the_coverage_information_that_is_shown_is_what_the_sample_gets(
    answer: Callable[..., HookResponse],
) -> None:
    (shown,) = (json.loads(block) for block in blocks((ROOT / "docs/crd.md").read_text(), "json"))
    sample = (ROOT / "docs/samples/order-sign-missing-secondary.json").read_bytes()
    (action,) = answer(sample).system_actions
    found = json.loads(bytes(action.resource))["extension"][-1]
    for extension in (shown, found):
        for part in extension["extension"]:
            if part["url"] in {"date", "coverage-assertion-id"}:
                part.update({name: "" for name in part if name != "url"})
    assert shown == found


def test_the_services_of_the_readme_are_the_services() -> None:
    for service_id in SERVICE_IDS:
        assert service_id.removeprefix("defibrillator") in README


def test_every_kind_of_criterion_is_explained() -> None:
    explained = set(
        re.findall(r"^\| `([a-z-]+)` \|", (ROOT / "policies/README.md").read_text(), re.MULTILINE)
    )
    kinds = {str(kind.__struct_config__.tag) for kind in get_args(policy.Criterion)}
    assert kinds <= explained


def test_every_table_of_the_policy_is_explained() -> None:
    text = (ROOT / "policies/README.md").read_text()
    for name in (
        "paragraphs",
        "orders",
        "indications",
        "criteria",
        "waiting",
        "exceptions",
        "hints",
    ):
        assert re.search(rf"^\| `{name}\b", text, re.MULTILINE), name


def test_every_table_of_the_wording_is_explained() -> None:
    text = (ROOT / "cards/README.md").read_text()
    for field in load().wording.__struct_fields__:
        assert f"| `{field}" in text
    assert f"at most {LONGEST_SHORT} characters" in text


def test_every_reading_that_is_marked_in_the_policy_is_written_down() -> None:
    marked = (ROOT / "policies/ncd-20.4/2018-02-15.toml").read_text().count("[R]")
    readings = (ROOT / "docs/readings.md").read_text()
    assert readings.count("\n* ") >= marked


def test_the_versions_that_are_told_are_the_versions() -> None:
    text = (ROOT / "docs/publishing.md").read_text()
    told = re.findall(
        r"^\| `([\d.]+)` \| (.+?) \| (?:from )?(\S+)(?: to (\S+))? \|$", text, re.MULTILINE
    )
    assert told == [
        (
            release.version,
            ", ".join(release.revisions),
            release.effective.isoformat(),
            "" if release.until is None else release.until.isoformat(),
        )
        for release in Releases(load().versions).all
    ]


def test_the_properties_of_a_look_up_that_are_told_are_the_properties() -> None:
    text = (ROOT / "docs/terminology.md").read_text().partition("## Properties of a look-up")[2]
    told = re.findall(r"^\| `([a-z-]+)` \| (\w+) \| (.+) \|$", text, re.MULTILINE)
    assert told == [(one.code, one.type, one.description) for one in PROPERTIES]


def test_the_changelog_names_the_version() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "defib_coverage", "--version"],
        capture_output=True,
        check=True,
        text=True,
        env={"PYTHONPATH": str(ROOT / "service"), "PATH": ""},
    )
    version = done.stdout.split()[-1]
    assert f"## {version}" in (ROOT / "CHANGELOG.md").read_text()
