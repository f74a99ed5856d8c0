"""The policy as a FHIR PlanDefinition: when it is asked, indications, criteria, paragraphs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from defib_coverage.coverage.policy import value_sets_of
from defib_coverage.explaining.policy_text import PolicyText
from defib_coverage.fhir.systems import published_uri
from defib_coverage.terminology.artifacts import (
    Action,
    CodeFilter,
    DataRequirement,
    PlanDefinition,
    TriggerDefinition,
)
from defib_coverage.terminology.describing import (
    CRMI,
    artifact_extensions,
    citation_of,
    describe,
    identified,
    period_of,
    sources,
)
from defib_coverage.terminology.elements import CodeableConcept, Coding, Meta, RelatedArtifact
from defib_coverage.terminology.manifest import MANIFEST
from defib_coverage.terminology.systems import OWN_INDICATION, OWN_VERSIONS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from defib_coverage.coverage.chart import Need
    from defib_coverage.coverage.codes import CodeIndex
    from defib_coverage.coverage.policy import Criterion, PolicyVersion
    from defib_coverage.terminology.releases import Release
    from defib_coverage.terminology.sets import PublishedSet

PLAN = "ncd-20.4"
_TRIGGERS = ("order-select", "order-sign", "order-dispatch", "appointment-book")
# The types of the records that a part of the chart is made of.
_TYPES: Mapping[Need, tuple[str, ...]] = {
    "conditions": ("Condition",),
    "procedures": ("Procedure",),
    "observations": ("Observation",),
    "medications": ("MedicationRequest", "MedicationStatement"),
    "encounters": ("Encounter",),
    "devices": ("Device",),
    "requests": ("ServiceRequest",),
}


class Planner:
    """Puts the policy of a release into a plan."""

    def __init__(
        self, release: Release, sets: Sequence[PublishedSet], index: CodeIndex, base: str
    ) -> None:
        """Plan for a release.

        Args:
            release: the release.
            sets: its value sets.
            index: the codes that sentences name.
            base: the canonical base.
        """
        self._release = release
        self._policy: PolicyVersion = release.policy
        self._base = base
        self._words = PolicyText(release.policy, index, release.effective)
        self._canonicals: dict[str, list[str]] = {}
        for one in sets:
            self._canonicals.setdefault(one.source.id, []).append(one.canonical)

    def plan(self) -> PlanDefinition:
        """The plan."""
        release, policy = self._release, self._policy
        url = f"{self._base}/PlanDefinition/{PLAN}"
        return PlanDefinition(
            id=f"{PLAN}-{release.version}",
            meta=Meta(
                profile=tuple(
                    f"{CRMI}/crmi-{kind}plandefinition" for kind in ("shareable", "publishable")
                )
            ),
            extension=artifact_extensions(release, has_elements=True),
            identifier=(identified(url, release.version),),
            **describe(url, release, policy.title, "ncd204-coverage"),
            description=(
                f"What {citation_of(release)} asks of a defibrillator order. {release.title}."
            ),
            purpose="States the policy: what is asked when, of which records, by which paragraph.",
            type=CodeableConcept(
                (
                    Coding(
                        system="http://terminology.hl7.org/CodeSystem/plan-definition-type",
                        code="eca-rule",
                    ),
                )
            ),
            approval_date=release.published.isoformat(),
            effective_period=period_of(release),
            related_artifact=(
                *sources(release),
                RelatedArtifact(
                    "depends-on", resource=f"{self._base}/Library/{MANIFEST}|{release.version}"
                ),
            ),
            action=(
                Action(
                    prefix="orders",
                    title="Orders that are judged, and the indications that may cover them",
                    action=tuple(self._orders()),
                ),
                Action(
                    prefix="indications",
                    title="Indications, each met when all of its criteria are",
                    action=tuple(self._indications()),
                ),
            ),
        )

    def _orders(self) -> Iterator[Action]:
        """The classes of orders: when they are asked about, and what may cover each."""
        for order_class, rule in self._policy.orders.items():
            codes = self._canonicals.get(f"orders-{order_class}", [])
            effect = "A listed diagnosis, or a complete pair of diagnoses, supports it."
            if rule.indications:
                effect = "Covered when one of its indications is met with all of its criteria."
            yield Action(
                prefix=order_class,
                title=f"Order: {order_class}",
                description=effect,
                code=tuple(self._coded(name) for name in rule.indications),
                documentation=(self._cited("P-CPT"),),
                trigger=tuple(TriggerDefinition("named-event", name) for name in _TRIGGERS),
                input=self._read("ServiceRequest", codes),
            )

    def _indications(self) -> Iterator[Action]:
        policy = self._policy
        for name, indication in policy.indications.items():
            always = next(
                (rule.always for rule in policy.orders.values() if name in rule.indications), ()
            )
            yield Action(
                prefix=name,
                title=indication.label,
                description=policy.paragraphs[indication.cite],
                code=(self._coded(name),),
                documentation=(self._cited(indication.cite),),
                grouping_behavior="logical-group",
                selection_behavior="all",
                action=tuple(self._criterion(one) for one in (*indication.all_of, *always)),
            )

    def _coded(self, indication: str) -> CodeableConcept:
        coding = Coding(
            system=published_uri(OWN_INDICATION, self._base),
            version=OWN_VERSIONS[OWN_INDICATION],
            code=indication,
            display=self._policy.indications[indication].label,
        )
        return CodeableConcept((coding,))

    def _criterion(self, name: str) -> Action:
        criterion = self._policy.criteria[name]
        return Action(
            prefix=name,
            title=criterion.label,
            description=self._words.criterion(criterion),
            documentation=(self._cited(criterion.cite),),
            input=tuple(self._inputs(criterion)),
        )

    def _inputs(self, criterion: Criterion) -> Iterator[DataRequirement]:
        sets = sorted(value_sets_of(criterion, self._policy))
        canonicals = [one for name in sets for one in self._canonicals.get(name, ())]
        for need in criterion.needs:
            for kind in _TYPES.get(need, ()):
                yield from self._read(kind, canonicals)

    def _read(self, kind: str, canonicals: Sequence[str]) -> tuple[DataRequirement, ...]:
        """Records of a type, by one value set each: filters of one requirement must all hold."""
        return tuple(DataRequirement(kind, (CodeFilter("code", one),)) for one in canonicals)

    def _cited(self, paragraph: str) -> RelatedArtifact:
        return RelatedArtifact(
            "citation",
            label=paragraph,
            citation=self._policy.paragraphs[paragraph],
            url=self._policy.article_url,
        )
