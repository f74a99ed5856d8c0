"""In which shapes an export comes.

PYTEST_DONT_REWRITE: nothing here asserts.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Spelling = Literal["plain", "spaced", "reordered", "slashes", "escaped"]
References = Literal["relative", "absolute", "versioned"]


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """How an export is written.

    ``layout``: files by resource type, all types in the same files, or types in folders of their
    own. ``parts``: over how many files the lines of a type go. ``shuffled``: the lines are in no
    order, else those of a patient are together. ``packing``: as it is, one member of gzip, two
    (the first ends in the middle of a line), or each file otherwise. ``references``: how they are
    spelled. ``spelling``: how the JSON is. ``people``: who held a visit stands inside the record,
    or in a line of its own, the same for all. ``duplicates``: some lines come twice, of some there
    is an older version that says something else. ``strangers``: so many patients without any order
    of ours. ``dangling``: some records point at what is not in the export. ``nameless``: patients
    whose birth date is not asked for have no Patient. ``odd``: with lines and files that cannot be
    read, or are hard to.
    """

    name: str
    seed: int = 1
    layout: Literal["types", "mixed", "folders"] = "types"
    parts: int = 1
    shuffled: bool = True
    packing: Literal["plain", "gzip", "members", "various"] = "plain"
    newline: bytes = b"\n"
    bom: bool = False
    last_newline: bool = True
    blank: bool = False
    references: References | Literal["various"] = "relative"
    spelling: Spelling | Literal["various"] = "plain"
    people: Literal["contained", "shared"] = "contained"
    duplicates: bool = False
    strangers: int = 0
    dangling: bool = False
    nameless: bool = False
    odd: bool = False


SHAPES = (
    Shape(name="plain", shuffled=False),
    Shape(name="split", parts=3, packing="various", last_newline=False, strangers=300),
    Shape(name="crlf", newline=b"\r\n", bom=True, blank=True, spelling="spaced", packing="gzip"),
    Shape(name="mixed", layout="mixed", parts=4, packing="members", spelling="reordered"),
    Shape(name="escaped", layout="folders", spelling="escaped", references="absolute"),
    Shape(name="slashes", layout="mixed", spelling="slashes", references="versioned"),
    Shape(name="people", people="shared", dangling=True, nameless=True, parts=2),
    Shape(name="versions", duplicates=True, parts=2, packing="gzip"),
    Shape(name="odd", odd=True, strangers=2000),
    Shape(
        name="all",
        seed=4,
        layout="mixed",
        parts=5,
        packing="various",
        newline=b"\r\n",
        bom=True,
        last_newline=False,
        blank=True,
        references="various",
        spelling="various",
        people="shared",
        duplicates=True,
        strangers=2000,
        dangling=True,
        nameless=True,
        odd=True,
    ),
)
