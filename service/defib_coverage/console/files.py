"""The files of the pages: styles, scripts, pictures; browsers keep them until they change."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from starlette.responses import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

ROOT = "/console"
"""Below it stand the files."""
_FOLDER = Path(__file__).with_name("static")
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_FOR_GOOD = "public, max-age=31536000, immutable"
_ASK = "no-cache"


class _File(NamedTuple):
    content: bytes
    etag: str
    media_type: str


class Files:
    """All files, under addresses that change when any of them does."""

    def __init__(self) -> None:
        """Read them all: they are few and small."""
        self._files: Mapping[str, _File] = {
            path.name: _read(path) for path in sorted(_FOLDER.iterdir()) if path.suffix in _TYPES
        }
        every = "".join(file.etag for file in self._files.values())
        self._edition = hashlib.sha256(every.encode()).hexdigest()[:12]

    def address(self, name: str) -> str:
        """Where a file is.

        Raises:
            KeyError: there is none of that name.
        """
        self._files[name]
        return f"{ROOT}/{self._edition}/{name}"

    async def answer(self, request: Request) -> Response | None:
        """The file that a request asks for; None where there is none.

        An address of another release is answered too: while a service is replaced, a page and its
        files may come from two of them.
        """
        file = self._files.get(request.path_params["name"])
        if file is None:
            return None
        current = request.path_params["edition"] == self._edition
        headers = {"ETag": file.etag, "Cache-Control": _FOR_GOOD if current else _ASK}
        known = [tag.strip() for tag in request.headers.get("if-none-match", "").split(",")]
        if file.etag in [tag.removeprefix("W/") for tag in known] or "*" in known:
            return Response(status_code=304, headers=headers)
        return Response(file.content, headers=headers, media_type=file.media_type)


def _read(path: Path) -> _File:
    content = path.read_bytes()
    etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    return _File(content, etag, _TYPES[path.suffix])
