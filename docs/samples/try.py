"""Start the service, sign the sample orders beside this file, show the answers, keep serving.

``make run`` calls this. Another port: ``make run PORT=9000``.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from pathlib import Path

import requests
from rich.console import Console, Group
from rich.markdown import Markdown
from rich.panel import Panel
from rich.text import Text

SAMPLES = Path(__file__).parent
PATIENCE = 30.0  # seconds until the service must answer


def main() -> int:
    """Run the service with three sample calls; the exit code."""
    port = sys.argv[1] if len(sys.argv) > 1 else "8000"
    base = f"http://127.0.0.1:{port}"
    console = Console(width=100)
    command = [sys.executable, "-m", "defib_coverage", "serve", "--port", port]
    if _taken(int(port)):
        console.print(f"Port {port} is taken; another one: make run PORT=9000", style="red")
        return 1
    with subprocess.Popen(command) as service:  # noqa: S603 - the product itself
        try:
            if not _answers(base, service):
                console.print(f"The service did not start on port {port}.", style="red")
                return 1
            for sample in sorted(SAMPLES.glob("order-sign-*.json")):
                _sign(console, base, sample)
            console.print(f"\nThe service goes on at {base}; its API: {base}/docs. Ctrl-C ends it.")
            return service.wait()
        except KeyboardInterrupt:
            return 0
        finally:
            service.terminate()


def _taken(port: int) -> bool:
    """Whether something listens there already: its answers would pass for ours."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _answers(base: str, service: subprocess.Popen[bytes]) -> bool:
    """Whether the service comes up."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and service.poll() is None:
        try:
            return requests.get(f"{base}/health", timeout=1).ok
        except requests.ConnectionError:
            time.sleep(0.2)
    return False


def _sign(console: Console, base: str, sample: Path) -> None:
    """Send one order-sign call, as an EHR does, and show what comes back."""
    url = f"{base}/cds-services/defibrillator-order-sign"
    console.rule(f"{sample.name}, signed", align="left")
    answer = requests.post(
        url,
        data=sample.read_bytes(),
        headers={"Content-Type": "application/json"},
        timeout=10,
    )
    answer.raise_for_status()
    cards = answer.json()["cards"]
    if not cards:
        console.print("No card: nothing found that speaks against coverage.", style="green")
    for card in cards:
        colour = "yellow" if card["indicator"] == "warning" else "cyan"
        accept = [Text(f"[ {s['label']} ]", style="bold") for s in card.get("suggestions", [])]
        links = [Text(f"{link['label']}: {link['url']}") for link in card.get("links", [])]
        body = Group(Markdown(card["detail"]), *accept, *links)
        console.print(Panel(body, title=card["summary"], title_align="left", border_style=colour))
    for action in answer.json().get("systemActions", []):
        console.print(f"{action['description']}:", markup=False)
        for part in action["resource"]["extension"][-1]["extension"]:
            (value,) = (v for name, v in part.items() if name != "url")
            console.print(f"  {part['url']}: {_plain(value)}", markup=False, highlight=False)


def _plain(value: object) -> object:
    """A value of an extension in a line."""
    if isinstance(value, dict):
        return next(value[name] for name in ("text", "reference", "code") if name in value)
    return value


if __name__ == "__main__":
    sys.exit(main())
