"""The client file: read whole, checked whole. Any fault in it refuses to start."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any, get_type_hints

import msgspec

from defib_coverage.errors import DataError, Fault
from defib_coverage.hooks.configuration import BY_CODE, LARGEST_NUMBER
from defib_coverage.hooks.trust.clients import Client
from defib_coverage.hooks.trust.jwks import LARGEST_SET, KeySet, read_key_set
from defib_coverage.network.addresses import fhir_base_fault, network_fault, published_fault
from defib_coverage.tables import Finding, closed, read_entry, read_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

# Issuers are a column of the database's key; no honest one is longer.
_ISSUER = re.compile(r"[!-~]{1,500}")
_HINTS = {
    name: hint
    for name, hint in get_type_hints(Client, include_extras=True).items()
    if name != "id"  # the table's name
}
_FORMAT = "docs/clients.md describes the format"
_NUMBER = f"a whole number from 0 to {LARGEST_NUMBER}"


class Registration(msgspec.Struct, frozen=True):
    """A client that may call; ``pinned`` are its keys, None if it publishes them."""

    client: Client
    pinned: KeySet | None


def read_clients(path: Path, *, development: bool) -> tuple[Registration, ...]:
    """Read and check the client file.

    Args:
        path: the file; key files stand relative to it.
        development: whether plain http addresses will do.

    Raises:
        DataError: with every fault found, each with file, key, reason and remedy.
    """
    faults: list[Fault] = []
    table = read_table(path, str(path), faults)
    if table is None:
        raise DataError(faults)
    return check_clients(table, path, development=development)


def check_clients(
    table: dict[str, Any], path: Path, *, development: bool
) -> tuple[Registration, ...]:
    """Check what a client file holds.

    Args:
        table: the file's content.
        path: where the file stands, or will.
        development: whether plain http addresses will do.

    Raises:
        DataError: with every fault found, each with file, key, reason and remedy.
    """
    findings: list[Finding] = [
        (key, "unknown key", closed(key, {"clients"})) for key in table if key != "clients"
    ]
    entries = table.get("clients")
    registrations: list[Registration] = []
    if not isinstance(entries, dict) or not entries:
        remedy = "Add one: defib-coverage client add"
        findings.append(("clients", "there is no table [clients.<id>]", remedy))
        entries = {}
    for name, entry in entries.items():
        client = _client(name, entry, findings)
        if client is None:
            continue
        key = f"clients.{name}"
        findings.extend(_address_faults(client, key, development=development))
        findings.extend(_option_faults(client, key))
        pinned = _pinned(client, path.parent, key, findings)
        if pinned is not None:
            findings.extend(_algorithm_faults(client, pinned, key, chosen="algorithms" in entry))
        registrations.append(Registration(client, pinned))
    findings.extend(_shared_issuers([r.client for r in registrations if r.client.issuer]))
    if findings:
        raise DataError([Fault(str(path), *finding) for finding in findings])
    return tuple(registrations)


def _client(name: str, entry: object, findings: list[Finding]) -> Client | None:
    """Decode one entry as far as it can be; a finding for every key that is wrong."""
    key = f"clients.{name}"
    read = read_entry(key, entry, _HINTS, _FORMAT, findings)
    if read is None or not isinstance(entry, dict):
        return None
    if "issuer" not in entry:
        findings.append((f"{key}.issuer", "is missing", "Name the iss of the client's tokens"))
    elif isinstance(entry["issuer"], str) and _ISSUER.fullmatch(entry["issuer"]) is None:
        reason = "is empty, longer than 500 characters, or holds a space or a letter beyond ASCII"
        findings.append((f"{key}.issuer", reason, "Write it as the client sends it"))
    if ("keys" in entry) is ("jku" in entry):
        reason = "needs one of keys and jku" + (", not both" if "keys" in entry else "")
        findings.append((f"{key}.keys", reason, "Pin a JWK Set file, or name the published one"))
    return msgspec.convert({"id": name, "issuer": ""} | read, Client)


def _address_faults(client: Client, key: str, *, development: bool) -> Iterator[Finding]:
    """Addresses that must not be used, and values that say nothing."""
    for number, base in enumerate(client.fhir_servers):
        reason = fhir_base_fault(base, development=development)
        if reason is not None:
            remedy = "Write the FHIR base as https://host/path"
            yield f"{key}.fhir_servers[{number}]", _named(base, reason), remedy
    for number, network in enumerate(client.networks):
        reason = network_fault(network)
        if reason is not None:
            remedy = "Name the private network of the FHIR servers; public ones need no entry"
            yield f"{key}.networks[{number}]", f"{network!r} {reason}", remedy
    if client.jku is not None:
        reason = published_fault(client.jku, development=development)
        if reason is not None:
            remedy = "Write the URL of the JWK Set, with https"
            yield f"{key}.jku", _named(client.jku, reason), remedy
    if not client.algorithms:
        yield f"{key}.algorithms", "is empty", "Leave the key out for ES384 and RS384"
    if client.tenant == "":
        yield f"{key}.tenant", "is empty", "Leave the key out where the client sends none"


def _option_faults(client: Client, key: str) -> Iterator[Finding]:
    """Options that discovery does not publish, and values that they cannot have."""
    for code, value in client.options.items():
        option = BY_CODE.get(code)
        if option is None:
            yield f"{key}.options.{code}", "no such option", closed(code, set(BY_CODE))
        elif not option.accepts(value):
            wanted = "true or false" if option.type == "boolean" else _NUMBER
            yield f"{key}.options.{code}", f"{value!r} is not {wanted}", _FORMAT


def _named(url: str, reason: str) -> str:
    """What is wrong with a URL; one that may carry a password is not repeated."""
    return reason if "@" in url else f"{url!r} {reason}"


def _pinned(client: Client, folder: Path, key: str, findings: list[Finding]) -> KeySet | None:
    """The pinned keys; None, with the findings, where they cannot be used or are published."""
    if client.keys is None:
        return None
    place = f"{key}.keys"
    path = folder / client.keys
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_SET + 1)
        pinned = read_key_set(content)
    except OSError as error:
        reason = f"{client.keys} cannot be read ({error.strerror})"
        findings.append((place, reason, "Check path and permissions; it is relative to this file"))
        return None
    except ValueError as error:
        findings.append((place, f"{client.keys} {error}", "Export the client's public keys again"))
        return None
    found = [(place, f"{client.keys}: {p.place} {p.reason}", p.remedy) for p in pinned.problems]
    if not found and not pinned.keys:
        reason = f"{client.keys} holds no key that can verify a token"
        found.append((place, reason, "Add a public EC or RSA key for signing"))
    findings.extend(found)
    return None if found else pinned


def _algorithm_faults(
    client: Client, pinned: KeySet, key: str, *, chosen: bool
) -> Iterator[Finding]:
    """Algorithms that no pinned key can do; of the default ones, one is enough."""
    able = frozenset[str]().union(*(known.algorithms for known in pinned.keys.values()))
    unable = [algorithm for algorithm in client.algorithms if algorithm not in able]
    if unable and (chosen or len(unable) == len(client.algorithms)):
        reason = f"no key of {client.keys} can do {', '.join(unable)}"
        yield f"{key}.algorithms", reason, f"The keys there can do {', '.join(sorted(able))}"


def _shared_issuers(clients: Sequence[Client]) -> Iterator[Finding]:
    """Clients may share an issuer only where each has a tenant of its own."""
    times = Counter(client.issuer for client in clients)
    pairs = Counter((client.issuer, client.tenant) for client in clients)
    for client in clients:
        if times[client.issuer] == 1:
            continue
        if client.tenant is None:
            reason = "another client has the same issuer, and this one has no tenant"
        elif pairs[client.issuer, client.tenant] > 1:
            reason = "another client has the same issuer and tenant"
        else:
            continue
        remedy = "Give each client of the issuer a tenant of its own"
        yield f"clients.{client.id}.issuer", reason, remedy
