"""The facts of a code as flat properties, for a look-up by a program."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from defib_coverage.fhir.systems import SYSTEM_URIS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from defib_coverage.explaining.fact_models import CodeFacts, Membership

# The code system whose codes are the properties, by its last part.
PropertyType = Literal["code", "Coding", "string", "boolean", "dateTime"]
ICD10CM = SYSTEM_URIS["icd10cm"][0]


class PropertyDefinition(msgspec.Struct, frozen=True):
    """A property that a look-up may answer: its code, the type of its values, what they say."""

    code: str
    type: PropertyType
    description: str


class PropertyCoding(msgspec.Struct, frozen=True):
    """A code of a system (its URI) as a value; ``display`` only where it may be shown."""

    system: str
    code: str
    display: str | None = None


Value = str | bool | PropertyCoding


class LookupProperty(msgspec.Struct, frozen=True):
    """One value of a property; ``type`` names its FHIR type, days are ``YYYY-MM-DD`` texts."""

    code: str
    type: PropertyType
    value: Value
    description: str | None = None


PROPERTIES: tuple[PropertyDefinition, ...] = (
    PropertyDefinition("own-words", "string", "What the code means, in this project's own words."),
    PropertyDefinition(
        "status",
        "code",
        "in-force, not-yet-in-force or ended on the lists of the article; chart-only where it "
        "stands on none.",
    ),
    PropertyDefinition("value-set", "code", "The id of a value set that holds the code."),
    PropertyDefinition("role", "code", "What that value set is for: coverage, order or evidence."),
    PropertyDefinition(
        "paragraph", "code", "The paragraph of the policy that the value set follows."
    ),
    PropertyDefinition(
        "first-service-day",
        "dateTime",
        "The first service day on which a value set lists the code.",
    ),
    PropertyDefinition(
        "last-service-day", "dateTime", "The last service day on which a value set lists the code."
    ),
    PropertyDefinition(
        "strength",
        "code",
        "decide: may settle a criterion; ask: may only raise a question; claim-only: counts on a "
        "claim and says nothing about the patient.",
    ),
    PropertyDefinition("modality", "code", "The imaging behind a reading or a procedure."),
    PropertyDefinition("nyha-class", "code", "The NYHA class, 1 to 4, that an answer stands for."),
    PropertyDefinition(
        "shared-with-pacemakers", "boolean", "Whether the order code also serves pacemakers."
    ),
    PropertyDefinition(
        "indication",
        "code",
        "A covered indication that the code plays a part for; which is described.",
    ),
    PropertyDefinition(
        "companion", "Coding", "One of the codes of which one must stand beside it on a claim."
    ),
    PropertyDefinition(
        "companion-of", "Coding", "A code that needs this one or its like beside it."
    ),
    PropertyDefinition("successor", "Coding", "A code that replaced it."),
    PropertyDefinition("predecessor", "Coding", "A code that it replaced."),
    PropertyDefinition(
        "claim-code", "Coding", "The code that says on a claim what a record of the code documents."
    ),
    PropertyDefinition("similar", "Coding", "A code worth a look beside it; why is described."),
    PropertyDefinition("on-claim", "string", "What it is worth on a claim."),
    PropertyDefinition("order-class", "code", "The class of orders that it belongs to."),
    PropertyDefinition("in-order", "string", "What it does in an order."),
    PropertyDefinition("in-chart", "string", "What a record of it does in a chart."),
    PropertyDefinition("note", "string", "What else is worth knowing of it."),
    PropertyDefinition("notice", "string", "What the owner of the code system wants to be told."),
)
_TYPES = {definition.code: definition.type for definition in PROPERTIES}


def lookup_properties(facts: CodeFacts) -> tuple[LookupProperty, ...]:
    """The facts of a code as properties, in the order of `PROPERTIES`, each value once.

    What depends on a day is as of the day of the facts.
    """
    order = {definition.code: number for number, definition in enumerate(PROPERTIES)}
    found = dict.fromkeys(_all(facts))
    return tuple(sorted(found, key=lambda one: order[one.code]))


def _all(facts: CodeFacts) -> Iterator[LookupProperty]:
    if facts.words is not None:
        yield _made("own-words", facts.words)
    yield _made("status", facts.status, f"as of {facts.day}")
    for member in facts.value_sets:
        yield from _of_membership(member)
    for part in facts.indications:
        yield _made("indication", part.indication, f"{part.role}: {part.label} ({part.cite})")
    yield from _of_other_codes(facts)
    yield _made("on-claim", facts.claim)
    if facts.order.order_class is not None:
        yield _made("order-class", facts.order.order_class)
    yield _made("in-order", facts.order.text)
    for use in facts.chart:
        about = f"{', '.join(use.indications)}: " if use.indications else ""
        yield _made("in-chart", about + use.text, use.finding)
    if facts.tip is not None:
        yield _made("note", facts.tip)
    if facts.notice is not None:
        yield _made("notice", facts.notice)


def _of_membership(member: Membership) -> Iterator[LookupProperty]:
    whose = f"in {member.value_set}"
    yield _made("value-set", member.value_set, f"{member.title}: {member.purpose}")
    yield _made("role", member.role, whose)
    yield _made("paragraph", member.cite, member.paragraph)
    if member.first_day is not None:
        yield _made("first-service-day", member.first_day.isoformat(), whose)
    if member.last_day is not None:
        yield _made("last-service-day", member.last_day.isoformat(), whose)
    yield _made("strength", member.strength, whose)
    if member.modality is not None:
        yield _made("modality", member.modality, whose)
    if member.nyha is not None:
        yield _made("nyha-class", str(member.nyha), whose)
    if member.role == "order":
        yield _made("shared-with-pacemakers", member.shared, whose)
    if member.note is not None:
        yield _made("note", member.note, whose)


def _of_other_codes(facts: CodeFacts) -> Iterator[LookupProperty]:
    for pair in facts.companions:
        why = f"one of these is needed for {pair.indication} ({pair.cite})"
        yield from (_made("companion", PropertyCoding(ICD10CM, c), why) for c in pair.codes)
    for pair in facts.companion_of:
        why = f"for {pair.indication} ({pair.cite})"
        yield from (_made("companion-of", PropertyCoding(ICD10CM, c), why) for c in pair.codes)
    yield from (_made("successor", PropertyCoding(ICD10CM, c)) for c in facts.successors)
    yield from (_made("predecessor", PropertyCoding(ICD10CM, c)) for c in facts.predecessors)
    yield from (_made("claim-code", PropertyCoding(ICD10CM, c)) for c in facts.suggests)
    for similar in facts.similar:
        coding = PropertyCoding(similar.uri, similar.code, similar.display)
        words = "" if similar.words is None else f"{similar.words}; "
        yield _made("similar", coding, words + similar.why)


def _made(code: str, value: Value, description: str | None = None) -> LookupProperty:
    return LookupProperty(code, _TYPES[code], value, description)
