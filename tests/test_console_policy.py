"""``/policy`` and ``/policy/diff``: what they say against the rules, the codes and each other."""

from __future__ import annotations

from datetime import date
from itertools import pairwise
from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from console_pages import codes_linked, ids, links, told, words
from defib_coverage.console.views.change_bar import chosen_day
from defib_coverage.console.views.difference import difference_view
from defib_coverage.console.views.linking import Linker
from defib_coverage.console.views.policy import policy_view
from defib_coverage.content import load
from defib_coverage.coverage.dates import DAY
from defib_coverage.coverage.determine import Knowledge
from defib_coverage.coverage.policy import Measurement, PolicyLibrary
from defib_coverage.explaining.change_days import change_days
from defib_coverage.explaining.code_changes import code_changes, come_words, gone_words
from defib_coverage.explaining.order_lists import order_codes
from defib_coverage.explaining.policy_text import PolicyText
from live_server import TODAY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from defib_coverage.console.views.linking import Sentence
    from live_server import Live

pytest_plugins = ("live_server",)
KNOWLEDGE = load().knowledge()
INDEX = KNOWLEDGE.index
(VERSION,) = KNOWLEDGE.library.versions
FIRST = VERSION.effective
CHANGES = [change.day for change in change_days(KNOWLEDGE.library, INDEX)]
AMA = "American Medical Association. All rights reserved."
days = st.dates(date(2017, 1, 1), date(2030, 1, 1))


def said(sentence: Sentence) -> str:
    return "".join(piece.text for piece in sentence)


# -------------------------------------------------------------------------------- a day's policy


@pytest.mark.parametrize("day", [*CHANGES, TODAY])
def test_a_page_says_all_that_the_terminal_says(live: Live, day: date) -> None:
    page = live.get(f"/policy?on={day}")
    assert page.status_code == 200
    text = words(page.text)
    speaker = PolicyText(VERSION, INDEX, day)
    for name, indication in VERSION.indications.items():
        assert f"{name} {indication.label}" in text
    for criterion in VERSION.criteria.values():
        assert told(criterion.label) in text
        assert told(speaker.criterion(criterion)) in text
    for event in VERSION.waiting.values():
        assert event.last_excluded in text
        for line in speaker.waiting(event):
            assert told(line) in text
    for exception in VERSION.exceptions.values():
        assert told(VERSION.paragraphs[exception.cite]) in text
    for order_class in VERSION.orders:
        for code in order_codes(order_class, INDEX, day):
            assert told(f"{code.code} {code.system_name} {code.meaning}") in text
    for name, gist in VERSION.paragraphs.items():
        assert told(f"{name} {gist}") in text
    assert AMA in text


@pytest.mark.parametrize("day", CHANGES)
def test_every_code_of_the_day_is_linked_and_no_other_claim_code(live: Live, day: date) -> None:
    page = live.get(f"/policy?on={day}").text
    linked = set(codes_linked(page))
    dated = [vs for vs in INDEX.value_sets.values() if vs.role == "coverage"]
    in_force = {code for vs in dated for code in INDEX.codes_in_force(vs.id, day)}
    in_force |= {code.code for one in VERSION.orders for code in order_codes(one, INDEX, day)}
    assert in_force <= linked
    # What is linked besides stands in the paragraphs, which tell of every day.
    gists = " ".join(VERSION.paragraphs.values())
    assert all(code in gists for code in linked - in_force)


def test_every_link_of_the_page_leads_somewhere(live: Live) -> None:
    page = live.get("/policy?on=2022-09-30").text
    own = ids(page)
    assert len(own) == len(set(own))
    for address in links(page):
        path, _, anchor = address.partition("#")
        if not path or path == "/policy?on=2022-09-30":
            assert anchor in own or not anchor, address
        elif path.startswith("/"):
            assert live.get(path).status_code == 200, address


def test_links_keep_the_day_that_was_chosen(live: Live) -> None:
    for address in links(live.get("/policy?on=2022-09-30").text):
        if address.startswith("/codes/"):
            assert address.endswith("on=2022-09-30")
    for address in links(live.get("/policy").text):
        if address.startswith("/codes/"):
            assert "on=" not in address


def test_the_days_of_change_are_offered_and_the_current_one_is_marked(live: Live) -> None:
    for on, current in (("2022-09-30", "2021-10-01"), ("2022-10-01", "2022-10-01")):
        page = live.get(f"/policy?on={on}").text
        assert {f"/policy?on={day}" for day in CHANGES} <= set(links(page))
        assert f'href="/policy?on={current}" aria-current="date"' in page
        assert page.count('aria-current="date"') == 1
        assert "/policy" in links(page)
    assert f'value="{TODAY}"' in live.get("/policy").text


@pytest.mark.parametrize("on", ["2018-02-14", "1999-12-31", "0001-01-01"])
def test_before_the_first_version_none_was_in_force(live: Live, on: str) -> None:
    page = live.get(f"/policy?on={on}")
    assert page.status_code == 200
    assert f"No policy of ours was in force on {on}" in words(page.text)
    assert f"/policy?on={FIRST}" in links(page.text)
    assert "Indications" not in page.text


def test_the_last_day_of_all_can_be_shown(live: Live) -> None:
    assert "The policy on 9999-12-31" in words(live.get("/policy?on=9999-12-31").text)
    assert live.get("/policy/diff?from=0001-01-01&to=9999-12-31").status_code == 200


@given(day=st.dates(FIRST))
def test_an_event_up_to_the_day_that_is_told_no_longer_binds(day: date) -> None:
    view = policy_view(chosen_day(day, TODAY, KNOWLEDGE), KNOWLEDGE, Linker(INDEX, VERSION, day))
    assert view.version is not None
    for one, event in zip(view.version.waiting, VERSION.waiting.values(), strict=True):
        assert event.length.after(one.over) < day <= event.length.after(one.over + DAY)


# -------------------------------------------------------------------------------- what changed


@pytest.mark.parametrize(("before", "after"), list(pairwise([FIRST - DAY, *CHANGES])))
def test_changes_are_told_as_on_the_terminal(live: Live, before: date, after: date) -> None:
    page = live.get(f"/policy/diff?from={before}&to={after}")
    assert page.status_code == 200
    text = words(page.text)
    changes = list(code_changes(INDEX, before, after))
    assert changes
    for found in changes:
        for entry in found.gone:
            assert told(gone_words(entry)) in text
        for entry in found.come:
            assert told(come_words(entry)) in text
    assert len(page.content) < 300_000


@given(before=days, after=days)
def test_side_by_side_stand_the_codes_of_both_days(before: date, after: date) -> None:
    view = difference_view(before, after, TODAY, KNOWLEDGE)
    changed = {one.id: one for one in view.lists}
    for name, value_set in INDEX.value_sets.items():
        old = {(e.system, e.code) for e in value_set.codes if e.in_force(before)}
        new = {(e.system, e.code) for e in value_set.codes if e.in_force(after)}
        if old == new:
            assert name not in changed
            continue
        rows = changed[name].rows
        assert sorted(r.code for r in rows if r.fate != "came") == sorted(c for _, c in old)
        assert sorted(r.code for r in rows if r.fate != "left") == sorted(c for _, c in new)
        assert changed[name].came == len(new - old)
        assert changed[name].left == len(old - new)


@given(before=days, after=days)
def test_turned_around_what_came_has_left(before: date, after: date) -> None:
    there = difference_view(before, after, TODAY, KNOWLEDGE)
    back = difference_view(after, before, TODAY, KNOWLEDGE)
    assert [(one.id, one.came, one.left) for one in there.lists] == [
        (one.id, one.left, one.came) for one in back.lists
    ]
    assert [one.name for one in there.revisions] == [one.name for one in back.revisions]


def test_each_revision_opens_what_it_changed(live: Live) -> None:
    page = live.get("/policy").text
    opened = {
        name: words(live.get(f"/policy/diff?from={after - DAY}&to={after}").text)
        for name, revision in VERSION.revisions.items()
        for after in [revision.effective or revision.published]
        if f"/policy/diff?from={after - DAY}&to={after}" in links(page)
    }
    assert set(opened) == set(VERSION.revisions)
    assert "No policy of ours was in force." not in opened["R4"]
    assert "I47.2 (Ventricular tachycardia) left; its last day is 2022-09-30" in opened["R4"]
    assert "R4, published 2022-10-01" in opened["R4"]
    assert "Nothing changed" in opened["R2"]
    assert "On 2018-02-14 no policy of ours was in force." in opened["original"]


def test_without_days_it_is_the_last_change_and_today(live: Live) -> None:
    text = words(live.get("/policy/diff").text)
    assert f"From {CHANGES[-1] - DAY} to {TODAY}" in text
    assert "Nothing changed" in words(live.get(f"/policy/diff?from={TODAY}&to={TODAY}").text)
    assert "On neither day" in words(live.get("/policy/diff?from=2001-01-01&to=2002-01-01").text)


def test_changed_rules_are_told_in_sentences() -> None:
    criteria = dict(VERSION.criteria)
    limit = criteria["lvef-35"]
    assert isinstance(limit, Measurement)
    criteria["lvef-35"] = msgspec.structs.replace(limit, at_most="40 %")
    later = msgspec.structs.replace(VERSION, effective=date(2027, 1, 1), criteria=criteria)
    library = PolicyLibrary((VERSION, later))
    knowledge = Knowledge(library, INDEX, KNOWLEDGE.wording, "digest", KNOWLEDGE.canonical_base)
    view = difference_view(date(2026, 12, 31), date(2027, 1, 1), TODAY, knowledge)
    rules = " ".join(said(sentence) for sentence in view.rules)
    assert "the limit changed from 35 % to 40 %" in rules
    assert date(2027, 1, 1) in [stop.day for stop in view.stops]
    shown = policy_view(
        chosen_day(date(2026, 12, 31), TODAY, knowledge), knowledge, Linker(INDEX, VERSION, None)
    )
    assert shown.version is not None
    assert shown.version.until == date(2026, 12, 31)


# ------------------------------------------------------------------------------------ what is asked

BAD_DAYS: Sequence[str] = (
    "x",
    "20261120",
    "2026-W47-5",
    "2026-13-01",
    "2026-02-30",
    "2026-11-20T10:00",
    "\uff12\uff10\uff12\uff16-11-20",
    "0000-01-01",
    "-2026-11-20",
    "2026-11-20\0",
    "2026-11-20\u202e",
    "<script>alert(1)</script>",
    "9" * 5000,
)


@pytest.mark.parametrize("bad", BAD_DAYS, ids=range(len(BAD_DAYS)))
@pytest.mark.parametrize("path", ["/policy?on=", "/policy/diff?from=", "/policy/diff?to="])
def test_what_is_no_day_is_refused_in_words(live: Live, path: str, bad: str) -> None:
    page = live.get(path + quote(bad))
    assert page.status_code == 400
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert path.partition("?")[2].strip("=") in words(page.text)
    assert "<script>alert" not in page.text


def test_a_day_that_is_given_twice_is_refused(live: Live) -> None:
    page = live.get("/policy?on=2026-11-20&on=2018-02-15")
    assert page.status_code == 400
    assert "It is given more than once." in words(page.text)


def test_no_day_is_today_and_other_names_are_passed_over(live: Live) -> None:
    assert live.get("/policy?on=&utm=1").text == live.get("/policy").text


@given(text=st.text(max_size=80))
def test_a_sentence_with_links_says_the_same(text: str) -> None:
    assert said(Linker(INDEX, VERSION, None).sentence(text)) == text


def test_codes_parts_and_days_are_named_in_sentences() -> None:
    linker = Linker(INDEX, VERSION, date(2022, 9, 30))
    sentence = linker.sentence("B2: I25.2 goes with I50.22 (P-B2-CODES) since 2019-11-25, not I99.")
    kinds = {piece.text: (piece.kind, piece.href) for piece in sentence if piece.kind != "words"}
    assert kinds == {
        "B2": ("part", "/policy?on=2022-09-30#B2"),
        "I25.2": ("code", "/codes/I25.2?on=2022-09-30"),
        "I50.22": ("code", "/codes/I50.22?on=2022-09-30"),
        "P-B2-CODES": ("part", "/policy?on=2022-09-30#P-B2-CODES"),
        "2019-11-25": ("day", None),
    }
