"""This project's own code systems as FHIR CodeSystems."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from defib_coverage.explaining.lookup_properties import PROPERTIES
from defib_coverage.fhir.systems import OWN_EVIDENCE, OWN_OVERRIDE_REASON, published_uri
from defib_coverage.terminology.describing import (
    CRMI,
    EXTENSIONS,
    Described,
    describe,
    identified,
)
from defib_coverage.terminology.elements import Extension, Meta
from defib_coverage.terminology.resources import CodeSystem, CodeSystemProperty, Concept
from defib_coverage.terminology.systems import (
    OWN_DATE,
    OWN_FINDING,
    OWN_INDICATION,
    OWN_PROPERTY,
    OWN_VERSIONS,
    OWN_WORDS,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from defib_coverage.coverage.codes import ValueSet
    from defib_coverage.coverage.wording import Wording
    from defib_coverage.terminology.releases import Release


class _Slots(dict[str, str]):
    """Stands for the facts of a case where a sentence has none."""

    def __missing__(self, name: str) -> str:
        return f"[{name.replace('_', ' ')}]"


class _Source(msgspec.Struct, frozen=True):
    """What a code system is made of."""

    name: str
    title: str
    description: str
    concepts: tuple[Concept, ...]
    properties: tuple[CodeSystemProperty, ...] = ()


def code_systems(
    wording: Wording, value_sets: Iterable[ValueSet], release: Release, base: str
) -> Iterator[CodeSystem]:
    """Our own code systems: they do not change with the article, and have a version of their own.

    Args:
        wording: the sentences that findings and reasons are told in.
        value_sets: where codes of ours are listed.
        release: the latest.
        base: the canonical base.
    """
    for source in _sources(wording, value_sets, release):
        url = published_uri(source.name, base)
        version = OWN_VERSIONS[source.name]
        yield CodeSystem(
            id=f"{source.name}-{version}",
            meta=Meta(
                profile=tuple(
                    f"{CRMI}/crmi-{kind}codesystem" for kind in ("shareable", "publishable")
                )
            ),
            extension=tuple(
                Extension(f"{EXTENSIONS}/cqf-knowledgeCapability", value_code=kind)
                for kind in ("shareable", "publishable")
            ),
            identifier=(identified(url, version),),
            **_own(describe(url, release, source.title, source.name), version),
            description=source.description,
            purpose="Codes for what no standard code system says.",
            case_sensitive=True,
            compositional=False,
            version_needed=False,
            content="complete",
            count=len(source.concepts),
            property=source.properties,
            concept=source.concepts,
        )


def _own(described: Described, version: str) -> Described:
    """The description of what has a version of its own."""
    described["version"] = version
    described["date"] = OWN_DATE
    return described


def _sources(
    wording: Wording, value_sets: Iterable[ValueSet], release: Release
) -> Iterator[_Source]:
    yield _Source(
        OWN_FINDING,
        "Findings of a coverage determination",
        "What a determination for a defibrillator order may find, ask for or warn of.",
        tuple(
            Concept(code, display=finding.short, definition=finding.text.format_map(_Slots()))
            for code, finding in sorted(wording.findings.items())
        ),
    )
    evidence = (e for vs in value_sets for e in vs.codes if e.system == OWN_EVIDENCE)
    yield _Source(
        OWN_EVIDENCE,
        "Evidence without a standard code",
        "What a chart may document for a defibrillator order and no standard code says.",
        tuple(Concept(e.code, display=e.label) for e in evidence),
    )
    yield _Source(
        OWN_OVERRIDE_REASON,
        "Reasons to pass over a card",
        "Why a clinician did not follow a card of the coverage service.",
        tuple(Concept(code, display=reason.display) for code, reason in wording.overrides.items()),
    )
    policy = release.policy
    yield _Source(
        OWN_INDICATION,
        f"Indications of {policy.title.lower()}",
        f"The indications under which {policy.citation.partition(',')[0]} covers, by paragraph.",
        tuple(
            Concept(
                name,
                display=indication.label,
                definition=f"{indication.cite}: {policy.paragraphs[indication.cite]}",
            )
            for name, indication in policy.indications.items()
        ),
    )
    yield _Source(
        OWN_WORDS,
        "Kinds of names",
        "What a name of a code is that is not its system's own title.",
        (
            Concept(
                "own-words",
                display="our own words",
                definition="A label of this project's, not the title that the code system gives.",
            ),
        ),
    )
    yield _Source(
        OWN_PROPERTY,
        "Properties of codes",
        "What expansions and look-ups say of a code beside its meaning.",
        tuple(
            Concept(one.code, display=one.code.replace("-", " "), definition=one.description)
            for one in PROPERTIES
        ),
    )
