"""The client file: every fault in it refuses to start, told with file, key, reason and remedy."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

from defib_coverage.callers import Caller, Callers
from defib_coverage.errors import DataError, RequestError, SettingsError
from defib_coverage.hooks.trust.client_file import read_clients
from defib_coverage.hooks.trust.signing import SigningKey
from defib_coverage.settings import Settings
from tokens import (
    ISSUER,
    KEY,
    OTHER_KEY,
    PUBLIC,
    RSA_KEY,
    Clock,
    key_set,
    token,
)

if TYPE_CHECKING:
    from defib_coverage.errors import Fault

GOOD = f"""
# a comment
[clients.ehr]
issuer = "{ISSUER}"
keys = "ehr.jwks.json"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A good client file with the key sets that entries may name."""
    (tmp_path / "ehr.jwks.json").write_bytes(key_set(KEY, RSA_KEY))
    (tmp_path / "other.jwks.json").write_bytes(key_set(OTHER_KEY))
    path = tmp_path / "clients.toml"
    path.write_text(GOOD, encoding="utf-8")
    return path


def faults_of(file: Path, text: str, *, development: bool = False) -> tuple[Fault, ...]:
    """The faults of a client file."""
    file.write_text(text, encoding="utf-8")
    with pytest.raises(DataError) as caught:
        read_clients(file, development=development)
    for fault in caught.value.faults:
        assert fault.file == str(file)
        assert all((fault.key, fault.reason, fault.remedy))
        assert str(fault) in str(caught.value)
    return caught.value.faults


def test_a_good_file(file: Path) -> None:
    file.write_text(
        f"""
[clients.ehr]
issuer = "{ISSUER}"
keys = "ehr.jwks.json"
algorithms = ["ES384", "RS384"]
longest_token = 86400
tenant = "north"
fhir_servers = ["https://ehr.example.org/fhir", "https://10.20.0.5:8443/r4"]
networks = ["10.20.0.0/16", "fd00:1::/64"]
payer = "Example Plan"
calls_per_minute = 60
options.limits = false

[clients.other_2]
issuer = "{ISSUER}"
tenant = "south"
jku = "https://other.example/jwks?version=2"
"""
    )
    ehr, other = read_clients(file, development=False)
    assert ehr.client.id == "ehr"
    assert ehr.client.algorithms == ("ES384", "RS384")
    assert ehr.client.longest_token == 86400
    assert ehr.client.networks == ("10.20.0.0/16", "fd00:1::/64")
    assert ehr.client.options == {"limits": False}
    assert ehr.pinned is not None
    assert set(ehr.pinned.keys) == {KEY.kid, RSA_KEY.kid}
    assert other.client.id == "other_2"
    assert other.client.algorithms == ("ES384", "RS384")
    assert other.pinned is None


def test_one_of_the_usual_algorithms_is_enough(file: Path) -> None:
    (file.parent / "ehr.jwks.json").write_bytes(key_set(RSA_KEY))
    (found,) = read_clients(file, development=False)
    assert found.client.algorithms == ("ES384", "RS384")


def test_keys_that_can_do_none_of_the_usual_algorithms(file: Path) -> None:
    strong = SigningKey("r", "RS512", RSA_KEY.private)
    (file.parent / "ehr.jwks.json").write_bytes(key_set(strong))
    (fault,) = faults_of(file, GOOD)
    assert fault.key == "clients.ehr.algorithms"
    assert fault.reason == "no key of ehr.jwks.json can do ES384, RS384"
    assert fault.remedy == "The keys there can do RS512"


ENTRY_FAULTS = {
    "unknown key": ('isuer = "x"', "isuer", "unknown key", "Did you mean 'issuer'"),
    "far key": ("zzzzzz = 1", "zzzzzz", "unknown key", "Remove the key: the format is closed"),
    "its own id": ('id = "ehr"', "id", "the id is the table's name", ""),
    "both keys and jku": (
        'jku = "https://ehr.example.org/jwks"',
        "keys",
        "needs one of keys and jku, not both",
        "Pin a JWK Set file",
    ),
    "none": ('algorithms = ["none"]', "algorithms", "invalid enum value 'none'", ""),
    "HS256": ('algorithms = ["ES384", "HS256"]', "algorithms", "invalid enum value 'HS256'", ""),
    "no algorithm": ("algorithms = []", "algorithms", "is empty", ""),
    "impossible algorithm": (
        'algorithms = ["ES384", "ES256"]',
        "algorithms",
        "no key of ehr.jwks.json can do ES256",
        f"The keys there can do {', '.join(sorted({'ES384', 'RS384'}))}",
    ),
    "no text": ("tenant = 5", "tenant", "expected `str | null`, got `int`", ""),
    "empty tenant": ('tenant = ""', "tenant", "is empty", ""),
    "no life": ("longest_token = 0", "longest_token", "expected `int` >= 1", ""),
    "endless life": ("longest_token = inf", "longest_token", "expected `int`, got `float`", ""),
    "no calls": ("calls_per_minute = -1", "calls_per_minute", "expected `int` >= 1", ""),
    "unknown option": ("options.limit = false", "options.limit", "no such option", "limits"),
    "odd option": ("options.limits = 3", "options.limits", "3 is not true or false", ""),
    "odd number": ("options.max-cards = -1", "options.max-cards", "-1 is not a whole number", ""),
    "large number": ("options.max-cards = 1001", "options.max-cards", "from 0 to 1000", ""),
    "odd value": ('options.limits = "no"', "options", "expected `bool | int`, got `str`", ""),
}


@pytest.mark.parametrize(
    ("line", "key", "reason", "remedy"), ENTRY_FAULTS.values(), ids=ENTRY_FAULTS.keys()
)
def test_faults_of_an_entry(file: Path, line: str, key: str, reason: str, remedy: str) -> None:
    (fault,) = faults_of(file, f"{GOOD}{line}\n")
    assert fault.key == f"clients.ehr.{key}"
    assert reason in fault.reason
    assert remedy in fault.remedy


FILE_FAULTS = {
    "missing issuer": (
        '[clients.ehr]\nkeys = "ehr.jwks.json"',
        "clients.ehr.issuer",
        "is missing",
    ),
    "empty issuer": (GOOD.replace(ISSUER, ""), "clients.ehr.issuer", "is empty"),
    "spaced issuer": (GOOD.replace(ISSUER, "a b"), "clients.ehr.issuer", "holds a space"),
    "long issuer": (GOOD.replace(ISSUER, "i" * 501), "clients.ehr.issuer", "longer than 500"),
    "zero issuer": (GOOD.replace(ISSUER, "a\\u0000"), "clients.ehr.issuer", "holds a space"),
    "neither keys nor jku": (
        f'[clients.ehr]\nissuer = "{ISSUER}"',
        "clients.ehr.keys",
        "needs one of keys and jku",
    ),
    "no client": ("[clients]\n", "clients", "there is no table [clients.<id>]"),
    "empty": ("# nothing\n", "clients", "there is no table [clients.<id>]"),
    "no table": ('clients = "x"\n', "clients", "there is no table [clients.<id>]"),
    "no entry": ("[clients]\nehr = 5\n", "clients.ehr", "is no table"),
    "bad id": (GOOD.replace("clients.ehr", 'clients."../ehr"'), "clients.../ehr", "the id is not"),
    "another table": (GOOD + "[client.x]\n", "client", "unknown key"),
    "no TOML": ("[clients.ehr\n", "-", "is not valid TOML"),
    "shared issuer": (
        GOOD + GOOD.replace("clients.ehr", "clients.two"),
        "clients.ehr.issuer",
        "another client has the same issuer, and this one has no tenant",
    ),
    "one tenant only": (
        f'{GOOD}tenant = "n"\n' + GOOD.replace("clients.ehr", "clients.two"),
        "clients.two.issuer",
        "another client has the same issuer, and this one has no tenant",
    ),
    "shared tenant": (
        f'{GOOD}tenant = "n"\n' + GOOD.replace("clients.ehr", "clients.two") + 'tenant = "n"\n',
        "clients.two.issuer",
        "another client has the same issuer and tenant",
    ),
}


@pytest.mark.parametrize(("text", "key", "reason"), FILE_FAULTS.values(), ids=FILE_FAULTS.keys())
def test_faults_of_a_file(file: Path, text: str, key: str, reason: str) -> None:
    faults = faults_of(file, text)
    assert any(fault.key == key and reason in fault.reason for fault in faults), faults


@pytest.mark.parametrize(
    ("server", "reason"),
    [
        ("http://ehr.example.org/fhir", "is not https"),
        ("ehr.example.org/fhir", "is not https"),
        ("//ehr.example.org/fhir", "is not https"),
        ("/fhir", "is not https"),
        ("", "is not https"),
        ("file:///etc/passwd", "is not https"),
        ("https:///fhir", "is not absolute"),
        ("https://", "is not absolute"),
        ("https://ehr.example.org/fhir?x=1", "has a query"),
        ("https://ehr.example.org/fhir?", "has a query"),
        ("https://ehr.example.org/fhir#x", "has a fragment"),
        ("https://ehr.example.org/fhir#", "has a fragment"),
        ("https://user:secret@ehr.example.org/fhir", "carries a user name or password"),
        ("https://@ehr.example.org/fhir", "carries a user name or password"),
        ("https://ehr.example.org:99999/fhir", "is no URL"),
        ("https://ehr.example.org:x/fhir", "is no URL"),
        ("https://[::1/fhir", "is no URL"),
        ("https://ehr.example.org/a b", "holds a character that no URL has"),
        ("https://ehr.\N{CYRILLIC SMALL LETTER IE}xample.org/", "holds a character that no URL"),
        ("https://ehr.example.org\\\\@evil.example/", "holds a character that no URL has"),
    ],
)
def test_fhir_servers_that_are_refused(file: Path, server: str, reason: str) -> None:
    (fault,) = faults_of(file, f'{GOOD}fhir_servers = ["https://good.example/r4", "{server}"]\n')
    assert fault.key == "clients.ehr.fhir_servers[1]"
    assert reason in fault.reason
    assert "secret" not in str(fault)


@pytest.mark.parametrize(
    ("network", "reason"),
    [
        ("10.20.0.1/16", "is no network"),
        ("10.20.0.0/33", "is no network"),
        ("hospital", "is no network"),
        ("", "is no network"),
        ("0.0.0.0/0", "is no private network"),
        ("::/0", "is no private network"),
        ("8.8.8.0/24", "is no private network"),
        ("8.0.0.0/5", "is no private network"),
        ("10.0.0.0/7", "is no private network"),
        ("169.254.0.0/16", "is no private network"),
        ("169.254.169.254/32", "is no private network"),
        ("fe80::/10", "is no private network"),
        ("2001:db8::/32", "is no private network"),
        ("224.0.0.0/4", "is no private network"),
    ],
)
def test_networks_that_are_refused(file: Path, network: str, reason: str) -> None:
    (fault,) = faults_of(file, f'{GOOD}networks = ["10.0.0.0/8", "{network}"]\n')
    assert fault.key == "clients.ehr.networks[1]"
    assert reason in fault.reason


@pytest.mark.parametrize(
    ("jku", "reason"),
    [
        ("http://ehr.example.org/jwks", "is not https"),
        ("file:///etc/passwd", "is not https"),
        ("https://user:secret@ehr.example.org/jwks", "carries a user name or password"),
        ("https://ehr.example.org/jwks#1", "has a fragment"),
        ("https://", "is not absolute"),
    ],
)
def test_addresses_of_keys_that_are_refused(file: Path, jku: str, reason: str) -> None:
    text = GOOD.replace('keys = "ehr.jwks.json"', f'jku = "{jku}"')
    (fault,) = faults_of(file, text)
    assert fault.key == "clients.ehr.jku"
    assert reason in fault.reason
    assert "secret" not in str(fault)


def test_plain_http_is_for_development(file: Path) -> None:
    text = f"""
[clients.ehr]
issuer = "{ISSUER}"
jku = "http://127.0.0.1:9/jwks"
fhir_servers = ["http://127.0.0.1:9/fhir"]
"""
    assert [f.key for f in faults_of(file, text)] == [
        "clients.ehr.fhir_servers[0]",
        "clients.ehr.jku",
    ]
    assert len(read_clients(file, development=True)) == 1
    (fault,) = faults_of(
        file, text.replace("http://127.0.0.1:9/jwks", "ftp://h/"), development=True
    )
    assert "is not https" in fault.reason


def weak() -> dict[str, str]:
    return RSA_KEY.public() | {"n": "AQ" * 128 + "AQ"}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is no JWK Set"),
        (b"-----BEGIN PUBLIC KEY-----", "is no JWK Set"),
        (json.dumps(KEY.public()).encode(), "is no JWK Set"),
        (b'{"keys": []}', "holds no key that can verify a token"),
        (json.dumps({"keys": [KEY.public() | {"use": "enc"}]}).encode(), "holds no key"),
        (json.dumps({"keys": [KEY.private | {"kid": "k"}]}).encode(), "keys[0] is a private key"),
        (
            json.dumps({"keys": [KEY.public(), {"kty": "oct", "k": "AA", "kid": "s"}]}).encode(),
            "keys[1] is a symmetric key",
        ),
        (json.dumps({"keys": [weak()]}).encode(), "keys[0] is RSA of 1537 bits"),
        (json.dumps({"keys": [KEY.public()] * 2}).encode(), "names several keys"),
        (key_set(KEY) + b" " * 262144, "is larger than 262144 bytes"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_key_files_that_are_refused(file: Path, content: bytes, reason: str) -> None:
    (file.parent / "ehr.jwks.json").write_bytes(content)
    faults = faults_of(file, GOOD)
    assert {fault.key for fault in faults} == {"clients.ehr.keys"}
    assert reason in faults[0].reason
    assert KEY.private["d"] not in str(faults)


@pytest.mark.parametrize(
    ("name", "reason"),
    [("nowhere.json", "No such file or directory"), (".", "Is a directory")],
)
def test_key_files_that_cannot_be_read(file: Path, name: str, reason: str) -> None:
    (fault,) = faults_of(file, GOOD.replace("ehr.jwks.json", name))
    assert (fault.key, reason in fault.reason) == ("clients.ehr.keys", True)


def test_all_faults_are_told_at_once(file: Path) -> None:
    faults = faults_of(
        file,
        """
colour = "red"
[clients."a b"]
isuer = "x"
tenant = 5
longest_token = "long"
fhir_servers = ["http://h/r4", "x"]
networks = ["0.0.0.0/0"]
keys = "nowhere.json"
[clients.two]
issuer = "https://two.example"
jku = "ftp://two.example"
""",
    )
    assert [fault.key for fault in faults] == [
        "colour",
        "clients.a b",
        "clients.a b.isuer",
        "clients.a b.tenant",
        "clients.a b.longest_token",
        "clients.a b.issuer",
        "clients.a b.fhir_servers[0]",
        "clients.a b.fhir_servers[1]",
        "clients.a b.networks[0]",
        "clients.a b.keys",
        "clients.two.jku",
    ]


def test_a_file_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No such file or directory"):
        read_clients(tmp_path / "clients.toml", development=False)


# ------------------------------------------------------------------------------------------ callers


def identify(callers: Callers, text: str | None) -> Caller:
    """Who calls the order-sign service with a token."""
    header = None if text is None else f"Bearer {text}"
    path = "/cds-services/defibrillator-order-sign"
    caller = asyncio.run(callers.identify(header, path))
    callers.admit(caller)
    return caller


@pytest.mark.parametrize("trust", [None, "open"])
def test_an_open_service_asks_nobody_who_they_are(
    file: Path,
    trust: Literal["open"] | None,
) -> None:
    clients = None if trust is None else str(file)
    callers = Callers(Settings(clients=clients, trust=trust))
    assert identify(callers, None).client is None
    assert identify(callers, "no token at all").client is None


def test_a_token_is_used_once_among_all_workers_of_a_database(file: Path) -> None:
    database = f"sqlite:///{file.parent}/tokens"
    settings = Settings(clients=str(file), public_base=PUBLIC, database=database)
    one, two = (Callers(settings, Clock()) for _ in range(2))
    good = token()
    assert identify(one, good).client == "ehr"
    with pytest.raises(RequestError, match="authentication required"):
        identify(two, good)
    one.close()
    two.close()


def test_without_a_database_each_start_begins_anew(file: Path) -> None:
    settings = Settings(clients=str(file), public_base=PUBLIC)
    good = token()
    for _ in range(2):
        callers = Callers(settings, Clock())
        assert identify(callers, good).client == "ehr"
        callers.close()


def test_a_client_that_calls_too_often_is_told_when_to_come_back(file: Path) -> None:
    with file.open("a") as more:
        more.write("calls_per_minute = 2\n")
    callers = Callers(Settings(clients=str(file), public_base=PUBLIC + "/"), Clock())
    for _ in range(2):
        identify(callers, token())
    with pytest.raises(RequestError) as refused:
        identify(callers, token())
    assert refused.value.status == 429
    assert 0 < (refused.value.retry_after or 0) <= 60


def test_what_a_client_may_and_wants_is_its_own(file: Path) -> None:
    with file.open("a") as more:
        more.write(
            'fhir_servers = ["https://fhir.ehr.example/r4"]\nnetworks = ["10.1.0.0/16"]\n'
            'payer = "Medicare Part A"\n[clients.ehr.options]\nclinical-reminder = false\n',
        )
    caller = identify(Callers(Settings(clients=str(file), public_base=PUBLIC), Clock()), token())
    server = caller.access.find("https://fhir.ehr.example:443/r4/")
    assert server is not None
    assert server.reach.allows("10.1.2.3")
    assert not server.reach.allows("10.2.2.3")
    assert caller.label == "Medicare Part A"
    assert caller.options == {"clinical-reminder": False}


def test_faults_refuse_to_start(file: Path) -> None:
    with pytest.raises(SettingsError, match="DEFIB_COVERAGE_DATABASE"):
        Callers(Settings(clients=str(file), public_base=PUBLIC, database="x"))
    file.write_text("")
    with pytest.raises(DataError):
        Callers(Settings(clients=str(file), public_base=PUBLIC))
