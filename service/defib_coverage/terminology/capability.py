"""What the terminology service says it can do: CapabilityStatement, TerminologyCapabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING

from defib_coverage import __version__
from defib_coverage.terminology.abilities import (
    CapabilityStatement,
    Implementation,
    Interaction,
    OperationUse,
    RestResource,
    RestSecurity,
    RestServer,
    SearchParameter,
    Software,
    TerminologyCapabilities,
    TerminologyExpansion,
    TerminologyName,
    TerminologySystem,
    TerminologyVersion,
    TranslationAbility,
    ValidateCodeAbility,
)
from defib_coverage.terminology.describing import PUBLISHER
from defib_coverage.terminology.elements import CodeableConcept, Extension
from defib_coverage.terminology.search_parameters import SEARCHED
from defib_coverage.terminology.searching import KINDS
from defib_coverage.terminology.systems import OWN_DATE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from defib_coverage.terminology.operations.code_system_index import HeldSystem

FHIR_VERSION = "4.0.1"
FHIR_JSON = "application/fhir+json"
# The operations of each type, and of the server as a whole.
OPERATIONS: Mapping[str, tuple[str, ...]] = {
    "ValueSet": ("expand", "validate-code"),
    "CodeSystem": ("lookup", "validate-code", "subsumes"),
    "ConceptMap": ("translate",),
}
_CORE = "http://hl7.org/fhir/OperationDefinition"
_FEATURE = "http://hl7.org/fhir/uv/application-feature/StructureDefinition/feature"
_FEATURES = "http://hl7.org/fhir/uv"
_CONTENT = (
    "http://hl7.org/fhir/5.0/StructureDefinition/"
    "extension-TerminologyCapabilities.codeSystem.content"
)
# The release of the ecosystem's tests whose names and shapes are followed.
_TESTS = "1.9.1"


def capability_statement(base: str, url: str) -> CapabilityStatement:
    """What can be asked.

    Args:
        base: the canonical base.
        url: the URL of the server.
    """
    return CapabilityStatement(
        id="terminology",
        extension=tuple(_features()),
        url=f"{base}/CapabilityStatement/terminology",
        version=__version__,
        name="DefibCoverageTerminology",
        title="defib-coverage: value sets of NCD 20.4",
        status="active",
        experimental=False,
        date=OWN_DATE,
        publisher=PUBLISHER,
        description="Value sets, code systems and maps of the coverage policy, by service date.",
        kind="instance",
        instantiates=("http://hl7.org/fhir/CapabilityStatement/terminology-server",),
        software=Software(PUBLISHER, __version__, OWN_DATE),
        implementation=Implementation("Terminology of NCD 20.4", url),
        fhir_version=FHIR_VERSION,
        format=(FHIR_JSON, "json"),
        rest=(
            RestServer(
                mode="server",
                documentation="Answers with the version that is in force on the day asked about.",
                security=RestSecurity(
                    cors=False,
                    service=(CodeableConcept(text="Public: nobody is asked who calls."),),
                ),
                resource=tuple(_resource(kind) for kind in KINDS),
                interaction=(Interaction("batch"),),
                operation=(OperationUse("versions", f"{_CORE}/CapabilityStatement-versions"),),
            ),
        ),
    )


def _features() -> Iterator[Extension]:
    """What a test suite wants to know before it begins."""
    definition = f"{_FEATURES}/tx-tests/FeatureDefinition/test-version"
    yield _feature(definition, Extension("value", value_code=_TESTS))
    definition = f"{_FEATURES}/tx-ecosystem/FeatureDefinition/CodeSystemAsParameter"
    yield _feature(definition, Extension("value", value_boolean=True))


def _feature(definition: str, value: Extension) -> Extension:
    return Extension(_FEATURE, (Extension("definition", value_canonical=definition), value))


def _resource(kind: str) -> RestResource:
    return RestResource(
        type=kind,
        profile=f"http://hl7.org/fhir/StructureDefinition/{kind}",
        interaction=(Interaction("read"), Interaction("search-type")),
        versioning="no-version",
        search_param=tuple(
            SearchParameter(name, parameter.kind, parameter.description)
            for name, parameter in SEARCHED.items()
        ),
        operation=tuple(
            OperationUse(name, f"{_CORE}/{kind}-{name}") for name in OPERATIONS.get(kind, ())
        ),
    )


def terminology_capabilities(
    base: str, url: str, systems: Iterable[HeldSystem], inputs: Iterable[str]
) -> TerminologyCapabilities:
    """Which code systems are known, in which releases, and how sets are expanded.

    Args:
        base: the canonical base.
        url: the URL of the server.
        systems: the code systems.
        inputs: the parameters of an expansion.
    """
    return TerminologyCapabilities(
        id="terminology",
        url=f"{base}/TerminologyCapabilities/terminology",
        version=__version__,
        name="DefibCoverageTerminologyCapabilities",
        title="defib-coverage: code systems and expansions",
        status="active",
        experimental=False,
        date=OWN_DATE,
        publisher=PUBLISHER,
        description="The code systems of the coverage policy: its own whole, others as fragments.",
        kind="instance",
        software=Software(PUBLISHER, __version__),
        implementation=Implementation("Terminology of NCD 20.4", url),
        code_system=tuple(_system(one) for one in systems),
        expansion=TerminologyExpansion(
            hierarchical=False,
            paging=True,
            incomplete=False,
            parameter=tuple(TerminologyName(name) for name in sorted(inputs)),
            text_filter="Every word must stand in the code, its title or our own words for it.",
        ),
        code_search="explicit",
        validate_code=ValidateCodeAbility(translations=False),
        translation=TranslationAbility(needs_map=False),
    )


def _system(held: HeldSystem) -> TerminologySystem:
    content = "complete" if held.complete else "fragment"
    return TerminologySystem(
        extension=(Extension(_CONTENT, value_code=content),),
        uri=held.uri,
        version=tuple(
            TerminologyVersion(code=version, is_default=True if version == held.current else None)
            for version in held.versions
        ),
    )
