"""The page of an audit's report in a real browser: both themes, phones, print, hostile texts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from audit_samples import finding, pair, row, sample_rows, window, write_audit
from browser import (
    DESKTOP,
    PHONE,
    Window,
    browser,
    no_serious_violations,
    no_sideways_scroll,
    screenshot,
    tab,
)
from defib_coverage.audit.reporting.report import Wanted, write_report

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser, Locator, Page

__all__ = ["browser"]

PAYMENT = "code,amount\n33249,31250\n33264,28000\n02H43KE,44000\nC1721,15000\n"
THEMES = [
    pytest.param(Window(size, scheme), id=f"{scheme}-{size[0]}")
    for scheme in ("light", "dark")
    for size in (DESKTOP, PHONE)
]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The page of one audit, with all numbers and with small ones hidden."""
    folder = tmp_path_factory.mktemp("audit")
    rejects = [{"file": "a.ndjson", "line": 3, "part": None, "reason": "no JSON text"}]
    audit = write_audit(folder / "out", sample_rows(700), rejects)
    (folder / "payment.csv").write_text(PAYMENT)
    made = {}
    for name, least in (("whole", None), ("hidden", 11)):
        write_report(Wanted(audit, folder / name, folder / "payment.csv", least), {})
        made[name] = folder / name / "index.html"
    return made


@pytest.mark.parametrize("window", THEMES)
@pytest.mark.parametrize("name", ["whole", "hidden"])
def test_everybody_can_read_the_page(
    browser: Browser, pages: dict[str, Path], name: str, window: Window
) -> None:
    with tab(browser, "http://nowhere.invalid", window) as page:
        page.goto(pages[name].as_uri())
        expect(page.get_by_role("main")).to_be_visible()
        expect(page.get_by_role("navigation", name="Sections")).to_be_visible()
        no_serious_violations(page)
        no_sideways_scroll(page)
        if name == "whole" and window == Window():
            screenshot(page, "audit-report")


def test_every_picture_stands_beside_a_table(browser: Browser, pages: dict[str, Path]) -> None:
    with tab(browser, "http://nowhere.invalid") as page:
        page.goto(pages["whole"].as_uri())
        sections = page.locator("main section:has(svg)")
        assert sections.count() == 7
        for section in sections.all():
            assert section.locator("table thead th[scope=col]").count() > 1
            for picture in section.get_by_role("img").all():
                assert picture.get_attribute("aria-label")


NARROW = [Window((width, 800), scheme) for width in (390, 360) for scheme in ("light", "dark")]


@pytest.mark.parametrize("window", NARROW)
@pytest.mark.parametrize("name", ["whole", "hidden"])
def test_a_phone_shows_whole_pictures_and_what_is_not_covered(
    browser: Browser, pages: dict[str, Path], name: str, window: Window
) -> None:
    with tab(browser, "http://nowhere.invalid", window) as page:
        page.goto(pages[name].as_uri())
        assert _sticking_out(page) == []
        assert page.locator("#money svg text", has_text="3,937,500").bounding_box() is not None
        for section in ("years", "sites"):
            head = page.locator(f"#{section} th", has_text="not covered").bounding_box()
            assert head is not None
            assert head["x"] + head["width"] <= window.size[0]
        smallest = page.evaluate(
            """() => Math.min(...[...document.querySelectorAll("svg")].map(one =>
              13 * one.getBoundingClientRect().width / one.viewBox.baseVal.width))"""
        )
        assert smallest >= 10  # pixels


def test_large_sums_and_long_names_stay_in_their_pictures(browser: Browser, tmp_path: Path) -> None:
    rows = [
        row(n, status="not-covered", audit={"site": "Hospital of the WWWWWW " * 3}, order=order)
        for n in range(60)
        for order in [{"code": "33264" if n else "33249"}]
    ]
    audit = write_audit(tmp_path / "out", rows)
    (tmp_path / "payment.csv").write_text('code,amount\n33264,"999,999,999.99"\n')
    write_report(Wanted(audit, tmp_path / "report", tmp_path / "payment.csv"), {})
    with tab(browser, "http://nowhere.invalid", Window((390, 800))) as page:
        page.goto((tmp_path / "report" / "index.html").as_uri())
        expect(page.locator("#money svg")).to_contain_text("58,999,999,999")
        assert _sticking_out(page) == []


def _sticking_out(page: Page) -> list[str]:
    """What of the pictures is outside of them, or of the window."""
    found: list[str] = page.evaluate(
        """() => [...document.querySelectorAll("svg text, svg rect")].filter(one => {
          const place = one.getBoundingClientRect(), all = one.closest("svg")
            .getBoundingClientRect(), section = one.closest("section").getBoundingClientRect();
          return place.left < all.left - 1 || place.right > all.right + 1
            || all.right > section.right || section.right > innerWidth;
        }).map(one => one.outerHTML)"""
    )
    return found


def test_a_table_that_scrolls_shows_it(browser: Browser, pages: dict[str, Path]) -> None:
    with tab(browser, "http://nowhere.invalid", Window((390, 800))) as page:
        page.goto(pages["whole"].as_uri())
        wide = page.locator("#windows .wide").first
        shut = page.locator("#years .wide").first
        assert wide.evaluate("one => one.scrollWidth > one.clientWidth")
        assert not shut.evaluate("one => one.scrollWidth > one.clientWidth")

        def shades() -> tuple[bool, bool]:
            """Whether the left and the right end of the table's caption are in shade."""
            wide.scroll_into_view_if_needed()
            return _is_shaded(page, wide, "left"), _is_shaded(page, wide, "right")

        assert shades() == (False, True)
        wide.evaluate("one => { one.scrollLeft = 40 }")
        assert shades() == (True, True)
        wide.evaluate("one => { one.scrollLeft = one.scrollWidth }")
        assert shades() == (True, False)
        shut.scroll_into_view_if_needed()
        assert (_is_shaded(page, shut, "left"), _is_shaded(page, shut, "right")) == (False, False)


def _is_shaded(page: Page, table: Locator, side: str) -> bool:
    """Whether the ground at one side of a table, beside its first line, is not the panel's."""
    place = table.bounding_box()
    assert place is not None
    x = place["x"] + (1 if side == "left" else place["width"] - 3)
    shot = page.screenshot(clip={"x": x, "y": place["y"] + 1, "width": 2, "height": 2})
    return shot != page.screenshot(clip={"x": 18, "y": place["y"] + 1, "width": 2, "height": 2})


def test_heights_are_the_numbers_of_the_table(browser: Browser, tmp_path: Path) -> None:
    rows = [
        row(n, status=status, order={"serviceDate": f"{year}-03-02"})
        for n, (status, year) in enumerate(
            [("covered", 2022)] * 8 + [("not-covered", 2022)] * 2 + [("covered", 2023)] * 4
        )
    ]
    audit = write_audit(tmp_path / "out", rows)
    write_report(Wanted(audit, tmp_path / "report"), {})
    with tab(browser, "http://nowhere.invalid") as page:
        page.goto((tmp_path / "report" / "index.html").as_uri())
        parts = page.locator("#years figure svg rect:has(title)")
        told = {
            part.locator("title").text_content(): float(part.get_attribute("height") or 0)
            for part in parts.all()
        }
    assert set(told) == {"2022: 8 covered", "2022: 2 not covered", "2023: 4 covered"}
    assert told["2022: 8 covered"] == pytest.approx(2 * told["2023: 4 covered"], abs=0.2)
    assert told["2022: 8 covered"] == pytest.approx(4 * told["2022: 2 not covered"], abs=0.4)


def test_links_lead_to_every_section(browser: Browser, pages: dict[str, Path]) -> None:
    with tab(browser, "http://nowhere.invalid") as page:
        page.goto(pages["whole"].as_uri())
        for link in page.get_by_role("navigation").get_by_role("link").all():
            link.click()
            place = page.locator(page.url[page.url.index("#") :])
            expect(place.get_by_role("heading", level=2)).to_be_in_viewport()


def test_hostile_texts_are_texts(browser: Browser, tmp_path: Path) -> None:
    hostile = "</style></svg><img src=x onerror='document.title=1'>{{ 7 }}<script>1</script>"
    made = row(
        1,
        status="not-covered",
        patient=hostile,
        waitingPeriods=[window(reference=hostile, eventDate=hostile)],
        missingSecondary=[pair(hostile, [hostile])],
        findings=[finding(hostile, text=hostile)],
        audit={"site": hostile, "operator": hostile, "file": hostile, "sameDay": [hostile]},
        order={"code": hostile, "reference": hostile},
    )
    audit = write_audit(tmp_path / "out", [made])
    write_report(Wanted(audit, tmp_path / "report"), {})
    with tab(browser, "http://nowhere.invalid") as page:
        page.goto((tmp_path / "report" / "index.html").as_uri())
        expect(page).to_have_title("Audit of defibrillator orders")
        assert page.locator("img:not([role]), script").count() == 0
        expect(page.locator("#worklist tbody th[scope=row]")).to_contain_text(hostile)
        no_sideways_scroll(page)


def test_it_prints_in_light_colours_without_what_only_a_screen_needs(
    browser: Browser, pages: dict[str, Path]
) -> None:
    with tab(browser, "http://nowhere.invalid", Window(scheme="dark")) as page:
        page.goto(pages["whole"].as_uri())
        page.emulate_media(media="print", color_scheme="dark")
        expect(page.get_by_role("navigation")).to_be_hidden()
        shade = page.evaluate("getComputedStyle(document.body).color")
        assert max(map(int, re.findall(r"\d+", shade))) < 128
        assert page.pdf(format="A4")[:4] == b"%PDF"
