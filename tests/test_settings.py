"""Settings from a file and the environment, and the command that prints them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from command_line import run
from defib_coverage.errors import SettingsError
from defib_coverage.settings import find_settings, read_settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SECRET = "k" * 40


@pytest.fixture
def file(tmp_path: Path) -> Callable[..., dict[str, str]]:
    """Write a file of settings; the environment that names it."""

    def written(text: str, mode: int = 0o600) -> dict[str, str]:
        path = tmp_path / "settings.toml"
        path.write_text(text)
        path.chmod(mode)
        return {"DEFIB_COVERAGE_CONFIG": str(path)}

    return written


def refusal(environment: dict[str, str]) -> str:
    with pytest.raises(SettingsError) as refused:
        read_settings(environment)
    return str(refused.value)


@pytest.mark.parametrize("days", ["0", "-1", "36501", "99999999999"])
def test_records_are_kept_for_no_longer_than_a_calendar_goes(days: str) -> None:
    message = refusal({"DEFIB_COVERAGE_RETENTION_DAYS": days})
    assert message.endswith(f": '{days}' is no number of days from 1 to 36500")
    done = run("ledger", "purge", "--keep-days", days)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "--keep-days" in done.stderr
    assert read_settings({"DEFIB_COVERAGE_RETENTION_DAYS": "36500"}).retention_days == 36_500


def test_the_environment_wins_over_the_file(file: Callable[..., dict[str, str]]) -> None:
    environment = file(
        'zone = "America/Chicago"\nmax_calls = 7\nfhir_seconds = 3\ndevelopment = true\n'
        'cors_origins = ["https://a.example", "https://b.example"]\n'
    )
    settings, sources = find_settings(environment | {"DEFIB_COVERAGE_MAX_CALLS": "9"})
    assert settings.zone == "America/Chicago"
    assert settings.max_calls == 9
    assert settings.fhir_seconds == 3.0
    assert settings.development
    assert settings.cors_origins == ("https://a.example", "https://b.example")
    assert sources == {
        "config": "environment",
        "zone": "file",
        "max_calls": "environment",
        "fhir_seconds": "file",
        "development": "file",
        "cors_origins": "file",
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('zon = "America/Chicago"', ": zon: no such setting. Did you mean zone?"),
        ('config = "other.toml"', ": config: stands in the environment only"),
        ("colour = 1", ": colour: no such setting. Use one of config, zone, "),
        ("zone = 1", ": zone: 1 is no text"),
        ('max_calls = "7"', ": max_calls: '7' is no number above 0"),
        ('cors_origins = "https://a.example"', "is no list of texts"),
        ("zone", " is not valid TOML: "),
    ],
)
def test_a_file_that_cannot_be_used_is_refused(
    file: Callable[..., dict[str, str]], text: str, message: str
) -> None:
    assert message in refusal(file(text))


def test_a_file_that_is_not_there_or_no_text(tmp_path: Path) -> None:
    environment = {"DEFIB_COVERAGE_CONFIG": str(tmp_path / "none.toml")}
    assert "none.toml cannot be read (No such file or directory)" in refusal(environment)
    (tmp_path / "none.toml").write_bytes(b'zone = "\xff"')
    assert "none.toml is not valid TOML, not even text" in refusal(environment)


def test_a_variable_that_is_nearly_one_is_told() -> None:
    environment = {"DEFIB_COVERAGE_ZONES": "UTC"}
    assert refusal(environment) == (
        "DEFIB_COVERAGE_ZONES: no such setting. Did you mean DEFIB_COVERAGE_ZONE?"
    )


@pytest.mark.parametrize(
    "text",
    [
        f'ledger_key = "{SECRET}"',
        'database = "postgresql+psycopg://user:pass@host/name"',
        'database = "postgresql+psycopg://host/name?user=user&password=pass"',
    ],
)
def test_a_secret_must_not_be_open_to_others(
    file: Callable[..., dict[str, str]], text: str
) -> None:
    for mode in (0o600, 0o400, 0o440, 0o640):
        read_settings(file(text, mode))
    for mode in (0o644, 0o604, 0o602, 0o660, 0o666):
        message = refusal(file(text, mode))
        assert "is a secret that others can read or change. Run chmod 600" in message
    read_settings(file('zone = "America/Chicago"', 0o644))


def test_a_secret_is_not_repeated(file: Callable[..., dict[str, str]]) -> None:
    short = "too-short-a-secret"
    for environment in (file(f'ledger_key = "{short}"'), {"DEFIB_COVERAGE_LEDGER_KEY": short}):
        message = refusal(environment)
        assert message.endswith("what is set is no secret of at least 32 characters")
        assert short not in message
    message = refusal({"DEFIB_COVERAGE_MAX_CALLS": "postgresql://user:pass@host"})
    assert "pass" not in message


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("yes", "'yes' is neither on nor off nor an address"),
        ("127.0.0.1", "nor an address"),
        (":9464", "nor an address"),
        ("127.0.0.1:0", "nor an address"),
        ("127.0.0.1:99999", "nor an address"),
    ],
)
def test_metrics_stand_at_an_address_or_on_or_off(value: str, message: str) -> None:
    assert message in refusal({"DEFIB_COVERAGE_METRICS": value})


def test_metrics_at_an_address() -> None:
    def address(value: str) -> tuple[str, int] | None:
        return read_settings({"DEFIB_COVERAGE_METRICS": value}).metrics_address

    assert address("127.0.0.1:9464") == ("127.0.0.1", 9464)
    assert address("[::1]:9464") == ("::1", 9464)
    assert address("on") is None


def test_every_setting_is_printed_without_its_secrets(
    file: Callable[..., dict[str, str]],
) -> None:
    path = file(f'ledger_key = "{SECRET}"\nzone = "America/Chicago"')["DEFIB_COVERAGE_CONFIG"]
    settings = {"DATABASE": "postgresql+psycopg://user:pass@host/name", "LEDGER": "spool"}
    done = run("settings", "--config", path, "--json", settings=settings)
    assert done.returncode == 0, done.stderr
    assert SECRET not in done.stdout
    assert "pass@" not in done.stdout
    rows = {row["name"]: row for row in json.loads(done.stdout)["settings"]}
    assert rows["ledger_key"]["value"] == "***"
    assert rows["ledger_key"]["source"] == "file"
    assert rows["database"]["value"] == "postgresql+psycopg://user:***@host/name"
    assert rows["database"]["source"] == "environment"
    assert rows["max_calls"] == {
        "name": "max_calls",
        "variable": "DEFIB_COVERAGE_MAX_CALLS",
        "value": 200,
        "source": "default",
        "meaning": "calls that are answered at a time; more get 503 with Retry-After",
    }
    done = run("settings", settings=settings | {"CONFIG": path})
    assert "DEFIB_COVERAGE_ZONE = America/Chicago (file)\n    the facility's" in done.stdout
    assert SECRET not in done.stdout
    assert "pass@" not in done.stdout


def test_a_password_among_the_parameters_of_a_database_is_hidden() -> None:
    settings = {"DATABASE": "postgresql+psycopg://host/name?user=me&password=secret"}
    done = run("settings", "--json", settings=settings)
    assert "secret@" not in done.stdout
    assert '"postgresql+psycopg://host/name?***"' in done.stdout


def test_settings_that_cannot_be_used_are_told() -> None:
    done = run("settings", settings={"ZONE": "Mars"})
    assert done.returncode == 2
    assert done.stderr.startswith("DEFIB_COVERAGE_ZONE: 'Mars' is not a time zone")
