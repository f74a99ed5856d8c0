"""Pages in a real browser: Debian's Chromium, driven by Playwright.

``browser`` starts it once for a session; ``tab`` is a context manager that opens a page of a
running service and fails where the page had errors or asked another host for anything.
PYTEST_DONT_REWRITE: what fails here says so in its message.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

CHROMIUM = "/usr/bin/chromium"
SCREENSHOTS = Path(__file__).parents[1] / "docs/screenshots"
PHONE = (360, 740)
DESKTOP = (1280, 900)
# What a person cannot get past.
_SERIOUS = {"serious", "critical"}


class Window(NamedTuple):
    """What a page is looked at through.

    ``size`` is width and height, ``scheme`` what the system asks for, ``script`` whether scripts
    may run.
    """

    size: tuple[int, int] = DESKTOP
    scheme: Literal["light", "dark"] = "light"
    script: bool = True


_DESK = Window()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        yield started
        started.close()


@contextmanager
def tab(
    browser: Browser, base: str, window: Window = _DESK, *, allowed: tuple[str, ...] = ()
) -> Iterator[Page]:
    """A page of the service at ``base``; paths are enough to go to.

    Args:
        browser: the browser.
        base: where the service answers.
        window: what it is looked at through.
        allowed: parts of error messages that are meant to appear on the console.

    Raises:
        AssertionError: a script failed, the browser's console holds an error, or another host was
            asked for something.
    """
    context = browser.new_context(
        base_url=base,
        viewport={"width": window.size[0], "height": window.size[1]},
        color_scheme=window.scheme,
        java_script_enabled=window.script,
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.set_default_timeout(20_000)
    troubles: list[str] = []
    page.on("pageerror", lambda error: troubles.append(f"script failed: {error}"))
    page.on(
        "console",
        lambda said: (
            troubles.append(f"{said.type}: {said.text}")
            if said.type in {"error", "warning"}
            else None
        ),
    )
    page.on(
        "request",
        lambda request: (
            troubles.append(f"another host: {request.url}")
            if urlsplit(request.url).netloc not in {"", urlsplit(base).netloc}
            else None
        ),
    )
    try:
        yield page
    finally:
        context.close()
    real = [one for one in troubles if not any(part in one for part in allowed)]
    if real:
        raise AssertionError("\n".join(real))


def no_serious_violations(page: Page) -> None:
    """Check a page as it stands with axe.

    Raises:
        AssertionError: something in it cannot be used by everybody.
    """
    found: dict[str, Any] = Axe().run(page).response
    told = [
        f"{one['id']}: {one['help']}: {node['html'][:200]} {node.get('failureSummary', '')[:300]}"
        for one in found["violations"]
        if one["impact"] in _SERIOUS
        for node in one["nodes"][:5]
    ]
    if told:
        raise AssertionError("\n".join(told))


def no_sideways_scroll(page: Page) -> None:
    """Check that a page is no wider than its window.

    Raises:
        AssertionError: it is, with what sticks out.
    """
    wide: list[str] = page.evaluate(
        """() => document.documentElement.scrollWidth <= innerWidth ? [] :
        [...document.querySelectorAll("body *")]
          .filter((one) => one.getBoundingClientRect().right > innerWidth + 1)
          .slice(0, 10)
          .map((one) => one.outerHTML.slice(0, 120))
          .concat(["the page"])"""
    )
    if wide:
        raise AssertionError("\n".join(wide))


def screenshot(page: Page, name: str) -> None:
    """Write ``docs/screenshots/NAME.png``, where the environment variable SCREENSHOTS asks.

    It shows what the window does at the top of the page.
    """
    if os.environ.get("SCREENSHOTS"):
        SCREENSHOTS.mkdir(exist_ok=True)
        page.evaluate("scrollTo(0, 0)")
        page.screenshot(path=SCREENSHOTS / f"{name}.png")
