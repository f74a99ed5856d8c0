"""Published value sets as FHIR ValueSets: definition, expansion, notices."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from defib_coverage.fhir.systems import published_uri
from defib_coverage.terminology.describing import (
    CRMI,
    EXTENSIONS,
    artifact_extensions,
    describe,
    identified,
    stable_id,
)
from defib_coverage.terminology.elements import Coding, Designation, Extension, Meta
from defib_coverage.terminology.resources import (
    Compose,
    Contains,
    Expansion,
    ExpansionParameter,
    Include,
    ValueSet,
    ValueSetConcept,
)
from defib_coverage.terminology.sets import CPT
from defib_coverage.terminology.systems import FACTS, OWN_PROPERTY, OWN_WORDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import date

    from defib_coverage.terminology.sets import Member, PublishedSet

_R5 = "http://hl7.org/fhir/5.0/StructureDefinition"
_PROPERTY = f"{_R5}/extension-ValueSet.expansion.property"
_CONTAINS_PROPERTY = f"{_R5}/extension-ValueSet.expansion.contains.property"
# The profile wants these words and no others.
_USAGE_WARNING = (
    "This value set contains a point-in-time expansion enumerating the codes that meet the value "
    "set intent. As new versions of the code systems used by the value set are released, the "
    "contents of this expansion will need to be updated to incorporate newly defined codes that "
    "meet the value set intent. Before, and periodically during production use, the value set "
    "expansion contents SHOULD be updated."
)
_ROLES = {
    "primary": "Claim diagnoses",
    "required-secondary": "Secondary diagnoses that a claim must carry",
    "order": "Order codes",
    "evidence": "What a chart may show",
}
_STRENGTHS = {
    "decide": "may settle a criterion",
    "ask": "may only raise a question, never settle one",
    "claim-only": "counts as a claim code and says nothing about the patient",
}


def value_set_of(published: PublishedSet, base: str) -> ValueSet:
    """A published set as a FHIR ValueSet with its expansion.

    Args:
        published: the set as of a release.
        base: the canonical base.
    """
    source, release = published.source, published.release
    licensed = ", CPT" if published.licensed else ""
    expansion = expand(published, base)
    is_pinned = all(contained.version is not None for contained in expansion.contains)
    profiles = ["crmi-shareablevalueset", "crmi-publishablevalueset", "crmi-computablevalueset"]
    extensions = artifact_extensions(release, source.cite)
    if is_pinned and expansion.contains:
        profiles.append("crmi-expandedvalueset")
        warning = Extension(f"{EXTENSIONS}/valueset-warning", value_markdown=_USAGE_WARNING)
        extensions = (*extensions, warning)
    systems = dict.fromkeys(member.system for member in published.members)
    return ValueSet(
        id=published.resource_id,
        meta=Meta(profile=tuple(f"{CRMI}/{profile}" for profile in profiles)),
        extension=extensions,
        identifier=(identified(published.url, release.version),),
        **describe(
            published.url, release, f"{source.title}{licensed}", published.id, focus=source.title
        ),
        description=_description(published),
        purpose=f"{_ROLES[published.role]}: {source.purpose}.",
        copyright=notices(systems, release.effective),
        compose=Compose(
            inactive=True if any(m.inactive for m in published.members) else None,
            include=tuple(_includes(published.members, base)),
        ),
        expansion=expansion,
    )


def notices(systems: Iterable[str], day: date) -> str | None:
    """What the owners of code systems want to be told; None where none wants anything.

    Args:
        systems: the systems by their short names.
        day: whose releases are used.
    """
    texts = (FACTS[name].notice_on(day) for name in systems if name in FACTS)
    return " ".join(text for text in texts if text is not None) or None


def _description(published: PublishedSet) -> str:
    source, release = published.source, published.release
    cite = f"{source.cite}: {release.policy.paragraphs[source.cite]}"
    text = f"{source.title}: {source.purpose}. {release.title}. {cite}"
    if published.licensed:
        text += " CPT numbers only; the codes of other systems stand in a set of their own."
    return text


def _includes(members: Sequence[Member], base: str) -> Iterator[Include]:
    """One part for each release of each system, in the order of the members."""
    order = {key: n for n, key in enumerate(dict.fromkeys((m.uri, m.version) for m in members))}
    ordered = sorted(members, key=lambda m: order[m.uri, m.version])
    for (uri, version), group in groupby(ordered, key=lambda m: (m.uri, m.version)):
        yield Include(system=uri, version=version, concept=tuple(_concept(m, base) for m in group))


def _concept(member: Member, base: str) -> ValueSetConcept:
    return ValueSetConcept(
        member.code,
        extension=tuple(
            Extension(f"{EXTENSIONS}/valueset-concept-comments", value_string=comment)
            for comment in remarks(member)
        ),
        display=member.display,
        designation=designations(member, base),
    )


def remarks(member: Member) -> Iterator[str]:
    """What a reader of the list must know of a code."""
    entry = member.entry
    if entry.strength != "decide":
        yield _STRENGTHS[entry.strength]
    if entry.shared:
        yield "also serves pacemakers"
    # Of a CPT number only its part in the policy is told.
    if entry.note is not None and member.system != CPT:
        yield entry.note


def designations(member: Member, base: str) -> tuple[Designation, ...]:
    """Our own words for a code."""
    if member.words is None:
        return ()
    use = Coding(system=published_uri(OWN_WORDS, base), code="own-words")
    return (Designation(member.words, language="en", use=use),)


def expand(published: PublishedSet, base: str) -> Expansion:
    """The expansion that is published with a set: the same on every run.

    Its timestamp is the day of the revision: what is enumerated was settled then.
    """
    systems = dict.fromkeys((m.uri, m.version) for m in published.members if m.version is not None)
    used = [f"{uri}|{version}" for uri, version in systems]
    return Expansion(
        identifier=f"urn:uuid:{stable_id(published.canonical, *used)}",
        timestamp=f"{published.release.published.isoformat()}T00:00:00Z",
        extension=tuple(_properties(published.members, base)),
        total=len(published.members),
        offset=0,
        parameter=(
            ExpansionParameter("used-valueset", value_uri=published.canonical),
            *(ExpansionParameter("used-codesystem", value_uri=one) for one in used),
        ),
        contains=tuple(contains(member, base) for member in published.members),
    )


def contains(member: Member, base: str) -> Contains:
    """A member as an entry of an expansion."""
    return Contains(
        extension=tuple(
            Extension(
                _CONTAINS_PROPERTY,
                (Extension("code", value_code=name), Extension("value", value_code=value)),
            )
            for name, value in properties_of(member)
        ),
        system=member.uri,
        inactive=True if member.inactive else None,
        version=member.version,
        code=member.code,
        display=member.display,
        designation=designations(member, base),
    )


def properties_of(member: Member) -> Iterator[tuple[str, str]]:
    """What our lists say of a code beside its meaning, by property."""
    entry = member.entry
    if entry.strength != "decide":
        yield "strength", entry.strength
    if entry.shared:
        yield "shared-with-pacemakers", "true"
    if entry.modality is not None:
        yield "modality", entry.modality
    if entry.nyha is not None:
        yield "nyha-class", str(entry.nyha)


def _properties(members: Iterable[Member], base: str) -> Iterator[Extension]:
    """The properties that are used in an expansion."""
    used = dict.fromkeys(name for member in members for name, _ in properties_of(member))
    for name in used:
        uri = f"{published_uri(OWN_PROPERTY, base)}#{name}"
        yield Extension(
            _PROPERTY, (Extension("code", value_code=name), Extension("uri", value_uri=uri))
        )
