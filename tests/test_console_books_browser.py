"""The ledger and the connect page in a real browser, light and dark, wide and narrow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from browser import PHONE, Window, no_serious_violations, no_sideways_scroll, screenshot, tab
from ledger_history import Kept, write_history
from live_server import running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

    from live_server import Live

pytest_plugins = ("browser", "live_server")
WINDOWS = pytest.mark.parametrize(
    "window",
    [Window(), Window(scheme="dark"), Window(PHONE), Window(PHONE, "dark")],
    ids=["desktop", "dark", "phone", "phone-dark"],
)
# The slow connections of the self-check take that long, on a busy machine longer.
_CHECKED = 150_000


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    return write_history(tmp_path_factory.mktemp("state"))


@pytest.fixture(scope="module")
def books(kept: Kept) -> Iterator[Live]:
    with running(**kept.settings) as live:
        yield live


def sound(page: Page) -> None:
    no_serious_violations(page)
    no_sideways_scroll(page)
    assert page.locator("h1").count() == 1


@WINDOWS
def test_the_ledger_is_seen_by_everybody(browser: Browser, books: Live, window: Window) -> None:
    with tab(browser, books.base, window) as page:
        page.goto("/ledger")
        sound(page)
        charts = page.locator("figure.chart svg")
        assert charts.count() == 2
        for chart in charts.all():
            # Columns have colours, and stand within the picture.
            tall = chart.locator(":scope > rect").evaluate_all(
                "(all) => all.filter((one) => one.getBoundingClientRect().height > 2)"
                ".map((one) => getComputedStyle(one).fill)"
            )
            assert tall
            assert "rgb(0, 0, 0)" not in tall
        for summary in page.get_by_text("The same as a table").all():
            summary.click()
        no_serious_violations(page)
        no_sideways_scroll(page)


def test_a_period_is_chosen_and_a_decision_opened(
    browser: Browser, books: Live, kept: Kept
) -> None:
    with tab(browser, books.base) as page:
        page.goto("/ledger")
        screenshot(page, "ledger")
        whole = page.locator(".tiles b").first.inner_text()
        page.get_by_role("link", name="7 days").click()
        assert page.locator('.presets [aria-current="true"]').inner_text() == "7 days"
        assert page.locator(".tiles b").first.inner_text() != whole
        page.get_by_label("Client", exact=True).select_option("st-anne")
        page.get_by_label("Class of order", exact=True).select_option("replacement")
        page.get_by_role("button", name="Show").click()
        assert "asked by st-anne, replacement" in page.locator("h2.told").inner_text()
        assert page.get_by_label("From", exact=True).input_value() == "2026-11-14"
        page.get_by_label("Assertion id", exact=True).fill(kept.assertions["not-covered"])
        page.get_by_role("button", name="Look up").click()
        assert "33249 on 2026-11-20" in page.locator("h1").inner_text()
        assert page.get_by_text("This decision stands as it was written.").is_visible()
        screenshot(page, "decision")


@WINDOWS
def test_a_decision_is_seen_by_everybody(
    browser: Browser, books: Live, kept: Kept, window: Window
) -> None:
    with tab(browser, books.base, window) as page:
        page.goto(f"/ledger/{kept.assertions['not-covered']}")
        for summary in page.locator("summary").all():
            if summary.is_visible() and not summary.evaluate("(one) => one.parentElement.open"):
                summary.click()
        sound(page)
        assert page.get_by_text("LVEF of 30 % or less").first.is_visible()


@WINDOWS
def test_connecting_is_seen_by_everybody(browser: Browser, books: Live, window: Window) -> None:
    with tab(browser, books.base, window) as page:
        page.goto("/connect")
        page.get_by_text("The document", exact=True).click()
        sound(page)


def test_lines_are_copied(browser: Browser, books: Live) -> None:
    with tab(browser, books.base) as page:
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.goto("/connect")
        page.get_by_role("button", name="Copy Discovery").first.click()
        page.get_by_role("button", name="Copied").wait_for()
        copied = page.evaluate("navigator.clipboard.readText()")
        assert copied == f"curl -s {books.base}/cds-services"


def test_a_test_call_is_sent_and_leads_to_its_decision(browser: Browser, books: Live) -> None:
    with tab(browser, books.base) as page:
        page.goto("/connect")
        page.get_by_label("Patient", exact=True).select_option("waiting-period")
        page.get_by_role("button", name="Send a test call").click()
        result = page.locator("#test-call-result")
        result.get_by_text("order-sign answered in").wait_for()
        assert page.url.endswith("/connect")
        assert "answered in" in page.locator("#test-call-result-said").inner_text()
        assert result.locator(".card").count() > 1
        sound(page)
        screenshot(page, "connect")
        result.locator("a.id").click()
        assert "not covered" in page.locator("h1").inner_text()


def test_a_test_call_works_without_scripts(browser: Browser, books: Live) -> None:
    with tab(browser, books.base, Window(script=False)) as page:
        page.goto("/connect")
        assert not page.get_by_role("button", name="Copy").first.is_visible()
        page.get_by_label("Hook", exact=True).select_option("appointment-book")
        page.get_by_role("button", name="Send a test call").click()
        assert page.locator("h1").inner_text() == "Test call"
        assert "appointment-book answered in" in page.locator("h3").first.inner_text()


def test_a_refusal_is_told_where_the_button_is(browser: Browser, books: Live) -> None:
    with tab(browser, books.base, allowed=("400 (Bad Request)",)) as page:
        page.goto("/connect")
        page.locator("#story option").first.evaluate("(one) => { one.value = 'none'; }")
        page.get_by_role("button", name="Send a test call").click()
        told = page.locator("#test-call-result .trouble")
        told.wait_for()
        assert "story: must be one of" in told.inner_text()


def test_the_self_check_shows_how_far_it_is_and_its_result(browser: Browser, books: Live) -> None:
    with tab(browser, books.base) as page:
        page.goto("/connect")
        page.get_by_role("button", name="Run the self-check").click()
        page.locator("#self-check-result progress").wait_for()
        assert page.get_by_role("button", name="Run the self-check").is_disabled()
        first = page.locator("#self-check-group-1")
        first.locator("summary").click()
        no_serious_violations(page)
        page.locator('#self-check-result [data-over="yes"]').wait_for(timeout=_CHECKED)
        # What was open stays open while the page is told more.
        assert first.get_attribute("open") is not None
        assert "all well" in page.locator("#self-check-result h3").inner_text()
        assert "0 failed" in page.locator("#self-check-result-said").inner_text()
        sound(page)
