"""A Coverage: whose it is, and whether it is in force (rule 1).

A configured payer is told first; then Medicare, then other payers, by the value sets; then who pays
in person. Whom nothing tells is unrecognised.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from defib_coverage.coverage.chart import Insurance
from defib_coverage.coverage.dates import read_date
from defib_coverage.fhir.reading import period_end
from defib_coverage.fhir.references import is_id, tail
from defib_coverage.fhir.resources import CodeableConcept, Coding, Organization, type_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from defib_coverage.coverage.chart import Payer
    from defib_coverage.fhir.reading import Reading
    from defib_coverage.fhir.resources import Coverage, Identifier, Reference, Resource

LONGEST_NAME = 100
"""Characters of a payer's name that may stand on a card."""
_IN_FORCE = frozenset({None, "active"})
# What is markup wherever a card is shown as such.
_MARKUP = frozenset("<>&[]\\`")
_PERSONS = frozenset({"Patient", "RelatedPerson"})


class _Payor(NamedTuple):
    """One that pays: the reference, and the record that it means if that came along."""

    named: Reference
    record: Resource | None

    def tell(self, names: list[str], identifiers: list[Identifier]) -> None:
        """Add the names and the identifiers by which it is known."""
        named, record = self.named, self.record
        if named.display:
            names.append(named.display.strip())
        if named.identifier is not None:
            identifiers.append(named.identifier)
        if isinstance(record, Organization):
            identifiers += record.identifier
            if record.name:
                names.append(record.name.strip())

    def is_person(self, reading: Reading) -> bool:
        """Whether it is the patient, or somebody who pays for them."""
        if self.record is not None:
            return type_name(type(self.record)) in _PERSONS
        kind = tail(self.named.reference or "").partition("/")[0]
        return kind in _PERSONS or reading.is_patient(self.named)


def read_coverage(reading: Reading, resource: Coverage) -> None:
    """A Coverage, unless it was entered in error."""
    if resource.status == "entered-in-error":
        return
    payors = [
        _Payor(one, reading.find(resource.contained, one.reference)) for one in resource.payor
    ]
    known_as: list[str] = []
    insurers: list[str] = []
    identifiers: list[Identifier] = []
    for one in payors:
        own: list[str] = []
        one.tell(own, identifiers)
        known_as += own
        # A person's name is a patient's datum: it stands on no card and in no determination.
        if not one.is_person(reading):
            insurers += own
    names = [resource.type.text] if resource.type is not None and resource.type.text else []
    names += [one.name for one in resource.class_ if one.name]
    names += known_as
    types = [] if resource.type is None else resource.type.coding
    payers = reading.vocabulary.payers
    plan = payers.find(identifiers, types, names)
    payer: Payer = "medicare"
    unread: tuple[str, ...] = ()
    if plan is None:
        payer = _payer(reading, [*types, *map(_coding, identifiers)], names)
        if payer == "unrecognised" and payors and all(one.is_person(reading) for one in payors):
            payer = "other"
        elif payer == "unrecognised" or payers.by_organization:
            unread = tuple(_unread(payors))
    # Of those without an id none can be told from another.
    reference = f"Coverage/{resource.id}" if is_id(resource.id) else None
    key = reference or f"unnamed-{len(reading.insurances)}"
    period = resource.period
    reading.insurances[key] = Insurance(
        reference=reference,
        payer=payer,
        active=resource.status in _IN_FORCE,
        start=None if period is None else read_date(period.start),
        end=period_end(period),
        plan=plan,
        insurer=next(filter(_showable, insurers), None),
        unread=unread,
    )


def _coding(identifier: Identifier) -> Coding:
    return Coding(identifier.system, identifier.value)


def _payer(reading: Reading, codings: list[Coding], names: Sequence[str]) -> Payer:
    """Whose a coverage is, by the value sets of its codes, else by its names."""
    matches = reading.vocabulary.matches(CodeableConcept(codings))
    found = {match.value_set for match in matches}
    if "payer-medicare" in found:
        return "medicare"
    if "payer-other" in found:
        return "other"
    text = "\n".join(names).lower()
    value_sets = reading.vocabulary.index.value_sets
    # The longest words tell most: a Medicare supplement is another payer's.
    medicare = _longest(text, value_sets["payer-medicare"].words)
    other = _longest(text, value_sets["payer-other"].words)
    if not medicare and not other:
        return "unrecognised"
    return "medicare" if medicare >= other else "other"


def _longest(text: str, words: tuple[str, ...]) -> int:
    """The length of the longest words that stand in a text."""
    return max((len(word) for word in words if word.lower() in text), default=0)


def _unread(payors: Iterable[_Payor]) -> Iterable[str]:
    """The organisations that are named and did not come along."""
    for one in payors:
        name = tail(one.named.reference or "")
        kind, _, identifier = name.partition("/")
        if one.record is None and kind == "Organization" and is_id(identifier):
            yield name


def _showable(name: str) -> bool:
    """Whether a payer's name may stand on a card as it is."""
    short = 0 < len(name) <= LONGEST_NAME
    return short and name.isprintable() and _MARKUP.isdisjoint(name)
