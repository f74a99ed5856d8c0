"""docs/clients.md says what the client file, the log and the commands are."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from command_line import ROOT, run
from defib_coverage.hooks.configuration import BY_CODE
from defib_coverage.hooks.trust.client_file import check_clients, read_clients
from defib_coverage.hooks.trust.clients import Algorithm, Client
from defib_coverage.hooks.trust.jwks import LARGEST_SET, MOST_KEYS
from defib_coverage.hooks.trust.signing import SigningKey
from defib_coverage.hooks.trust.tokens import LONGEST_TOKEN, Reason
from defib_coverage.hooks.trust.trust import SKEW
from tokens import KEY, RSA_KEY, key_set

TEXT = (ROOT / "docs" / "clients.md").read_text()


def told(heading: str) -> dict[str, str]:
    """The first two cells of the rows of the table below a heading."""
    section = TEXT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| `([a-z_-]+)` \|([^|]*)\|", section, re.MULTILINE)
    return {first: second.strip("` ") for first, second in cells}


def test_the_table_is_the_client_file() -> None:
    table = told("The client file")
    fields = [f for f in msgspec.structs.fields(Client) if f.name != "id"]
    assert list(table) == [f.name for f in fields]
    for field in fields:
        value = field.default_factory() if callable(field.default_factory) else field.default
        shown = "" if value is None else json.dumps(value) if not field.required else "required"
        assert table[field.name] == shown, field.name


def test_every_reason_of_a_refusal_is_explained() -> None:
    assert list(told("When a call is refused")) == [reason.value for reason in Reason]


def test_the_numbers_are_those_of_the_code() -> None:
    assert f"More than {LONGEST_TOKEN:,} characters" in TEXT
    assert f"differ by {SKEW} seconds" in TEXT
    assert f"at most {LARGEST_SET // 1024} KB and {MOST_KEYS} keys" in TEXT


def test_every_algorithm_and_option_is_named() -> None:
    assert all(name in TEXT for name in (*get_args(Algorithm), *BY_CODE))


@pytest.mark.parametrize("example", re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL))
def test_the_examples_are_client_files(example: str, tmp_path: Path) -> None:
    (tmp_path / "ehr.jwks.json").write_bytes(key_set(KEY, RSA_KEY))
    generator = SigningKey("g", "RS256", RSA_KEY.private)
    (tmp_path / "generator.jwks.json").write_bytes(key_set(generator))
    assert check_clients(tomllib.loads(example), tmp_path / "clients.toml", development=False)


def test_the_commands_that_add_work(tmp_path: Path) -> None:
    (tmp_path / "sandbox.jwks.json").write_bytes(key_set(KEY))
    commands = re.findall(r"^defib-coverage (client add .*)$", TEXT, re.MULTILINE)
    assert len(commands) == 2
    file = tmp_path / "clients.toml"
    for command in commands:
        words = [
            str(tmp_path / word) if word.endswith(".json") else word
            for word in shlex.split(command)
        ]
        assert run(*words, "--file", file).returncode == 0
    assert len(read_clients(file, development=False)) == 2
