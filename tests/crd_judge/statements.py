"""What coverage information says, and the rules (Kq) of what agrees with what in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crd_judge.call import Facts, Version

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crd_judge.json_text import Json

RULES = {
    "Kq1": "questionnaire and response only with doc-needed",
    "Kq2": "covered and pa-needed agree",
    "Kq3": "info-needed exactly where something is conditional",
    "Kq4": "no doc-purpose withpa where no authorization is to come",
    "Kq5": "satisfied-pa-id exactly where pa-needed is satisfied",
    "Kq6": "info-needed OTH goes with a reason in words",
    "Kq8": "doc-purpose goes with a reason",
    "Kq9": "indeterminate goes with a reason",
    "Kqv": "the published expressions hold as the HL7 validator reads them",
}


def parts_of(told: Json) -> list[Json]:
    """The sub-extensions of a statement; none where they are no list of objects."""
    listed = told.get("extension")
    return [part for part in listed if isinstance(part, dict)] if isinstance(listed, list) else []


def values(told: Json, url: str) -> list[object]:
    """The values of the sub-extensions of a name, whatever their types."""
    return [
        value
        for part in parts_of(told)
        if part.get("url") == url
        for name, value in part.items()
        if name.startswith("value")
    ]


def codes_of(told: Json, url: str) -> list[str]:
    """The codes of the sub-extensions of a name."""
    return [value for value in values(told, url) if isinstance(value, str)]


def coverage_of(told: Json) -> str | None:
    """The Coverage that a statement is about, ``Coverage/id``; None where it cannot be told."""
    for value in values(told, "coverage"):
        if isinstance(value, dict) and isinstance(value.get("reference"), str):
            return "/".join(value["reference"].split("/")[-2:])
    return None


def contradictions(facts: Facts, version: Version, told: Json) -> Iterator[tuple[str, str]]:
    """What agrees with what."""
    covered, needed = codes_of(told, "covered"), codes_of(told, "pa-needed")
    documents, purposes = codes_of(told, "doc-needed"), codes_of(told, "doc-purpose")
    open_for, reasons = codes_of(told, "info-needed"), values(told, "reason")
    if (values(told, "questionnaire") or values(told, "response")) and not documents:
        yield "Kq1", "no doc-needed"
    # No answer fits both versions here; where none is asked for, it is that of 2.0.
    if facts.version is not None or version == "2.0":
        yield from _authorization(version, covered, needed)
    if bool(open_for) != ("conditional" in [*covered, *needed, *documents]):
        yield "Kq3", f"info-needed {open_for}"
    if "withpa" in purposes:
        if {"satisfied", "no-auth"} & set(needed) or "not-covered" in covered:
            yield "Kq4", f"withpa with {needed} {covered}"
        yield "Kqv", "withpa fails whatever else is said"
    if ("satisfied" in needed) != bool(values(told, "satisfied-pa-id")):
        yield "Kq5", str(needed)
    worded = any(isinstance(one, dict) and one.get("text") for one in reasons)
    if "OTH" in open_for and not worded:
        yield "Kq6", "no reason in words"
    if version == "2.2" and purposes and not reasons:
        yield "Kq8", "no reason"
    if version == "2.2" and "indeterminate" in [*covered, *needed, *documents] and not reasons:
        yield "Kq9", "no reason"


def _authorization(
    version: Version, covered: list[str], needed: list[str]
) -> Iterator[tuple[str, str]]:
    if "not-covered" not in covered:
        if not needed and version == "2.0":
            yield "Kq2", "no pa-needed"
    elif version == "2.2":
        if needed:
            yield "Kq2", f"not-covered and pa-needed {needed}"
    elif not needed:
        yield "Kqv", "not-covered without pa-needed: empty implies false is empty"
    elif needed != ["no-auth"]:
        yield "Kq2", f"not-covered and pa-needed {needed}"
