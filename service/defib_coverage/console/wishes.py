"""What the panel "What if" asks for: its small controls as one text of changes, and one date."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from defib_coverage.errors import RequestError
from defib_coverage.whatif.changes import Change, SetServiceDate, merged
from defib_coverage.whatif.grammar import format_changes, parse_changes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from defib_coverage.coverage.codes import CodeIndex

# Of each control: its value, what may be added to it, and its day.
_FIELDS: Mapping[str, tuple[str, ...]] = {
    "add": ("add_code", "", "add_day"),
    "remove": ("remove_code",),
    "move": ("move_record", "", "move_day"),
    "lvef": ("lvef_value", "lvef_method", "lvef_day"),
    "nyha": ("nyha_class", "", "nyha_day"),
    "sdm": ("sdm_holder", "sdm_tool", "sdm_day"),
    "drug": ("drug_class", "", "drug_day"),
    "device": ("device",),
    "date": ("date_day",),
}
_STRUCTURE = frozenset(";=@,")
_DATE = "date"


class Wish(msgspec.Struct, frozen=True):
    """The fields of the form once a control was used.

    ``trouble`` says why it could not be: then the fields are as they were before.
    """

    fields: Mapping[str, bytes]
    trouble: str | None = None


def wish_of(fields: Mapping[str, bytes], index: CodeIndex) -> Wish:
    """Use the control that was pressed, if one was.

    ``set`` is the text of all changes, the service date among them; ``make`` names the control that
    adds one to ``changes``. The date among them becomes that of the form, where it can be moved
    too. Changes of another patient than the chosen one are dropped.
    """
    kept = {name: value for name, value in fields.items() if name not in {"set", "make"}}
    if kept.get("changes_for", kept.get("sample")) != kept.get("sample"):
        kept["changes"] = b""
    try:
        if "set" in fields:
            return Wish(_with(parse_changes(_text(fields, "set"), index), {**kept, _DATE: b""}))
        if not fields.get("make"):
            return Wish(kept)
        before = parse_changes(_text(kept, "changes"), index)
        made = merged(before, parse_changes(_made(_text(fields, "make"), fields), index))
        # Read again as a whole, so that what is shown can also be sent as a link.
        return Wish(_with(parse_changes(format_changes(made), index), kept))
    except RequestError as error:
        return Wish(kept, error.message)


def _with(changes: tuple[Change, ...], fields: Mapping[str, bytes]) -> Mapping[str, bytes]:
    """The fields with changes, a service date among them as the form's own."""
    found = dict(fields)
    for change in changes:
        if isinstance(change, SetServiceDate):
            found[_DATE] = change.day.isoformat().encode()
    others = (change for change in changes if not isinstance(change, SetServiceDate))
    found["changes"] = format_changes(others).encode()
    return found


def _text(fields: Mapping[str, bytes], name: str) -> str:
    return fields.get(name, b"").decode(errors="replace").strip()


def _made(kind: str, fields: Mapping[str, bytes]) -> str:
    """One change as text.

    Raises:
        RequestError: 400, no such control, or a field that holds more than one value.
    """
    names = _FIELDS.get(kind)
    if names is None:
        raise RequestError(400, "invalid", "there is no such control", "make")
    values = [_text(fields, name) for name in names]
    if any(_STRUCTURE & set(value) for value in values):
        message = f"the field of {kind} holds more than one value"
        raise RequestError(400, "invalid", message, names[0])
    value, more, day = (*values, "", "")[:3]
    return f"{kind}={value}{',' if more else ''}{more}{'@' if day else ''}{day}"
