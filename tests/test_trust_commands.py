"""``client add``, ``client list`` and ``client test``, as a user runs them."""

from __future__ import annotations

import http.server
import json
import os
import re
import stat
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import tomlkit

from command_line import run, words
from live_server import running
from tokens import KEY, RSA_KEY, key_set

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

BASE = "https://cds.example.org"


def add(folder: Path, *options: str | Path) -> subprocess.CompletedProcess[str]:
    return run("client", "add", *options, "--file", folder / "clients.toml")


def added(folder: Path, *options: str | Path) -> str:
    """What an ``add`` prints that must work."""
    done = add(folder, *options)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def content(folder: Path) -> dict[str, Any]:
    clients: dict[str, Any] = tomlkit.parse((folder / "clients.toml").read_text()).unwrap()
    assert set(clients) == {"clients"}
    return dict(clients["clients"])


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


# --------------------------------------------------------------------------------------------- add


def test_a_client_with_a_new_key_pair(tmp_path: Path) -> None:
    said = added(tmp_path, "trial", "--issuer", "https://trial.example")
    assert set(files(tmp_path)) == {"clients.toml", "trial.jwks.json", "trial.private.json"}
    assert content(tmp_path) == {
        "trial": {
            "issuer": "https://trial.example",
            "keys": "trial.jwks.json",
            "algorithms": ["ES384"],
        }
    }
    private = json.loads((tmp_path / "trial.private.json").read_text())
    (public,) = json.loads((tmp_path / "trial.jwks.json").read_text())["keys"]
    assert public == {k: v for k, v in private.items() if k != "d"} | {"use": "sig"}
    assert private["d"] not in said
    assert (tmp_path / "clients.toml").read_text().startswith("# The CDS clients that may call")
    path = str(tmp_path / "clients.toml")
    assert f"DEFIB_COVERAGE_CLIENTS={path} DEFIB_COVERAGE_PUBLIC_BASE=http://127.0.0.1:8000" in said
    assert f" client test trial http://127.0.0.1:8000 --file {path}" in said


def test_only_its_owner_reads_the_private_key(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        added(tmp_path, "trial", "--issuer", "https://trial.example")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "trial.private.json").stat().st_mode) == 0o600


def test_an_rsa_key_pair(tmp_path: Path) -> None:
    added(tmp_path, "trial", "--issuer", "https://trial.example", "--algorithm", "RS384")
    (public,) = json.loads((tmp_path / "trial.jwks.json").read_text())["keys"]
    assert (public["kty"], public["alg"]) == ("RSA", "RS384")
    assert content(tmp_path)["trial"]["algorithms"] == ["RS384"]


def test_a_client_that_publishes_its_keys(tmp_path: Path) -> None:
    said = added(
        tmp_path,
        *("ehr", "--issuer", "https://ehr.example", "--jku", "https://ehr.example/jwks"),
        *("--fhir-server", "https://ehr.example/r4", "--fhir-server", "https://10.1.2.3/r4"),
        *("--network", "10.1.0.0/16", "--algorithm", "RS384"),
    )
    assert content(tmp_path)["ehr"] == {
        "issuer": "https://ehr.example",
        "jku": "https://ehr.example/jwks",
        "algorithms": ["RS384"],
        "fhir_servers": ["https://ehr.example/r4", "https://10.1.2.3/r4"],
        "networks": ["10.1.0.0/16"],
    }
    assert set(files(tmp_path)) == {"clients.toml"}
    assert "client test" not in said


def test_a_key_file_inside_the_folder_is_named_relative(tmp_path: Path) -> None:
    (tmp_path / "inside.json").write_bytes(key_set(KEY))
    added(tmp_path, "one", "--issuer", "https://one.example", "--keys", tmp_path / "inside.json")
    assert content(tmp_path)["one"]["keys"] == "inside.json"


def test_a_key_file_elsewhere_is_named_whole(tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "folder", tmp_path / "elsewhere.json"
    folder.mkdir()
    elsewhere.write_bytes(key_set(KEY))
    added(folder, "one", "--issuer", "https://one.example", "--keys", elsewhere)
    assert content(folder)["one"]["keys"] == str(elsewhere)


def test_comments_and_order_stay(tmp_path: Path) -> None:
    before = """\
# ours
[clients.one] # the first
issuer   =  "https://one.example"   # odd   spaces
jku = 'https://one.example/jwks'
options = { limits = false }
"""
    (tmp_path / "clients.toml").write_text(before)
    (tmp_path / "clients.toml").chmod(0o640)
    added(tmp_path, "two", "--issuer", "https://two.example", "--jku", "https://two.example/jwks")
    after = (tmp_path / "clients.toml").read_text()
    assert after.startswith(before)
    assert list(content(tmp_path)) == ["one", "two"]
    assert stat.S_IMODE((tmp_path / "clients.toml").stat().st_mode) == 0o640


def test_the_file_comes_from_the_environment(tmp_path: Path) -> None:
    path = str(tmp_path / "mine.toml")
    done = run("client", "add", "one", "--issuer", "https://i", settings={"CLIENTS": path})
    assert done.returncode == 0
    assert set(files(tmp_path)) == {"mine.toml", "one.jwks.json", "one.private.json"}


def test_plain_http_is_for_development(tmp_path: Path) -> None:
    options = ("one", "--issuer", "http://i", "--fhir-server", "http://127.0.0.1:8080/fhir")
    assert "is not https" in add(tmp_path, *options).stderr
    assert files(tmp_path) == {}
    said = added(tmp_path, *options, "--development")
    assert "DEFIB_COVERAGE_DEVELOPMENT=true DEFIB_COVERAGE_CLIENTS=" in said


REFUSED = {
    "there already": (("one", "--issuer", "https://other.example"), "is in "),
    "same issuer": (("two", "--issuer", "https://one.example"), "another client has the same"),
    "bad id": (("a/b", "--issuer", "https://i"), "'a/b': an id is made of letters"),
    "dots": (("..", "--issuer", "https://i"), "'..': an id is made of letters"),
    "empty id": (("", "--issuer", "https://i"), "'': an id is made of letters"),
    "bad issuer": (("two", "--issuer", "a b"), "clients.two.issuer: is empty"),
    "bad FHIR server": (
        ("two", "--issuer", "https://i", "--fhir-server", "https://h/r4?x"),
        "clients.two.fhir_servers[0]: 'https://h/r4?x' has a query",
    ),
    "bad network": (
        ("two", "--issuer", "https://i", "--network", "0.0.0.0/0"),
        "clients.two.networks[0]: '0.0.0.0/0' is no private network",
    ),
    "bad jku": (("two", "--issuer", "https://i", "--jku", "http://h"), "'http://h' is not https"),
    "keys and jku": (
        ("two", "--issuer", "https://i", "--jku", "https://h", "--keys", "x.json"),
        "needs one of keys and jku, not both",
    ),
    "no key file": (
        ("two", "--issuer", "https://i", "--keys", "nowhere.json"),
        "cannot be read (No such file or directory)",
    ),
    "a pair of another kind": (
        ("two", "--issuer", "https://i", "--algorithm", "PS512"),
        "--algorithm: a key pair is made for one of ES384, RS384",
    ),
    "private key in the way": (("taken", "--issuer", "https://i"), "is there already"),
    "public key in the way": (("half", "--issuer", "https://i"), "is there already"),
}


@pytest.mark.parametrize(("options", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_nothing_is_written_where_a_client_is_refused(
    tmp_path: Path, options: tuple[str, ...], reason: str
) -> None:
    added(tmp_path, "one", "--issuer", "https://one.example")
    (tmp_path / "taken.private.json").write_text("the only copy")
    (tmp_path / "half.jwks.json").write_text("the only copy")
    before = files(tmp_path)
    done = add(tmp_path, *options)
    assert (done.returncode, done.stdout) == (2, "")
    assert reason in done.stderr
    assert "Traceback" not in done.stderr
    assert files(tmp_path) == before


@pytest.mark.parametrize("text", ["[clients.one", "colour = 1\n", "clients = 5\n", "\ud800"])
def test_a_broken_file_is_left_as_it_is(tmp_path: Path, text: str) -> None:
    (tmp_path / "clients.toml").write_bytes(text.encode("utf-8", "surrogatepass"))
    before = files(tmp_path)
    done = add(tmp_path, "two", "--issuer", "https://two.example")
    assert done.returncode == 2
    assert done.stderr.startswith(str(tmp_path / "clients.toml"))
    assert files(tmp_path) == before


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    done = add(tmp_path / "none", "two", "--issuer", "https://two.example")
    assert done.returncode == 2
    assert "cannot be written (No such file or directory)" in done.stderr


# -------------------------------------------------------------------------------------------- list


def test_the_list_of_clients(tmp_path: Path) -> None:
    (tmp_path / "sandbox.json").write_bytes(key_set(KEY, RSA_KEY))
    added(tmp_path, "sandbox", "--issuer", "https://s.example", "--keys", tmp_path / "sandbox.json")
    added(
        tmp_path,
        *("ehr", "--issuer", "https://ehr.example", "--jku", "https://ehr.example/jwks"),
        *("--fhir-server", "https://ehr.example/r4"),
    )
    done = run("client", "list", "--file", tmp_path / "clients.toml")
    assert (done.returncode, done.stderr) == (0, "")
    assert (
        done.stdout
        == f"""\
sandbox
  issuer: https://s.example
  keys: sandbox.json, kid {KEY.kid}, {RSA_KEY.kid}
  algorithms: ES384, RS384
  FHIR servers: none
  limits: tokens live 600 s at most; 6000 calls a minute
ehr
  issuer: https://ehr.example
  keys: fetched from https://ehr.example/jwks
  algorithms: ES384, RS384
  FHIR servers: https://ehr.example/r4
  limits: tokens live 600 s at most; 6000 calls a minute
"""
    )


def test_the_list_tells_what_is_wrong(tmp_path: Path) -> None:
    added(tmp_path, "one", "--issuer", "https://one.example")
    (tmp_path / "one.jwks.json").unlink()
    with (tmp_path / "clients.toml").open("a") as file:
        file.write('isuer = "x"\n')
    done = run("client", "list", "--file", tmp_path / "clients.toml")
    assert (done.returncode, done.stderr) == (1, "")
    unknown, missing = done.stdout.splitlines()
    assert "clients.one.isuer: unknown key. Did you mean 'issuer'" in unknown
    assert "clients.one.keys: one.jwks.json cannot be read" in missing


# -------------------------------------------------------------------------------------------- test


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a registered client, and with one that the service does not know."""
    path = tmp_path_factory.mktemp("registered")
    added(path, "trial", "--issuer", "https://trial.example")
    return path


@pytest.fixture(scope="module")
def service(folder: Path) -> Iterator[str]:
    with running(clients=str(folder / "clients.toml"), public_base=BASE) as live:
        yield live.base


def try_out(
    folder: Path, url: str, *options: str | Path, identity: str = "trial"
) -> subprocess.CompletedProcess[str]:
    file = folder / "clients.toml"
    return run("client", "test", identity, url, "--file", file, *options)


def test_a_client_that_can_call(folder: Path, service: str) -> None:
    done = try_out(folder, service, "--audience", BASE)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    lines = done.stdout.splitlines()
    path = "/cds-services/defibrillator-order-sign"
    assert lines[0] == f"GET {service}/cds-services: 200, 4 services"
    assert re.fullmatch(rf"POST {service}{path}: 200, \d+ cards", lines[1])
    assert any("I25.5 needs a partner diagnosis" in line for line in lines)
    assert lines[-2] == f"POST {service}{path} without a token: 401, as it should be"
    assert lines[-1] == "trial can call."
    private = json.loads((folder / "trial.private.json").read_text())
    assert private["d"] not in done.stdout
    assert "eyJ" not in done.stdout


def test_a_wrong_audience_is_explained(folder: Path, service: str) -> None:
    done = try_out(folder, service)
    assert done.returncode == 1
    assert f"POST {service}/cds-services/defibrillator-order-sign: 401\n" in done.stdout
    assert "authentication required" in done.stdout
    assert f"its DEFIB_COVERAGE_PUBLIC_BASE is not {service}" in done.stdout


def test_a_key_that_the_file_does_not_pin_is_told(
    folder: Path, service: str, tmp_path: Path
) -> None:
    added(tmp_path, "trial", "--issuer", "https://trial.example")
    other = tmp_path / "trial.private.json"
    done = try_out(folder, service, "--audience", BASE, "--key", other)
    assert done.returncode == 1
    assert done.stdout.startswith("WARNING: the private key has kid ")
    assert "key-unknown" in done.stdout


def test_a_client_that_the_service_does_not_know(service: str, tmp_path: Path) -> None:
    added(tmp_path, "stranger", "--issuer", "https://stranger.example")
    done = try_out(tmp_path, service, "--audience", BASE, identity="stranger")
    assert done.returncode == 1
    assert "no issuer https://stranger.example" in done.stdout


def test_a_tenant_is_sent(folder: Path, tmp_path: Path) -> None:
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    with (tmp_path / "clients.toml").open("a") as file:
        file.write('tenant = "north"\nlongest_token = 60\n')
    with running(clients=str(tmp_path / "clients.toml"), public_base=BASE) as live:
        assert try_out(tmp_path, live.base, "--audience", BASE + "/").returncode == 0


def test_an_open_service_proves_nothing(folder: Path) -> None:
    with running() as open_service:
        done = try_out(folder, open_service.base)
    assert done.returncode == 1
    assert "The service is open: it asks nobody who they are" in words(done.stdout)


def test_nobody_answers(folder: Path) -> None:
    done = try_out(folder, "http://127.0.0.1:9")
    assert done.returncode == 1
    assert done.stdout.endswith("nobody answers at that address: does the service run?\n")


class _Other(http.server.BaseHTTPRequestHandler):
    """Anything but a CDS service."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>hello</html>" if "/html" in self.path else b'{"a": [1]}')

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.parametrize("path", ["/html", "/json"])
def test_something_else_answers(folder: Path, path: str) -> None:
    with http.server.HTTPServer(("127.0.0.1", 0), _Other) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        done = try_out(folder, f"http://127.0.0.1:{server.server_port}{path}")
        server.shutdown()
        thread.join()
    assert done.returncode == 1
    assert "What answers there is no CDS service" in done.stdout


@pytest.mark.parametrize(
    ("identity", "url", "reason"),
    [
        ("nobody", "http://127.0.0.1:9", "nobody: is not in the client file, which has: trial"),
        ("trial", "127.0.0.1:8000", "127.0.0.1:8000: is no URL such as http://127.0.0.1:8000"),
        ("trial", "file:///etc", "file:///etc: is no URL"),
    ],
)
def test_what_cannot_be_tried(folder: Path, identity: str, url: str, reason: str) -> None:
    done = try_out(folder, url, identity=identity)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(reason)


@pytest.mark.parametrize("content", [None, "", "{}", "[]", '{"kid": "k", "alg": "ES384"}'])
def test_a_private_key_that_is_none(folder: Path, tmp_path: Path, content: str | None) -> None:
    key = tmp_path / "key.json"
    if content is not None:
        key.write_text(content)
    done = try_out(folder, "http://127.0.0.1:9", "--key", key)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"{key}: holds no private key")
