"""Policy and codes in a real browser: search while typing, keyboard, themes, phone, differences."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from browser import PHONE, Window, no_serious_violations, no_sideways_scroll, screenshot, tab

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Route

    from live_server import Live

pytest_plugins = ("browser", "live_server")
PAGES = {
    "policy": "/policy",
    "policy-before-the-first": "/policy?on=2017-01-01",
    "policy-diff": "/policy/diff?from=2021-09-30&to=2022-10-01",
    "codes": "/codes",
    "codes-found": "/codes?q=heart+failure",
    "codes-not-found": "/codes?q=hart+failure",
    "code": "/codes/I50.22",
    "code-order": "/codes/33249",
    "code-ended": "/codes/I47.2",
    "code-of-two-systems": "/codes/12",
    "value-set": "/codes/sets/b1-diagnoses",
    "value-set-long": "/codes/sets/pci",
}
SHOWN = {
    ("policy", "desktop"): "policy",
    ("policy-diff", "desktop"): "policy-diff",
    ("codes-found", "desktop"): "codes",
    ("code", "dark"): "code-dark",
    ("codes-found", "phone"): "codes-phone",
    ("value-set", "desktop"): "value-set",
}
WINDOWS = {
    "desktop": Window(),
    "dark": Window(scheme="dark"),
    "phone": Window(PHONE),
    "phone-dark": Window(PHONE, "dark"),
}


@pytest.mark.parametrize("window", WINDOWS)
def test_a_page_can_be_used_by_everybody(browser: Browser, live: Live, window: str) -> None:
    with tab(browser, live.base, WINDOWS[window]) as page:
        for name, path in PAGES.items():
            page.goto(path)
            no_serious_violations(page)
            no_sideways_scroll(page)
            assert page.locator("h1").count() == 1, name
            if (name, window) in SHOWN:
                screenshot(page, SHOWN[name, window])


@pytest.mark.parametrize("path", ["/codes/I50.29", "/policy?on=x", "/codes/sets/nothing"])
def test_a_refusal_can_be_read_by_everybody(browser: Browser, live: Live, path: str) -> None:
    with tab(browser, live.base, Window(PHONE, "dark"), allowed=("Failed to load",)) as page:
        page.goto(path)
        no_serious_violations(page)
        no_sideways_scroll(page)
        assert page.locator("h1").count() == 1


# ------------------------------------------------------------------------------------- the search


def test_codes_are_found_while_somebody_types(browser: Browser, live: Live) -> None:
    with tab(browser, live.base) as page:
        page.goto("/codes")
        told = page.get_by_role("status")
        expect(told).to_have_text("Type a number or a word.")
        page.get_by_label("Number or words").press_sequentially("chronic syst", delay=20)
        expect(told).to_have_text(re.compile(r"\d+ codes were found\."))
        expect(page.locator(".found-code").first).to_have_text("I50.22")
        expect(page).to_have_url(re.compile(r"/codes\?q=chronic\+syst$"))
        page.get_by_label("Code system").select_option("ICD-10-CM")
        expect(page).to_have_url(re.compile(r"q=chronic\+syst&system=icd10cm"))
        expect(page.locator(".found-system").filter(has_not_text="ICD-10-CM")).to_have_count(0)
        page.reload()
        expect(page.get_by_label("Code system")).to_have_value("icd10cm")
        expect(page.locator(".found-code").first).to_have_text("I50.22")
        page.get_by_label("Number or words").fill("hart failure")
        page.get_by_role("link", name="heart failure", exact=True).click()
        expect(page.locator(".found-code").first).to_have_text("I50.21")
        no_serious_violations(page)


def test_a_day_is_kept_from_the_search_to_the_code(browser: Browser, live: Live) -> None:
    with tab(browser, live.base) as page:
        page.goto("/codes?q=I47.2")
        expect(page.locator(".found .badge").first).to_have_text("no longer in force")
        page.get_by_label("Service day").fill("2022-09-30")
        expect(page.locator(".found .badge").first).to_have_text("in force")
        page.locator(".found a").first.click()
        expect(page).to_have_url(re.compile(r"/codes/I47\.2\?.*on=2022-09-30"))
        expect(page.locator(".code-head .badge").nth(1)).to_have_text("in force")
        page.get_by_role("link", name="2022-10-01").click()
        expect(page.locator(".code-head .badge").nth(1)).to_have_text("no longer in force")


def test_the_arrow_keys_lead_through_the_answer(browser: Browser, live: Live) -> None:
    with tab(browser, live.base) as page:
        page.goto("/codes")
        box = page.get_by_label("Number or words")
        box.focus()
        page.keyboard.type("heart failure")
        expect(page.locator(".found-code").nth(1)).to_have_text("I50.22")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowDown")
        expect(page.locator(".found a").nth(1)).to_be_focused()
        page.keyboard.press("ArrowUp")
        page.keyboard.press("ArrowUp")
        expect(box).to_be_focused()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        expect(page).to_have_url(re.compile(r"/codes/I50\.21"))


def test_a_slow_answer_does_not_overtake_a_later_one(browser: Browser, live: Live) -> None:
    with tab(browser, live.base) as page:
        page.goto("/codes")
        held: list[Route] = []

        def hold(route: Route) -> None:
            if "q=stent" in route.request.url:
                held.append(route)
            else:
                route.continue_()

        page.route("**/codes?*part=results", hold)
        box = page.get_by_label("Number or words")
        with page.expect_request(lambda request: "q=stent" in request.url):
            box.fill("stent")
        box.fill("I50.22")
        expect(page.locator(".found-code")).to_have_text(["I50.22"])
        assert len(held) == 1
        held[0].continue_()
        page.wait_for_timeout(200)
        expect(page.locator(".found-code")).to_have_text(["I50.22"])


def test_a_search_that_is_not_answered_says_so(browser: Browser, live: Live) -> None:
    with tab(browser, live.base, allowed=("Failed to load resource",)) as page:
        page.goto("/codes")
        page.route("**/codes?*part=results", lambda route: route.abort())
        page.get_by_label("Number or words").fill("stent")
        expect(page.get_by_role("status")).to_have_text("The search did not answer; press Search.")


def test_without_scripts_the_search_is_a_form(browser: Browser, live: Live) -> None:
    with tab(browser, live.base, Window(script=False)) as page:
        page.goto("/codes")
        page.get_by_label("Number or words").fill("I50.22")
        page.get_by_label("Role").select_option("Diagnoses of a claim")
        page.get_by_role("button", name="Search").click()
        expect(page.get_by_role("status")).to_have_text("1 code was found.")
        page.get_by_role("link", name="I50.22").click()
        expect(page.locator("h1")).to_contain_text("Chronic systolic")


def test_hostile_text_stays_text(browser: Browser, live: Live) -> None:
    hostile = '"><img src=x onerror=alert(1)><script>alert(2)</script>\u202e'
    with tab(browser, live.base) as page:
        page.on("dialog", lambda dialog: pytest.fail(dialog.message))
        page.goto("/codes")
        page.get_by_label("Number or words").fill(hostile)
        expect(page.get_by_role("status")).to_have_text("No code was found.")
        shown = hostile.replace("\u202e", "[U+202E]")
        expect(page.locator("#found q")).to_have_text(shown)
        assert page.locator("#found img, #found script").count() == 0
        page.reload()
        expect(page.locator("#found q")).to_have_text(shown)


# ------------------------------------------------------------------------------------- the policy


def test_a_revision_opens_what_it_changed(browser: Browser, live: Live) -> None:
    with tab(browser, live.base) as page:
        page.goto("/policy")
        page.get_by_role("link", name="What R4 changed").click()
        expect(page.locator("h1")).to_have_text("What changed")
        rows = page.locator("table.sides").first.locator("tr")
        left = rows.filter(has_text=re.compile(r"I47\.2 ")).locator("td")
        expect(left.first).to_contain_text("left")
        expect(left.last).to_have_text("not on the list")
        expect(rows.filter(has_text="I47.21").locator("td").last).to_contain_text("came")
        page.get_by_role("link", name="Turn around").click()
        expect(page.get_by_label("From", exact=True)).to_have_value("2022-10-01")
        expect(rows.filter(has_text="I47.21").locator("td").first).to_contain_text("left")
        page.get_by_label("From", exact=True).fill("2022-01-01")
        page.get_by_label("To", exact=True).fill("2022-01-02")
        page.get_by_role("button", name="Compare").click()
        expect(page.get_by_role("heading", name="Nothing changed")).to_be_visible()


def test_a_day_is_chosen_and_its_codes_are_followed(browser: Browser, live: Live) -> None:
    with tab(browser, live.base, Window(PHONE)) as page:
        page.goto("/policy")
        page.get_by_label("Service day").fill("2022-09-30")
        page.get_by_role("button", name="Show").click()
        expect(page.locator("h1")).to_have_text("The policy on 2022-09-30")
        page.locator("#B1").get_by_role("link", name="I47.2", exact=True).first.click()
        expect(page.locator("h1")).to_contain_text("Ventricular tachycardia")
        page.locator("#s1-parts").locator("xpath=..").get_by_role("link", name="B1").first.click()
        expect(page).to_have_url(re.compile(r"/policy\?on=2022-09-30#B1$"))


def test_all_criteria_open_and_close_at_once(browser: Browser, live: Live) -> None:
    with tab(browser, live.base) as page:
        page.goto("/policy")
        closed = page.locator("main details:not([open])")
        assert closed.count() > 0
        page.get_by_role("button", name="Open all").click()
        expect(closed).to_have_count(0)
        no_serious_violations(page)
        no_sideways_scroll(page)
        page.get_by_role("button", name="Close all").click()
        expect(page.locator("main details[open]")).to_have_count(0)
        summary = page.locator("#B2 summary").first
        summary.focus()
        page.keyboard.press("Enter")
        expect(page.locator("#B2 details").first).to_have_attribute("open", "")


def test_what_is_printed_is_open(browser: Browser, live: Live) -> None:
    with tab(browser, live.base) as page:
        page.goto("/policy")
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert page.locator("main details:not([open])").count() == 0
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        assert page.locator("main details:not([open])").count() > 0
        page.emulate_media(media="print")
        expect(page.locator(".chooser")).to_be_hidden()
        expect(page.locator("#B1")).to_be_visible()


def test_a_value_set_is_taken_away(browser: Browser, live: Live) -> None:
    with tab(browser, live.base) as page:
        page.goto("/codes/sets/b1-diagnoses?on=2022-09-30")
        with page.expect_download() as awaited:
            page.get_by_role("link", name="Table (CSV)").click()
        assert awaited.value.suggested_filename == "b1-diagnoses-2022-09-30.csv"
        assert "I47.2," in awaited.value.path().read_text()


def test_the_theme_is_the_visitors(browser: Browser, live: Live) -> None:
    with tab(browser, live.base) as page:
        page.goto("/codes/I50.22")
        page.get_by_role("button", name="Dark theme").click()
        no_serious_violations(page)
        page.goto("/policy/diff?from=2022-09-30&to=2022-10-01")
        assert page.evaluate("document.documentElement.dataset.theme") == "dark"
        no_serious_violations(page)
