"""Every worked case, asked as a CRD client asks, is answered to the letter of the guide."""

from __future__ import annotations

import json
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from fhir.resources.R4B import get_fhir_model_class

from crd_corpus import COVERAGE, HOOKS, VERSIONS, VIGNETTES, Case
from crd_judge.call import Call, Reply
from crd_judge.rules import broken_rules
from live_server import SERVICE_IDS, TODAY, Live, bundle, every_call

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crd_judge.call import Version

pytest_plugins = ("crd_corpus", "live_server")


def told(action: dict[str, Any]) -> dict[str, list[Any]]:
    """What the coverage information of an update says, by the names of its parts."""
    found: dict[str, list[Any]] = {}
    (statement,) = action["resource"]["extension"]
    for part in statement["extension"]:
        (value,) = (value for name, value in part.items() if name != "url")
        found.setdefault(part["url"], []).append(value)
    return found


def updates(corpus: tuple[Case, ...]) -> Iterator[tuple[Case, str, dict[str, list[Any]]]]:
    """Every statement of the corpus, with the status of the determination behind it."""
    for case in corpus:
        statuses = {one.order.reference: one.status for one in case.determinations}
        for action in case.answer.get("systemActions", ()):
            resource = action["resource"]
            yield case, statuses[f"{resource['resourceType']}/{resource['id']}"], told(action)


def test_every_answer_keeps_every_rule(corpus: tuple[Case, ...]) -> None:
    seen: set[str] = set()
    wrong = {c.name: broken for c in corpus if (broken := broken_rules(c.call, c.reply, seen))}
    assert wrong == {}
    assert len(corpus) == len(VIGNETTES) * len(HOOKS) * len(VERSIONS)


def test_the_corpus_holds_what_it_is_meant_to_show(corpus: tuple[Case, ...]) -> None:
    statuses = Counter(status for _, status, _ in updates(corpus))
    assert all(statuses[status] > 100 for status in ("covered", "conditional", "not-covered"))
    assert sum("systemActions" not in case.answer for case in corpus) > 10
    assert sum(bool(case.answer["cards"]) for case in corpus) > 100
    assert any("dependency" in parts for _, _, parts in updates(corpus))


def test_a_statement_says_what_the_determination_says(corpus: tuple[Case, ...]) -> None:
    for case, status, parts in updates(corpus):
        assert parts["covered"] in ([status], ["indeterminate"]), case.name
        assert parts["coverage"] == [{"reference": f"Coverage/{COVERAGE['id']}"}], case.name


def test_conditional_asks_for_what_is_open(corpus: tuple[Case, ...]) -> None:
    for case, _, parts in updates(corpus):
        if parts["covered"] != ["conditional"]:
            assert not parts.keys() & {"info-needed", "doc-needed", "doc-purpose"}, case.name
            continue
        assert parts["info-needed"] in (["timeframe"], ["OTH"]), case.name
        assert all(reason["text"] for reason in parts["reason"]), case.name
        asked = None if case.call.hook == "order-select" else ["clinical"]
        assert parts.get("doc-needed") == asked, case.name


def test_timeframe_is_asked_for_where_a_day_is_named(corpus: tuple[Case, ...]) -> None:
    for case, _, parts in updates(corpus):
        (found,) = case.determinations[:1] if len(case.determinations) == 1 else (None,)
        if found is not None and found.earliest_eligible_date is not None:
            open_for = parts.get("info-needed")
            assert open_for == (["timeframe"] if found.status == "conditional" else None), case.name


def test_authorization_is_told_as_the_version_wants(corpus: tuple[Case, ...]) -> None:
    for case, _, parts in updates(corpus):
        silent = parts["covered"] == ["not-covered"] and case.call.version == "2.2"
        assert parts.get("pa-needed") == (None if silent else ["no-auth"]), case.name


def test_one_id_never_says_two_things(corpus: tuple[Case, ...]) -> None:
    said: dict[str, set[str]] = {}
    for _, _, parts in updates(corpus):
        (identity,) = parts["coverage-assertion-id"]
        said.setdefault(identity, set()).add(parts["covered"][0])
    assert {identity: covered for identity, covered in said.items() if len(covered) > 1} == {}


def test_indeterminate_is_for_those_who_ask_for_2_2(corpus: tuple[Case, ...]) -> None:
    found = {case.call.version for case, _, p in updates(corpus) if "indeterminate" in p["covered"]}
    assert found == {"2.2"}


def test_what_is_produced_are_fhir_resources(corpus: tuple[Case, ...]) -> None:
    # Days and ids change nothing of a resource's shape.
    produced = {
        json.dumps(action["resource"])
        for case in corpus
        if case.call.version is None
        for action in (
            *case.answer.get("systemActions", ()),
            *(
                a
                for c in case.answer["cards"]
                for s in c.get("suggestions", ())
                for a in s["actions"]
            ),
        )
    }
    assert len(produced) > 100
    for text in produced:
        resource = json.loads(text)
        get_fhir_model_class(resource["resourceType"]).model_validate(resource)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("hook", SERVICE_IDS)
def test_the_running_server_keeps_every_rule(
    live: Live, hook: str, version: Version | None
) -> None:
    request = every_call()[hook]
    request["prefetch"]["coverage"] = bundle(COVERAGE)
    if version is not None:
        request["extension"] = {"davinci-crd.requestedVersion": version}
    text = json.dumps(request)
    path = f"/cds-services/{SERVICE_IDS[hook]}"
    taken = []
    # The quickest of three: a busy machine is slow, not wrong.
    for _ in range(3):
        started = time.perf_counter()
        response = live.post(path, text.encode())
        taken.append(time.perf_counter() - started)
    kind = response.headers["content-type"]
    reply = Reply(response.status_code, kind, response.content, min(taken))
    call = Call(version, hook, text, ("ServiceRequest/order-1",), TODAY)
    assert broken_rules(call, reply) == []
