"""Reads the query of a request: names and values, decoded."""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import unquote_plus

from defib_coverage.errors import RequestError

Pairs = tuple[tuple[str, str], ...]
_MOST_PARAMETERS = 1000
_MOST_QUERY = 65_536
# Canonical URLs come again and again; what is longer than they are is not kept.
_KEPT = 200


def read_query(query: str) -> Pairs:
    """Names and values of a query, in the order given.

    Raises:
        RequestError: 400 for one that cannot be read, 414 for one that is too long.
    """
    if not query:
        return ()
    if len(query) > _MOST_QUERY:
        raise RequestError(414, "too-long", f"a query has at most {_MOST_QUERY} characters")
    parts = query.split("&")
    if len(parts) > _MOST_PARAMETERS:
        raise RequestError(400, "invalid", f"a query has at most {_MOST_PARAMETERS} parameters")
    if not query.isascii():
        raise RequestError(400, "invalid", "the query holds characters that are not escaped")
    found = []
    try:
        for part in parts:
            name, _, value = part.partition("=")
            if "%" in part or "+" in part:
                name, value = decoded(name), decoded(value)
            if part:
                found.append((name, value))
    except UnicodeDecodeError as error:
        raise RequestError(400, "invalid", "the query is not UTF-8") from error
    return tuple(found)


def decoded(text: str) -> str:
    """A name or value as it was before it was escaped."""
    return _again(text) if len(text) <= _KEPT else unquote_plus(text, errors="strict")


@lru_cache(maxsize=512)
def _again(text: str) -> str:
    return unquote_plus(text, errors="strict")
