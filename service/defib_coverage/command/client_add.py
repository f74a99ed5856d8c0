"""``client add``: one more entry in the client file, and a key pair where none is named."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import tomlkit
from tomlkit.exceptions import TOMLKitError

from defib_coverage.documents.document import InputError
from defib_coverage.hooks.trust.client_file import check_clients
from defib_coverage.hooks.trust.signing import new_key, write_key
from defib_coverage.tables import is_entry_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tomlkit import TOMLDocument

    from defib_coverage.hooks.trust.signing import SigningKey

_NEW = """\
# The CDS clients that may call defib-coverage. One table [clients.<id>] for each:
#   issuer         the iss of its tokens
#   keys, or jku   its public keys: a JWK Set file beside this one, or where it publishes them
#   fhir_servers   the FHIR base URLs that may be read with its tokens
# Check the file: defib-coverage client list. The service reads it when it starts.
"""
_MADE = ("ES384", "RS384")


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the new client; a key pair is made without ``jku`` and ``keys``."""

    id: str
    issuer: str
    fhir_servers: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    tenant: str | None = None
    jku: str | None = None
    keys: Path | None = None
    algorithm: str | None = None

    @property
    def needs_keys(self) -> bool:
        """Whether a key pair is made."""
        return self.jku is None and self.keys is None


def add_client(entry: Entry, path: Path, *, development: bool) -> list[str]:
    """Add a client; all is written, or nothing.

    Args:
        entry: the client.
        path: the client file; it is made if it is not there.
        development: whether plain http addresses will do.

    Returns:
        What was done and what comes next, in lines.

    Raises:
        InputError: the options contradict each other, or files are in the way.
        DataError: the file with the client would be faulty.
    """
    if not is_entry_id(entry.id):
        message = f"{entry.id!r}: an id is made of letters, digits, - and _ (at most 64)"
        raise InputError(message)
    algorithm = entry.algorithm or (_MADE[0] if entry.needs_keys else None)
    if entry.needs_keys and algorithm not in _MADE:
        message = f"--algorithm: a key pair is made for one of {', '.join(_MADE)}"
        raise InputError(message)
    document = _read(path)
    _put(document, entry, algorithm, path)
    written: list[Path] = []
    try:
        if entry.needs_keys and algorithm is not None:
            _write_keys(entry.id, algorithm, path.parent, written)
        check_clients(document.unwrap(), path, development=development)
        _replace(path, tomlkit.dumps(document))
    except BaseException as error:
        for file in written:
            file.unlink(missing_ok=True)
        if isinstance(error, OSError):
            message = f"{error.filename}: cannot be written ({error.strerror})"
            raise InputError(message) from error
        raise
    return list(_what_next(entry, path, development=development))


def _read(path: Path) -> TOMLDocument:
    """The file as it is; a new one if there is none.

    Raises:
        InputError: it cannot be read.
    """
    try:
        return tomlkit.parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return tomlkit.parse(_NEW)
    except OSError as error:
        message = f"{path}: cannot be read ({error.strerror})"
    except UnicodeDecodeError:
        message = f"{path}: is not UTF-8 text"
    except TOMLKitError as error:
        message = f"{path}: is not valid TOML: {error}"
    raise InputError(message)


def _put(document: TOMLDocument, entry: Entry, algorithm: str | None, path: Path) -> None:
    """Put the client's table at the end.

    Raises:
        InputError: there is such a client.
    """
    if "clients" not in document:
        document["clients"] = tomlkit.table(is_super_table=True)
    clients = document["clients"]
    if not isinstance(clients, dict):
        message = f"{path}: clients is no table"
        raise InputError(message)
    if entry.id in clients:
        message = f"{entry.id}: is in {path} already. Edit the file, or take another id"
        raise InputError(message)
    table = tomlkit.table()
    table["issuer"] = entry.issuer
    if entry.tenant is not None:
        table["tenant"] = entry.tenant
    if entry.needs_keys:
        table["keys"] = _public(entry.id)
    if entry.keys is not None:
        table["keys"] = _relative(entry.keys, path.parent)
    if entry.jku is not None:
        table["jku"] = entry.jku
    for name, values in (
        ("algorithms", () if algorithm is None else (algorithm,)),
        ("fhir_servers", entry.fhir_servers),
        ("networks", entry.networks),
    ):
        if values:
            table[name] = list(values)
    clients[entry.id] = table


def _relative(keys: Path, folder: Path) -> str:
    """The name of a key file as the client file says it: relative inside its folder."""
    whole = keys.resolve()
    inside = folder.resolve()
    return str(whole.relative_to(inside)) if whole.is_relative_to(inside) else str(whole)


def _write_keys(identity: str, algorithm: str, folder: Path, written: list[Path]) -> None:
    """Write a key pair; ``written`` tells which files are there now.

    Raises:
        InputError: such a file is there already: it may be the only copy of a key.
    """
    key = new_key(algorithm)

    def write_public(key: SigningKey, path: Path) -> None:
        with path.open("x", encoding="utf-8") as file:
            file.write(json.dumps({"keys": [key.public()]}, indent=2) + "\n")

    for name, write in ((f"{identity}.private.json", write_key), (_public(identity), write_public)):
        file = folder / name
        try:
            write(key, file)
        except FileExistsError:
            message = f"{file}: is there already. Move it away, or use its public half by --keys"
            raise InputError(message) from None
        except BaseException:
            file.unlink(missing_ok=True)
            raise
        written.append(file)


def _public(identity: str) -> str:
    """The name of a client's JWK Set file."""
    return f"{identity}.jwks.json"


def _replace(path: Path, text: str) -> None:
    """Write the file whole or not at all, with the permissions that it had."""
    path = path.resolve()
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        temporary.chmod(path.stat().st_mode & 0o7777 if path.exists() else 0o644)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _what_next(entry: Entry, path: Path, *, development: bool) -> Iterator[str]:
    yield f"{entry.id} is in {path}."
    if entry.needs_keys:
        folder = path.parent
        yield f"{folder / _public(entry.id)}: its public key; the service verifies tokens with it."
        yield f"{folder / entry.id}.private.json: its private key; the client signs with it."
        yield "  Hand it over by a safe way and delete it here. Who has it can call as this client."
    file = shlex.quote(str(path))
    # As this command was called: an environment's programs need not be on the path.
    command = "defib-coverage"
    if shutil.which(command) is None:
        command = f"{shlex.quote(sys.executable)} -m defib_coverage"
    mode = "DEFIB_COVERAGE_DEVELOPMENT=true " if development else ""
    yield ""
    yield "Next, start the service; the public base is the URL under which clients reach it:"
    yield (
        f"  {mode}DEFIB_COVERAGE_CLIENTS={file} "
        f"DEFIB_COVERAGE_PUBLIC_BASE=http://127.0.0.1:8000 {command} serve"
    )
    if entry.needs_keys:
        option = " --development" if development else ""
        yield "Then call it as the client does:"
        yield (f"  {command} client test {entry.id} http://127.0.0.1:8000 --file {file}{option}")
