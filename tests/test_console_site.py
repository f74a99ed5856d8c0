"""The console as a whole: its headers, files, settings, and what every template keeps to."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

import defib_coverage
from browser import PHONE, Window, no_serious_violations, no_sideways_scroll, screenshot, tab
from defib_coverage.console.writing import environment, visible
from defib_coverage.errors import SettingsError
from defib_coverage.settings import read_settings
from live_server import running

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from live_server import Live

pytest_plugins = ("browser", "live_server")
CONSOLE = Path(defib_coverage.__file__).with_name("console")
TEMPLATES = sorted((CONSOLE / "templates").rglob("*.html"))
PAGES = ("/", "/try", "/policy", "/codes", "/connect")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)


@pytest.mark.parametrize("path", [*PAGES, "/codes/no/such/page"])
def test_a_page_may_run_its_own_files_alone_and_is_not_stored(live: Live, path: str) -> None:
    page = live.get(path)
    assert page.status_code == (200 if path in PAGES else 404)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["content-security-policy"] == POLICY
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["referrer-policy"] == "no-referrer"
    assert len(page.content) < 300_000
    for address in re.findall(r'(?:src|href)="(/console/[^"]+)"', page.text):
        assert live.get(address).status_code == 200
    # What a visitor may follow is not fetched.
    fetched = re.sub(r'<a [^>]*rel="external"[^>]*>', "", page.text)
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', fetched)


def test_files_are_kept_until_they_change(live: Live) -> None:
    address = re.findall(r'href="(/console/[^"]+\.css)"', live.get("/").text)[0]
    first = live.get(address)
    assert first.headers["content-type"] == "text/css; charset=utf-8"
    assert first.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert "default-src 'none'" in first.headers["content-security-policy"]
    tag = first.headers["etag"]
    for known in (tag, f'"other", W/{tag}', "*"):
        again = requests.get(live.base + address, headers={"If-None-Match": known}, timeout=30)
        assert again.status_code == 304
        assert again.headers["etag"] == tag
        assert not again.content
    other = requests.get(live.base + address, headers={"If-None-Match": '"other"'}, timeout=30)
    assert other.status_code == 200
    # A page of another release asks for its own edition: it gets ours, and may not keep it.
    older = live.get("/console/0123456789ab/console.css")
    assert (older.content, older.headers["cache-control"]) == (first.content, "no-cache")
    for name in ("nothing.css", "..%2fsite.py", "%2e%2e/site.py"):
        assert live.get(f"/console/0123456789ab/{name}").status_code == 404


def test_what_is_asked_in_another_way_is_refused_in_words(live: Live) -> None:
    answer = requests.post(live.base + "/policy", timeout=30)
    assert answer.status_code == 405
    assert "GET" in answer.headers["allow"]
    assert "This page cannot be asked in that way." in answer.text
    assert requests.head(live.base + "/", timeout=30).status_code == 200
    # What is no page is told as before.
    assert live.get("/nowhere").headers["content-type"] == "application/fhir+json"


# ------------------------------------------------------------------------------------ the setting


def test_without_a_setting_everything_is_shown_only_where_trust_is_open() -> None:
    closed = {
        "DEFIB_COVERAGE_CLIENTS": "clients.toml",
        "DEFIB_COVERAGE_PUBLIC_BASE": "https://cds.example.org",
    }
    assert read_settings({}).pages == "all"
    assert read_settings(closed).pages == "without-patients"
    assert read_settings(closed | {"DEFIB_COVERAGE_CONSOLE": "on"}).pages == "all"
    assert read_settings(closed | {"DEFIB_COVERAGE_CONSOLE": "off"}).pages == "none"
    assert read_settings({"DEFIB_COVERAGE_CONSOLE": "off"}).pages == "none"
    assert read_settings({"DEFIB_COVERAGE_CONSOLE": ""}).pages == "all"
    assert read_settings(closed | {"DEFIB_COVERAGE_CONSOLE": ""}).pages == "without-patients"
    with pytest.raises(SettingsError, match="no way to show the pages: on or off"):
        read_settings({"DEFIB_COVERAGE_CONSOLE": "yes"})


def test_switched_off_there_are_no_pages() -> None:
    with running(console="off") as live:
        for path in (*PAGES, "/console/0123456789ab/console.css"):
            answer = live.get(path)
            assert answer.status_code == 404
            assert answer.headers["content-type"] == "application/fhir+json"
        assert live.get("/cds-services").status_code == 200


def test_where_tokens_are_required_pages_with_patients_are_not_there(tmp_path: Path) -> None:
    clients = tmp_path / "clients.toml"
    clients.write_text(
        '[clients.ehr]\nissuer = "https://ehr.example.org"\njku = "https://ehr.example.org/keys"\n'
    )
    closed = {"clients": str(clients), "public_base": "https://cds.example.org"}
    with running(**closed) as live:
        for path in ("/", "/policy", "/codes", "/connect"):
            page = live.get(path)
            assert page.status_code == 200
            assert 'href="/try' not in page.text
            assert 'href="/ledger' not in page.text
        for path in ("/try", "/ledger", "/ledger/some-id"):
            page = live.get(path)
            assert page.status_code == 404
            assert "There is no such page." in page.text
            assert requests.post(live.base + path, timeout=30).status_code == 404


def test_pages_are_made_only_when_one_is_asked_for(live: Live) -> None:

    code = (
        "import sys; from defib_coverage.app import create_app; "
        "from defib_coverage.settings import Settings; create_app(Settings(ledger='off')); "
        "print([n for n in sys.modules if n.startswith(('jinja2', 'defib_coverage.console.'))])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        check=True,
        text=True,
        env={"PYTHONPATH": str(CONSOLE.parents[1])},
    )
    assert done.stdout.strip() == "[]"
    assert live.get("/").status_code == 200


# ---------------------------------------------------------------------------------- the templates


def test_the_templates_are_found() -> None:
    assert len(TEMPLATES) >= 8


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda p: p.name)
def test_a_template_has_nothing_inline_and_trusts_no_text(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"<script(?![^>]*\ssrc=)[^>]*>", text)
    assert not re.search(r"<style\b", text)
    assert not re.search(r"\sstyle\s*=", text)
    assert not re.search(r"\son[a-z]+\s*=", text)
    assert "javascript:" not in text
    assert not re.search(r"\|\s*safe\b|autoescape|\bMarkup\b", text)
    assert not re.search(r"(?:src|href|action)\s*=\s*\"?(?:https?:)?//", text)


def test_files_ask_no_other_host() -> None:
    for path in (CONSOLE / "static").iterdir():
        text = path.read_text().replace("http://www.w3.org/2000/svg", "")
        assert "//" not in re.sub(r"(?m)^\s*//.*$|\s// .*$", "", text), path.name


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("a\u202eb", "a[U+202E]b"),
        ("\u2066x\u2069\u200f\u061c", "[U+2066]x[U+2069][U+200F][U+061C]"),
        ("zero\u200bwidth\ufeff", "zero[U+200B]width[U+FEFF]"),
        ("bell\x07\x9b", "bell[U+0007][U+009B]"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("שלום émigré 心", "שלום émigré 心"),
        ("tag\U000e0041", "tag[U+E0041]"),
    ],
)
def test_what_would_hide_in_a_text_is_shown(text: str, shown: str) -> None:
    template = environment({}).from_string("{{ text }}")
    assert template.render(text=text) == shown

    assert visible(shown) == shown


# ----------------------------------------------------------------------------------- in a browser


@pytest.mark.parametrize(
    "window",
    [Window(), Window(scheme="dark"), Window(PHONE), Window(PHONE, "dark")],
    ids=["desktop", "dark", "phone", "phone-dark"],
)
def test_the_first_page_can_be_used_by_everybody(
    browser: Browser, live: Live, window: Window
) -> None:
    with tab(browser, live.base, window) as page:
        page.goto("/")
        no_serious_violations(page)
        no_sideways_scroll(page)
        assert page.locator("h1").count() == 1
        if window == Window():
            screenshot(page, "home")
        page.get_by_role("link", name="Policy").first.click()
        assert page.url.endswith("/policy")


def test_the_theme_is_remembered(browser: Browser, live: Live) -> None:
    with tab(browser, live.base) as page:
        page.goto("/")
        light = page.evaluate("getComputedStyle(document.body).backgroundColor")
        page.get_by_role("button", name="Dark theme").click()
        dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert dark != light
        no_serious_violations(page)
        page.goto("/codes")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == dark
        page.get_by_role("button", name="Light theme").click()
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == light


def test_a_keyboard_gets_past_the_menu(browser: Browser, live: Live) -> None:
    with tab(browser, live.base) as page:
        page.goto("/policy")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the page"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main"


def test_what_goes_wrong_in_a_page_fails_its_test(browser: Browser, live: Live) -> None:
    def visit(script: str) -> None:
        with tab(browser, live.base) as page:
            page.goto("/")
            page.evaluate(script)
            page.wait_for_timeout(100)

    for script, told in (
        ("console.error('broken')", "broken"),
        ("setTimeout(() => { throw new Error('thrown'); })", "script failed: thrown"),
        ("fetch('https://other.example/x').catch(() => null)", "other.example"),
    ):
        with pytest.raises(AssertionError, match=told):
            visit(script)
    with tab(browser, live.base) as page:
        page.goto("/")
        page.evaluate(
            "document.querySelector('h1').insertAdjacentHTML('afterend', '<img src=data:,>')"
        )
        with pytest.raises(AssertionError, match="image-alt"):
            no_serious_violations(page)
    with pytest.raises(AssertionError, match="404"):
        _open(browser, live, "/nowhere")


def _open(browser: Browser, live: Live, path: str) -> None:
    with tab(browser, live.base) as page:
        page.goto(path)
