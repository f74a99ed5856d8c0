"""``ledger purge``: old days are deleted one by one, so that the service waits for none of them."""

from __future__ import annotations

import os
from contextlib import closing
from typing import TYPE_CHECKING

from defib_coverage.command.ledger_open import unusable
from defib_coverage.command.options import counted
from defib_coverage.documents.document import InputError
from defib_coverage.keeping import kept_ledger
from defib_coverage.ledger.store import Store, StoreError
from defib_coverage.settings import PREFIX, read_settings

if TYPE_CHECKING:
    from collections.abc import Iterator


def purge_ledger(keep_days: int | None) -> Iterator[str]:
    """Delete what is older than a number of days; a line a day, then their number.

    Raises:
        InputError: nobody says for how long records are kept.
        SettingsError: the database cannot be used.
    """
    settings = read_settings(os.environ)
    days = keep_days if keep_days is not None else settings.retention_days
    if days is None:
        message = f"--keep-days: is missing, and {PREFIX}RETENTION_DAYS is not set: nothing is old"
        raise InputError(message)
    url, secrets = kept_ledger(settings)
    purged = 0
    try:
        with closing(Store(url, secrets.chain)) as store:
            while (day := store.purge(days)) is not None:
                purged += 1
                yield f"{day}: purged"
    except StoreError as error:
        raise unusable(str(error)) from error
    yield f"{counted(purged, 'day')} purged, the last {counted(days, 'day')} kept"
