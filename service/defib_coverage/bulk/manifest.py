"""The manifest of an export: what is read of it, and what it may not say."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Annotated, Literal
from urllib.parse import urlsplit

import msgspec

from defib_coverage.bulk.faults import FetchError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

LARGEST = 32 << 20
"""The most bytes of a manifest, or of a page of one."""
MOST_FILES = 100_000
"""The most files of an export."""
MOST_PAGES = 1000
"""The most pages of a manifest."""
Section = Literal["output", "deleted", "error"]
_TYPE = re.compile(r"[A-Z][A-Za-z]{1,63}")


class _Item(msgspec.Struct, frozen=True):
    type: str
    url: str
    count: int | None = None


class _Link(msgspec.Struct, frozen=True):
    relation: str
    url: str


class Page(msgspec.Struct, frozen=True, rename="camel"):
    """A manifest, or a page of one, as the server sends it.

    ``requires_access_token``: an old server that does not say is taken to mean it.
    """

    transaction_time: Annotated[str, msgspec.Meta(max_length=64)]
    requires_access_token: bool = True
    output: tuple[_Item, ...] = ()
    deleted: tuple[_Item, ...] | None = None
    error: tuple[_Item, ...] | None = None
    link: tuple[_Link, ...] | None = None

    @property
    def following(self) -> str | None:
        """The URL of the next page."""
        return next((one.url for one in self.link or () if one.relation == "next"), None)


class Listed(msgspec.Struct, frozen=True):
    """A file that a manifest names."""

    section: Section
    type: str
    url: str
    count: int | None

    @property
    def whole_digest(self) -> str:
        """The digest of its URL, which may be a secret itself."""
        return _digest(self.url)

    @property
    def path_digest(self) -> str:
        """The same without the query, which some servers sign anew for each manifest."""
        return _digest(urlsplit(self.url)._replace(query="").geturl())


class Manifest(msgspec.Struct, frozen=True):
    """What an export consists of: of which moment, and each file once."""

    transaction_time: str
    requires_access_token: bool
    files: tuple[Listed, ...]


def read_page(body: bytes, where: str) -> Page:
    """Read a page.

    Args:
        body: the JSON.
        where: whose it is, for the message.

    Raises:
        FetchError: it is none.
    """
    try:
        return msgspec.json.decode(body, type=Page)
    except msgspec.ValidationError as error:
        message = f"{where}: its manifest cannot be used: {error}"
    except (msgspec.MsgspecError, RecursionError, ValueError):
        message = f"{where}: answers 200 with something else than a manifest"
    raise FetchError(message)


def put_together(pages: Iterable[Page], where: str) -> Manifest:
    """One manifest of its pages, of which there is at least one.

    Raises:
        FetchError: it names too many files, or types that are none.
    """
    pages = tuple(pages)
    files = tuple(dict.fromkeys(one for page in pages for one in _listed(page)))
    if len(files) > MOST_FILES:
        message = f"{where}: its manifest names more than {MOST_FILES} files"
        raise FetchError(message)
    for one in files:
        if _TYPE.fullmatch(one.type) is None:
            message = f"{where}: its manifest names a type that is none of FHIR"
            raise FetchError(message)
    needs = any(page.requires_access_token for page in pages)
    return Manifest(pages[0].transaction_time, needs, files)


def _listed(page: Page) -> Iterator[Listed]:
    sections: tuple[tuple[Section, tuple[_Item, ...]], ...] = (
        ("output", page.output),
        ("deleted", page.deleted or ()),
        ("error", page.error or ()),
    )
    for section, items in sections:
        for one in items:
            yield Listed(section, one.type, one.url, one.count)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
