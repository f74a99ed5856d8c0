"""All that is known of a code as of a day: meaning, lists, days, indications, companions, use."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from defib_coverage.coverage.policy import Diagnosis
from defib_coverage.explaining.fact_models import ChartUse, CodeFacts, Membership
from defib_coverage.explaining.indication_parts import indication_parts, pairs_of
from defib_coverage.explaining.order_effect import order_effect
from defib_coverage.explaining.policy_parts import parts_of, users_of
from defib_coverage.explaining.similar_codes import similar_codes
from defib_coverage.explaining.viewpoint import KnownCode, Viewpoint
from defib_coverage.fhir.systems import SYSTEM_NAMES, alias_of, published_set, published_uri

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    from defib_coverage.coverage.codes import CodeIndex, Match
    from defib_coverage.coverage.determine import Knowledge
    from defib_coverage.explaining.fact_models import Status
    from defib_coverage.explaining.order_effect import OrderEffect
    from defib_coverage.explaining.policy_parts import PolicyPart
    from defib_coverage.families import Families

CPT_NOTICE = (
    "CPT is a trademark and copyright of the American Medical Association. Only its numbers are "
    "shown here; the meaning is in our own words."
)
# The article's own lists first, then its orders.
_ROLES = ("coverage", "order", "evidence")


def system_named(text: str, index: CodeIndex) -> str | None:
    """The short name of the code system that a person or a program means; None for an unknown one.

    Args:
        text: a short name, a URI in any spelling, or the name as readers know it.
        index: the value sets, with the systems of the site's own.
    """
    systems = systems_of(index)
    names = {name.casefold(): system for system, name in SYSTEM_NAMES.items()}
    for candidate in (text, text.casefold(), alias_of(text), names.get(text.casefold())):
        if candidate in systems:
            return candidate
    return None


def systems_of(index: CodeIndex) -> tuple[str, ...]:
    """The code systems of all value sets by their short names, in the order of the sets."""
    systems = [entry.system for vs in index.value_sets.values() for entry in vs.codes]
    systems += [family.system for vs in index.value_sets.values() for family in vs.patterns]
    return tuple(dict.fromkeys(systems))


def facts_of(
    text: str,
    knowledge: Knowledge,
    families: Families,
    today: date,
    system: str | None = None,
) -> tuple[CodeFacts, ...]:
    """All that is known of a code, once for each system that has it; empty for an unknown one.

    Args:
        text: the code in any spelling.
        knowledge: policies, codes and wording.
        families: the codes that families of codes stand for, and official titles.
        today: the day as of which it is told.
        system: the only system to look in, as `system_named` knows it; all by default.
    """
    index = knowledge.index
    version = knowledge.library.in_force(today) or knowledge.library.versions[0]
    base = knowledge.canonical_base
    view = Viewpoint(index, families, knowledge.wording, version, today, base)
    systems: Sequence[str] = systems_of(index)
    if system is not None:
        named = system_named(system, index)
        systems = () if named is None else (named,)
    found = {name: index.find(name, text) for name in systems}
    return tuple(
        _facts(_known(name, matches, index), view) for name, matches in found.items() if matches
    )


def _known(system: str, matches: Sequence[Match], index: CodeIndex) -> KnownCode:
    ordered = sorted(matches, key=lambda m: _ROLES.index(index.value_sets[m.value_set].role))
    return KnownCode(system, matches[0].entry.code, tuple(ordered))


def _facts(known: KnownCode, view: Viewpoint) -> CodeFacts:
    order = order_effect(known, view)
    parts = tuple(parts_of(known, view))
    value_sets = tuple(_membership(match, view) for match in known.matches)
    status = status_of(known.matches, view.index, view.day)
    return CodeFacts(
        system=known.system,
        uri=published_uri(known.system, view.base),
        system_name=SYSTEM_NAMES.get(known.system, known.system),
        code=known.code,
        day=view.day,
        policy=view.version.version,
        display=next((view.title(m.entry) for m in known.matches if view.title(m.entry)), None),
        words=_words(known, view),
        notice=CPT_NOTICE if known.system == "cpt" else None,
        status=status,
        checked_through=_checked_through(known, value_sets, view),
        value_sets=value_sets,
        indications=indication_parts(known, parts, order, view),
        companions=tuple(pairs_of(known, "primaries", view)),
        companion_of=tuple(pairs_of(known, "partners", view)),
        successors=_joined(known, "successors"),
        predecessors=_predecessors(known, view),
        suggests=_joined(known, "suggest"),
        similar=similar_codes(known, view),
        order=order,
        chart=tuple(_chart(known, parts, view)),
        claim=_claim(known, order, status, view),
        tip=view.wording.tips.get(known.code),
    )


def _words(known: KnownCode, view: Viewpoint) -> str | None:
    """What the code means in our own words; where nothing says it, what its value set is."""
    entries = [match.entry for match in known.matches]
    labelled = next((entry.label for entry in entries if entry.label), None)
    if labelled is not None or any(view.title(entry) for entry in entries):
        return labelled
    return view.index.value_sets[known.matches[0].value_set].title


def _checked_through(
    known: KnownCode, value_sets: Sequence[Membership], view: Viewpoint
) -> str | None:
    """The last checked release of its system, for a code that no list and no release has."""
    release = view.families.releases.get(known.system)
    if release is None or any(member.family is None for member in value_sets):
        return None
    return None if view.families.title(known.system, known.code) else release.year


def status_of(matches: Sequence[Match], index: CodeIndex, day: date) -> Status:
    """Whether a code counts on the article's lists on ``day``, by the value sets that hold it."""
    entries = [
        match.entry for match in matches if index.value_sets[match.value_set].role != "evidence"
    ]
    if not entries:
        return "chart-only"
    if any(entry.in_force(day) for entry in entries):
        return "in-force"
    if all(entry.start is not None and entry.start > day for entry in entries):
        return "not-yet-in-force"
    return "ended"


def _claim(known: KnownCode, order: OrderEffect, status: Status, view: Viewpoint) -> str:
    """What the code is worth on a claim."""
    if order.order_class is not None:
        return _ordered_claim(known, order, view.day)
    if status == "chart-only":
        return "It is no claim code of the article, which asks for none beside it."
    if status != "in-force":
        return f"It is no claim code for a service on {view.day}."
    pairings = [pairing for _, pairing in view.version.pairings()]
    if known.held & {pairing.primaries for pairing in pairings}:
        return "It does not stand alone: a companion must stand beside it."
    if known.held & {pairing.partners for pairing in pairings}:
        return "It does not stand alone: it is the companion of another code."
    return _alone(known, view)


def _alone(known: KnownCode, view: Viewpoint) -> str:
    """For which indications a code stands alone, where others count it beside another only."""
    alone: dict[str, None] = {}
    beside: dict[str, None] = {}
    for name, criterion in view.version.criteria.items():
        if isinstance(criterion, Diagnosis) and criterion.claim in known.held:
            found = beside if known.code in criterion.not_alone else alone
            found.update(dict.fromkeys(users_of(view.version, name)))
    if not beside:
        return "It stands alone: the article asks for no companion."
    told = f"for {', '.join(beside)} it counts beside another code of the list only."
    begin = f"It stands alone for {', '.join(alone)}; " if alone else "It does not stand alone: "
    return begin + told


def _ordered_claim(known: KnownCode, order: OrderEffect, day: date) -> str:
    if not order.effective:
        return f"It is not among the procedures of the article for a service on {day}."
    if order.resource is not None:
        return "It names the device; the diagnoses stand beside the code of the procedure."
    if known.system == "snomed":
        return "It is no claim code: the procedure is billed by CPT, HCPCS or ICD-10-PCS."
    return "A diagnosis of the article must stand beside it, alone or in a complete pair."


def _membership(match: Match, view: Viewpoint) -> Membership:
    value_set, entry = view.index.value_sets[match.value_set], match.entry
    listed = any((e.system, e.code) == (entry.system, entry.code) for e in value_set.codes)
    families = [p.pattern for p in value_set.patterns if p.system == entry.system]
    return Membership(
        value_set=published_set(value_set.id, entry.system),
        title=value_set.title,
        purpose=value_set.purpose,
        role=value_set.role,
        cite=value_set.cite,
        paragraph=view.version.paragraphs.get(value_set.cite, ""),
        first_day=entry.start,
        last_day=entry.until,
        in_force=entry.in_force(view.day),
        strength=entry.strength,
        order_class=value_set.order_class,
        family=None if listed else next(p for p in families if re.fullmatch(p, entry.code)),
        modality=entry.modality,
        nyha=entry.nyha,
        shared=entry.shared,
        note=entry.note,
    )


def _joined(known: KnownCode, field: Literal["successors", "suggest"]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(c for match in known.matches for c in getattr(match.entry, field)))


def _predecessors(known: KnownCode, view: Viewpoint) -> tuple[str, ...]:
    """The codes that the code replaced."""
    entries = [entry for _, entry in view.entries() if entry.system == known.system]
    return tuple(dict.fromkeys(e.code for e in entries if known.code in e.successors))


def _chart(known: KnownCode, parts: Sequence[PolicyPart], view: Viewpoint) -> Iterator[ChartUse]:
    """What a record of the code does, the rules of the policy first."""
    uses = (
        ChartUse(text=part.text, indications=part.indications, cite=part.cite, finding=part.finding)
        for part in parts
        if part.text
    )
    yield from _gathered(uses, tuple(view.version.indications))
    if known.held & set(view.version.history):
        yield ChartUse(text="speaks of the past: the record need not be current")
    if view.version.bridge_option in known.held:
        yield ChartUse(text="named on cards as an option while a waiting period runs")
    ends = [
        match.entry.until
        for match in known.matches
        if match.entry.until is not None
        and view.index.value_sets[match.value_set].role == "coverage"
    ]
    if ends:
        text = f"for a service after {max(ends)} it is evidence and no claim code"
        yield ChartUse(text=text, finding="code-not-effective")


def _gathered(uses: Iterator[ChartUse], order: Sequence[str]) -> Iterator[ChartUse]:
    """The uses, those that differ in the indications only as one; ``order`` is the policy's."""
    found: dict[tuple[str, str | None], list[ChartUse]] = {}
    for use in uses:
        found.setdefault((use.text, use.finding), []).append(use)
    for (text, finding), same in found.items():
        about = {name for use in same for name in use.indications}
        yield ChartUse(
            text=text,
            indications=tuple(name for name in order if name in about),
            cite=same[0].cite,
            finding=finding,
        )
