"""``serve``: what it answers, what it says first, what it costs, and when it refuses to start."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import psutil
import pytest
import requests
import trustme

from command_line import WAITING, determinations, environment, run
from defib_coverage.command.serving import banner
from defib_coverage.hooks.trust.signing import read_key, sign
from served import serving

if TYPE_CHECKING:
    from pathlib import Path

_PATIENCE = 60
_MEMORY = 90 * 1024 * 1024


def ask(base: str) -> object:
    answer = requests.post(
        f"{base}/determinations",
        data=WAITING.read_bytes(),
        headers={"Content-Type": "application/json"},
        timeout=_PATIENCE,
    )
    return answer.json()["determinations"]


def test_one_process(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        base = server.base()
        assert psutil.Process(server.process.pid).memory_info().rss < _MEMORY
        assert ask(base) == determinations(WAITING)
        assert server.log().count("NO AUTHENTICATION") == 1
        assert "WARNING" not in server.log()
        for found in ("I25", "I50", "33249", "Patient/"):
            assert found not in server.log()


def test_several_workers(tmp_path: Path) -> None:
    with serving(tmp_path, "--workers", "2") as server:
        base = server.base()
        assert ask(base) == determinations(WAITING)
        assert server.log().count("NO AUTHENTICATION") == 1


@pytest.fixture
def registered(tmp_path: Path) -> dict[str, str]:
    """The settings of a service with one registered client, and where its database may be."""
    clients = tmp_path / "clients.toml"
    issuer = "https://ehr.example"
    done = run("client", "add", "ehr", "--issuer", issuer, "--file", str(clients))
    assert done.returncode == 0, done.stderr
    return {"clients": str(clients), "public_base": "https://cds.example"}


def test_workers_share_which_tokens_were_used(
    tmp_path: Path,
    registered: dict[str, str],
) -> None:
    key = read_key(tmp_path / "ehr.private.json")
    audience = "https://cds.example/determinations"
    database = f"sqlite:///{tmp_path}/tokens.db"
    with serving(tmp_path, "--workers", "2", **registered, database=database) as server:
        base = server.base()
        assert "NO AUTHENTICATION" not in server.log()
        statuses = []
        for _ in range(10):
            token = sign(key, "https://ehr.example", audience, now=time.time())
            # A connection each: the kernel hands them to either worker.
            statuses.append([_call_with(base, token) for _ in range(3)])
        assert statuses == [[200, 401, 401]] * 10


def _call_with(base: str, token: str) -> int:
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    with requests.post(
        f"{base}/determinations", WAITING.read_bytes(), headers=headers, timeout=_PATIENCE
    ) as answer:
        return answer.status_code


def test_several_workers_need_a_database_for_used_tokens(registered: dict[str, str]) -> None:
    settings = {name.upper(): value for name, value in registered.items()}
    done = run("serve", "--port", "0", "--workers", "2", settings=settings)
    assert done.returncode == 2
    assert done.stderr.startswith("DEFIB_COVERAGE_DATABASE: ")


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_client_file_with_a_fault_refuses_to_start(
    tmp_path: Path,
    registered: dict[str, str],
    workers: str,
) -> None:
    (tmp_path / "ehr.jwks.json").unlink()
    settings = {name.upper(): value for name, value in registered.items()}
    settings["DATABASE"] = f"sqlite:///{tmp_path}/tokens.db"
    done = run("serve", "--port", "0", "--workers", workers, settings=settings)
    assert done.returncode == 2
    assert "clients.ehr.keys" in done.stderr
    del settings["PUBLIC_BASE"]
    done = run("serve", "--port", "0", "--workers", workers, settings=settings)
    assert done.stderr.startswith("DEFIB_COVERAGE_PUBLIC_BASE: ")


def test_a_closed_service_has_its_fhir_servers_in_the_client_file(
    registered: dict[str, str],
) -> None:
    settings = {name.upper(): value for name, value in registered.items()}
    settings["FHIR_SERVERS"] = "https://fhir.example/r4"
    done = run("serve", "--port", "0", settings=settings)
    assert done.returncode == 2
    assert done.stderr.startswith("DEFIB_COVERAGE_FHIR_SERVERS: is for an open service")


def test_a_port_that_is_taken_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = run("serve", "--port", port)
    assert done.returncode == 2
    assert done.stderr == f"127.0.0.1:{port}: cannot be listened on (Address already in use)\n"
    done = run("serve", "--port", "0", "--host", "203.0.113.5")
    assert done.stderr.startswith("203.0.113.5:0: cannot be listened on")


def test_a_closed_service_says_so(tmp_path: Path, registered: dict[str, str]) -> None:
    with serving(tmp_path, **registered) as server:
        server.base()
        assert "made out to https://cds.example" in server.log()
        assert "NO AUTHENTICATION" not in server.log()


def test_https_by_the_service_itself(tmp_path: Path) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("localhost")
    issued.private_key_and_cert_chain_pem.write_to_path(tmp_path / "both.pem")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    both = str(tmp_path / "both.pem")
    with serving(tmp_path, "--tls-certificate", both, "--tls-key", both) as server:
        base = server.base()
        assert base.startswith("https://")
        with requests.Session() as session:
            session.trust_env = False
            session.verify = str(tmp_path / "ca.pem")
            assert session.get(f"{base}/cds-services", timeout=_PATIENCE).status_code == 200


def test_a_client_is_tried_over_https_by_an_authority_of_its_own(
    tmp_path: Path,
    registered: dict[str, str],
) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("localhost")
    issued.private_key_and_cert_chain_pem.write_to_path(tmp_path / "both.pem")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    both = str(tmp_path / "both.pem")
    options = ("--tls-certificate", both, "--tls-key", both)
    with serving(tmp_path, *options, **registered) as server:
        call = ["client", "test", "ehr", server.base(), "--audience", "https://cds.example"]
        call += ["--file", registered["clients"]]
        done = run(*call)
        assert done.returncode == 1
        assert "DEFIB_COVERAGE_CA_BUNDLE names your own authority" in done.stdout
        done = run(*call, settings={"CA_BUNDLE": str(tmp_path / "ca.pem")})
        assert done.returncode == 0, done.stdout
    settings = {name.upper(): value for name, value in registered.items()}
    settings["PUBLIC_BASE"] = "http://cds.example"
    done = run("serve", "--port", "0", *options, settings=settings)
    assert done.stderr.startswith("DEFIB_COVERAGE_PUBLIC_BASE: must begin with https://")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--tls-certificate", "none.pem"], "go together"),
        (["--tls-certificate", "none.pem", "--tls-key", "none.pem"], "No such file"),
        (["--tls-certificate", "README.md", "--tls-key", "README.md"], "no certificate"),
    ],
)
def test_https_without_a_certificate_refuses_to_start(options: list[str], message: str) -> None:
    done = run("serve", "--port", "0", *options)
    assert done.returncode == 2
    assert message in done.stderr


def test_banner_is_louder_where_others_can_reach_it() -> None:
    assert "WARNING: 0.0.0.0 CAN BE REACHED FROM OTHER MACHINES" in banner("0.0.0.0")  # noqa: S104
    assert "WARNING" in banner("ehr.example.org")
    for loopback in ("127.0.0.1", "127.8.8.8", "::1", "localhost"):
        assert "WARNING" not in banner(loopback)


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("ZONE", "Mars/Olympus", "DEFIB_COVERAGE_ZONE: "),
        ("OVERLAY", "/nowhere", "/nowhere: overlay: is no folder."),
        ("COLOUR", "red", "DEFIB_COVERAGE_"),
        ("PUBLIC_BASE", "cds.example.org", "DEFIB_COVERAGE_PUBLIC_BASE: cds.example.org is not "),
        ("PUBLIC_BASE", "https://a/?b", "DEFIB_COVERAGE_PUBLIC_BASE: https://a/?b has a query"),
        ("CA_BUNDLE", "/nope", "DEFIB_COVERAGE_CA_BUNDLE: /nope holds no certificates"),
        ("CA_BUNDLE", "README.md", "DEFIB_COVERAGE_CA_BUNDLE: README.md holds no certificates"),
        ("CORS_ORIGINS", "foo", "DEFIB_COVERAGE_CORS_ORIGINS: foo is no origin"),
        ("CORS_ORIGINS", "https://a.b/", "DEFIB_COVERAGE_CORS_ORIGINS: https://a.b/ is no origin"),
        ("CORS_ORIGINS", "*", "DEFIB_COVERAGE_CORS_ORIGINS: * is no origin"),
        ("FHIR_SERVERS", "http://fhir.example/r4", "DEFIB_COVERAGE_FHIR_SERVERS: http://"),
        ("FHIR_SECONDS", "soon", "DEFIB_COVERAGE_FHIR_SECONDS: 'soon' is no number of seconds"),
        ("MAX_CALLS", "0", "DEFIB_COVERAGE_MAX_CALLS: '0' is no number above 0"),
        ("DEVELOPMENT", "perhaps", "DEFIB_COVERAGE_DEVELOPMENT: 'perhaps' is no true or false"),
        ("TRUST", "required", "DEFIB_COVERAGE_TRUST: is required"),
    ],
)
def test_settings_that_cannot_be_used(workers: str, name: str, value: str, message: str) -> None:
    done = run("serve", "--port", "0", "--workers", workers, settings={name: value})
    assert done.returncode == 2
    assert done.stderr.startswith(message)
    assert len(done.stderr.splitlines()) == 1


def test_worker_carries_only_what_it_needs() -> None:
    script = (
        "import sys, json\n"
        "import defib_coverage.__main__\n"  # as a worker that is started afresh does
        "from defib_coverage.command.serving import application\n"
        "application()\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        check=True,
        env=environment() | {"PATH": os.environ["PATH"]},
    )
    loaded = set(json.loads(done.stdout))
    assert not loaded & {
        *("typer", "rich", "fhir.resources", "jwt", "sqlalchemy"),
        *("prometheus_client", "opentelemetry.sdk"),
    }
