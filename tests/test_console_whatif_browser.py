"""The panel "What if" in a browser: with and without scripts, by keyboard, by link, on a phone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from browser import PHONE, Window, no_serious_violations, no_sideways_scroll, screenshot, tab

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

    from live_server import Live

pytest_plugins = ("browser", "live_server")
BYPASS = "/try?sample=bypass-80-days&as_of=2026-11-20"


def panel(page: Page) -> Locator:
    return page.locator("#what-if")


def verdict(page: Page) -> Locator:
    return page.locator("#verdict-title .badge")


def open_controls(page: Page) -> None:
    panel(page).get_by_text("Change a fact", exact=True).click()


def test_supposing_what_is_missing_makes_it_covered(browser: Browser, live: Live) -> None:
    with tab(browser, live.base) as page:
        page.goto(BYPASS)
        expect(verdict(page)).to_have_text("not covered")
        page.get_by_role("button", name="Suppose so").click()
        expect(verdict(page)).to_have_text("covered")
        said = "7 things flip. The order was not covered and is now covered."
        expect(page.get_by_role("status")).to_have_text(said)
        expect(page.locator("#what-if-title")).to_be_focused()
        expect(panel(page)).to_contain_text("nothing more is needed")
        assert page.locator("#date").input_value() == "2026-12-02"
        no_serious_violations(page)
        no_sideways_scroll(page)
        screenshot(page, "what-if", "what-if")
        page.get_by_role("button", name="Undo everything").click()
        expect(verdict(page)).to_have_text("not covered")
        assert page.locator("#date").input_value() == ""


def test_one_fact_after_the_other(browser: Browser, live: Live) -> None:
    with tab(browser, live.base) as page:
        page.goto("/try?sample=covered&as_of=2026-11-20")
        expect(verdict(page)).to_have_text("covered")
        open_controls(page)
        page.get_by_label("Per cent").fill("45")
        page.get_by_role("button", name="Set the LVEF").click()
        expect(verdict(page)).to_have_text("not covered")
        expect(page.locator("#cards")).to_contain_text("LVEF")
        expect(panel(page)).to_contain_text("LVEF 45 %")
        # The controls stay open, and Enter presses the button of its own control.
        page.get_by_label("Per cent").fill("28")
        page.get_by_label("Per cent").press("Enter")
        expect(verdict(page)).to_have_text("covered")
        page.get_by_role("button", name="Undo: LVEF 28 %").click()
        expect(verdict(page)).to_have_text("not covered")
        page.get_by_label("Held by").select_option("RN")
        page.get_by_role("button", name="Hold the visit").click()
        expect(panel(page)).to_contain_text("held by registered nurse")


def test_address_follows_the_changes_and_shows_them_again(browser: Browser, live: Live) -> None:
    with tab(browser, live.base) as page:
        page.goto("/try?sample=missing-secondary&as_of=2026-11-20")
        page.get_by_role("button", name="Suppose so").first.click()
        expect(verdict(page)).to_have_text("covered")
        assert "changes=add" in page.url
        link = page.locator("#what-if-link").get_attribute("href")
        assert link is not None
        page.goto(link)
        expect(verdict(page)).to_have_text("covered")
        expect(panel(page)).to_contain_text("is on file")
        page.locator("label.patient", has_text="Bypass surgery 80 days").click()
        expect(verdict(page)).to_have_text("not covered")
        assert "changes" not in page.url


def test_date_can_be_moved_on_with_facts_changed(browser: Browser, live: Live) -> None:
    with tab(browser, live.base) as page:
        page.goto(f"{BYPASS}&changes=nyha=4")
        page.locator("#date").fill("2026-12-02")
        expect(page.locator("#verdict")).to_have_attribute("data-service-date", "2026-12-02")
        expect(panel(page)).to_contain_text("NYHA class IV")
        expect(verdict(page)).to_have_text("not covered")
        page.get_by_role("button", name="Undo: NYHA class IV").click()
        expect(verdict(page)).to_have_text("covered")
        assert page.locator("#date").input_value() == "2026-12-02"


def test_mistake_is_told_where_it_was_made(browser: Browser, live: Live) -> None:
    with tab(browser, live.base) as page:
        page.goto(BYPASS)
        open_controls(page)
        panel(page).get_by_label("ICD-10-CM code").fill("heart failure")
        page.get_by_role("button", name="Add the diagnosis").click()
        trouble = page.locator("#what-if-trouble")
        expect(trouble).to_contain_text("it must be an ICD-10-CM code, as in I50.22")
        expect(trouble).to_be_focused()
        no_serious_violations(page)


def test_transplant_list_says_that_nothing_helps(browser: Browser, live: Live) -> None:
    with tab(browser, live.base) as page:
        page.goto("/try?sample=transplant-list")
        expect(panel(page)).to_contain_text(
            "No further fact that the service reads makes it covered"
        )
        expect(panel(page).get_by_role("button", name="Suppose so")).to_have_count(0)


def test_without_scripts_the_form_does_it(browser: Browser, live: Live) -> None:
    with tab(browser, live.base, Window(script=False)) as page:
        page.goto(BYPASS)
        page.get_by_role("button", name="Suppose so").click()
        expect(verdict(page)).to_have_text("covered")
        open_controls(page)
        page.get_by_label("Class", exact=True).first.select_option("4")
        page.get_by_role("button", name="Set the class").click()
        expect(verdict(page)).to_have_text("not covered")
        expect(page.locator("#date")).to_have_value("2026-12-02")
        page.get_by_role("button", name="Undo: NYHA class IV").click()
        expect(verdict(page)).to_have_text("covered")


@pytest.mark.parametrize(
    "window",
    [Window(), Window(scheme="dark"), Window(PHONE), Window(PHONE, "dark")],
    ids=["desktop", "dark", "phone", "phone-dark"],
)
def test_everybody_can_use_it(browser: Browser, live: Live, window: Window) -> None:
    with tab(browser, live.base, window) as page:
        page.goto("/try?sample=everything-wrong&changes=nyha=2;add=I50.9")
        open_controls(page)
        expect(page.get_by_role("button", name="Add the diagnosis")).to_be_visible()
        no_serious_violations(page)
        no_sideways_scroll(page)
