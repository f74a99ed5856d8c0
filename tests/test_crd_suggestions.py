"""A suggestion that is accepted settles what its card is about, and nothing else gets worse.

Every suggestion in the answer to any worked case is applied to the call as a client would apply it,
and the call is made again.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import msgspec
import pytest

from crd_corpus import Case, in_scope
from crd_judge.call import Reply
from crd_judge.rules import broken_rules

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from defib_coverage.coverage.determination import Determination
    from defib_coverage.hooks.response import HookResponse

    Answer = Callable[..., HookResponse]
    Evaluate = Callable[..., tuple[Determination, ...]]
    Kind = Literal["code", "day", "visit"]

pytest_plugins = ("crd_corpus",)
Json = dict[str, Any]
CLAIM = {"needs-icd10-code", "secondary-diagnosis-missing", "code-not-effective"}
DAYS = {"occurrenceDateTime", "occurrencePeriod", "occurrenceTiming"}
TOPIC: dict[Kind, str] = {"code": "claim", "day": "limits", "visit": "clinical-reminder"}


class Accepted(NamedTuple):
    """A suggestion that was accepted: its card's topic, what it changes, and the call after it."""

    case: Case
    topic: str
    kind: Kind
    order: str
    before: Json
    after: Json
    request: Json

    @property
    def name(self) -> str:
        return f"{self.case.name}: {self.topic} {self.kind}"


def drafts_of(request: Json) -> list[Json]:
    return [entry["resource"] for entry in request["context"]["draftOrders"]["entry"]]


def name_of(resource: Json) -> str:
    return f"{resource['resourceType']}/{resource['id']}"


def apply(request: Json, actions: Sequence[Json]) -> Json:
    """The call after a client has done what a suggestion says."""
    drafts = drafts_of(request)
    for number, action in enumerate(actions):
        resource = action["resource"]
        match action["type"]:
            case "create":
                assert "id" not in resource
                drafts.append(resource | {"id": f"accepted-{number}"})
            case "update":
                names = [name_of(one) for one in drafts]
                drafts[names.index(name_of(resource))] = resource
    context = request["context"] | {"draftOrders": bundle(drafts)}
    return request | {"context": context}


def bundle(drafts: Sequence[Json]) -> Json:
    entries = [{"resource": one} for one in drafts]
    return {"resourceType": "Bundle", "type": "collection", "entry": entries}


def kind_of(before: Json, after: Json) -> Kind:
    """What an update of an order changes; one thing, and that alone."""
    changed = {n for n in before.keys() | after.keys() if before.get(n) != after.get(n)}
    # The order has not been judged since: what was said of it goes.
    changed.discard("extension")
    if changed == {"reasonCode"}:
        return "code"
    assert changed
    assert changed <= DAYS
    return "day"


def accepted(case: Case) -> Iterator[Accepted]:
    """The suggestions of an answer, each accepted alone."""
    drafts = {name_of(one): one for one in drafts_of(case.request)}
    for card in case.answer["cards"]:
        for suggestion in card.get("suggestions", ()):
            actions = suggestion["actions"]
            topic = card["source"]["topic"]["code"]
            request = apply(case.request, actions)
            for action in actions:
                resource = action["resource"]
                if action["type"] == "create":
                    about = card.get("extension", {}).get("davinci-crd.associated-resource")
                    names = [one["reference"] for one in about] if about else list(drafts)
                    for name in names:
                        yield Accepted(case, topic, "visit", name, {}, resource, request)
                else:
                    name = name_of(resource)
                    kind = kind_of(drafts[name], resource)
                    yield Accepted(case, topic, kind, name, drafts[name], resource, request)


@pytest.fixture(scope="module")
def suggestions(corpus: tuple[Case, ...]) -> tuple[Accepted, ...]:
    """Every suggestion of the corpus, accepted."""
    signed = [c for c in corpus if c.call.hook == "order-sign" and c.call.version is None]
    return tuple(one for case in signed for one in accepted(case))


def of(determinations: Sequence[Determination], name: str) -> Determination:
    return next(one for one in determinations if one.order.reference == name)


def codes(determination: Determination, severity: str | None = None) -> set[str]:
    """The codes of the findings."""
    return {f.code for f in determination.findings if severity in {None, f.severity}}


def again(evaluate: Evaluate, one: Accepted) -> Determination:
    """The order's determination after the suggestion."""
    return of(evaluate(json.dumps(one.request).encode(), one.case.call.today), one.order)


def added_codes(one: Accepted) -> set[str]:
    """The diagnosis codes that a suggestion writes to the order."""

    def listed(order: Json) -> set[str]:
        return {
            coding["code"] for reason in order.get("reasonCode", ()) for coding in reason["coding"]
        }

    return listed(one.after) - listed(one.before)


def settled_by(one: Accepted) -> set[str]:
    """The findings that a suggested code is offered for."""
    found, added = of(one.case.determinations, one.order), added_codes(one)
    about = {f.code for f in found.findings if f.code in CLAIM and added & set(f.codes)}
    if any(added & set(m.supported) for m in found.missing_secondary):
        about.add("secondary-diagnosis-missing")
    return about


def test_a_card_offers_what_its_topic_is_about(suggestions: tuple[Accepted, ...]) -> None:
    for one in suggestions:
        assert one.topic == TOPIC[one.kind], one.name


def test_an_added_code_settles_the_findings_that_it_is_offered_for(
    suggestions: tuple[Accepted, ...], evaluate: Evaluate
) -> None:
    for one in suggestions:
        if one.kind != "code":
            continue
        about = settled_by(one)
        assert about, one.name
        assert about & codes(again(evaluate, one)) == set(), one.name


def test_a_moved_day_ends_the_waiting(
    suggestions: tuple[Accepted, ...], evaluate: Evaluate
) -> None:
    for one in suggestions:
        if one.kind != "day":
            continue
        before, after = of(one.case.determinations, one.order), again(evaluate, one)
        assert "waiting-period-open" in codes(before), one.name
        assert "waiting-period-open" not in codes(after), one.name
        assert after.earliest_eligible_date is None, one.name
        assert after.order.service_date == before.earliest_eligible_date, one.name


def test_an_ordered_visit_is_known_to_be_ordered(
    suggestions: tuple[Accepted, ...], evaluate: Evaluate
) -> None:
    for one in suggestions:
        if one.kind != "visit":
            continue
        before, after = codes(of(one.case.determinations, one.order)), codes(again(evaluate, one))
        if "sdm-missing" in before:
            assert "sdm-missing" not in after, one.name
            assert "sdm-ordered" in after, one.name


def test_nothing_gets_worse_by_what_is_accepted(
    suggestions: tuple[Accepted, ...], evaluate: Evaluate
) -> None:
    for one in suggestions:
        before, after = of(one.case.determinations, one.order), again(evaluate, one)
        worse = codes(after, "warning") - codes(before, "warning")
        # A primary that the claim had no code for had no partner either.
        if one.kind == "code" and {m.primary for m in after.missing_secondary} <= added_codes(one):
            worse.discard("secondary-diagnosis-missing")
        # An infarction too recent for I25.2 lacks the code by the first day after the waiting.
        if one.kind == "day" and "i25.2-not-yet-valid" in codes(before) - codes(after):
            worse.discard("needs-icd10-code")
        assert worse == set(), one.name


def test_the_call_after_it_is_answered_by_the_rules(
    suggestions: tuple[Accepted, ...], answer: Answer, evaluate: Evaluate
) -> None:
    asked = {json.dumps(one.request): one for one in suggestions}
    for text, one in asked.items():
        today = one.case.call.today
        scope = in_scope(evaluate(text.encode(), today))
        body = msgspec.json.encode(answer(text.encode(), today))
        call = one.case.call._replace(text=text, scope=scope)
        assert broken_rules(call, Reply(200, "application/json", body, 0)) == [], one.name


def test_every_kind_of_suggestion_was_seen(suggestions: tuple[Accepted, ...]) -> None:
    assert {one.kind for one in suggestions} == {"code", "day", "visit"}
    assert {code for one in suggestions if one.kind == "code" for code in settled_by(one)} == CLAIM
