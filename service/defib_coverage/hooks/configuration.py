"""What Da Vinci CRD lets a call ask for: kinds of cards it does not want, and a version."""

from __future__ import annotations

from typing import Literal

import msgspec

from defib_coverage.errors import RequestError
from defib_coverage.fhir.raw import BAD

VERSIONS = ("2.0",)
"""The versions of CRD that are spoken."""


class Option(msgspec.Struct, frozen=True):
    """A configuration option of the discovery document: whether cards of a topic are sent."""

    code: str
    type: Literal["boolean"]
    name: str
    description: str
    default: bool


def _option(code: str, name: str, description: str) -> Option:
    return Option(code, "boolean", name, description, default=True)


OPTIONS = (
    _option(
        "appropriate-use",
        "Verdict",
        "Sends a card with what the policy says of an order, and why.",
    ),
    _option(
        "claim",
        "Missing diagnoses",
        "Sends a card where a diagnosis lacks the second one that the claim needs beside it.",
    ),
    _option(
        "limits",
        "Waiting periods",
        "Sends a card where an order is placed inside a waiting period.",
    ),
    _option(
        "clinical-reminder",
        "Documentation checklist",
        "Sends a card with what is still to be documented.",
    ),
)
_CODES = frozenset(option.code for option in OPTIONS)


class Configuration(msgspec.Struct, frozen=True):
    """What a call asks for.

    ``off`` are the topics of cards that it does not want; ``ignored`` counts the options that are
    no option of ours, or have no value that one can have.
    """

    off: frozenset[str] = frozenset()
    ignored: int = 0


class _Extension(msgspec.Struct):
    configuration: msgspec.Raw = msgspec.field(
        name="davinci-crd.configuration", default=msgspec.Raw(b"null")
    )
    version: msgspec.Raw = msgspec.field(
        name="davinci-crd.requestedVersion", default=msgspec.Raw(b"null")
    )


_NONE = Configuration()
_decode_extension = msgspec.json.Decoder(_Extension).decode
_decode_options = msgspec.json.Decoder(dict[str, object] | None).decode
_decode_version = msgspec.json.Decoder(str | None).decode


def read_configuration(extension: msgspec.Raw) -> Configuration:
    """Read the extension of a call; what makes no sense in it is passed over and counted.

    Raises:
        RequestError: 400 for a version of CRD that is not spoken.
    """
    if bytes(memoryview(extension)[:4]) == b"null":
        return _NONE
    try:
        found = _decode_extension(extension)
    except BAD:
        return _NONE
    try:
        version = _decode_version(found.version)
    except BAD:
        version = ""
    if version is not None and version not in VERSIONS:
        message = "the version asked for is none of " + ", ".join(VERSIONS)
        place = "extension.davinci-crd.requestedVersion"
        raise RequestError(400, "not-supported", message, place)
    try:
        options = _decode_options(found.configuration) or {}
    except BAD:
        return Configuration(ignored=1)
    usable = {c: v for c, v in options.items() if c in _CODES and isinstance(v, bool)}
    off = frozenset(code for code, wanted in usable.items() if not wanted)
    return Configuration(off, len(options) - len(usable))
