"""Registered clients for tests over HTTP: a client file with keys, and calls that they sign.

PYTEST_DONT_REWRITE: nothing here asserts.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

from defib_coverage.hooks.trust.signing import SigningKey, new_key, sign
from live_server import JSON_TYPE, SERVICE_IDS, Json

if TYPE_CHECKING:
    import requests

    from live_server import Live

PUBLIC = "https://cds.example/icd"


class Registered:
    """A client of the file: its key, and what it signs."""

    def __init__(self, identity: str, key: SigningKey) -> None:
        self.issuer = f"https://{identity}.example"
        self._key = key

    def token(self, path: str, **claims: object) -> str:
        return sign(self._key, self.issuer, PUBLIC + path, now=time.time(), **claims)  # type: ignore[arg-type]  # claims only

    def send(self, live: Live, request: Json) -> requests.Response:
        """Send a hook request with a token of its own."""
        path = f"/cds-services/{SERVICE_IDS[request['hook']]}"
        return self.post(live, path, request)

    def post(
        self, live: Live, path: str, request: Json, token: str | None = None
    ) -> requests.Response:
        headers = JSON_TYPE | {"Authorization": f"Bearer {token or self.token(path)}"}
        return live.post(path, json.dumps(request).encode(), headers)


def client_file(folder: Path, **entries: str) -> tuple[dict[str, str], dict[str, Registered]]:
    """Write a client file; the settings that use it, and its clients.

    Args:
        folder: where it is written.
        entries: further lines of each client's table, by the client's id.
    """
    clients: dict[str, Registered] = {}
    text = ""
    for identity, more in entries.items():
        key = new_key()
        clients[identity] = Registered(identity, key)
        Path(folder, f"{identity}.jwks.json").write_text(json.dumps({"keys": [key.public()]}))
        text += f'[clients.{identity}]\nissuer = "{clients[identity].issuer}"\n'
        text += f'keys = "{identity}.jwks.json"\n{more}\n'
    file = Path(folder, "clients.toml")
    file.write_text(text)
    return {"clients": str(file), "public_base": PUBLIC}, clients
