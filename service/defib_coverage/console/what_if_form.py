"""The small controls of the panel "What if": the fields of a form as one change in text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from defib_coverage.errors import RequestError
from defib_coverage.whatif.changes import Change, merged
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
    "date": ("date",),
    "order": ("order_code",),
}
_STRUCTURE = frozenset(";=@,")


def changes_of(fields: Mapping[str, str], index: CodeIndex) -> tuple[Change, ...]:
    """The changes that a form asks for.

    ``set`` is the text of all changes at once; ``changes`` are those made before, and ``make``
    names the control that adds one.

    Raises:
        RequestError: 400, a change that cannot be read or a control that is none.
    """
    if "set" in fields:
        return parse_changes(fields["set"], index)
    before = parse_changes(fields.get("changes", ""), index)
    kind = fields.get("make", "")
    if not kind:
        return before
    made = merged(before, parse_changes(_text(kind, fields), index))
    # Read again as a whole, so that what is shown can also be sent as a link.
    return parse_changes(format_changes(made), index)


def _text(kind: str, fields: Mapping[str, str]) -> str:
    """One change as text.

    Raises:
        RequestError: 400, no such control, or a field that holds more than one value.
    """
    names = _FIELDS.get(kind)
    if names is None:
        raise RequestError(400, "invalid", "there is no such control", "make")
    values = [fields.get(name, "").strip() for name in names]
    if any(_STRUCTURE & set(value) for value in values):
        message = f"the field of {kind} holds more than one value"
        raise RequestError(400, "invalid", message, names[0])
    value, more, day = (*values, "", "")[:3]
    return f"{kind}={value}{',' if more else ''}{more}{'@' if day else ''}{day}"
