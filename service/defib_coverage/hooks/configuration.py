"""What Da Vinci CRD lets a call ask for: the options that it sets, and the version that it wants.

A client's own choices are the defaults of its calls; what a call sets wins over them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

import msgspec

from defib_coverage.errors import RequestError
from defib_coverage.fhir.raw import BAD

if TYPE_CHECKING:
    from collections.abc import Mapping

Version = Literal["2.0", "2.2"]
VERSIONS: tuple[Version, ...] = get_args(Version)
"""The versions of CRD that are spoken."""
CardTopic = Literal["appropriate-use", "claim", "limits", "clinical-reminder", "guideline"]
"""The kinds of cards, by the CRD card type that is their topic."""
COVERAGE_INFORMATION = "coverage-info"
MOST_CARDS = "max-cards"
LONGER_READING = "waiting-period-90-days"
LARGEST_NUMBER = 1000
"""More than any option that is a number can mean."""


class Option(msgspec.Struct, frozen=True):
    """A configuration option of the discovery document."""

    code: str
    type: Literal["boolean", "integer"]
    name: str
    description: str
    default: bool | int

    def accepts(self, value: object) -> bool:
        """Whether the option can have this value."""
        if self.type == "boolean":
            return isinstance(value, bool)
        if isinstance(value, bool) or not isinstance(value, int):
            return False
        return 0 <= value <= LARGEST_NUMBER


def _switch(code: str, name: str, description: str, *, default: bool = True) -> Option:
    return Option(code, "boolean", name, description, default)


OPTIONS = (
    _switch(
        "appropriate-use",
        "Verdict",
        "Sends a card with what the policy says of an order, and why.",
    ),
    _switch(
        "claim",
        "Missing diagnoses",
        "Sends a card where the claim lacks a diagnosis code, with the codes that the chart "
        "supports.",
    ),
    _switch(
        "limits",
        "Waiting periods",
        "Sends a card where an order is placed inside a waiting period, with the first eligible "
        "day.",
    ),
    _switch(
        "clinical-reminder",
        "Documentation",
        "Sends cards with what is still to be documented, and to order the shared decision-making "
        "visit.",
    ),
    _switch(
        "guideline",
        "Sources",
        "Sends a card with links to the policy, its billing article and a decision aid.",
    ),
    _switch(
        COVERAGE_INFORMATION,
        "Coverage information",
        "Writes the coverage information to the order.",
    ),
    Option(
        MOST_CARDS,
        "integer",
        "Number of cards",
        "Sends at most so many cards, the most important first.",
        default=20,
    ),
    _switch(
        LONGER_READING,
        "90-day reading",
        "Holds the waiting periods after bypass and stent to the later end of three calendar "
        "months and 90 days.",
        default=False,
    ),
)
BY_CODE: Mapping[str, Option] = {option.code: option for option in OPTIONS}


class Configuration(msgspec.Struct, frozen=True):
    """What a call asks for.

    ``values`` are the options that are set, by code; ``version`` is the version of CRD, None where
    none is asked for and the answer must fit all. ``ignored`` counts what is no option of ours, or
    no value that it can have.
    """

    values: Mapping[str, bool | int] = {}
    version: Version | None = None
    ignored: int = 0

    def _value(self, code: str) -> bool | int:
        return self.values.get(code, BY_CODE[code].default)

    def wants(self, topic: str) -> bool:
        """Whether cards of a topic are wanted."""
        return bool(self._value(topic))

    @property
    def coverage_information(self) -> bool:
        """Whether coverage information is wanted."""
        return bool(self._value(COVERAGE_INFORMATION))

    @property
    def most_cards(self) -> int:
        """How many cards may be sent."""
        return int(self._value(MOST_CARDS))

    @property
    def longer_reading(self) -> bool:
        """Whether waiting periods last until their longer reading is over."""
        return bool(self._value(LONGER_READING))


class _Extension(msgspec.Struct):
    configuration: msgspec.Raw = msgspec.field(
        name="davinci-crd.configuration", default=msgspec.Raw(b"null")
    )
    version: msgspec.Raw = msgspec.field(
        name="davinci-crd.requestedVersion", default=msgspec.Raw(b"null")
    )


_decode_extension = msgspec.json.Decoder(_Extension).decode
_decode_options = msgspec.json.Decoder(dict[str, object] | None).decode
_decode_version = msgspec.json.Decoder(Version | None).decode
_NO_DEFAULTS: Mapping[str, bool | int] = {}


def read_configuration(
    extension: msgspec.Raw,
    defaults: Mapping[str, bool | int] = _NO_DEFAULTS,
) -> Configuration:
    """Read the extension of a call; what makes no sense in it is passed over and counted.

    Args:
        extension: the member of that name of the call.
        defaults: the options that the caller has set once for all.

    Raises:
        RequestError: 400 for a version of CRD that is not spoken.
    """
    found = _Extension()
    if bytes(memoryview(extension)[:4]) != b"null":
        try:
            found = _decode_extension(extension)
        except BAD:
            return Configuration(defaults, ignored=1)
    try:
        version = _decode_version(found.version)
    except BAD:
        message = "the version asked for is none of " + ", ".join(VERSIONS)
        place = "extension.davinci-crd.requestedVersion"
        raise RequestError(400, "not-supported", message, place) from None
    try:
        options = _decode_options(found.configuration) or {}
    except BAD:
        return Configuration(defaults, version, ignored=1)
    values = {
        code: value
        for code, value in options.items()
        if code in BY_CODE and BY_CODE[code].accepts(value)
    }
    ignored = len(options) - len(values)
    return Configuration({**defaults, **values}, version, ignored)
