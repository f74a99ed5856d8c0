"""The page of the value sets in a real browser: search, comparison, phones, hostile texts."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

import msgspec
import pytest
from playwright.sync_api import expect, sync_playwright

from defib_coverage.terminology.listing import listing_of
from defib_coverage.terminology.pages import page_of
from publications import CPT_URI, catalogue, cpt_numbers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

    from defib_coverage.terminology.listing import Listing

    Open = Callable[..., Page]

HOSTILE = (
    "</script><script>window.ran = 1</script><img src=x onerror='window.ran = 1'>\" & '{{ 7 }}"
)
# The least contrast of text that WCAG 2.2 asks for.
CONTRAST = 4.5
RATIO = """
(selector) => {
  const light = (color) => {
    const parts = color.match(/[\\d.]+/g).slice(0, 3).map((part) => part / 255);
    const [r, g, b] = parts.map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const element = document.querySelector(selector);
  let below = element;
  while (getComputedStyle(below).backgroundColor.endsWith(", 0)")) below = below.parentElement;
  const shades = [getComputedStyle(element).color, getComputedStyle(below).backgroundColor];
  const [dark, bright] = shades.map(light).sort((a, b) => a - b);
  return (bright + 0.05) / (dark + 0.05);
}
"""


@pytest.fixture(scope="module")
def listing() -> Listing:
    return listing_of(catalogue(), licensed=True)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    assert found is not None, "these tests need a browser: apt-get install chromium"
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=found)
        yield started
        started.close()


@pytest.fixture
def opened(browser: Browser, listing: Listing, tmp_path: Path) -> Iterator[Open]:
    """Opens the page as a file; any message, fault or call to elsewhere fails the test."""
    seen: list[str] = []
    pages: list[Page] = []
    path = tmp_path / "index.html"

    def opens(
        *, state: str = "", shown: Listing = listing, width: int = 1200, scheme: str = "light"
    ) -> Page:
        path.write_bytes(page_of(shown))
        page = browser.new_page(
            viewport={"width": width, "height": 900},
            color_scheme="dark" if scheme == "dark" else "light",
        )
        pages.append(page)
        page.on("console", lambda message: seen.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: seen.append(str(error)))
        page.on("request", lambda request: seen.append(request.url))
        page.goto(path.as_uri() + state)
        assert seen.pop(0) == path.as_uri()
        return page

    yield opens
    for page in pages:
        page.close()
    assert [url for url in seen if not url.startswith("data:")] == []


def visible(page: Page) -> list[str]:
    return page.locator("tbody tr:visible th code").all_text_contents()


def test_all_value_sets_are_there(opened: Open) -> None:
    page = opened()
    latest = catalogue().sets[catalogue().releases.latest.version]
    expect(page.locator(".set")).to_have_count(len(latest))
    number = sum(len(one.members) for one in latest)
    expect(page.get_by_role("status")).to_have_text(f"{number} codes in {len(latest)} value sets")


@pytest.mark.parametrize("words", ["I47.20", "i4720", " I47.20 "])
def test_search_finds_a_code_in_any_spelling(words: str, opened: Open) -> None:
    page = opened()
    page.get_by_label("Find a code or words").fill(words)
    assert set(visible(page)) == {"I47.20"}
    expect(page.get_by_role("heading", name="B1: sustained VT or VF arrest")).to_be_visible()
    expect(page.get_by_role("status")).to_have_text("2 codes in 2 value sets")


def test_search_finds_words_of_titles_and_of_sets(opened: Open) -> None:
    page = opened()
    page.get_by_label("Find a code or words").fill("ischemic")
    assert {"I25.5", "I5A"} <= set(visible(page))
    page.get_by_label("Find a code or words").fill("CARDIOMYOPATHY ischemic")
    assert "I25.5" in visible(page)
    assert "I5A" not in visible(page)
    page.get_by_label("Find a code or words").fill("no such words")
    assert visible(page) == []
    expect(page.get_by_role("status")).to_have_text("Nothing found, for any services.")
    page.get_by_label("Find a code or words").fill("")
    expect(page.locator(".set[open]")).to_have_count(0)


@pytest.mark.parametrize(
    ("code", "line"),
    [
        (
            "02paxmz",
            "02PAXMZ is in orders-removal for services 2018-02-15 to 2021-09-30: show serv",
        ),
        ("I47.2", "I47.2 is in b1-diagnoses for services 2018-02-15 to 2022-09-30: show services"),
    ],
)
def test_a_code_of_other_services_is_told_with_the_way_there(
    code: str, line: str, opened: Open
) -> None:
    page = opened(state=f"#q={code}")
    found = page.get_by_role("listitem").filter(has_text=line)
    found.get_by_role("link").click()
    assert line.partition(" ")[0] in visible(page)
    expect(page.get_by_role("listitem")).to_have_count(0)
    expect(page.get_by_label("Find a code or words")).to_have_value(code)


def test_several_codes_are_each_found_and_paragraphs_too(opened: Open) -> None:
    page = opened()
    for words in ("I25.5, 33249 i4720", "I25.5,33249;I47.20"):
        page.get_by_label("Find a code or words").fill(words)
        assert {"I25.5", "33249", "I47.20"} <= set(visible(page))
        assert "I49.01" not in visible(page)
    page.get_by_label("Find a code or words").fill("P-B1")
    assert {"I47.20", "I49.01"} <= set(visible(page))
    assert "I25.5" not in visible(page)


def test_what_a_chart_may_show_counts_on_any_day(opened: Open) -> None:
    page = opened(state="#old-mi")
    shown = page.locator("#old-mi td.days").all_text_contents()
    assert set(shown) == {"any day"}


def test_the_days_choose_the_version(opened: Open) -> None:
    page = opened()
    page.get_by_label("Find a code or words").fill("I47.2")
    assert "I47.20" in visible(page)
    page.get_by_label("Services").select_option(label="2021-10-01 to 2022-09-30 (R3)")
    shown = page.locator("#b1-diagnoses tbody tr:visible th code").all_text_contents()
    assert shown == ["I47.2"]


def test_what_changed_between_2022_09_30_and_2022_10_01(opened: Open) -> None:
    page = opened()
    page.get_by_label("Services").select_option(label="2022-10-01 to 2022-12-31 (R4, R5)")
    page.get_by_label("What changed since").select_option(label="2021-10-01 to 2022-09-30 (R3)")
    rows = page.locator("tbody tr:visible")
    found = {
        row.locator("code").first.text_content(): row.locator(".mark").text_content()
        for row in rows.all()
    }
    assert found == {"I47.2": "left", "I47.20": "came in", "I47.21": "came in", "I47.29": "came in"}
    told = (
        "Changed from services 2021-10-01 to 2022-09-30 (R3) "
        "to services 2022-10-01 to 2022-12-31 (R4, R5): 4 codes in 1 value set"
    )
    expect(page.get_by_role("status")).to_have_text(told)
    # Chosen the other way round it reads the same.
    page.get_by_label("Services").select_option(label="2021-10-01 to 2022-09-30 (R3)")
    nothing = "Nothing to compare: the same services were chosen twice."
    expect(page.get_by_role("status")).to_have_text(nothing)
    later = "2022-10-01 to 2022-12-31 (R4, R5)"
    page.get_by_label("What changed since").select_option(label=later)
    expect(page.get_by_role("status")).to_have_text(told)
    page.get_by_label("Find a code or words").fill("cardiomyopathy")
    expect(page.get_by_role("status")).to_have_text(re.compile("^Nothing of this changed from ser"))


def test_every_comparison_shows_what_the_sets_say(opened: Open) -> None:
    page = opened()
    releases = catalogue().releases.all
    held = [
        {(one.id, m.code) for one in catalogue().sets[r.version] for m in one.members}
        for r in releases
    ]
    for on in range(len(releases)):
        for since in range(len(releases)):
            page.get_by_label("Services").select_option(value=releases[on].version)
            page.get_by_label("What changed since").select_option(value=releases[since].version)
            shown = page.evaluate(
                """() => Array.from(
                    document.querySelectorAll("tbody tr:not([hidden])"),
                    (row) => [row.closest(".set").id, row.querySelector("code").textContent,
                        row.querySelector(".mark").textContent])"""
            )
            old, new = held[min(on, since)], held[max(on, since)]
            expected = [(*key, "came in") for key in new - old]
            expected += [(*key, "left") for key in old - new]
            assert sorted(map(tuple, shown)) == sorted(expected)


def test_a_link_keeps_what_was_asked(opened: Open) -> None:
    page = opened()
    page.get_by_label("Find a code or words").fill("torsades")
    page.get_by_label("What changed since").select_option(value="2018.2.15")
    state = page.url.partition("#")[2]
    again = opened(state=f"#{state}")
    expect(again.get_by_label("Find a code or words")).to_have_value("torsades")
    assert visible(again) == ["I47.21"]
    section = opened(state="#b3-diagnoses")
    assert visible(section) == ["I25.5"]


@pytest.mark.parametrize("state", ["#%", "#q=%&on=99&since=x", "#__proto__", "#sets"])
def test_a_damaged_link_does_no_harm(state: str, opened: Open) -> None:
    page = opened(state=state)
    expect(page.get_by_role("status")).to_have_text(re.compile(r"^\d+ codes? in \d+ value sets?$"))


@pytest.mark.parametrize("state", ["", "#q=a&on=2023.1.1", "#on=2023.1.1&since=2018.2.15"])
def test_nothing_is_wider_than_a_phone(state: str, opened: Open) -> None:
    page = opened(state=state, width=360)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    for box in page.locator("#controls :is(input, select)").all():
        edges = box.bounding_box()
        assert edges is not None
        assert edges["x"] >= 0
        assert edges["x"] + edges["width"] <= 360


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_stand_out_in_light_and_dark(scheme: str, opened: Open) -> None:
    page = opened(state="#on=2022.10.1&since=2021.10.1", scheme=scheme)
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (ground == "rgb(255, 255, 255)") == (scheme == "light")
    for selector in (
        *("h1", "h2", "header p", "label", "input", "select", "#found", "summary h3", ".count"),
        *("thead th", ".came code", ".came .mark", ".left .mark", ".left td", ".came .system"),
        *("dt", "dd", "footer p"),
    ):
        assert page.evaluate(RATIO, selector) >= CONTRAST, selector


def test_the_keyboard_is_enough(opened: Open) -> None:
    page = opened()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "To the value sets"
    page.keyboard.press("Tab")
    page.keyboard.type("I25.5")
    assert page.evaluate("document.activeElement.id") == "query"
    assert "I25.5" in visible(page)
    for _ in range(3):
        page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.localName") == "summary"
    page.keyboard.press("Enter")
    expect(page.locator("#b3-diagnoses")).not_to_have_attribute("open", "")


def test_a_screen_reader_hears_names_and_structure(opened: Open) -> None:
    page = opened(state="#q=I25.5")
    assert page.locator("html").get_attribute("lang") == "en"
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    for role in ("main", "search", "contentinfo", "banner"):
        expect(page.get_by_role(role)).to_have_count(1)
    table = page.get_by_role("table", name="Codes of B3: ischemic cardiomyopathy")
    expect(table.get_by_role("columnheader")).to_have_text(
        ["Code", "Meaning", "Service days", "Remarks"]
    )
    expect(table.get_by_role("rowheader")).to_have_count(1)


def test_without_scripts_every_code_can_be_read(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "index.html"
    path.write_bytes(page_of(listing_of(catalogue(), licensed=True)))
    page = browser.new_page(java_script_enabled=False)
    page.goto(path.as_uri())
    expect(page.locator("#controls")).to_be_hidden()
    expect(page.get_by_text("Searching and comparing need JavaScript")).to_be_visible()
    page.locator("#b1-diagnoses summary").click()
    assert {"I47.2", "I47.20"} <= set(visible(page))
    page.close()


def test_hostile_texts_stay_texts(opened: Open, listing: Listing) -> None:
    (first, *others) = listing.sets
    code = msgspec.structs.replace(
        first.codes[0], code=HOSTILE, display=HOSTILE, words=HOSTILE, remarks=HOSTILE
    )
    hostile = msgspec.structs.replace(
        first, title=HOSTILE, purpose=HOSTILE, paragraph=HOSTILE, url=HOSTILE, codes=(code,)
    )
    shown = msgspec.structs.replace(
        listing, base=HOSTILE, sets=(hostile, *others), notices=(HOSTILE,)
    )
    page = opened(shown=shown, state=f"#q={HOSTILE.replace(' ', '+')}")
    assert page.evaluate("window.ran") is None
    expect(page.locator("img")).to_have_count(0)
    expect(page.locator("script")).to_have_count(1)
    row = page.locator(f"#{first.id} tbody tr")
    assert row.locator("code").text_content() == HOSTILE
    assert page.locator(f"#{first.id} h3").text_content() == HOSTILE


def test_the_policy_lets_nothing_else_run_or_load(listing: Listing) -> None:
    text = page_of(listing).decode()
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]+)"', text)
    assert policy.startswith("default-src &#39;none&#39;; ")
    assert "unsafe" not in policy
    assert not re.search(r"\son\w+=", text.partition("<script>")[0])
    assert not re.search(r"\sstyle=|<link[^>]+href=\"(?!data:,)|\ssrc=", text)


def test_cpt_numbers_stand_alone_beside_the_notice(opened: Open) -> None:
    page = opened(state="#q=33249")
    row = page.locator("#orders-initial-implant-cpt tbody tr:visible")
    assert row.locator("td").first.text_content() == "the AMA's text, not shown"
    section = page.locator("#orders-initial-implant-cpt .notice")
    expect(section).to_have_text(re.compile(r"^CPT © Copyright 2017-2022 American Medical Assoc"))
    expect(page.get_by_role("contentinfo")).to_contain_text("CPT © Copyright 2017-2022")


def test_without_cpt_the_page_holds_no_number() -> None:
    text = page_of(listing_of(catalogue(), licensed=False)).decode()
    assert re.findall(rf"\b(?:{'|'.join(cpt_numbers())})\b", text) == []
    assert CPT_URI not in text
    assert "American Medical Association" not in text
