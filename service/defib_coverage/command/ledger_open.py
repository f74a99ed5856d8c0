"""The ledger of the settings, opened for reading."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from sqlalchemy.exc import SQLAlchemyError

from defib_coverage.database.engine import open_reader
from defib_coverage.documents.document import InputError
from defib_coverage.errors import SettingsError
from defib_coverage.keeping import kept_ledger
from defib_coverage.ledger.report import Period
from defib_coverage.settings import PREFIX, read_settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from sqlalchemy import Connection

    from defib_coverage.ledger.secrets import Secrets


class Books(NamedTuple):
    """A ledger that is read: one state of it, whatever is appended meanwhile."""

    connection: Connection
    secrets: Secrets


@contextmanager
def open_books() -> Iterator[Books]:
    """Open the ledger of the environment's settings.

    Raises:
        SettingsError: there is none, or it cannot be used.
        InputError: it holds what cannot be read.
    """
    url, secrets = kept_ledger(read_settings(os.environ))
    engine = open_reader(url)
    try:
        with engine.connect() as connection:
            yield Books(connection, secrets)
    except SQLAlchemyError as error:
        raise unusable(type(error).__name__) from error
    except (ValueError, TypeError, msgspec.MsgspecError) as error:
        # What of the row is wrong is for `verify` to say; the text may be about a patient.
        message = "the ledger holds what cannot be read. Run defib-coverage ledger verify"
        raise InputError(message) from error
    finally:
        engine.dispose()


def unusable(cause: str) -> SettingsError:
    """A database that failed, in one line, by the name of the error."""
    return SettingsError(f"{PREFIX}DATABASE: cannot be used ({cause}). Check that it runs")


def read_period(first: date | None, last: date | None) -> Period:
    """The days that options name.

    Raises:
        InputError: the last comes before the first.
    """
    if first is not None and last is not None and last < first:
        message = f"--to: {last} comes before --from {first}"
        raise InputError(message)
    return Period(first, last)
