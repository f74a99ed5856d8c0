"""``policy codes``: all that is known of one code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from defib_coverage.command.code_roles import hints_of, pairings_of, roles_of
from defib_coverage.command.near_codes import near_codes
from defib_coverage.command.order_codes import SYSTEMS
from defib_coverage.command.policy_page import effect_of, known_today
from defib_coverage.fhir.systems import SYSTEM_NAMES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from defib_coverage.command.page import Page
    from defib_coverage.coverage.codes import CodeEntry, CodeIndex, Match, Strength
    from defib_coverage.coverage.determine import Knowledge
    from defib_coverage.coverage.policy import PolicyVersion

_STRENGTHS: Mapping[Strength, str] = {
    "ask": "raises a question and settles nothing",
    "claim-only": "counts on the claim and says nothing about the patient",
}
_CPT_NOTICE = (
    "CPT code numbers are copyright of the American Medical Association; the meaning given here is "
    "in our own words."
)
_MOST_NEIGHBOURS = 12


def print_code(text: str, page: Page) -> bool:
    """Print what is known of a code; whether anything is.

    Args:
        text: the code, in any spelling, of any system.
        page: where to print.
    """
    knowledge, today = known_today()
    index = knowledge.index
    systems = dict.fromkeys(e.system for vs in index.value_sets.values() for e in vs.codes)
    systems |= dict.fromkeys(r.system for vs in index.value_sets.values() for r in vs.patterns)
    found = {system: index.find(system, text) for system in systems}
    known = {system: matches for system, matches in found.items() if matches}
    if not known:
        page.line(f"{text}: is in no value set. {_near(text, index)}")
        return False
    version = knowledge.library.in_force(today) or knowledge.library.versions[0]
    for number, (system, matches) in enumerate(known.items()):
        if number:
            page.line("")
        _print_matches(system, matches, knowledge, version, page)
    return True


def _near(text: str, index: CodeIndex) -> str:
    close = near_codes(text, (e.code for vs in index.value_sets.values() for e in vs.codes))
    return f"Near: {', '.join(close)}." if close else "No known code is near."


def _print_matches(
    system: str,
    matches: Sequence[Match],
    knowledge: Knowledge,
    version: PolicyVersion,
    page: Page,
) -> None:
    entry = matches[0].entry
    page.line(f"{SYSTEM_NAMES.get(system, system)} {entry.code}", style="bold")
    page.line(_meaning(matches, knowledge.index), indent=2)
    if system == "cpt":
        page.line(_CPT_NOTICE, indent=2)
    page.heading("Value sets")
    for match in matches:
        _print_value_set(match, knowledge.index, page)
    value_sets = [match.value_set for match in matches]
    page.heading("As an order")
    page.line(_as_order(system, matches, knowledge, version), indent=2)
    page.heading("In a chart")
    lines = [*roles_of(version, value_sets)]
    lines += pairings_of(version, knowledge.index, entry.code, value_sets)
    for name, hint in hints_of(version, value_sets):
        text = knowledge.wording.findings[name].text
        lines.append(f"a hint ({hint.cite}), never proof, told unless {hint.unless_met} is met")
        lines.append(text)
    for line in lines or ["no rule reads it"]:
        page.item(line)


def _meaning(matches: Sequence[Match], index: CodeIndex) -> str:
    """The official title where we hold it, else our own words."""
    for match in matches:
        if match.entry.display is not None:
            return match.entry.display
    return f"{index.label(matches[0])} (in our own words)"


def _print_value_set(match: Match, index: CodeIndex, page: Page) -> None:
    value_set = index.value_sets[match.value_set]
    page.item(f"{value_set.title} ({value_set.id}, {value_set.role}, {value_set.cite})")
    page.line(value_set.purpose, indent=4)
    if value_set.resource is not None:
        page.line(f"ordered by a {value_set.resource}", indent=4)
    for line in _entry_lines(match.entry):
        page.line(line, indent=4)
    others = [e.code for e in value_set.codes if e.code != match.entry.code]
    if 0 < len(others) <= _MOST_NEIGHBOURS:
        page.line(f"beside {', '.join(others)}", indent=4)
    elif others:
        page.line(f"beside {len(others)} other codes", indent=4)


def _entry_lines(entry: CodeEntry) -> Iterator[str]:
    if entry.start is None and entry.until is None:
        yield "valid on every day"
    else:
        first = "" if entry.start is None else f"from {entry.start} "
        last = "" if entry.until is None else f"through {entry.until}"
        yield f"valid {first}{last}".rstrip()
    if entry.successors:
        yield f"after that use {', '.join(entry.successors)}"
    if entry.strength in _STRENGTHS:
        yield _STRENGTHS[entry.strength]
    if entry.suggest:
        yield f"documents what the claim code {', '.join(entry.suggest)} says"
    if entry.modality is not None:
        yield f"method: {entry.modality}"
    if entry.shared:
        yield "also serves pacemakers"
    if entry.note is not None:
        yield f"note: {entry.note}"


def _as_order(
    system: str,
    matches: Sequence[Match],
    knowledge: Knowledge,
    version: PolicyVersion,
) -> str:
    if system not in SYSTEMS:
        return "It is no order code."
    for match in matches:
        order_class = knowledge.index.value_sets[match.value_set].order_class
        if order_class is None:
            continue
        rule = version.orders[order_class]
        text = f"{order_class}: {effect_of(rule, version)}"
        if order_class == "lead-only":
            text += " Beside an implant of the same call it stands or falls with the implant."
        if match.entry.shared:
            text += " It also serves pacemakers: silent where no defibrillator is evidenced."
        if rule.finding is not None:
            text += f" {knowledge.wording.findings[rule.finding].text}"
        return text
    return "Silent: it orders no defibrillator of the article, and an order of it gets no card."
