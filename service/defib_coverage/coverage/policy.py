"""The policy as frozen models: what one file of ``policies/`` may say, and nothing else."""

from __future__ import annotations

from datetime import date
from functools import cache
from typing import TYPE_CHECKING, Annotated, Literal, get_args, get_origin, get_type_hints

import msgspec

from defib_coverage.coverage.chart import Need
from defib_coverage.coverage.codes import OrderClass
from defib_coverage.coverage.dates import Span, parse_span

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

Silence = Literal["clear", "ask"]
EventName = Literal["MI", "CABG", "PCI"]


class Refers(msgspec.Struct, frozen=True):
    """Says what the text of a field names; loading checks that it exists."""

    to: Literal[
        "value set",
        "criterion",
        "indication",
        "paragraph",
        "finding",
        "event",
        "length",
        "percentage",
        "rate",
        "claim code",
    ]


SetId = Annotated[str, Refers("value set")]
CriterionId = Annotated[str, Refers("criterion")]
IndicationId = Annotated[str, Refers("indication")]
ParagraphId = Annotated[str, Refers("paragraph")]
FindingCode = Annotated[str, Refers("finding")]
WaitingEventName = Annotated[EventName, Refers("event")]
Length = Annotated[str, Refers("length")]
Percentage = Annotated[str, Refers("percentage")]
Rate = Annotated[str, Refers("rate")]
ClaimCode = Annotated[str, Refers("claim code")]


class _Criterion(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind"):
    """What every criterion says: its label, its paragraph, what silence means.

    ``if_not_documented``: ``clear`` (no record is good; a person attests) or ``ask`` (no record is
    unknown). ``needs`` are the parts of the chart whose silence is relied upon.
    """

    label: str
    cite: ParagraphId
    if_not_documented: Silence
    needs: tuple[Need, ...]


class Diagnosis(_Criterion, frozen=True, tag="diagnosis"):
    """A claim code of the list, confirmed and current on the service date.

    ``evidence`` sets show the disease without a claim code; ``not_yet`` sets show it where the
    claim code cannot be reported yet, ``not_yet_for`` how long after the event; ``near_miss`` sets
    are close but not on the list; codes in ``not_alone`` are accepted beside others but make nobody
    a candidate.
    """

    claim: SetId
    evidence: tuple[SetId, ...] = ()
    not_yet: tuple[SetId, ...] = ()
    not_yet_for: Length | None = None
    near_miss: tuple[SetId, ...] = ()
    not_alone: tuple[ClaimCode, ...] = ()
    missing_finding: FindingCode | None = None


class Episode(_Criterion, frozen=True, tag="episode"):
    """An event documented in the chart; claim codes alone (``weak``) do not show it."""

    evidence: tuple[SetId, ...]
    weak: SetId


class Association(_Criterion, frozen=True, tag="association"):
    """No cause close in time to every episode.

    A cause of ``causes`` counts from ``within`` before the episode to ``within`` after it. An
    event named by ``cause_window`` counts from its day to ``within`` after it; while its waiting
    period is open it makes an undated episode doubtful too.
    """

    episodes: tuple[SetId, ...]
    within: Length
    finding: FindingCode
    causes: tuple[SetId, ...] = ()
    cause_window: WaitingEventName | None = None

    @property
    def span(self) -> Span:
        """``within`` as a span."""
        return parse_span(self.within)


class Pairing(_Criterion, frozen=True, tag="pairing"):
    """Every primary code carries one of the partner codes.

    ``evidence`` sets document the partner outside ICD-10-CM; ``near_miss`` sets look like partners
    and do not count. Up to ``notice_until`` contractors only gave notice of a missing partner.
    """

    primaries: SetId
    partners: SetId
    evidence: tuple[SetId, ...] = ()
    near_miss: tuple[SetId, ...] = ()
    notice_until: date | None = None


class Measurement(_Criterion, frozen=True, tag="measurement"):
    """The latest reading by an approved modality, at most ``at_most`` where a limit is given.

    A reading older than an event of ``after_events``, or than the start of a therapy of
    ``after_therapies``, is flagged: the text sets no limit to its age.
    """

    readings: SetId
    modality_procedures: SetId
    approved: tuple[str, ...]
    at_most: Percentage | None = None
    after_events: tuple[SetId, ...] = ()
    after_therapies: tuple[SetId, ...] = ()

    @property
    def limit(self) -> float | None:
        """``at_most`` as a number of per cent."""
        return None if self.at_most is None else parse_limit(self.at_most, "%")


class FunctionalClass(_Criterion, frozen=True, tag="class"):
    """The latest functional class is one of ``allowed`` (1 to 4)."""

    readings: SetId
    allowed: tuple[int, ...]


class WaitingPeriod(_Criterion, frozen=True, tag="waiting-period"):
    """No event of this name so recent that its waiting period is still open."""

    event: WaitingEventName


class Absence(_Criterion, frozen=True, tag="absence"):
    """None of these is in the chart, current on the service date.

    ``fails`` sets decide against coverage, ``asks`` sets raise a question, ``asks_on_day`` sets do
    so when dated on the service date, ``asks_day_before`` also the day before; ``asks_planned``
    sets when planned and not yet done.
    """

    finding: FindingCode
    fails: tuple[SetId, ...] = ()
    asks: tuple[SetId, ...] = ()
    asks_on_day: tuple[SetId, ...] = ()
    asks_day_before: tuple[SetId, ...] = ()
    asks_planned: tuple[SetId, ...] = ()


class RateControl(_Criterion, frozen=True, tag="rate-control"):
    """No supraventricular tachycardia with a latest heart rate above ``above`` per minute."""

    finding: FindingCode
    uncontrolled: SetId
    rhythms: SetId
    rates: SetId
    above: Rate

    @property
    def limit(self) -> float:
        """``above`` as a number of beats per minute."""
        return parse_limit(self.above, "/min")


class Therapy(_Criterion, frozen=True, tag="therapy"):
    """One drug of each class, each begun ``at_least`` before the service date and not stopped.

    ``instead`` gives classes that together stand in for one of ``classes``.
    """

    classes: tuple[SetId, ...]
    at_least: Length
    instead: dict[SetId, tuple[SetId, ...]] = {}

    @property
    def span(self) -> Span:
        """``at_least`` as a span."""
        return parse_span(self.at_least)


class Visit(_Criterion, frozen=True, tag="encounter"):
    """A visit of this kind on or before the service date, held by someone who may hold it."""

    visits: SetId


class ExistingDevice(_Criterion, frozen=True, tag="device"):
    """The patient has a defibrillator.

    ``evidence`` sets show it; ``implants`` are completed procedures that show it unless a later
    procedure of ``removals`` took it out; ``hints`` are a reason to look, ``near_miss`` sets other
    devices.
    """

    evidence: tuple[SetId, ...]
    implants: tuple[SetId, ...]
    removals: tuple[SetId, ...]
    hints: tuple[SetId, ...] = ()
    near_miss: tuple[SetId, ...] = ()


class Judgement(_Criterion, frozen=True, tag="judgement"):
    """What only a person can say: attested when silence is clear, open when silence asks."""

    finding: FindingCode | None = None


Criterion = (
    Diagnosis
    | Episode
    | Association
    | Pairing
    | Measurement
    | FunctionalClass
    | WaitingPeriod
    | Absence
    | RateControl
    | Therapy
    | Visit
    | ExistingDevice
    | Judgement
)


class Indication(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One covered indication: met when every criterion of ``all_of`` is met.

    ``rank`` orders several met indications, the one that needs least first. ``candidates`` are the
    criteria of which any makes the patient a candidate. ``informs`` are criteria whose findings are
    shown and never decide. ``exempt`` says that no waiting period binds a patient who meets this
    indication.
    """

    label: str
    cite: ParagraphId
    rank: int
    all_of: tuple[CriterionId, ...]
    candidates: tuple[CriterionId, ...]
    informs: tuple[CriterionId, ...] = ()
    exempt: bool = False


class OrderRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How one class of orders is judged.

    ``indications`` and ``always`` (criteria of every indication) bind it; an order with
    ``diagnosis_support`` needs only a listed diagnosis that stands alone or a complete pair.
    ``finding`` is told of every order of the class; ``silent_finding`` of an order whose code also
    serves pacemakers where no defibrillator is evidenced.
    """

    indications: tuple[IndicationId, ...] = ()
    always: tuple[CriterionId, ...] = ()
    diagnosis_support: bool = False
    finding: FindingCode | None = None
    silent_finding: FindingCode = "shared-lead-code"


class WaitingEvent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An event that opens a waiting period.

    The day of the event is day 0; ``last_excluded`` after it is the last excluded day. ``records``
    show the event; ``past_records`` say that it happened once. ``recorded_within`` bounds an
    undated acute record from below, ``past_after`` an undated past record from above, both from the
    day it was recorded (ICD-10-CM codes only). ``also_show`` is a longer reading shown beside.
    """

    label: str
    cite: ParagraphId
    last_excluded: Length
    records: tuple[SetId, ...]
    past_records: tuple[SetId, ...]
    unknown_date_finding: FindingCode
    recorded_within: Length | None = None
    past_after: Length | None = None
    also_show: Length | None = None

    @property
    def length(self) -> Span:
        """``last_excluded`` as a span."""
        return parse_span(self.last_excluded)


class TimingException(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An exception to the waiting periods: a hint in the chart, or an indication that is met."""

    label: str
    cite: ParagraphId
    hints: tuple[SetId, ...] = ()
    indication: IndicationId | None = None


class Hint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A record that is no evidence but worth a question, unless an indication is met anyway."""

    value_set: SetId
    cite: ParagraphId
    unless_met: IndicationId


class Revision(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One revision of the article.

    ``published`` is the article's own day, ``effective`` the first service day of the codes that it
    changed, often an earlier one; None where it changed no code.
    """

    published: date
    cite: ParagraphId
    effective: date | None = None


class PolicyVersion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One complete version of a policy, in force from the day its file is named by.

    ``history`` are value sets whose codes speak of the past and need not be current;
    ``past_codes`` are the claim codes that name a past event as past.
    ``paragraphs`` gives the gist of every paragraph that may be cited, in own words.
    ``revisions`` are the article's, by name, in the order in which they were published.
    ``decision_aid_url`` is an evidence-based tool for the shared decision-making visit.
    """

    id: str
    effective: date
    title: str
    citation: str
    article: str
    article_revision: str
    article_url: str
    ncd_url: str
    decision_aid_url: str
    source_label: str
    history: tuple[SetId, ...]
    past_codes: tuple[ClaimCode, ...]
    existing_device: CriterionId
    bridge_option: SetId
    paragraphs: dict[str, str]
    revisions: dict[str, Revision]
    orders: dict[OrderClass, OrderRule]
    indications: dict[str, Indication]
    criteria: dict[str, Criterion]
    waiting: dict[EventName, WaitingEvent]
    exceptions: dict[Literal["pacemaker", "replacement"], TimingException]
    hints: dict[FindingCode, Hint]

    @property
    def version(self) -> str:
        """The version's name: its first day in force."""
        return self.effective.isoformat()

    def pairings(self) -> tuple[tuple[str, Pairing], ...]:
        """The pairing criteria by id, in the order of the file."""
        return tuple((k, c) for k, c in self.criteria.items() if isinstance(c, Pairing))

    def events_of(self, indication: Indication) -> tuple[EventName, ...]:
        """The events whose waiting periods an indication has among its criteria."""
        criteria = [self.criteria[name] for name in indication.all_of]
        return tuple(c.event for c in criteria if isinstance(c, WaitingPeriod))

    def diagnoses(self) -> tuple[tuple[str, Diagnosis], ...]:
        """The diagnosis criteria by id, in the order of the file."""
        return tuple((k, c) for k, c in self.criteria.items() if isinstance(c, Diagnosis))


@cache
def parse_limit(text: str, unit: str) -> float:
    """Read a limit such as ``30 %``.

    Raises:
        ValueError: the text is not a number followed by ``unit``.
    """
    number, _, rest = text.partition(" ")
    if rest != unit:
        message = f"{text!r} is not a limit such as '30 {unit}'"
        raise ValueError(message)
    return float(number)


class PolicyLibrary:
    """All versions of one policy, each in force until the day before the next."""

    def __init__(self, versions: Iterable[PolicyVersion]) -> None:
        """Order the versions by their first day; two of one day would leave the day undecided."""
        self.versions: Sequence[PolicyVersion] = sorted(versions, key=lambda v: v.effective)

    def in_force(self, day: date) -> PolicyVersion | None:
        """The version in force on ``day``, None before the first."""
        found = None
        for version in self.versions:
            if version.effective > day:
                break
            found = version
        return found


def references(key: str, value: object, hint: object) -> Iterator[tuple[str, Refers, str]]:
    """Every text of a policy that names something, with its key and what it names."""
    if get_origin(hint) is Annotated:
        for note in get_args(hint)[1:]:
            yield key, note, str(value)
        return
    for inner_key, inner, inner_hint in _parts(key, value, hint):
        yield from references(inner_key, inner, inner_hint)


def _parts(key: str, value: object, hint: object) -> Iterator[tuple[str, object, object]]:
    """What a value of a policy is made of, each part with its key and its type."""
    match value:
        case msgspec.Struct():
            prefix = f"{key}." if key else ""
            for name, inner in get_type_hints(type(value), include_extras=True).items():
                yield prefix + name, getattr(value, name, None), inner
        case tuple():
            for item in value:
                yield key, item, get_args(hint)[0]
        case dict():
            for name, item in value.items():
                yield f"{key}.{name}", name, get_args(hint)[0]
                yield f"{key}.{name}", item, get_args(hint)[1]
        case None:
            return
        case _:
            for choice in get_args(hint):
                yield key, value, choice


def value_sets_of(criterion: Criterion, policy: PolicyVersion) -> frozenset[str]:
    """The value sets that a criterion reads: without a record in any of them, it hears silence."""
    sets = {
        name
        for _, refers, name in references("", criterion, type(criterion))
        if refers.to == "value set"
    }
    if isinstance(criterion, WaitingPeriod):
        event = policy.waiting[criterion.event]
        sets.update(event.records + event.past_records)
    return frozenset(sets)
