"""How long ``/try`` takes to show the cards of a large chart, from its upload, in a browser.

Ends with 0 whatever it measures; with 1 where the page shows something else than the cards.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from playwright.sync_api import Page, sync_playwright

from charts import EXPECTED_TOPICS, make_chart
from servers import Server, Subject

_OURS = Subject(
    "ours",
    "defib_coverage.command.serving:application",
    cards=len(EXPECTED_TOPICS),
    factory=True,
    environment=(("DEFIB_COVERAGE_LEDGER", "off"),),
    protocol="defib_coverage.edge.protocol:BoundedProtocol",
)
_CHROMIUM = "/usr/bin/chromium"
_ROUNDS = 5
_SIZES = (25, 300, 3000)
_TARGET = 2.0


def main() -> int:
    """Measure every size and print a table."""
    with (
        Server(_OURS) as server,
        tempfile.TemporaryDirectory() as folder,
        sync_playwright() as playwright,
    ):
        server.wait()
        browser = playwright.chromium.launch(
            executable_path=_CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page()
        file = Path(folder, "chart.json")
        print("| resources | KB | seconds until the cards are shown |")
        print("| --- | --- | --- |")
        for size in _SIZES:
            file.write_bytes(make_chart(size).body)
            seconds = [_shown(page, server.port, file) for _ in range(_ROUNDS)]
            if page.locator(".card").count() != len(EXPECTED_TOPICS):
                return 1
            print(f"| {size} | {file.stat().st_size >> 10} | {median(seconds):.2f} |", flush=True)
        browser.close()
    reached = "yes" if median(seconds) < _TARGET else "NO"
    print(f"\nunder {_TARGET:.0f} s for {_SIZES[-1]} resources: {reached}")
    return 0


def _shown(page: Page, port: int, file: Path) -> float:
    """Seconds from the upload of a chart until its cards are there."""
    page.goto(f"http://127.0.0.1:{port}/try?sample=covered")
    page.locator("#own").check()
    start = time.perf_counter()
    page.set_input_files("#file", file)
    page.locator(".card").first.wait_for()
    return time.perf_counter() - start


if __name__ == "__main__":
    sys.exit(main())
