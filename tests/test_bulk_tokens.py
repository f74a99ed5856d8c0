"""SMART Backend Services: signed, renewed when refused, and never sent to anybody else."""

from __future__ import annotations

import json
import ssl
import threading
from typing import TYPE_CHECKING

import pytest
import trustme

from bulk_fetches import CONDITIONS, MORE_CONDITIONS, PATIENTS, SOON, contents, fetch
from bulk_server import bulk_server, busy, drop_after, hang_up, refuse, says
from command_line import run
from defib_coverage.bulk.courier import Courier
from defib_coverage.bulk.faults import FetchError, StoppedError
from defib_coverage.bulk.fetching import Ways
from defib_coverage.bulk.patience import Patience
from defib_coverage.bulk.places import Places, read_places
from defib_coverage.bulk.tokens import Backend, BackendTokens
from defib_coverage.documents.document import InputError
from defib_coverage.hooks.trust.signing import SigningKey, new_key, write_key
from defib_coverage.network.transport import Host
from tokens import KEY, OTHER_KEY, RSA_KEY

if TYPE_CHECKING:
    from pathlib import Path

    from bulk_server import BulkServer

FILES = (PATIENTS, CONDITIONS, MORE_CONDITIONS)


@pytest.mark.parametrize("key", [KEY, RSA_KEY], ids=["ES384", "RS384"])
@pytest.mark.parametrize(
    ("capabilities", "scope"),
    [(["permission-v2", "client-confidential-asymmetric"], "system/*.rs"), ([], "system/*.read")],
)
def test_a_client_fetches(
    key: SigningKey, capabilities: list[str], scope: str, tmp_path: Path
) -> None:
    file = tmp_path / "audit.private.json"
    write_key(key, file)
    with bulk_server(*FILES) as server:
        server.guard(key)
        server.smart = {"capabilities": capabilities}
        done = run(
            "audit",
            "fetch",
            server.base,
            "-o",
            tmp_path / "out",
            "--client-id",
            "audit",
            "--key",
            file,
        )
        assert (done.returncode, done.stderr) == (0, "")
        (grant,) = server.paths("POST", "/token")
        assert f"scope={scope.replace('/', '%2F').replace('*', '%2A')}" in grant.body.decode()
        (token,) = server.tokens()
        assert token not in done.stdout + (tmp_path / "out" / "fetch.json").read_text()
        # Nobody needs a token to learn where tokens are granted.
        (asked,) = server.paths("GET", "smart-configuration")
        assert asked.token is None
    assert len(contents(tmp_path / "out")) == 3


def test_the_token_server_and_the_scope_may_be_named(tmp_path: Path) -> None:
    file = tmp_path / "audit.private.json"
    write_key(KEY, file)
    options = ("--client-id", "audit", "--key", file)
    with bulk_server(PATIENTS) as server:
        server.guard(KEY)
        named = ("--token-url", f"{server.root}/token", "--scope", "system/Patient.rs")
        done = run("audit", "fetch", server.base, "-o", tmp_path / "out", *options, *named)
        assert (done.returncode, done.stderr) == (0, "")
        assert server.paths("GET", "smart-configuration") == []


@pytest.mark.parametrize(("uses", "at_once"), [(1, 1), (2, 1), (3, 3)])
def test_a_token_that_expires_is_renewed_wherever_it_does(
    uses: int, at_once: int, tmp_path: Path
) -> None:
    with bulk_server(*FILES) as server:
        server.guard(KEY, uses)
        server.polls = 3
        fetch(server, tmp_path, key=KEY, ways=Ways(at_once=at_once))
        assert len(server.tokens()) >= (1 + 4 + 3 + 1) / uses
        assert server.removed == ["1"]
    assert set(contents(tmp_path).values()) == {one.body for one in FILES}


def test_a_token_that_expires_in_the_middle_of_a_file(tmp_path: Path) -> None:
    with bulk_server(*FILES) as server:
        server.guard(KEY)
        server.fault("/fhir/files/1", drop_after(5000), refuse(401, "expired"))
        fetch(server, tmp_path, key=KEY)
        assert len(server.tokens()) == 2
        ranges = [one.headers.get("range") for one in server.paths("GET", "/files/1")]
        assert ranges == [None, "bytes=5000-", "bytes=5000-"]
    assert contents(tmp_path)["Condition.000.ndjson"] == CONDITIONS.body


@pytest.mark.parametrize("path", ["/fhir/Patient/$export", "/fhir/status/1", "/fhir/files/0"])
def test_a_new_token_is_asked_for_once(path: str, tmp_path: Path) -> None:
    with bulk_server(PATIENTS) as server:
        server.guard(KEY)
        server.fault(path, refuse(401, "no"), refuse(401, "no"))
        with pytest.raises(FetchError, match=r"refuses the token .401."):
            fetch(server, tmp_path, key=KEY)
        assert len(server.tokens()) == 2


def test_who_is_not_registered_is_told_so(tmp_path: Path) -> None:
    with bulk_server(PATIENTS) as server:
        server.guard(OTHER_KEY)
        with pytest.raises(FetchError, match=r"refuses the client .400: invalid_client."):
            fetch(server, tmp_path / "a", key=KEY)
        assert server.paths("GET", "$export") == []
        with pytest.raises(FetchError, match=r"asks who is calling .401.; name a client"):
            fetch(server, tmp_path / "b")


def test_a_token_server_that_is_away_for_a_moment(tmp_path: Path) -> None:
    with bulk_server(PATIENTS) as server:
        server.guard(KEY)
        server.fault("/token", busy(503), hang_up)
        fetch(server, tmp_path / "a", key=KEY)
        server.fault("/token", *[hang_up] * SOON.attempts)
        with pytest.raises(FetchError, match=r"token server http://127.0.0.1:.*cannot be reached"):
            fetch(server, tmp_path / "b", key=KEY)


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b'{"access_token": "abc", "token_type": "mac"}',
        b'{"access_token": "a\\r\\nX-Other: b", "token_type": "bearer"}',
        b'{"token_type": "bearer"}',
    ],
)
def test_an_answer_without_a_token(body: bytes, tmp_path: Path) -> None:
    with bulk_server(PATIENTS) as server:
        server.guard(KEY)
        server.fault("/token", says(200, body, "application/json"))
        with pytest.raises(FetchError, match="answers without a bearer token"):
            fetch(server, tmp_path, key=KEY)


def test_the_token_is_never_sent_to_another_host(tmp_path: Path) -> None:
    with bulk_server(*FILES) as server, bulk_server(*FILES) as other:
        server.guard(KEY)
        server.elsewhere = other
        server.requires_access_token = False
        fetch(server, tmp_path / "open", key=KEY)
        server.requires_access_token = True
        fetch(server, tmp_path / "asked", key=KEY)
        assert len(other.asked) == 2 * len(FILES)
        assert {one.token for one in other.asked} == {None}
        assert not any(token in str(one) for token in server.tokens() for one in other.asked)

        # Only who fetches can allow it.
        fetch(server, tmp_path / "allowed", key=KEY, token_to=[other.root])
        sent = {one.token for one in other.asked[2 * len(FILES) :]}
        assert sent <= {f"Bearer {token}" for token in server.tokens()}
        assert None not in sent


def test_a_host_that_wants_the_token_is_told_of(tmp_path: Path) -> None:
    with bulk_server(PATIENTS) as server, bulk_server(PATIENTS) as other:
        server.guard(KEY)
        server.elsewhere = other
        other.fault("/files/0", refuse(401, "who?"))
        with pytest.raises(FetchError, match=rf"--token-to {other.root} sends it"):
            fetch(server, tmp_path, key=KEY)


def test_no_token_where_the_manifest_wants_none(tmp_path: Path) -> None:
    with bulk_server(PATIENTS) as server:
        server.guard(KEY)
        server.requires_access_token = False
        server.manifest_changes = lambda one: json.loads(
            json.dumps(one).replace("/fhir/files/", "/files/")
        )
        fetch(server, tmp_path, key=KEY)
        (asked,) = server.paths("GET", "/files/0")
        assert asked.token is None


def test_a_file_that_leads_to_another_host_goes_there_without_the_token(tmp_path: Path) -> None:
    with bulk_server(*FILES) as server, bulk_server(*FILES) as other:
        server.guard(KEY)
        for number in range(3):
            server.fault(
                f"/fhir/files/{number}", says(302, Location=f"{other.root}/files/{number}")
            )
        fetch(server, tmp_path / "out", key=KEY)
        assert {one.token for one in other.asked} == {None}
        assert all(one.token for one in server.paths("GET", "/fhir/files/"))
        server.fault("/fhir/files/0", *[says(302, Location="/fhir/files/0")] * 9)
        with pytest.raises(FetchError, match="from one place to the next without an end"):
            fetch(server, tmp_path / "round", key=KEY)
    assert len(contents(tmp_path / "out")) == 3


def test_a_file_does_not_lead_from_https_to_plain_http(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca"))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(tls)
    with bulk_server(PATIENTS, tls=tls) as server, bulk_server(PATIENTS) as other:
        server.guard(KEY)
        server.fault("/fhir/files/0", says(302, Location=f"{other.root}/files/0"))
        with pytest.raises(FetchError, match="leads from https to plain http"):
            fetch(server, tmp_path / "out", key=KEY, authorities=tmp_path / "ca")
        assert other.asked == []
        fetch(server, tmp_path / "out", key=KEY, authorities=tmp_path / "ca")
    assert contents(tmp_path / "out") == {"Patient.000.ndjson": PATIENTS.body}


def test_status_and_manifest_do_not_lead_elsewhere(tmp_path: Path) -> None:
    with bulk_server(PATIENTS) as server, bulk_server(PATIENTS) as other:
        server.guard(KEY)
        server.fault("/fhir/status/1", says(302, Location=f"{other.root}/fhir/status/1"))
        with pytest.raises(FetchError, match="leads elsewhere"):
            fetch(server, tmp_path, key=KEY)
        assert other.asked == []


@pytest.mark.parametrize(
    ("base", "url", "fault", "token"),
    [
        ("https://a.example/r4", "https://a.example/x", None, True),
        ("https://a.example/r4", "https://a.example:443/x", None, True),
        ("https://a.example/r4", "https://a.example:8443/x", None, False),
        ("https://a.example/r4", "https://b.example/x", None, False),
        ("https://a.example/r4", "https://files.example/x", None, True),
        ("https://a.example/r4", "http://a.example/x", "is not https", False),
        ("https://a.example/r4", "http://files.example/x", "is not https", False),
        ("https://a.example/r4", "https://a.example@b.example/x", "carries a user", False),
        ("https://a.example/r4", "https://127.0.0.1/x", "leads to this machine", False),
        ("https://a.example/r4", "https://localhost/x", "leads to this machine", False),
        ("https://a.example/r4", "ftp://a.example/x", "is not https", False),
        ("http://localhost:1/r4", "http://localhost:1/x", None, True),
        ("http://localhost:1/r4", "http://localhost:2/x", None, False),
        ("http://localhost:1/r4", "http://b.example/x", "is not https", False),
    ],
)
def test_where_an_export_may_lead(base: str, url: str, fault: str | None, token: bool) -> None:  # noqa: FBT001 - a parameter
    places = read_places(base, ["https://files.example"], development=False)
    found = places.fault(url)
    assert (found is None) == (fault is None)
    assert fault is None or fault in str(found)
    assert places.takes_token(url) is token


def test_with_invented_data_the_base_may_be_plain_http_and_others_get_no_token() -> None:
    with pytest.raises(InputError, match="is not https"):
        read_places("http://a.example/r4", [], development=False)
    with pytest.raises(InputError, match="--token-to"):
        read_places("http://a.example/r4", ["http://b.example"], development=True)
    places = read_places("http://a.example/r4", [], development=True)
    assert places.takes_token("http://a.example/x")
    assert not Places(places.base, ("http://b.example:80",), development=True).takes_token(
        "http://b.example/"
    )


def test_a_token_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "token"
    with bulk_server(PATIENTS) as server:
        server.guard(KEY, uses=2)
        command = ("audit", "fetch", server.base, "-o", tmp_path / "out", "--token-file", file)
        missing = run(*command)
        assert missing.returncode == 2
        assert "cannot be read (No such file" in missing.stderr
        file.write_text("no token\n")
        assert "holds no bearer token" in run(*command).stderr
        file.write_text("abc\n")
        assert "refuses the token (401)" in run(*command).stderr

        # Something else renews it while the export is under way.
        fetch_token = _grant(server)
        file.write_text(fetch_token + "\n")
        server.polls = 1

        def renew(_: object) -> bool:
            file.write_text(_grant(server))
            return False

        server.fault("/fhir/status/1", renew)
        assert run(*command).returncode == 0


def _grant(server: BulkServer) -> str:
    """A token, got as anybody else with the key would."""
    host = Host("test", 1)
    try:
        backend = Backend("audit", KEY, f"{server.root}/token", "system/*.rs")
        return BackendTokens(backend, host, SOON).current()
    finally:
        host.close()


def test_threads_that_are_refused_together_ask_for_one_new_token() -> None:
    with bulk_server() as server:
        server.guard(KEY)
        host = Host("test", 8)
        tokens = BackendTokens(
            Backend("audit", KEY, f"{server.root}/token", "system/*.rs"), host, SOON
        )
        first = tokens.current()
        barrier = threading.Barrier(8)

        def refused() -> None:
            barrier.wait()
            tokens.renewed(first)
            tokens.current()

        threads = [threading.Thread(target=refused) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        host.close()
        assert len(server.tokens()) == 2


def test_options_that_do_not_go_together(tmp_path: Path) -> None:
    file = tmp_path / "other.json"
    write_key(new_key(), file)
    private = json.loads(file.read_text())
    file.write_text(json.dumps(private | {"alg": "ES256"}))
    here = "http://127.0.0.1:9/fhir"
    for options, said in (
        (("--client-id", "a"), "--client-id and --key go together"),
        (("--key", file), "--client-id and --key go together"),
        (("--token-url", "https://x"), "--token-url: is for --client-id"),
        (("--client-id", "a", "--key", file, "--token-file", file), "both name a token"),
        (("--client-id", "a", "--key", tmp_path / "none"), "holds no private key"),
        (("--client-id", "a", "--key", file), "holds no private key"),
        (("--group", "a", "--system"), "--group and --system"),
        (("--group", "../x"), "--group: is no id"),
        (("--types", "Patient,../x"), "'../x' is no type of FHIR R4. Use a name that exists\n"),
        (
            ("--types", "Pateint"),
            "--types: 'Pateint' is no type of FHIR R4. Did you mean 'Patient'\n",
        ),
        (("--types", "Patient,condition"), "'condition' is no type of FHIR R4. Did you mean 'C"),
        (("--types", "Patient,"), "'' is no type of FHIR R4. Use a name that exists\n"),
        (("--types", "P" * 9999), "P' is no type of FHIR R4. Use a name that exists\n"),
        (("--types", "Resource"), "'Resource' is no type"),
        (
            ("--type-filter", "Observatoin?x=1"),
            "'Observatoin' is no type of FHIR R4. Did you mean 'Obs",
        ),
        (("--since", "2026-01-01"), "'2026-01-01' is no instant"),
        (("--since", "2026-13-01T00:00:00Z"), "is no instant"),
        (("--type-filter", "Observation"), "is no search"),
        (("--type-filter", "Binary?x=1"), "Binary is not among the types"),
        (("--token-to", "files.example.org"), "--token-to: give an origin"),
    ):
        done = run("audit", "fetch", here, "-o", tmp_path / "out", *options)
        assert done.returncode == 2, options
        assert said in done.stderr, options
        assert len(done.stderr.splitlines()) == 1


def test_a_token_server_that_is_busy_holds_nobody_who_stops() -> None:
    with bulk_server() as server:
        server.guard(KEY)
        server.fault("/token", busy(503, "3600"))
        host = Host("test", 1)
        patient = Patience(attempts=3)
        backend = Backend("audit", KEY, f"{server.root}/token", "system/*.rs")
        tokens = BackendTokens(backend, host, patient)
        courier = Courier(host, read_places(server.base, [], development=False), tokens)
        courier.stop()
        with pytest.raises(StoppedError):
            courier.send("GET", f"{server.base}/status/1", {}, 1000)
        host.close()
        assert len(server.paths("POST", "/token")) == 1
