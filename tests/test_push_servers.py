"""``publish push`` to servers that do otherwise than they should, and to what is no server."""

from __future__ import annotations

import copy
import re
from typing import TYPE_CHECKING, NamedTuple

import pytest
import trustme

from defib_coverage.__main__ import main
from defib_coverage.command.fhir_connection import Connection, destination
from defib_coverage.command.fhir_writer import FhirWriter
from defib_coverage.command.push_checks import ask_for_codes
from fhir_servers import free_port
from fhir_stores import Call, Said, Store, outcome, result, store
from live_server import running
from pushes import CURRENT, decoded, parcels, source

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from live_server import Json

TOKEN = "aZ09-._~+/secret=="  # noqa: S105 - invented
SYSTEMS = ("--only", "CodeSystem")
OWN = ("--canonical", "https://codes.example.org/r4")
SETS = ("--only", "ValueSet")
FIRST = parcels()[0]
OLD_MI = f"ValueSet/old-mi-{CURRENT}"
COUNT = sum(one.type == "ValueSet" for one in parcels())


class Done(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def push(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Done]:
    """The command in this process."""
    for name in ("DEVELOPMENT", "CA_BUNDLE", "CONFIG", "CANONICAL_BASE"):
        monkeypatch.delenv(f"DEFIB_COVERAGE_{name}", raising=False)

    def run(base: str, *options: str) -> Done:
        with pytest.raises(SystemExit) as stopped:
            main(["publish", "push", "--to", base, *options])
        seen = capsys.readouterr()
        assert isinstance(stopped.value.code, int)
        return Done(stopped.value.code, seen.out, seen.err)

    return run


# ---------------------------------------------------------------------- what is no server of ours


def test_nobody_answers(push: Callable[..., Done]) -> None:
    base = f"http://127.0.0.1:{free_port()}/fhir"
    done = push(base, *SYSTEMS)
    assert done.code == 2
    assert done.err.endswith(f"\n{base}: cannot be reached, or broke the connection off\n")


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (Said(200, "<html>Welcome</html>"), "answers 200, text/html, with no CapabilityStatement"),
        (Said(404, "<html>Nothing</html>"), "answers 404, text/html, with no CapabilityStatement"),
        (Said(200, {"resourceType": "Patient"}), "with no CapabilityStatement"),
        (Said(500, outcome("exception", "it is\x1b[31m broken")), "500: it is [31m broken"),
        (
            Said(200, {"resourceType": "CapabilityStatement", "fhirVersion": "5.0.0"}),
            "speaks FHIR 5.0.0; what is published is R4",
        ),
        (Said(200, {"resourceType": "CapabilityStatement"}), "speaks FHIR no version"),
        (Said(302, "", {"Location": "https://other.example/fhir"}), "(302), to https://other"),
        (Said(401, ""), "asks who is calling (401); name the variable of a token by --token-env"),
        (Said(503, "", {"Retry-After": "3600"}), "asks for more than 60 seconds; push again later"),
    ],
)
def test_what_answers_is_no_server_to_push_to(
    push: Callable[..., Done], said: Said, words: str
) -> None:
    with store(lambda call, _: said if call.path == "metadata" else None) as server:
        done = push(server.base, *SYSTEMS)
    assert done.code == 2
    assert words in done.err
    assert [call.path for call in server.calls] == ["metadata"]


def test_types_that_a_server_lets_nobody_write_are_told_before_anything(
    push: Callable[..., Done],
) -> None:
    with store() as server:
        spoken: list[Json] = [
            {"type": "ValueSet", "interaction": [{"code": "read"}, {"code": "search-type"}]},
            {"type": "CodeSystem", "interaction": [{"code": "read"}, {"code": "update"}]},
            {"type": "Library"},
        ]
        server.capability["rest"] = [{"resource": spoken}]
        done = push(server.base)
        assert done.code == 2
        assert "lets nobody write ValueSet; name the types that it takes by --only" in done.err
        assert not server.writes
        spoken[1]["interaction"] = [{"code": "read"}]
        assert "lets nobody write CodeSystem, ValueSet; it takes no writes at all" in (
            push(server.base).err
        )
        spoken[1]["interaction"] = [{"code": "update"}]
        assert push(server.base, "--only", "CodeSystem, Library").code == 0
        assert {call.path.partition("/")[0] for call in server.writes} == {"CodeSystem", "Library"}


@pytest.mark.parametrize(
    ("base", "words"),
    [
        ("ftp://host/fhir", "--to: is not https"),
        ("host/fhir", "--to: http:// or https:// is missing; give the base URL"),
        ("localhost:33191/fhir", "--to: http:// or https:// is missing; give the base URL"),
        ("https:///fhir", "--to: is not absolute"),
        ("https://user:pass@host/fhir", "--to: carries a user name or password"),
        ("https://host/fhir?x=1", "--to: has a query"),
        ("https://host/fhir#x", "--to: has a fragment"),
        ("https://host:70000/fhir", "--to: is no URL"),
        ("https://ho st/fhir", "--to: holds a character that no URL has"),
        ("", "--to: http:// or https:// is missing"),
    ],
)
def test_bases_that_cannot_be_pushed_to(push: Callable[..., Done], base: str, words: str) -> None:
    done = push(base)
    assert done.code == 2
    assert words in done.err
    assert "pass" not in done.err.replace("password", "")


def test_a_name_that_is_none_is_told(push: Callable[..., Done]) -> None:
    done = push(f"https://{'a' * 64}.invalid/fhir", *OWN)
    assert done.code == 2
    assert "cannot be" in done.err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--only", "Patient"), "--only: 'Patient' is none of CodeSystem, ValueSet"),
        (("--only", ""), "--only: '' is none of"),
        (("--on", "2018-02-14"), "--on 2018-02-14: nothing is in force before"),
        (("--on", "20260101"), "is no day such as 2026-11-20"),
        (("--revision", "R99"), "--revision R99: is none of"),
        (("--history", "--revision", "R6"), "name releases: give one of them"),
    ],
)
def test_options_that_cannot_be_used(
    push: Callable[..., Done], options: tuple[str, ...], words: str
) -> None:
    with store() as server:
        done = push(server.base, *options)
    assert done.code == 2
    assert words in " ".join(re.sub("[│╭╮╰╯─]", " ", done.err).split())
    assert not server.calls


# --------------------------------------------------------------------------------------- the token


@pytest.mark.parametrize("value", [None, "", " \n", "two words", "ünlaut", "a\nb", '"quoted"'])
def test_tokens_that_are_none_are_neither_sent_nor_shown(
    push: Callable[..., Done], monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    if value is not None:
        monkeypatch.setenv("OUR_TOKEN", value)
    with store() as server:
        done = push(server.base, "--token-env", "OUR_TOKEN")
    assert done.code == 2
    assert done.err.startswith("--token-env: ")
    assert not (value or "").strip() or str(value).strip() not in done.err
    assert not server.calls


def test_a_token_in_the_place_of_its_name_is_not_shown(push: Callable[..., Done]) -> None:
    done = push("https://host/fhir", "--token-env", TOKEN)
    assert done.code == 2
    assert TOKEN not in done.out + done.err


def test_a_server_that_repeats_the_token_does_not_get_it_shown(
    push: Callable[..., Done], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUR_TOKEN", TOKEN)

    def behave(call: Call, _: Store) -> Said | None:
        assert call.headers["authorization"] == f"Bearer {TOKEN}"
        wrong = outcome("forbidden", f"not with {call.headers['authorization']}")
        return Said(403, wrong) if call.method == "PUT" else None

    with store(behave) as server:
        done = push(server.base, "--token-env", "OUR_TOKEN", *SYSTEMS)
    assert done.code == 1
    assert f"{FIRST.place}: is not taken: 403: not with Bearer ***\n" in done.out
    assert TOKEN not in done.out + done.err


def test_a_token_does_not_go_over_plain_http_to_another_machine(
    push: Callable[..., Done], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUR_TOKEN", TOKEN)
    for host in ("fhir.example.org", "10.0.0.1", "localhost.example.org"):
        done = push(f"http://{host}/fhir", "--token-env", "OUR_TOKEN")
        assert done.code == 2
        assert "--to: is plain http" in done.err

    def to(url: str, token: str | None, *, development: bool = False) -> tuple[bool, bool]:
        found = destination(
            url, token, {"OUR_TOKEN": TOKEN}, ca_bundle=None, development=development
        )
        assert found.token == (None if token is None else TOKEN)
        return found.is_local, found.exposed

    assert to("http://fhir.example.org/r4", "OUR_TOKEN", development=True) == (False, True)
    assert to("http://fhir.example.org/r4", None) == (False, True)
    assert to("https://fhir.example.org/r4/", "OUR_TOKEN") == (False, False)
    for host in ("localhost:8080", "127.0.0.1", "127.1.2.3:80", "[::1]"):
        assert to(f"http://{host}/fhir", "OUR_TOKEN") == (True, False)


def test_what_goes_to_another_machine_over_plain_http_is_warned_of(
    push: Callable[..., Done], monkeypatch: pytest.MonkeyPatch
) -> None:
    with store() as proxy:
        # Only a proxy of the test's own lets another machine be seen from here.
        monkeypatch.setenv("http_proxy", proxy.base.removesuffix("/fhir"))
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        done = push("http://fhir.example.org/fhir", "--dry-run", *OWN, *SYSTEMS)
        assert "WARNING: plain http: what is sent can be changed on its way\n" in done.err
        asked = len(proxy.calls)
        assert asked
        assert push(f"http://localhost:{free_port()}/fhir", *SYSTEMS).code == 2
        assert len(proxy.calls) == asked


def test_a_server_of_an_own_authority_is_trusted_by_the_setting(
    push: Callable[..., Done], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    issued = authority.issue_cert("localhost")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    with store(certificate=(str(tmp_path / "cert.pem"), str(tmp_path / "key.pem"))) as server:
        refused = push(server.base, *SYSTEMS)
        assert refused.code == 2
        assert "its certificate is not trusted; DEFIB_COVERAGE_CA_BUNDLE" in refused.err
        monkeypatch.setenv("DEFIB_COVERAGE_CA_BUNDLE", str(tmp_path / "ca.pem"))
        assert push(server.base, *SYSTEMS).code == 0


# ------------------------------------------------------------------------------ before any writing


def test_a_search_is_read_to_its_last_page(push: Callable[..., Done]) -> None:
    newer = decoded(FIRST) | {"id": "newer", "version": "1.2.0"}

    def behave(call: Call, server: Store) -> Said | None:
        if call.path != "CodeSystem" or call.query.get("url") != FIRST.url:
            return None
        page: Json = {"resourceType": "Bundle", "type": "searchset"}
        if "page" not in call.query:
            following = f"{server.base}/CodeSystem?url={FIRST.url}&page=2"
            return Said(200, page | {"link": [{"relation": "next", "url": following}]})
        return Said(200, page | {"entry": [{"resource": newer}]})

    with store(behave) as server:
        done = push(server.base, *SYSTEMS)
    assert done.code == 1
    assert "the server holds version 1.2.0, higher than 1.0.0" in done.out
    assert "(CodeSystem/newer)" in done.out
    assert not server.writes


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (
            Said(400, outcome("not-supported", "no search")),
            "by url is answered with 400: no search",
        ),
        (Said(200, "<html>"), "searching CodeSystem by url is answered with 200, text/html"),
        (Said(200, {"resourceType": "CodeSystem"}), "by url is answered with 200"),
        (
            Said(
                200,
                {
                    "resourceType": "Bundle",
                    "link": [{"relation": "next", "url": "https://elsewhere.example/fhir?p=2"}],
                },
            ),
            "the next page of a search lies elsewhere: https://elsewhere.example",
        ),
        (Said(403, outcome("forbidden", "search is not for you")), "403: search is not for you"),
    ],
)
def test_a_server_that_cannot_tell_what_it_holds_is_not_written_to(
    push: Callable[..., Done], said: Said, words: str
) -> None:
    with store(lambda call, _: said if call.path == "CodeSystem" else None) as server:
        done = push(server.base, *SYSTEMS)
    assert done.code == 2
    assert words in done.err
    assert not server.writes


def test_a_search_without_an_end_comes_to_one(push: Callable[..., Done]) -> None:
    def behave(call: Call, server: Store) -> Said | None:
        again = [{"relation": "next", "url": f"{server.base}/CodeSystem?page=1"}]
        page = {"resourceType": "Bundle", "link": again}
        return Said(200, page) if call.path == "CodeSystem" else None

    with store(behave) as server:
        done = push(server.base, *SYSTEMS)
    assert done.code == 2
    assert "asked for one url it lists thousands of CodeSystem" in done.err


@pytest.mark.parametrize(
    "said",
    [
        Said(500, outcome("exception", "out of order")),
        Said(200, "<html>"),
        Said(200, {"resourceType": "CodeSystem", "id": "another"}),
        Said(200, {"resourceType": "CodeSystem", "id": FIRST.id, "version": 1}),
        Said(200, "[" * 100_000),
        Said(200, f'{{"resourceType": "CodeSystem", "id": "{FIRST.id}", "x": {"[" * 9999}'),
        Said(200, f'{{"resourceType": "CodeSystem", "id": "{FIRST.id}", "x": "\udcff"}}'),
    ],
)
def test_a_place_that_cannot_be_read_is_not_written_to(
    push: Callable[..., Done], said: Said
) -> None:
    with store(lambda call, _: said if call.path == FIRST.place else None) as server:
        done = push(server.base, *SYSTEMS)
    assert done.code == 2
    assert f"reading {FIRST.place} is answered with {said.status}" in done.err
    assert not server.writes


def test_what_a_server_holds_does_not_steer_the_terminal(push: Callable[..., Done]) -> None:
    with store() as server:
        first, second, third = (decoded(one) for one in parcels()[:3])
        server.held = {
            FIRST.place: first | {"version": "1\x1b[2J"},
            "CodeSystem/\x1b[2J": second | {"id": "\x1b[2J", "version": "7.0.0"},
            f"CodeSystem/{third['id']}": third | {"\x1b[2J": "\x1b[2J"},
        }
        done = push(server.base, *SYSTEMS)
    assert done.code == 1
    assert done.out.count("refused") == 3
    assert "\x1b" not in done.out + done.err


def test_what_was_deleted_there_is_created(push: Callable[..., Done]) -> None:
    def behave(call: Call, server: Store) -> Said | None:
        is_gone = call.method == "GET" and call.path == FIRST.place
        return Said(410, "") if is_gone and call.path not in server.held else None

    with store(behave) as server:
        assert push(server.base, *SYSTEMS).code == 0


# ------------------------------------------------------------------------------ while it is written


@pytest.mark.parametrize("options", [(), ("--transaction",)])
def test_a_write_that_is_refused_stops_the_push(
    push: Callable[..., Done], options: tuple[str, ...]
) -> None:
    third = [one.place for one in parcels()][2]

    def behave(call: Call, _: Store) -> Said | None:
        wrong = Said(422, outcome("invalid", "a rule of ours"))
        is_third = call.path == third or call.method == "POST"
        return wrong if call.method in {"PUT", "POST"} and is_third else None

    with store(behave) as server:
        done = push(server.base, *SYSTEMS, *options)
    assert done.code == 1
    written = 0 if options else 2
    where = "the transaction" if options else third
    assert f"{where}: is not taken: 422: a rule of ours\n" in done.out
    assert f"Stopped: {written} of 6 resources written" in done.out
    assert len(server.held) == written


def test_a_transaction_that_is_too_large_is_told(push: Callable[..., Done]) -> None:
    with store(lambda call, _: Said(413, "") if call.method == "POST" else None) as server:
        done = push(server.base, "--transaction", *SYSTEMS)
    assert done.code == 1
    assert "bytes are too many for it; push without --transaction" in done.out


def test_a_connection_that_breaks_tells_what_was_written(push: Callable[..., Done]) -> None:
    def behave(call: Call, server: Store) -> Said | None:
        if call.method == "PUT" and len(server.writes) == 3:
            raise ConnectionAbortedError
        return None

    with store(behave) as server:
        done = push(server.base, *SYSTEMS)
    assert done.code == 2
    assert "broke the connection off\nStopped: 2 of 6 resources written" in done.err


def test_a_busy_server_is_waited_for_as_it_asks(push: Callable[..., Done]) -> None:
    seen: list[str] = []

    def behave(call: Call, _: Store) -> Said | None:
        seen.append(call.path)
        busy = seen.count(call.path) == 1
        return (
            Said(429 if call.method == "PUT" else 503, "", {"Retry-After": "0"}) if busy else None
        )

    with store(behave) as server:
        assert push(server.base, *SYSTEMS).code == 0
    assert len(server.held) == 6


def test_a_server_that_stays_busy_is_given_up(push: Callable[..., Done]) -> None:
    with store(lambda *_: Said(503, "", {"Retry-After": "0"})) as server:
        done = push(server.base, *SYSTEMS)
    assert done.code == 2
    assert done.err.endswith("is busy (503), 5 times over\n")
    assert len(server.calls) == 5


@pytest.mark.parametrize("options", [(), ("--transaction",)])
def test_what_changed_since_the_plan_is_not_written_over(
    push: Callable[..., Done], options: tuple[str, ...]
) -> None:
    older = decoded(FIRST) | {"title": "Another"}
    older["meta"] = {"versionId": "41"}

    def behave(call: Call, _: Store) -> Said | None:
        tag = call.headers.get("if-match")
        if call.method == "POST" and call.body is not None:
            (tag,) = {e["request"].get("ifMatch") for e in call.body["entry"]} - {None}
        conflict = Said(412, outcome("conflict", "now it is 42"))
        return conflict if tag == 'W/"41"' else None

    with store(behave) as server:
        server.held[FIRST.place] = older
        done = push(server.base, *SYSTEMS, "--replace", *options)
        assert done.code == 1
        assert "is not taken: 412: now it is 42" in done.out
        assert server.held == {FIRST.place: older}


@pytest.mark.parametrize("base", ["https://fhir.example.org/r4", "http://10.1.2.3:8080/fhir"])
def test_urls_of_an_example_go_to_this_machine_only(push: Callable[..., Done], base: str) -> None:
    done = push(base, "--dry-run")
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        f"--to {base}: others would read urls below https://defib-coverage.example/fhir, which is "
        "an example's; set DEFIB_COVERAGE_CANONICAL_BASE or --canonical to a URL of yours\n"
    )


def test_everything_stands_below_the_canonical_base_that_is_named(
    push: Callable[..., Done],
) -> None:
    base = "https://codes.example.org/r4"
    with store() as server:
        done = push(server.base, "--canonical", base, *SYSTEMS)
        assert done.code == 0
        assert "an example's" not in done.err
        for held in server.held.values():
            assert held["url"].startswith(f"{base}/CodeSystem/")
            assert held["meta"]["source"] == base
        refused = push(server.base, "--canonical", "nonsense", *SYSTEMS)
        assert refused.code == 2
        assert "--canonical nonsense" in refused.err
        # The same ids under another base are somebody else's.
        out = push(server.base, *SYSTEMS).out
        assert "  refused 6 resources: another resource has this id there\n" in out
        assert out.count(f" ({base}/CodeSystem/") == 5
        assert "    and 1 more\n" in out


# --------------------------------------------------------------------------------------- afterwards


def test_a_server_that_keeps_something_else_is_found_out(push: Callable[..., Done]) -> None:
    def behave(call: Call, server: Store) -> Said | None:
        if call.path == FIRST.place and call.method == "PUT":
            kept = copy.deepcopy(call.body) or {}
            kept["title"] = "Another"
            del kept["meta"]["tag"]
            kept["concept"].pop()
            kept["language"] = "en"
            server.held[call.path] = kept
            return Said(201)
        return None

    with store(behave) as server:
        done = push(server.base, *SYSTEMS)
    assert done.code == 1
    count = len(decoded(FIRST)["concept"])
    assert (
        f"{FIRST.place}: 4 elements differ from what was sent\n"
        f'    /title: "{decoded(FIRST)["title"]}" here, "Another" there\n'
        f"    /concept/{count - 1}: is missing there\n"
        "    /language: stands only there\n"
        "    /meta/tag/0: is missing there\n"
    ) in done.out
    assert "Read back: 5 of 6 resources as sent.\n" in done.out


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (Said(404, outcome("not-found", "no")), "was taken, and is not there"),
        (Said(500, outcome("exception", "no")), "cannot be read back: "),
        (Said(405, ""), "cannot be read back: "),
    ],
)
def test_what_cannot_be_read_back_is_told(
    push: Callable[..., Done], said: Said, words: str
) -> None:
    def behave(call: Call, server: Store) -> Said | None:
        return said if server.held and call.path == FIRST.place and call.method == "GET" else None

    with store(behave) as server:
        done = push(server.base, *SYSTEMS)
    assert done.code == 1
    assert f"{FIRST.place}: {words}" in done.out
    assert "Read back: 5 of 6 resources as sent.\n" in done.out


def looked_up(call: Call, server: Store) -> Said | None:
    """$validate-code, by what was written."""
    if call.path != "ValueSet/$validate-code":
        return None
    query = call.query
    (found,) = [
        one
        for one in server.held.values()
        if (one["url"], one["version"]) == (query["url"], query["valueSetVersion"])
    ]
    codes = {
        (include["system"], concept["code"])
        for include in found["compose"]["include"]
        for concept in include["concept"]
    }
    return Said(200, result(value=(query["system"], query["code"]) in codes))


def test_every_value_set_is_asked_for_a_code_also_the_second_time(
    push: Callable[..., Done],
) -> None:
    with store(looked_up) as server:
        for _ in range(2):
            asked = len(server.asked("$validate-code"))
            done = push(server.base, *SETS)
            assert done.code == 0
            line = (
                f"$validate-code: {COUNT} of {COUNT} value sets found to have the code asked for."
            )
            assert done.out.endswith(line + "\n")
            assert len(server.asked("$validate-code")) == asked + COUNT
        assert len(server.writes) == COUNT


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (
            Said(200, result(value=False, message="not in it")),
            "in it: not in it",
        ),
        (Said(422, outcome("not-found", "no such set")), "in it: 422: no such set"),
        (Said(500, outcome("exception", "oh")), "in it: 500: oh"),
        (Said(404, outcome("not-found", "no such set")), "in it: 404: no such set"),
    ],
)
def test_a_code_that_is_not_found_is_told(
    push: Callable[..., Done], said: Said, words: str
) -> None:
    def behave(call: Call, server: Store) -> Said | None:
        is_this = "$" in call.path and call.query["url"].endswith("/ValueSet/old-mi")
        return said if is_this else looked_up(call, server)

    with store(behave) as server:
        operation = [{"type": "ValueSet", "operation": [{"name": "validate-code"}]}]
        server.capability["rest"] = [{"resource": operation}]
        done = push(server.base, *SETS)
    assert done.code == 1
    told = rf"^{OLD_MI}: \S+ \S+ is not found to be {re.escape(words)}$"
    assert len(re.findall(told, done.out, re.MULTILINE)) == 1
    assert f"$validate-code: {COUNT - 1} of {COUNT} value sets found" in done.out


def test_a_code_system_that_the_server_lacks_is_neither_fault_nor_success(
    push: Callable[..., Done],
) -> None:
    lacked = result(value=False, message="no such system", x_caused_by_unknown_system="urn:x")

    def behave(call: Call, server: Store) -> Said | None:
        is_cpt = call.query.get("system") == "http://www.ama-assn.org/go/cpt"
        return Said(200, lacked) if is_cpt else looked_up(call, server)

    with store(behave) as server:
        done = push(server.base, *SETS)
    assert done.code == 0
    cpt = sum(one.id.endswith(f"-cpt-{CURRENT}") for one in parcels())
    assert f"$validate-code: {COUNT - cpt} of {COUNT} value sets found" in done.out
    assert f"Not checked, for want of the code system: {cpt} sets.\n" in done.out
    assert (
        done.out.count("http://www.ama-assn.org/go/cpt ")
        == done.out.count(": no such system\n")
        == cpt
    )


@pytest.mark.parametrize(
    "said",
    [
        Said(404, "<html>"),
        Said(404, outcome("not-found", "no ValueSet/$validate-code")),
        Said(405, ""),
        Said(501, ""),
        Said(403, outcome("forbidden", "not for you")),
        Said(400, outcome("not-supported", "no such operation")),
        Said(200, "<html>"),
        Said(200, {"resourceType": "Bundle"}),
    ],
)
def test_a_server_without_the_operation_is_asked_once_and_not_called_a_success(
    push: Callable[..., Done], said: Said
) -> None:
    with store(lambda call, _: said if "$" in call.path else None) as server:
        done = push(server.base, *SETS)
    assert done.code == 0
    assert f"Not checked: the server answers no $validate-code ({said.status}" in done.out
    assert f"{COUNT} value sets not asked for a code." in done.out
    assert "found to have" not in done.out
    assert len(server.asked("$validate-code")) == 1


def test_our_own_terminology_has_every_code_that_is_asked_for_and_takes_no_writes(
    push: Callable[..., Done],
) -> None:
    with running() as live:
        to = destination(f"{live.base}/fhir", None, {}, ca_bundle=None, development=False)
        connection = Connection(to)
        versions = [release.version for release in source().catalogue.releases.all]
        found = ask_for_codes(FhirWriter(connection), parcels(*versions))
        connection.close()
        assert found.faults == ()
        count = sum(one.probe is not None for one in parcels(*versions))
        assert found.summary == (
            f"$validate-code: {count} of {count} value sets found to have the code asked for.",
        )
        done = push(to.base)
        assert done.code == 2
        assert "lets nobody write CodeSystem, ValueSet, ConceptMap" in done.err
        assert done.err.endswith("; it takes no writes at all\n")
