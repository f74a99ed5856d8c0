"""Where and by whom an order is carried out, in the words of its record."""

from __future__ import annotations

import msgspec

from defib_coverage.fhir.raw import BAD
from defib_coverage.fhir.references import tail
from defib_coverage.fhir.resources import Reference

_LONGEST_NAME = 200


class _Asked(msgspec.Struct, rename="camel"):
    """Where and by whom a ServiceRequest is to be carried out."""

    performer: list[Reference] = []
    location_reference: list[Reference] = []


class _AskedDevice(msgspec.Struct):
    performer: Reference | None = None


_decode_asked = msgspec.json.Decoder(_Asked).decode
_decode_asked_device = msgspec.json.Decoder(_AskedDevice).decode


def asked_of(raw: msgspec.Raw, kind: str) -> tuple[str | None, str | None]:
    """Where and by whom; what of it cannot be read is not needed to judge."""
    try:
        if kind == "DeviceRequest":
            return None, words_of(_decode_asked_device(raw).performer)
        asked = _decode_asked(raw)
    except BAD:
        return None, None
    site = asked.location_reference[0] if asked.location_reference else None
    operator = asked.performer[0] if asked.performer else None
    return words_of(site), words_of(operator)


def words_of(reference: Reference | None) -> str | None:
    """A place or a person by its words, else by its name."""
    if reference is None:
        return None
    text = (reference.display or "").strip() or tail(reference.reference or "")
    return text[:_LONGEST_NAME] or None
