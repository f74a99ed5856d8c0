"""The checks of the data files: every cross reference, date, placeholder and licence rule."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from defib_coverage.coverage.codes import OrderClass, ValueSet, normalise
from defib_coverage.coverage.dates import parse_span
from defib_coverage.coverage.findings import FINDINGS
from defib_coverage.coverage.policy import (
    ExistingDevice,
    FunctionalClass,
    PolicyVersion,
    Refers,
    parse_limit,
    references,
)
from defib_coverage.coverage.wording import (
    LONGEST_SHORT,
    PLACEHOLDERS,
    SENTENCES,
    Wording,
    placeholders,
)
from defib_coverage.errors import Fault
from defib_coverage.fhir.systems import OWN_EVIDENCE, PUBLIC_DOMAIN, SYSTEM_URIS
from defib_coverage.tables import near

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

Model = TypeVar("Model")
SUMMARY_LIMIT = 140
_README = "The README beside the file describes the format"


def decode(
    table: dict[str, Any],
    model: type[Model],
    file: str,
    faults: list[Fault],
) -> Model | None:
    """Decode a file's table into its closed model; a mismatch becomes a fault with its key."""
    try:
        return msgspec.convert(table, model)
    except msgspec.ValidationError as error:
        key, located = _locate(table, model, error)
        faults.append(_mismatch(file, key, model, str(located)))
        return None


def _locate(
    table: dict[str, Any],
    model: type,
    error: msgspec.ValidationError,
) -> tuple[str, msgspec.ValidationError]:
    """Name the entry of a table of tables that does not convert: msgspec's path leaves it out."""
    for name, hint in get_type_hints(model).items():
        section = table.get(name)
        if get_origin(hint) is not dict or not isinstance(section, dict):
            continue
        for entry, value in section.items():
            try:
                msgspec.convert({entry: value}, hint)
            except msgspec.ValidationError as inner:
                return f"{name}.{entry}", inner
    return "", error


def _mismatch(file: str, key: str, model: type, message: str) -> Fault:
    reason, _, path = message.partition(" - at `$")
    inner = path.rstrip("`").removeprefix("[...]")
    where = ".".join(part for part in (key, inner.strip(".")) if part) or "-"
    unknown = re.search(r"unknown field `(.+?)`", reason)
    remedy = _README
    if unknown is not None:
        close = difflib.get_close_matches(unknown[1], _field_names(model), n=1)
        remedy = f"Did you mean {close[0]!r}" if close else "Remove the key: the format is closed"
    return Fault(file, where, reason[:1].lower() + reason[1:], remedy)


def _field_names(model: type) -> set[str]:
    """Every key that a file of this model may hold, at any depth."""
    names: set[str] = set()
    pending: list[object] = [model]
    seen: set[object] = set()
    while pending:
        current = pending.pop()
        if current in seen:
            continue
        seen.add(current)
        if isinstance(current, type) and issubclass(current, msgspec.Struct):
            names.update(current.__struct_encode_fields__)
            pending.extend(get_type_hints(current).values())
        else:
            pending.extend(get_args(current))
    return names


# ------------------------------------------------------------------------------------- value sets


def check_value_set(value_set: ValueSet, path: Path, faults: list[Fault]) -> None:
    """Check one value set: names, spelling, dates, licences."""
    file = f"valuesets/{path.name}"
    found: list[tuple[str, str, str]] = []
    if value_set.id != path.stem:
        found.append(("id", f"{value_set.id!r} differs from the file's name", "Name both alike"))
    if (value_set.role == "order") is (value_set.order_class is None):
        found.append(("order_class", "goes with role 'order' and only with it", _README))
    if not value_set.codes and not value_set.patterns:
        found.append(("codes", "the set is empty", "Add a code or remove the file"))
    found.extend(_code_faults(value_set))
    found.extend(_pattern_faults(value_set))
    faults.extend(Fault(file, *fault) for fault in found)


def _code_faults(value_set: ValueSet) -> Iterator[tuple[str, str, str]]:
    seen: set[tuple[str, str]] = set()
    for number, entry in enumerate(value_set.codes):
        key = f"codes[{number}] {entry.code}"
        if entry.system not in SYSTEM_URIS and entry.system != OWN_EVIDENCE:
            yield key, f"unknown system {entry.system!r}", near(entry.system, SYSTEM_URIS)
        elif normalise(entry.system, entry.code) != entry.code:
            yield key, "the code is not in its canonical spelling", "Write it as published"
        if value_set.role == "coverage" and entry.system != "icd10cm":
            yield key, "the article's lists hold ICD-10-CM codes only", "Make it evidence"
        if entry.display is not None and entry.system not in PUBLIC_DOMAIN:
            yield key, f"titles of {entry.system} are licensed", "Write a label in your own words"
        if entry.start is not None and entry.until is not None and entry.until < entry.start:
            yield key, "the last day is before the first", "Mend 'from' or 'until'"
        if (entry.system, entry.code) in seen:
            yield key, "the code stands in the set twice", "Remove one of them"
        seen.add((entry.system, entry.code))


def check_see_also(
    value_sets: Mapping[str, ValueSet], files: Mapping[str, str], faults: list[Fault]
) -> None:
    """Check that the codes that people look up beside another are known.

    Args:
        value_sets: all value sets, by id.
        files: the names of their files, by id; what stands in none is not checked.
        faults: where faults are added.
    """
    known = {entry.code for value_set in value_sets.values() for entry in value_set.codes}
    families = [family.pattern for vs in value_sets.values() for family in vs.patterns]
    for name, file in files.items():
        for number, entry in enumerate(value_sets[name].codes):
            for code in entry.see_also:
                if code not in known and not any(re.fullmatch(p, code) for p in families):
                    key = f"codes[{number}] {entry.code}"
                    reason = f"see_also {code!r} is in no value set"
                    faults.append(Fault(file, key, reason, near(code, sorted(known))))


def _pattern_faults(value_set: ValueSet) -> Iterator[tuple[str, str, str]]:
    for number, rule in enumerate(value_set.patterns):
        if rule.system not in SYSTEM_URIS:
            key = f"patterns[{number}]"
            yield key, f"unknown system {rule.system!r}", near(rule.system, SYSTEM_URIS)
        try:
            re.compile(rule.pattern)
        except re.error as error:
            yield f"patterns[{number}]", f"is no regular expression ({error})", "Mend the pattern"


# ----------------------------------------------------------------------------------------- policy


def check_place(version: PolicyVersion, path: Path, faults: list[Fault]) -> None:
    """Check that a version stands where its id and first day say."""
    file = f"policies/{path.parent.name}/{path.name}"
    if path.stem != version.version:
        reason = f"{version.version} differs from the file's name"
        faults.append(Fault(file, "effective", reason, "Name the file by the first day in force"))
    if path.parent.name != version.id:
        reason = f"{version.id!r} differs from the folder's name"
        faults.append(Fault(file, "id", reason, "Name both alike"))


def check_policy(
    version: PolicyVersion,
    file: str,
    value_sets: Mapping[str, ValueSet],
    faults: list[Fault],
) -> None:
    """Check one policy version: cross references, numbers, citations.

    Args:
        version: the version as decoded.
        file: its name, for the faults.
        value_sets: the value sets that it may name.
        faults: where faults are added.
    """
    known: dict[str, Iterable[str]] = {
        "value set": value_sets,
        "criterion": version.criteria,
        "indication": version.indications,
        "paragraph": version.paragraphs,
        "finding": FINDINGS,
        "event": version.waiting,
        "claim code": {e.code for vs in value_sets.values() for e in vs.codes},
    }
    for key, refers, name in references("", version, PolicyVersion):
        if refers.to in known:
            if name not in known[refers.to]:
                reason = f"{name!r} is no {refers.to}"
                faults.append(Fault(file, key, reason, near(name, known[refers.to])))
            continue
        try:
            _read_number(refers, name)
        except ValueError as error:
            faults.append(Fault(file, key, str(error), _README))
    faults.extend(Fault(file, key, reason, _README) for key, reason in _contradictions(version))


def _read_number(refers: Refers, text: str) -> None:
    match refers.to:
        case "length":
            parse_span(text)
        case "percentage":
            parse_limit(text, "%")
        case _:
            parse_limit(text, "/min")


def _contradictions(version: PolicyVersion) -> Iterator[tuple[str, str]]:
    """What a version says that cannot be."""
    for order_class in get_args(OrderClass):
        rule = version.orders.get(order_class)
        if rule is None:
            yield f"orders.{order_class}", "the order class has no rule"
        elif bool(rule.indications) is rule.diagnosis_support:
            yield f"orders.{order_class}", "needs either indications or diagnosis_support"
    for name, indication in version.indications.items():
        if not indication.candidates or not set(indication.candidates) <= set(indication.all_of):
            yield f"indications.{name}.candidates", "must be criteria of all_of, at least one"
    if not isinstance(version.criteria.get(version.existing_device), ExistingDevice):
        yield "existing_device", "must name a criterion of kind 'device'"
    if all(revision.effective is None for revision in version.revisions.values()):
        yield "revisions", "no revision says from which day its codes hold"
    for exception in ("pacemaker", "replacement"):
        if exception not in version.exceptions:
            yield f"exceptions.{exception}", "the exception is missing"
    yield from _criterion_contradictions(version)


def _criterion_contradictions(version: PolicyVersion) -> Iterator[tuple[str, str]]:
    used = {c for i in version.indications.values() for c in i.all_of + i.informs}
    used |= {c for rule in version.orders.values() for c in rule.always}
    for name, criterion in version.criteria.items():
        if name not in used:
            yield f"criteria.{name}", "no indication and no order class uses the criterion"
        if isinstance(criterion, FunctionalClass) and (
            not criterion.allowed or not set(criterion.allowed) <= {1, 2, 3, 4}
        ):
            yield f"criteria.{name}.allowed", "NYHA classes are 1 to 4"


# ---------------------------------------------------------------------------------------- wording


def check_wording(
    wording: Wording,
    path: Path,
    value_sets: Mapping[str, ValueSet],
    faults: list[Fault],
) -> None:
    """Check the wording: nothing missing, nothing unknown, no summary that could grow too long."""
    file = f"cards/{path.name}"
    codes = {entry.code for value_set in value_sets.values() for entry in value_set.codes}
    faults.extend(
        Fault(file, f"tips.{code}", "the code is in no value set", near(code, codes))
        for code in wording.tips
        if code not in codes
    )
    for section, wanted in {"findings": frozenset(FINDINGS), **SENTENCES}.items():
        present = frozenset(getattr(wording, section))
        faults.extend(
            Fault(file, f"{section}.{name}", "the sentence is missing", "Add it")
            for name in sorted(wanted - present)
        )
        faults.extend(
            Fault(file, f"{section}.{name}", "nothing uses the sentence", near(name, wanted))
            for name in sorted(present - wanted)
        )
    faults.extend(
        Fault(file, f"findings.{code}.short", f"is longer than {LONGEST_SHORT}", "Shorten it")
        for code, finding in wording.findings.items()
        if len(finding.short) > LONGEST_SHORT
    )
    faults.extend(Fault(file, *fault) for fault in _button_faults(wording))
    for key, template in wording.templates():
        try:
            names = placeholders(template)
        except ValueError as error:
            faults.append(Fault(file, key, str(error), "Mend the braces"))
            continue
        faults.extend(
            Fault(file, key, f"unknown placeholder {{{name}}}", near(name, PLACEHOLDERS))
            for name in names
            if name not in PLACEHOLDERS
        )
        if key.startswith("summaries."):
            faults.extend(Fault(file, key, *fault) for fault in _summary_faults(template, names))


def _button_faults(wording: Wording) -> Iterator[tuple[str, str, str]]:
    """What a clinician can click: one line each; reasons to pass a card over each their own."""
    lines = {f"suggestions.{name}.text": one.text for name, one in wording.suggestions.items()}
    lines |= {f"overrides.{code}.display": one.display for code, one in wording.overrides.items()}
    for key, text in lines.items():
        if not text.strip() or not text.isprintable():
            yield key, "is empty or has several lines", "Write one line"
    displays = [reason.display for reason in wording.overrides.values()]
    for code, reason in wording.overrides.items():
        key = f"overrides.{code}"
        if displays.count(reason.display) > 1:
            yield f"{key}.display", "is the text of another reason too", "Give it its own"
        if "{" in reason.display:
            yield f"{key}.display", "is published as it stands", "Remove the placeholder"
        if not reason.cards or len(set(reason.cards)) < len(reason.cards):
            yield f"{key}.cards", "is empty or names a topic twice", "Name each topic once"


def _summary_faults(template: str, names: list[str]) -> Iterator[tuple[str, str]]:
    """A summary's longest form: its own text and the longest text of every placeholder."""
    length = len(template) - sum(len(name) + 2 for name in names)
    for name in names:
        widest = PLACEHOLDERS.get(name)
        if widest is None:
            reason = f"{{{name}}} has no longest text and cannot stand in a summary"
            yield reason, "Move it to the detail"
        else:
            length += widest
    if length >= SUMMARY_LIMIT:
        reason = f"could reach {length} characters; {SUMMARY_LIMIT} is too many"
        yield reason, "Shorten the sentence"
