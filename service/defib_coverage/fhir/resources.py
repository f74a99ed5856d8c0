"""FHIR R4 resources as they are decoded: one lean shape a type, only the fields the rules read.

Unread fields are skipped, and types that the rules do not read are skipped whole: that is what
makes reading a chart cheap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Union, get_args

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping


class Coding(msgspec.Struct, gc=False):
    """FHIR Coding."""

    system: str | None = None
    code: str | None = None


class CodeableConcept(msgspec.Struct, gc=False):
    """FHIR CodeableConcept."""

    coding: list[Coding] = []
    text: str | None = None


class Identifier(msgspec.Struct, gc=False):
    """FHIR Identifier."""

    system: str | None = None
    value: str | None = None


class Reference(msgspec.Struct, gc=False):
    """FHIR Reference."""

    reference: str | None = None
    display: str | None = None
    identifier: Identifier | None = None


class Period(msgspec.Struct, gc=False):
    """FHIR Period."""

    start: str | None = None
    end: str | None = None


class Amount(msgspec.Struct, gc=False):
    """FHIR Quantity, and Age."""

    value: float | None = None
    comparator: str | None = None
    unit: str | None = None
    code: str | None = None


class Range(msgspec.Struct, gc=False):
    """FHIR Range."""

    low: Amount | None = None
    high: Amount | None = None


class Timing(msgspec.Struct, gc=False):
    """FHIR Timing."""

    event: list[str] = []


class Qualification(msgspec.Struct, gc=False):
    """Practitioner.qualification."""

    code: CodeableConcept | None = None


class Performer(msgspec.Struct, gc=False):
    """A performer, participant or author: a reference itself, or one that holds it."""

    reference: str | None = None
    actor: Reference | None = None
    individual: Reference | None = None


class CoverageClass(msgspec.Struct, gc=False):
    """Coverage.class."""

    name: str | None = None


class Search(msgspec.Struct, gc=False):
    """Bundle.entry.search."""

    mode: str | None = None


class Link(msgspec.Struct, gc=False):
    """Bundle.link."""

    relation: str | None = None
    url: str | None = None


class Value(msgspec.Struct, rename="camel", gc=False):
    """The code and value[x] of an Observation or of one of its components."""

    code: CodeableConcept | None = None
    value_quantity: Amount | None = None
    value_range: Range | None = None
    value_codeable_concept: CodeableConcept | None = None
    value_string: str | None = None
    value_integer: int | None = None
    value_boolean: bool | None = None


_FAILURES = frozenset({"fatal", "error"})


class AnyResource(msgspec.Struct, tag_field="resourceType", rename="camel", gc=False):
    """What every resource has."""

    id: str | None = None


class Patient(AnyResource, tag="Patient"):
    """FHIR Patient."""

    birth_date: str | None = None


class Coverage(AnyResource, tag="Coverage"):
    """FHIR Coverage; its subject is the beneficiary."""

    status: str | None = None
    type: CodeableConcept | None = None
    subject: Reference | None = msgspec.field(name="beneficiary", default=None)
    payor: list[Reference] = []
    period: Period | None = None
    contained: list[Resource] | None = None
    class_: list[CoverageClass] = msgspec.field(name="class", default_factory=list)


class Condition(AnyResource, tag="Condition"):
    """FHIR Condition."""

    clinical_status: CodeableConcept | None = None
    verification_status: CodeableConcept | None = None
    code: CodeableConcept | None = None
    subject: Reference | None = None
    encounter: Reference | None = None
    onset_date_time: str | None = None
    onset_period: Period | None = None
    onset_age: Amount | None = None
    abatement_date_time: str | None = None
    abatement_period: Period | None = None
    recorded_date: str | None = None


class Procedure(AnyResource, tag="Procedure"):
    """FHIR Procedure."""

    contained: list[Resource] | None = None
    status: str | None = None
    code: CodeableConcept | None = None
    subject: Reference | None = None
    performed_date_time: str | None = None
    performed_period: Period | None = None
    performer: list[Performer] | None = None


class Observation(AnyResource, tag="Observation"):
    """FHIR Observation."""

    contained: list[Resource] | None = None
    status: str | None = None
    code: CodeableConcept | None = None
    subject: Reference | None = None
    effective_date_time: str | None = None
    effective_period: Period | None = None
    issued: str | None = None
    performer: list[Performer] | None = None
    value_quantity: Amount | None = None
    value_range: Range | None = None
    value_codeable_concept: CodeableConcept | None = None
    value_string: str | None = None
    value_integer: int | None = None
    value_boolean: bool | None = None
    method: CodeableConcept | None = None
    component: list[Value] | None = None


class MedicationRequest(AnyResource, tag="MedicationRequest"):
    """FHIR MedicationRequest."""

    contained: list[Resource] | None = None
    status: str | None = None
    intent: str | None = None
    do_not_perform: bool | None = None
    medication_codeable_concept: CodeableConcept | None = None
    medication_reference: Reference | None = None
    subject: Reference | None = None
    authored_on: str | None = None


class MedicationStatement(AnyResource, tag="MedicationStatement"):
    """FHIR MedicationStatement."""

    contained: list[Resource] | None = None
    status: str | None = None
    medication_codeable_concept: CodeableConcept | None = None
    medication_reference: Reference | None = None
    subject: Reference | None = None
    effective_date_time: str | None = None
    effective_period: Period | None = None


class Encounter(AnyResource, tag="Encounter"):
    """FHIR Encounter."""

    contained: list[Resource] | None = None
    status: str | None = None
    type: list[CodeableConcept] = []
    subject: Reference | None = None
    participant: list[Performer] | None = None
    period: Period | None = None
    reason_code: list[CodeableConcept] = []


class DocumentReference(AnyResource, tag="DocumentReference"):
    """FHIR DocumentReference."""

    contained: list[Resource] | None = None
    status: str | None = None
    type: CodeableConcept | None = None
    subject: Reference | None = None
    date: str | None = None
    author: list[Performer] | None = None
    description: str | None = None


class Device(AnyResource, tag="Device"):
    """FHIR Device; its subject is the patient."""

    status: str | None = None
    type: CodeableConcept | None = None
    subject: Reference | None = msgspec.field(name="patient", default=None)


class ServiceRequest(AnyResource, tag="ServiceRequest"):
    """FHIR ServiceRequest, as something planned."""

    status: str | None = None
    do_not_perform: bool | None = None
    code: CodeableConcept | None = None
    subject: Reference | None = None
    occurrence_date_time: str | None = None
    authored_on: str | None = None


class Appointment(AnyResource, tag="Appointment"):
    """FHIR Appointment; its subjects are among the participants."""

    status: str | None = None
    service_type: list[CodeableConcept] = []
    reason_code: list[CodeableConcept] = []
    start: str | None = None
    created: str | None = None
    based_on: list[Reference] = []
    participant: list[Performer] = []

    @property
    def subject(self) -> list[Reference]:
        """Everyone who takes part."""
        return [one.actor for one in self.participant if one.actor is not None]


class Practitioner(AnyResource, tag="Practitioner"):
    """FHIR Practitioner."""

    qualification: list[Qualification] = []


class PractitionerRole(AnyResource, tag="PractitionerRole"):
    """FHIR PractitionerRole."""

    practitioner: Reference | None = None
    code: list[CodeableConcept] = []


class Medication(AnyResource, tag="Medication"):
    """FHIR Medication."""

    code: CodeableConcept | None = None


class Organization(AnyResource, tag="Organization"):
    """FHIR Organization, as a payor."""

    name: str | None = None
    identifier: list[Identifier] = []


class OutcomeIssue(msgspec.Struct, gc=False):
    """OperationOutcome.issue."""

    severity: str | None = None


class OperationOutcome(AnyResource, tag="OperationOutcome"):
    """FHIR OperationOutcome."""

    issue: list[OutcomeIssue] = []


class Bundle(AnyResource, tag="Bundle"):
    """FHIR Bundle."""

    total: int | None = None
    link: list[Link] = []
    entry: list[Entry] = []


class Entry(msgspec.Struct, rename="camel", gc=False):
    """Bundle.entry."""

    full_url: str | None = None
    resource: Resource | None = None
    search: Search | None = None


def is_failure(entry: Entry) -> bool:
    """Whether an entry tells that a search failed: it may add hints and warnings to its matches."""
    outcome = entry.resource
    if not isinstance(outcome, OperationOutcome):
        return False
    hint = entry.search is not None and entry.search.mode == "outcome"
    return not hint or any(issue.severity in _FAILURES for issue in outcome.issue)


def matches_of(entries: list[Entry]) -> int:
    """How many entries are matches: what was included or warned of beside them is none."""
    modes = [entry.search.mode for entry in entries if entry.search is not None]
    return len(entries) - (len(modes) - modes.count("match") - modes.count(None))


class Unread(AnyResource):
    """Any other resource of R4: known by its type, not read."""


_UNREAD = """
    Account ActivityDefinition AdverseEvent AllergyIntolerance AppointmentResponse AuditEvent Basic
    Binary BiologicallyDerivedProduct BodyStructure CapabilityStatement CarePlan CareTeam
    CatalogEntry ChargeItem ChargeItemDefinition Claim ClaimResponse ClinicalImpression CodeSystem
    Communication CommunicationRequest CompartmentDefinition Composition ConceptMap Consent Contract
    CoverageEligibilityRequest CoverageEligibilityResponse DetectedIssue DeviceDefinition
    DeviceMetric DeviceRequest DeviceUseStatement DiagnosticReport DocumentManifest
    EffectEvidenceSynthesis Endpoint EnrollmentRequest EnrollmentResponse EpisodeOfCare
    EventDefinition Evidence EvidenceVariable ExampleScenario ExplanationOfBenefit
    FamilyMemberHistory Flag Goal GraphDefinition Group GuidanceResponse HealthcareService
    ImagingStudy Immunization ImmunizationEvaluation ImmunizationRecommendation ImplementationGuide
    InsurancePlan Invoice Library Linkage List Location Measure MeasureReport Media
    MedicationAdministration MedicationDispense MedicationKnowledge MedicinalProduct
    MedicinalProductAuthorization MedicinalProductContraindication MedicinalProductIndication
    MedicinalProductIngredient MedicinalProductInteraction MedicinalProductManufactured
    MedicinalProductPackaged MedicinalProductPharmaceutical MedicinalProductUndesirableEffect
    MessageDefinition MessageHeader MolecularSequence NamingSystem NutritionOrder
    ObservationDefinition OperationDefinition OrganizationAffiliation Parameters
    PaymentNotice PaymentReconciliation Person PlanDefinition Provenance Questionnaire
    QuestionnaireResponse RelatedPerson RequestGroup ResearchDefinition ResearchElementDefinition
    ResearchStudy ResearchSubject RiskAssessment RiskEvidenceSynthesis Schedule SearchParameter Slot
    Specimen SpecimenDefinition StructureDefinition StructureMap Subscription Substance
    SubstanceNucleicAcid SubstancePolymer SubstanceProtein SubstanceReferenceInformation
    SubstanceSourceMaterial SubstanceSpecification SupplyDelivery SupplyRequest Task
    TerminologyCapabilities TestReport TestScript ValueSet VerificationResult VisionPrescription
"""
_READ = (
    Patient,
    Coverage,
    Condition,
    Procedure,
    Observation,
    MedicationRequest,
    MedicationStatement,
    Encounter,
    DocumentReference,
    Device,
    ServiceRequest,
    Appointment,
    Practitioner,
    PractitionerRole,
    Medication,
    Organization,
    OperationOutcome,
    Bundle,
)
if TYPE_CHECKING:
    Resource = (
        Patient
        | Coverage
        | Condition
        | Procedure
        | Observation
        | MedicationRequest
        | MedicationStatement
        | Encounter
        | DocumentReference
        | Device
        | ServiceRequest
        | Appointment
        | Practitioner
        | PractitionerRole
        | Medication
        | Organization
        | OperationOutcome
        | Bundle
        | Unread
    )
else:
    # The decoder needs a type of its own for every name that resourceType may hold.
    Resource = Union[  # noqa: UP007 - made of a list
        _READ
        + tuple(
            msgspec.defstruct(name, [], bases=(Unread,), tag=name, gc=False)
            for name in _UNREAD.split()
        )
    ]


_NAMES: Mapping[type, str] = {kind: str(kind.__struct_config__.tag) for kind in get_args(Resource)}


TYPE_NAMES = frozenset(_NAMES.values())
"""The names of all resource types of FHIR R4."""


def type_name(kind: type) -> str:
    """The name that FHIR has for a resource type; empty for what is none."""
    return _NAMES.get(kind, "")


class Extension(msgspec.Struct, rename="camel"):
    """An extension, as far as orders are read."""

    url: str | None = None
    value_codeable_concept: CodeableConcept | None = None


class OrderConcept(msgspec.Struct):
    """The code of an order, with the billing options that CRD 2.2 may add."""

    coding: list[Coding] = []
    extension: list[Extension] = []


class Order(msgspec.Struct, rename="camel"):
    """A ServiceRequest or DeviceRequest of the call."""

    resource_type: str
    id: str | None = None
    status: str | None = None
    do_not_perform: bool | None = None
    code: OrderConcept | None = None
    code_codeable_concept: OrderConcept | None = None
    code_reference: Reference | None = None
    # Read only where an order names what is in it; whatever else stands there is no fault.
    contained: msgspec.Raw = msgspec.Raw(b"[]")
    subject: Reference | None = None
    occurrence_date_time: str | None = None
    occurrence_period: Period | None = None
    occurrence_timing: Timing | None = None
    authored_on: str | None = None
    reason_code: list[CodeableConcept] = []
    reason_reference: list[Reference] = []
    insurance: list[Reference] = []
