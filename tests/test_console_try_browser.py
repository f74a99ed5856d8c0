"""``/try`` in a real browser: each story from its click to its cards, the date that is dragged."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import TYPE_CHECKING, cast

import pytest
from playwright.sync_api import expect

from browser import PHONE, Window, no_serious_violations, no_sideways_scroll, screenshot, tab
from console_charts import HOSTILE, SAMPLES, STATUSES, chart_bundle, hostile, large_call
from live_server import TODAY, covered_chart, order, sign

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser, Page

    from defib_coverage.console.samples import Sample
    from live_server import Live

pytest_plugins = ("browser", "live_server")
WINDOWS = {
    "desktop": Window(),
    "dark": Window(scheme="dark"),
    "phone": Window(PHONE),
}


def verdict(page: Page) -> str:
    return cast("str", page.locator("#verdict").get_attribute("data-said"))


def answered(page: Page, status: str, day: str | None = None) -> None:
    """Wait until the page shows a status, and of a day."""
    expect(page.locator("#answer")).not_to_have_attribute("aria-busy", "true")
    said = re.compile(f"^{status} on {day or ''}")
    expect(page.locator("#verdict")).to_have_attribute("data-said", said)


def day(number: int) -> str:
    return (TODAY + timedelta(days=number)).isoformat()


def choose(page: Page, title: str) -> None:
    page.get_by_role("radio", name=re.compile(f"^{re.escape(title)}")).check()


# -------------------------------------------------------------------------------------- the stories


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda one: one.id)
def test_a_story_from_its_click_to_its_cards(browser: Browser, live: Live, sample: Sample) -> None:
    request = json.loads(sample.request(TODAY))
    cards = live.cards(request)
    (found,) = live.determinations(request)
    with tab(browser, live.base) as page:
        page.goto("/try?sample=" + ("no-data" if sample.id != "no-data" else "covered"))
        choose(page, sample.title)
        answered(page, STATUSES[sample.id], day(0))
        assert page.url == f"{live.base}/try?sample={sample.id}&as_of={day(0)}"
        drawn = page.locator(".card")
        assert drawn.count() == len(cards)
        for number, card in enumerate(cards):
            one = drawn.nth(number)
            expect(one.get_by_role("heading")).to_have_text(
                re.compile(re.escape(card["summary"]) + "$")
            )
            assert card["indicator"] in (one.get_attribute("class") or "")
            for suggestion in card.get("suggestions", ()):
                button = one.locator(".suggestion", has_text=suggestion["label"]).first
                button.locator("summary").first.click()
                expect(button).to_contain_text(suggestion["actions"][0]["description"])
        expect(page.locator("#actions .action")).to_have_count(1)
        for indication in found["indications"]:
            if indication["candidate"]:
                expect(page.locator("#why")).to_contain_text(indication["label"])
        no_serious_violations(page)
        no_sideways_scroll(page)
        if sample.id == "infarction-25-days":
            page.set_viewport_size({"width": 1280, "height": 1150})
            screenshot(page, "try")


def test_a_suggestion_shows_what_becomes_of_the_order(browser: Browser, live: Live) -> None:
    with tab(browser, live.base) as page:
        page.goto("/try?sample=infarction-25-days")
        card = page.locator(".card", has_text="Waiting period")
        card.locator(".suggestion summary").first.click()
        card.get_by_text("What changes in ServiceRequest/order-1").click()
        expect(card.locator("ins")).to_contain_text(f'"occurrenceDateTime": "{day(16)}"')
        expect(card.locator("del")).to_contain_text(f'"occurrenceDateTime": "{day(0)}"')
        action = page.locator("#actions")
        expect(action).to_contain_text("not covered")
        action.get_by_text("What changes in").click()
        expect(action.locator("ins").filter(has_text="ext-coverage-information")).to_have_count(1)


def test_the_tree_leads_to_the_record_and_the_paragraph(browser: Browser, live: Live) -> None:
    with tab(browser, live.base) as page:
        page.goto("/try?sample=infarction-25-days")
        page.locator("#raw summary").first.click()
        expect(page.locator("#request-json")).not_to_be_visible()
        page.locator("#why").get_by_role("link", name="Condition/infarction").first.click()
        record = page.locator(".record:target")
        expect(record).to_be_in_viewport()
        expect(record).to_contain_text('"id": "infarction"')
        paragraph = page.locator("#why .paragraph").first
        paragraph.locator("summary").click()
        expect(paragraph.locator("p")).to_be_visible()
        page.goto("/try?sample=missing-secondary")
        expect(page.locator("#why .gaps").first).to_contain_text("not found:")


# --------------------------------------------------------------------------------- the service date


def drag(page: Page, number: int) -> None:
    """Drag the service date to a day of the picture."""
    thumb, picture = page.locator(".thumb .handle"), page.locator(".picture")
    thumb.scroll_into_view_if_needed()
    start, whole = thumb.bounding_box(), picture.bounding_box()
    span = int(picture.get_attribute("data-span") or "")
    now = int(page.locator(".thumb").get_attribute("aria-valuenow") or "")
    assert start is not None
    assert whole is not None
    x, y = start["x"] + start["width"] / 2, start["y"] + start["height"] / 2
    target = whole["x"] + whole["width"] * (now + number) / span
    page.mouse.move(x, y)
    page.mouse.down()
    for step in range(1, 11):
        page.mouse.move(x + (target - x) * step / 10, y)
    page.mouse.up()


def test_the_service_date_is_dragged_and_everything_follows(browser: Browser, live: Live) -> None:
    with tab(browser, live.base) as page:
        page.goto("/try?sample=infarction-25-days")
        assert page.locator(".card").count() == 3
        drag(page, 16)
        answered(page, "covered", day(16))
        expect(page.locator(".card")).to_have_count(0)
        expect(page.locator(".blocked.is-over")).to_have_count(1)
        expect(page.locator("#date")).to_have_value(day(16))
        expect(page.locator("#said")).to_have_text(f"covered on {day(16)}")
        assert f"date={day(16)}" in page.url
        screenshot(page, "try-moved")
        drag(page, -1)
        answered(page, "not covered", day(15))
        expect(page.locator(".blocked.is-definite")).to_have_count(1)
        expect(page.locator("text.eligible")).to_have_text(f"first eligible {day(16)}")
        # The address shows the same to somebody else.
        address = page.url
        page.goto("/")
        page.goto(address)
        answered(page, "not covered", day(15))


def test_a_date_that_is_dragged_past_the_edge_stays_in_the_picture(
    browser: Browser, live: Live
) -> None:
    with tab(browser, live.base) as page:
        page.goto("/try?sample=bypass-80-days")
        drag(page, 500)
        answered(page, "covered")
        position = page.locator(".thumb").get_attribute("aria-valuenow")
        assert int(position or "") <= int(page.locator(".picture").get_attribute("data-span") or "")


def test_the_scale_stays_under_the_pointer_at_the_right_edge(browser: Browser, live: Live) -> None:
    with tab(browser, live.base) as page:
        page.goto("/try?sample=infarction-25-days")
        thumb, picture = page.locator(".thumb .handle"), page.locator(".picture")
        thumb.scroll_into_view_if_needed()
        start, whole = thumb.bounding_box(), picture.bounding_box()
        assert start is not None
        assert whole is not None
        scale = [picture.get_attribute(name) for name in ("data-first", "data-span")]
        y = start["y"] + start["height"] / 2
        page.mouse.move(start["x"] + start["width"] / 2, y)
        page.mouse.down()
        seen = set()
        for step in range(4):
            page.mouse.move(whole["x"] + whole["width"] + step, y)
            page.wait_for_timeout(250)
            answered(page, "covered")
            seen.add(page.locator("#date").input_value())
        page.mouse.up()
        assert len(seen) == 1
        assert [picture.get_attribute(name) for name in ("data-first", "data-span")] == scale


def test_end_and_a_drag_back_from_far_away(browser: Browser, live: Live) -> None:
    with tab(browser, live.base) as page:
        page.goto("/try?sample=infarction-25-days")
        slider = page.get_by_role("slider", name="Service date")
        slider.focus()
        seen = set()
        for _ in range(3):
            page.keyboard.press("End")
            page.wait_for_timeout(250)
            answered(page, "covered")
            seen.add(page.locator("#date").input_value())
        assert len(seen) == 1
        page.locator("#date").fill(day(100))
        answered(page, "covered", day(100))
        picture = page.locator(".picture")
        wide = int(picture.get_attribute("data-span") or "")
        thumb = page.locator(".thumb .handle")
        thumb.scroll_into_view_if_needed()
        start, whole = thumb.bounding_box(), picture.bounding_box()
        assert start is not None
        assert whole is not None
        y = start["y"] + start["height"] / 2
        page.mouse.move(start["x"] + start["width"] / 2, y)
        page.mouse.down()
        page.mouse.move(whole["x"] + whole["width"] / 4, y)
        page.wait_for_timeout(250)
        expect(page.locator("#answer")).not_to_have_attribute("aria-busy", "true")
        assert int(picture.get_attribute("data-span") or "") == wide
        chosen = page.locator("#date").input_value()
        page.mouse.up()
        # Let go of, it gets the scale that it has by itself; the day stays.
        expect(picture).not_to_have_attribute("data-span", str(wide))
        expect(page.locator("#date")).to_have_value(chosen)


def test_on_a_phone_a_choice_leads_to_the_verdict(browser: Browser, live: Live) -> None:
    with tab(browser, live.base, Window(PHONE)) as page:
        page.goto("/try?sample=covered")
        chosen = page.locator("#chosen")
        expect(page.get_by_role("radio").first).not_to_be_visible()
        verdict_top = page.locator("#verdict").bounding_box()
        assert verdict_top is not None
        assert verdict_top["y"] < 800
        chosen.click()
        page.get_by_role("radio", name=re.compile("^Infarction 25")).click()
        answered(page, "not covered", day(0))
        expect(page.locator("#verdict")).to_be_focused()
        expect(page.locator("#verdict h2")).to_be_in_viewport()
        expect(chosen).to_have_text("Infarction 25 days ago")
        expect(page.get_by_role("radio").first).not_to_be_visible()
        no_serious_violations(page)
        # By keyboard, the focus stays in the list.
        chosen.click()
        page.get_by_role("radio", name=re.compile("^Infarction 25")).focus()
        page.keyboard.press("ArrowDown")
        answered(page, "not covered", day(0))
        expect(page.get_by_role("radio", checked=True)).to_be_focused()


def test_arrow_keys_move_the_service_date_and_keep_the_focus(browser: Browser, live: Live) -> None:
    with tab(browser, live.base) as page:
        page.goto("/try?sample=infarction-25-days")
        slider = page.get_by_role("slider", name="Service date")
        slider.focus()
        for _ in range(2):
            page.keyboard.press("PageDown")
        page.keyboard.press("PageUp")
        answered(page, "not covered", day(-7))
        for _ in range(23):
            page.keyboard.press("ArrowRight")
        answered(page, "covered", day(16))
        expect(slider).to_have_attribute("aria-valuetext", f"{day(16)}: covered")
        expect(slider).to_be_focused()
        page.keyboard.press("ArrowDown")
        answered(page, "not covered", day(15))
        expect(slider).to_have_attribute(
            "aria-valuetext", f"{day(15)}: not covered, first eligible day {day(16)}"
        )
        page.keyboard.press("Home")
        expect(slider).to_have_attribute("aria-valuenow", "0")
        no_serious_violations(page)


def test_of_several_answers_the_latest_wins(browser: Browser, live: Live) -> None:
    with tab(browser, live.base) as page:
        page.goto("/try?sample=infarction-25-days")
        held: list[str] = []

        def late(route: object) -> None:
            held.append("one")
            if len(held) == 1:
                page.wait_for_timeout(400)
            route.continue_()  # type: ignore[attr-defined]

        page.route("**/try", late)
        page.locator("#date").fill(day(2))
        page.locator("#date").fill(day(16))
        answered(page, "covered", day(16))
        page.wait_for_timeout(500)
        answered(page, "covered", day(16))


def test_what_was_opened_stays_open_when_the_date_moves(browser: Browser, live: Live) -> None:
    with tab(browser, live.base) as page:
        page.goto("/try?sample=infarction-25-days")
        page.get_by_text("The same in words").click()
        table = page.get_by_role("table", name="Days that matter")
        expect(table).to_contain_text("first eligible day")
        page.locator("#date").fill(day(16))
        answered(page, "covered", day(16))
        expect(table).to_be_visible()
        expect(table).to_contain_text("does not matter on this service date")


# ---------------------------------------------------------------------------------- own documents


def own(page: Page) -> None:
    choose(page, "Your own")


def test_a_chart_is_pasted_and_an_order_chosen(browser: Browser, live: Live) -> None:
    with tab(browser, live.base) as page:
        page.goto("/try")
        own(page)
        page.get_by_label("Bundle or hook request").fill(json.dumps(chart_bundle()))
        page.get_by_label("Order", exact=True).focus()
        expect(page.get_by_role("alert")).to_contain_text("name one with Order")
        page.get_by_label("Order", exact=True).select_option("cpt|33249")
        answered(page, "covered", day(0))
        assert page.url == f"{live.base}/try"
        page.get_by_label("Order", exact=True).select_option("cpt|33262")
        answered(page, "conditional", day(0))


def test_what_is_wrong_with_a_document_is_told(browser: Browser, live: Live) -> None:
    with tab(browser, live.base) as page:
        page.goto("/try")
        own(page)
        page.get_by_label("Bundle or hook request").fill('{"hook": "order-sign", "context": [1}')
        page.get_by_role("button", name="Show the answer").click()
        alert = page.get_by_role("alert")
        expect(alert).to_contain_text("Your document: context[0]")
        expect(page.locator("#said")).to_contain_text("This cannot be answered")
        no_serious_violations(page)
        page.get_by_label("Bundle or hook request").fill(json.dumps(sign(chart=covered_chart())))
        page.get_by_role("button", name="Show the answer").click()
        answered(page, "covered", day(0))
        expect(alert).to_have_count(0)


def test_a_large_chart_is_uploaded(browser: Browser, live: Live, tmp_path: Path) -> None:
    file = tmp_path / "chart.json"
    file.write_text(json.dumps(large_call()))
    with tab(browser, live.base) as page:
        page.goto("/try?sample=no-data")
        own(page)
        page.get_by_label("or a file").set_input_files(file)
        answered(page, "covered", day(0))
        expect(page.locator("#request-json .record").first).to_be_visible()
        page.locator("#date").fill("2026-12-24")
        answered(page, "covered", "2026-12-24")
        page.get_by_role("button", name="Show all of it").click()
        expect(page.locator("#request-json")).to_contain_text('"id": "lab-2900"')


def test_without_scripts_the_form_brings_a_page(
    browser: Browser, live: Live, tmp_path: Path
) -> None:
    file = tmp_path / "chart.json"
    file.write_text(json.dumps(chart_bundle(order())))
    with tab(browser, live.base, Window(script=False)) as page:
        page.goto("/try")
        choose(page, "Infarction 25 days ago")
        page.get_by_label("Service date").first.fill(day(16))
        page.get_by_role("button", name="Show the answer").click()
        assert verdict(page) == f"covered on {day(16)}"
        own(page)
        page.get_by_label("or a file").set_input_files(file)
        page.get_by_label("Service date").first.fill("")
        page.get_by_role("button", name="Show the answer").click()
        assert verdict(page) == f"covered on {day(0)}"
        page.get_by_label("Order", exact=True).select_option("cpt|33262")
        page.get_by_role("button", name="Show the answer").click()
        assert verdict(page).startswith("conditional on ")


# --------------------------------------------------------------------------- hostile text, windows


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_runs_nothing_and_turns_nothing(
    browser: Browser, live: Live, text: str
) -> None:
    with tab(browser, live.base) as page:
        page.on("dialog", lambda dialog: pytest.fail(dialog.message))
        page.goto("/try")
        own(page)
        page.get_by_label("Bundle or hook request").fill(json.dumps(hostile(text)))
        page.get_by_role("button", name="Show the answer").click()
        answered(page, "conditional", day(0))
        assert page.locator("main script, main img, main b, main x").count() == 0
        assert page.locator('a[href*="evil.example"]').count() == 0
        shown = page.locator("#request-json").inner_text()
        assert json.loads(shown)["context"]["draftOrders"]["entry"][0]["resource"]["note"] == [
            {"text": text}
        ]


@pytest.mark.parametrize("window", WINDOWS.values(), ids=WINDOWS)
@pytest.mark.parametrize("sample", ["everything-wrong", "imprecise-date", "covered"])
def test_everybody_can_use_it_everywhere(
    browser: Browser, live: Live, window: Window, sample: str
) -> None:
    with tab(browser, live.base, window) as page:
        page.goto(f"/try?sample={sample}")
        page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        no_serious_violations(page)
        no_sideways_scroll(page)
        assert page.locator("h1").count() == 1
        if sample == "everything-wrong" and window != Window():
            page.goto(f"/try?sample={sample}")
            screenshot(page, "try-phone" if window.size == PHONE else "try-dark")
