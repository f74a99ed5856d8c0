"""Sample patients, one a story: invented people whose dates are told as days from the order's own.

In a sample ``"@-25d"`` stands for the day 25 days before, and ``"@-40d~vague"`` for what is left of
a date when its day was forgotten: the month, or where the day is the first of a month, the year.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from importlib import resources

import msgspec

_FOLDER = "samples"
_DAY = re.compile(rb'"@([+-]\d{1,5})d(~vague)?"')


class Sample(msgspec.Struct, frozen=True):
    """A sample patient: the request that an EHR would send of him or her."""

    id: str
    title: str
    story: str
    template: bytes

    def request(self, day: date) -> bytes:
        """The request, with an order for ``day``."""

        def resolved(found: re.Match[bytes]) -> bytes:
            then = day + timedelta(days=int(found[1]))
            text = then.isoformat()
            if found[2] is not None:
                text = text[:4] if then.day == 1 else text[:7]
            return f'"{text}"'.encode()

        return _DAY.sub(resolved, self.template)


class _File(msgspec.Struct):
    title: str
    story: str
    request: msgspec.Raw


def read_samples() -> tuple[Sample, ...]:
    """All samples, in the order in which they are shown."""
    folder = resources.files("defib_coverage.console").joinpath(_FOLDER)
    found = []
    for path in sorted(folder.iterdir(), key=lambda one: one.name):
        read = msgspec.json.decode(path.read_bytes(), type=_File)
        name = path.name.removesuffix(".json").partition("-")[2]
        found.append(Sample(name, read.title, read.story, bytes(read.request)))
    return tuple(found)
