"""What connecting an EHR takes: addresses, commands, claims and calls of this installation."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import msgspec

from defib_coverage.console.trial_call import SERVICES
from defib_coverage.fhir.needs import READ_TYPES
from defib_coverage.hooks.discovery import discovery
from defib_coverage.setting_meanings import MEANINGS
from defib_coverage.setting_values import shown_value, written_value
from defib_coverage.settings import PREFIX, Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from defib_coverage.console.addresses import Base
    from defib_coverage.coverage.codes import CodeIndex

_LONGEST_TOKEN = 600
_CARD = "00000000-0000-0000-0000-000000000000"
# What tells strangers about the machine: its files, its database, its network.
_INSIDE = frozenset(
    {"config", "overlay", "payers", "clients", "database", "state", "ca_bundle", "metrics"}
    | {"fhir_servers"}
)


class Address(msgspec.Struct, frozen=True):
    """Where something stands: its method, its URL, and what it is for.

    ``path`` leads there where a browser can look at it.
    """

    method: str
    url: str
    purpose: str
    path: str | None = None


class Command(msgspec.Struct, frozen=True):
    """Lines to copy: what they do, and the lines."""

    name: str
    title: str
    lines: str


class SettingRow(msgspec.Struct, frozen=True):
    """A setting: its variable, value and meaning; ``is_default`` where nothing was set."""

    variable: str
    value: str
    meaning: str
    is_default: bool


class Connecting(msgspec.Struct, frozen=True, kw_only=True):
    """What the page tells of this installation; ``is_set`` where the settings say the base."""

    base: str
    is_set: bool
    tokens_required: bool
    addresses: tuple[Address, ...]
    discovery: str
    registering: tuple[Command, ...]
    header: tuple[tuple[str, str], ...]
    claims: tuple[tuple[str, str], ...]
    token: str
    read_types: tuple[str, ...]
    calls: tuple[Command, ...]
    selftest: Command
    settings: tuple[SettingRow, ...]


def connecting(base: Base, settings: Settings, index: CodeIndex) -> Connecting:
    """What the page tells.

    Args:
        base: where clients reach the service.
        settings: of this installation.
        index: the value sets, which discovery asks for.
    """
    described = msgspec.json.encode(discovery(index, feedback=settings.ledger != "off"))
    sign = f"{base.url}/cds-services/{SERVICES['order-sign']}"
    return Connecting(
        base=base.url,
        is_set=base.is_set,
        tokens_required=settings.tokens_required,
        addresses=tuple(_addresses(base.url, settings)),
        discovery=msgspec.json.format(described, indent=2).decode(),
        registering=tuple(_registering(base.url, settings)),
        header=_HEADER,
        claims=(
            ("iss", "the issuer that was registered, letter by letter"),
            _audience(sign),
            *_CLAIMS,
        ),
        token=_token(sign),
        read_types=tuple(READ_TYPES),
        calls=tuple(_calls(base.url, settings)),
        selftest=_selftest(base.url, settings),
        settings=tuple(_settings(settings)),
    )


def _addresses(base: str, settings: Settings) -> Iterator[Address]:
    yield _seen(base, "/cds-services", "discovery: the services and their prefetch")
    for hook, service in SERVICES.items():
        yield Address("POST", f"{base}/cds-services/{service}", f"the hook {hook}")
    if settings.ledger != "off":
        url = f"{base}/cds-services/{SERVICES['order-sign']}/feedback"
        yield Address("POST", url, "feedback on cards; the same below each service")
        url = f"{base}/determinations/{{assertion-id}}"
        yield Address("GET", url, "what was decided under the id that an order carries")
    url = f"{base}/determinations"
    yield Address("POST", url, "what cards are made of, for programs, for any of the hooks")
    if settings.terminology != "off":
        yield _seen(base, "/fhir/metadata", "value sets and policy as a FHIR server")
    yield _seen(base, "/ready", "whether calls can be taken; /health: whether it runs")
    yield _seen(base, "/docs", "every address described, as OpenAPI")


def _seen(base: str, path: str, purpose: str) -> Address:
    return Address("GET", base + path, purpose, path)


# ------------------------------------------------------------------------------------ registration

_HEADER = (
    ("alg", "ES384 or RS384, unless the client's entry allows others"),
    ("kid", "the id of the key in the client's JWK Set"),
    ("typ", "JWT"),
    ("jku", "optional; then letter by letter the address that was registered"),
)
_CLAIMS = (
    ("iat", "when it was made, in seconds since 1970"),
    (
        "exp",
        f"when it ends: at most {_LONGEST_TOKEN} seconds after iat, unless the entry allows more",
    ),
    ("jti", "an id of its own for every call: a token is good for one call"),
    ("tenant", "only where clients share an issuer: the tenant that was registered"),
)


def _audience(url: str) -> tuple[str, str]:
    return ("aud", f"the URL that is called, such as {url}")


def _token(url: str) -> str:
    told = {
        "iss": "https://ehr.example.org/oauth2",
        "aud": url,
        "iat": 1767225600,
        "exp": 1767225900,
        "jti": "0f8a6c1e-5a0e-4c0b-9a53-0d7f5b1f8f11",
    }
    return msgspec.json.format(msgspec.json.encode(told), indent=2).decode()


def _registering(base: str, settings: Settings) -> Iterator[Command]:
    quoted = shlex.quote(base)
    development = " --development" if settings.development else ""
    yield Command(
        "add-ehr",
        "An EHR that publishes its keys",
        "defib-coverage client add ehr \\\n"
        "  --issuer https://ehr.example.org/oauth2 \\\n"
        "  --jku https://ehr.example.org/oauth2/jwks \\\n"
        f"  --fhir-server https://ehr.example.org/api/FHIR/R4{development}",
    )
    yield Command(
        "add-trial",
        "A client for tries, with a key pair that is made for it",
        f"defib-coverage client add trial \\\n  --issuer https://trial.example{development}",
    )
    start = "defib-coverage serve"
    if not settings.tokens_required:
        start = f"{PREFIX}CLIENTS=clients.toml \\\n{PREFIX}PUBLIC_BASE={quoted} \\\n  {start}"
    yield Command("restart", "Start the service again: it reads the client file then", start)
    yield Command(
        "client-test",
        "Call it as the client does",
        f"defib-coverage client test trial {quoted}{development}",
    )


# -------------------------------------------------------------------------------------------- calls


def _calls(base: str, settings: Settings) -> Iterator[Command]:
    """Calls with curl, exact; where tokens are required the client's stands in a variable."""
    token = ' \\\n  -H "Authorization: Bearer $TOKEN"' if settings.tokens_required else ""
    json = " \\\n  -H 'Content-Type: application/json'"
    service = SERVICES["order-sign"]
    yield Command("discovery", "Discovery", f"curl -s {_quoted(base, '/cds-services')}")
    yield Command(
        "sample",
        "Fetch a sample call: an invented patient, the heart failure not on file",
        f"curl -s {_quoted(base, '/connect/samples/missing-secondary/order-sign.json')} \\\n"
        "  -o order-sign.json",
    )
    yield Command(
        "order-sign",
        "Send it: the answer holds cards and system actions",
        f"curl -s {_quoted(base, f'/cds-services/{service}')}{json}{token} \\\n"
        "  --data @order-sign.json",
    )
    yield Command(
        "determinations",
        "Send it for the determination alone",
        f"curl -s {_quoted(base, '/determinations')}{json}{token} \\\n  --data @order-sign.json",
    )
    if settings.ledger == "off":
        return
    entry = {"card": _CARD, "outcome": "accepted", "acceptedSuggestions": [{"id": _CARD}]}
    entry["outcomeTimestamp"] = "2026-12-01T15:04:05Z"
    feedback = msgspec.json.encode({"feedback": [entry]}).decode()
    yield Command(
        "feedback",
        "Tell what a clinician did with a card; put in the uuids of the card and the suggestion",
        f"curl -s {_quoted(base, f'/cds-services/{service}/feedback')}{json}{token} \\\n"
        f"  --data {shlex.quote(feedback)}",
    )
    yield Command(
        "look-up",
        "Look up what was decided, by the coverage-assertion-id that the order got",
        f'curl -s {_quoted(base, "/determinations/")}"$ASSERTION_ID"{token}',
    )


def _quoted(base: str, path: str) -> str:
    return shlex.quote(base + path)


def _selftest(base: str, settings: Settings) -> Command:
    client = " --client trial --file clients.toml" if settings.tokens_required else ""
    lines = f"defib-coverage selftest {shlex.quote(base)}{client}"
    return Command("selftest", "The self-check from a terminal", lines)


# ----------------------------------------------------------------------------------------- settings


def _settings(settings: Settings) -> Iterator[SettingRow]:
    """All settings; where strangers may see the page, nothing of the machine's insides."""
    usual = Settings()
    for name, meaning in MEANINGS.items():
        value = getattr(settings, name)
        is_default = value == getattr(usual, name)
        shown = written_value(shown_value(name, value), name)
        if settings.pages != "all" and name in _INSIDE and not is_default:
            shown = "set; not shown here"
        yield SettingRow(PREFIX + name.upper(), shown, meaning, is_default)
