"""After a push: what was written is read back, and each value set is asked for a code."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from defib_coverage.command.fhir_connection import ServerError
from defib_coverage.command.options import counted
from defib_coverage.terminology.comparing import differences

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from defib_coverage.command.fhir_writer import FhirWriter
    from defib_coverage.terminology.comparing import Difference
    from defib_coverage.terminology.parcels import Parcel

_MOST_DIFFERENCES = 5


class Checked(msgspec.Struct, frozen=True):
    """What was found: what is wrong, and a summary; both in lines."""

    faults: tuple[str, ...]
    summary: tuple[str, ...]


def read_back(server: FhirWriter, parcels: Sequence[Parcel]) -> Checked:
    """Compare what the server holds now with what was sent to it.

    Args:
        server: the server.
        parcels: what was written.
    """
    faults: list[str] = []
    good = 0
    for parcel in parcels:
        found = tuple(_read_faults(server, parcel))
        good += not found
        faults.extend(found)
    line = f"Read back: {good} of {counted(len(parcels), 'resource')} as sent."
    return Checked(tuple(faults), (line,))


def _read_faults(server: FhirWriter, parcel: Parcel) -> Iterator[str]:
    try:
        held = server.read(parcel.place)
    except ServerError as error:
        yield f"{parcel.place}: cannot be read back: {error}"
        return
    if held is None:
        yield f"{parcel.place}: was taken, and is not there"
        return
    found = differences(parcel.body, held.body, with_tags=True)
    if found:
        yield f"{parcel.place}: {counted(len(found), 'element')} differ from what was sent"
        yield from told(found)


def told(found: Sequence[Difference]) -> Iterator[str]:
    """The first differences, one a line."""
    for difference in found[:_MOST_DIFFERENCES]:
        yield f"    {difference}"
    if len(found) > _MOST_DIFFERENCES:
        yield f"    and {len(found) - _MOST_DIFFERENCES} more"


def ask_for_codes(server: FhirWriter, parcels: Iterable[Parcel]) -> Checked:
    """Ask the server for one code of each value set.

    What it has no means to answer is told as not checked: neither a fault nor a success.

    Args:
        server: the server.
        parcels: what was pushed.

    Raises:
        ServerError: it answers no longer.
    """
    faults: list[str] = []
    unknown: list[str] = []
    found = 0
    probes = [(parcel.place, parcel.probe) for parcel in parcels if parcel.probe is not None]
    for place, probe in probes:
        answer = server.validate(probe)
        if answer.kind == "no-operation":
            line = (
                f"Not checked: the server answers no $validate-code ({answer.text}); "
                f"{counted(len(probes) - found - len(faults) - len(unknown), 'value set')} not "
                "asked for a code."
            )
            return Checked(tuple(faults), (line,))
        asked = f"{place}: {probe.system} {probe.code}"
        if answer.kind == "found":
            found += 1
        elif answer.kind == "unknown-system":
            unknown.append(f"    {asked}: {answer.text}")
        else:
            faults.append(f"{asked} is not found to be in it: {answer.text}")
    asked_of = counted(len(probes), "value set")
    lines = [f"$validate-code: {found} of {asked_of} found to have the code asked for."]
    if unknown:
        lines.append(f"Not checked, for want of the code system: {counted(len(unknown), 'set')}.")
        lines.extend(unknown)
    return Checked(tuple(faults), tuple(lines))
