"""The checks of the data files: every cross reference, date, placeholder and licence rule."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_type_hints

import msgspec

from defib_coverage.coverage import policy as p
from defib_coverage.coverage.codes import OrderClass, ValueSet, normalise
from defib_coverage.coverage.findings import FINDINGS
from defib_coverage.coverage.wording import PLACEHOLDERS, Wording, placeholders
from defib_coverage.errors import Fault
from defib_coverage.fhir.systems import OWN_EVIDENCE, PUBLIC_DOMAIN, SYSTEM_URIS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from pathlib import Path

Model = TypeVar("Model")
SUMMARY_LIMIT = 140
# The sentences that the code names; a file without one of them cannot be used.
ASKS = frozenset(
    """diagnosis partner episode event-date lvef-imprecise nyha-imprecise sdm-words-only
    sdm-other-staff sdm-profession-unknown existing-device-hint attest not-fetched
    unreadable""".split(),
)
SUMMARIES = frozenset(
    """not-covered not-covered-wait conditional conditional-one conditional-pair conditional-wait
    covered-note missing-secondary missing-secondary-supported waiting-period
    waiting-period-possible checklist""".split(),
)
DETAILS = frozenset(
    """order met open pair pair-supported pair-near-miss pair-none window window-possible bridge
    checked to-document basis""".split(),
)
LABELS = frozenset({"occurrence", "appointment", "today", "authored-assumed"})


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
        key, error = _locate(table, model, error)
        faults.append(_decode_fault(file, key, model, str(error)))
        return None


def _locate(
    table: dict[str, Any],
    model: type,
    error: msgspec.ValidationError,
) -> tuple[str, msgspec.ValidationError]:
    """Name the entry of a table of tables that does not convert: msgspec's path leaves it out."""
    for name, hint in get_type_hints(model).items():
        arguments = get_args(hint)
        section = table.get(name)
        if getattr(hint, "__origin__", None) is not dict or not isinstance(section, dict):
            continue
        for entry, value in section.items():
            try:
                msgspec.convert({entry: value}, dict[arguments[0], arguments[1]])  # type: ignore[valid-type]
            except msgspec.ValidationError as inner:
                return f"{name}.{entry}", inner
    return "", error


def _decode_fault(file: str, key: str, model: type, message: str) -> Fault:
    reason, _, path = message.partition(" - at `$")
    inner = re.sub(r"^(\[\.\.\.\]|\[\d+\])+", "", path.rstrip("`")) if key else path.rstrip("`")
    where = ".".join(part for part in (key, inner.strip(".")) if part) or "-"
    unknown = re.search(r"unknown field `(.+?)`", reason)
    remedy = "Mend the value; the README beside the file describes the format"
    if unknown is not None:
        close = difflib.get_close_matches(unknown[1], _field_names(model), n=1)
        remedy = f"Did you mean {close[0]!r}?" if close else "Remove the key: the format is closed"
        remedy = remedy.removesuffix("?")
    return Fault(file, where, reason[:1].lower() + reason[1:], remedy)


def _field_names(model: type) -> set[str]:
    """Every key that a file of this model may hold, at any depth."""
    names: set[str] = set()
    pending = [model]
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


def check_value_set(value_set: ValueSet, path: Path, faults: list[Fault]) -> None:
    """Check one value set: names, spelling, dates, licences."""
    file = f"valuesets/{path.name}"

    def fault(key: str, reason: str, remedy: str) -> None:
        faults.append(Fault(file, key, reason, remedy))

    if value_set.id != path.stem:
        fault("id", f"{value_set.id!r} differs from the file's name", "Name both alike")
    if (value_set.role == "order") is (value_set.order_class is None):
        fault("order_class", "goes with role 'order', and only with it", "Add or remove it")
    if not value_set.codes and not value_set.patterns:
        fault("codes", "the set is empty", "Add a code or remove the file")
    seen: dict[tuple[str, str], int] = {}
    for number, entry in enumerate(value_set.codes):
        key = f"codes[{number}] {entry.code}"
        if entry.system not in SYSTEM_URIS and entry.system != OWN_EVIDENCE:
            fault(key, f"unknown system {entry.system!r}", _near(entry.system, SYSTEM_URIS))
        elif normalise(entry.system, entry.code) != entry.code:
            fault(key, "the code is not in its canonical spelling", "Write it as published")
        if entry.display is not None and entry.system not in PUBLIC_DOMAIN:
            fault(key, f"titles of {entry.system} are licensed", "Write a label in your own words")
        if entry.start is not None and entry.until is not None and entry.until < entry.start:
            fault(key, "the last day is before the first", "Mend 'from' or 'until'")
        if (entry.system, entry.code) in seen:
            fault(key, "the code stands in the set twice", "Remove one of them")
        seen[entry.system, entry.code] = number
    for number, rule in enumerate(value_set.patterns):
        try:
            re.compile(rule.pattern)
        except re.error as error:
            fault(f"patterns[{number}]", f"is no regular expression ({error})", "Mend the pattern")
        if rule.system not in SYSTEM_URIS:
            fault(f"patterns[{number}]", f"unknown system {rule.system!r}", "Mend the system")


def check_policy(
    version: p.PolicyVersion,
    path: Path | None,
    value_sets: Mapping[str, ValueSet],
    faults: list[Fault],
) -> None:
    """Check one policy version: name, cross references, numbers, citations."""
    file = f"policies/{version.id}/{version.version}.toml"
    if path is not None and path.stem != version.version:
        faults.append(
            Fault(
                f"policies/{path.parent.name}/{path.name}",
                "effective",
                f"{version.version} differs from the file's name",
                "Name the file by the first day in force",
            ),
        )
    for key, name, known in _references(version, value_sets):
        if name not in known:
            faults.append(Fault(file, key, f"{name!r} is not known", _near(name, known)))
    for key, reason in _contradictions(version):
        faults.append(Fault(file, key, reason, "See README.md beside the file"))


def _references(
    version: p.PolicyVersion,
    value_sets: Mapping[str, ValueSet],
) -> Iterator[tuple[str, str, Collection[str]]]:
    """Every name that the policy uses, with its key and the names there are."""
    for name, criterion in version.criteria.items():
        key = f"criteria.{name}"
        yield f"{key}.cite", criterion.cite, version.paragraphs
        for field, value in _set_names(criterion):
            yield f"{key}.{field}", value, value_sets
        for field in ("finding", "missing_finding"):
            finding = getattr(criterion, field, None)
            if finding is not None:
                yield f"{key}.{field}", finding, FINDINGS
        if isinstance(criterion, p.WaitingPeriod):
            yield f"{key}.event", criterion.event, version.waiting
    for name, indication in version.indications.items():
        key = f"indications.{name}"
        yield f"{key}.cite", indication.cite, version.paragraphs
        for criterion_id in indication.all_of + indication.candidates + indication.informs:
            yield key, criterion_id, version.criteria
    for order_class, rule in version.orders.items():
        for indication_id in rule.indications:
            yield f"orders.{order_class}.indications", indication_id, version.indications
        for criterion_id in rule.always:
            yield f"orders.{order_class}.always", criterion_id, version.criteria
        for finding in filter(None, (rule.finding, rule.silent_finding)):
            yield f"orders.{order_class}", finding, FINDINGS
    for event, waiting in version.waiting.items():
        key = f"waiting.{event}"
        yield f"{key}.cite", waiting.cite, version.paragraphs
        yield f"{key}.unknown_date_finding", waiting.unknown_date_finding, FINDINGS
        for value_set in waiting.records + waiting.past_records:
            yield key, value_set, value_sets
    for name, exception in version.exceptions.items():
        yield f"exceptions.{name}.cite", exception.cite, version.paragraphs
        for value_set in exception.hints:
            yield f"exceptions.{name}.hints", value_set, value_sets
        if exception.indication is not None:
            yield f"exceptions.{name}.indication", exception.indication, version.indications
    for name, hint in version.hints.items():
        yield f"hints.{name}", name, FINDINGS
        yield f"hints.{name}.value_set", hint.value_set, value_sets
        yield f"hints.{name}.cite", hint.cite, version.paragraphs
        yield f"hints.{name}.unless_met", hint.unless_met, version.indications
    for value_set in (*version.history, version.bridge_option):
        yield "history", value_set, value_sets
    yield "existing_device", version.existing_device, version.criteria


_SET_FIELDS = frozenset(
    """claim evidence not_yet near_miss weak episodes causes primaries partners readings
    modality_procedures fails asks asks_on_day asks_day_before asks_planned uncontrolled rhythms
    rates classes visits implants removals hints""".split(),
)


def _set_names(criterion: p.Criterion) -> Iterator[tuple[str, str]]:
    """The value sets that a criterion names."""
    for field in criterion.__struct_fields__:
        if field in _SET_FIELDS:
            value = getattr(criterion, field)
            for name in (value,) if isinstance(value, str) else value:
                yield field, name
    if isinstance(criterion, p.Therapy):
        for instead, classes in criterion.instead.items():
            for name in (instead, *classes):
                yield "instead", name


def _contradictions(version: p.PolicyVersion) -> Iterator[tuple[str, str]]:
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
    used = {c for i in version.indications.values() for c in i.all_of + i.informs}
    used |= {c for rule in version.orders.values() for c in rule.always}
    for name, criterion in version.criteria.items():
        if name not in used:
            yield f"criteria.{name}", "no indication and no order class uses the criterion"
        for field, read in _numbers(criterion):
            try:
                read()
            except ValueError as error:
                yield f"criteria.{name}.{field}", str(error)
    for event, waiting in version.waiting.items():
        for field in ("last_excluded", "recorded_within", "past_after", "also_show"):
            length = getattr(waiting, field)
            if length is not None:
                try:
                    p.parse_span(length)
                except ValueError as error:
                    yield f"waiting.{event}.{field}", str(error)
    device = version.criteria.get(version.existing_device)
    if device is not None and not isinstance(device, p.ExistingDevice):
        yield "existing_device", "must name a criterion of kind 'device'"
    for name in ("pacemaker", "replacement"):
        if name not in version.exceptions:
            yield f"exceptions.{name}", "the exception is missing"


def _numbers(criterion: p.Criterion) -> Iterator[tuple[str, Any]]:
    match criterion:
        case p.Association():
            yield "within", lambda: criterion.span
        case p.Therapy():
            yield "at_least", lambda: criterion.span
        case p.Measurement():
            yield "at_most", lambda: criterion.limit
        case p.RateControl():
            yield "above", lambda: criterion.limit
        case p.FunctionalClass():
            yield "allowed", lambda: _classes(criterion.allowed)
        case _:
            return


def _classes(allowed: tuple[int, ...]) -> None:
    if not allowed or not set(allowed) <= {1, 2, 3, 4}:
        message = "NYHA classes are 1 to 4"
        raise ValueError(message)


def check_wording(wording: Wording, path: Path, faults: list[Fault]) -> None:
    """Check the wording: nothing missing, nothing unknown, no summary that could grow too long."""
    file = f"cards/{path.name}"
    for section, wanted in (
        ("findings", frozenset(FINDINGS)),
        ("asks", ASKS),
        ("summaries", SUMMARIES),
        ("details", DETAILS),
        ("labels", LABELS),
    ):
        present = frozenset(getattr(wording, section))
        for name in sorted(wanted - present):
            faults.append(Fault(file, f"{section}.{name}", "the sentence is missing", "Add it"))
        for name in sorted(present - wanted):
            faults.append(
                Fault(file, f"{section}.{name}", "nothing uses the sentence", _near(name, wanted)),
            )
    for key, template in wording.templates():
        try:
            names = placeholders(template)
        except ValueError as error:
            faults.append(Fault(file, key, str(error), "Mend the braces"))
            continue
        for name in names:
            if name not in PLACEHOLDERS:
                reason = f"unknown placeholder {{{name}}}"
                faults.append(Fault(file, key, reason, _near(name, PLACEHOLDERS)))
        if key.startswith("summaries."):
            _check_summary(file, key, template, names, faults)


def _check_summary(
    file: str,
    key: str,
    template: str,
    names: list[str],
    faults: list[Fault],
) -> None:
    """A summary's longest form: its own text and the longest text of every placeholder."""
    length = len(template) - sum(len(name) + 2 for name in names)
    for name in names:
        widest = PLACEHOLDERS.get(name)
        if widest is None:
            reason = f"{{{name}}} has no longest text and cannot stand in a summary"
            faults.append(Fault(file, key, reason, "Move it to the detail"))
            return
        length += widest
    if length >= SUMMARY_LIMIT:
        reason = f"could reach {length} characters, {SUMMARY_LIMIT} is too many"
        faults.append(Fault(file, key, reason, "Shorten the sentence"))


def _near(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"Did you mean {close[0]!r}" if close else "Use a name that exists"
