"""What a line of an export is, told as cheaply as can be: whose record, and may it be an order.

Nearly all lines belong to patients without an order of ours and are never decoded again, so this
decodes only who a record is about and, where orders can stand, which codes it has. What it says of
orders errs on one side: a patient may turn out to have none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import msgspec

from defib_coverage.audit import shapes
from defib_coverage.errors import RequestError
from defib_coverage.fhir.raw import BAD
from defib_coverage.fhir.references import is_id, tail
from defib_coverage.fhir.resources import TYPE_NAMES, Coding, OrderConcept
from defib_coverage.fhir.systems import meant_by
from defib_coverage.hooks.limits import check_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from defib_coverage.coverage.codes import CodeIndex

Kind = Literal["record", "shared", "unread", "nobody", "bundle", "request"]


class Head(NamedTuple):
    """What a line is.

    ``record``: that of ``patients``, by their keys. ``shared``: what records of many patients point
    at, as people, or devices on a shelf. ``unread``: of a type that the rules do not read.
    ``nobody``: about no patient, as a group's. ``bundle`` and ``request`` hold further records.
    """

    kind: Kind
    patients: tuple[str, ...] = ()
    order: bool = False


class Unusable(Exception):  # noqa: N818 - what it is: a line that cannot be used
    """Why a line cannot be used, without what it says."""


class _Context(msgspec.Struct):
    patient: str | None = msgspec.field(name="patientId", default=None)


class _Call(msgspec.Struct):
    hook: str
    context: _Context


_decode_call = msgspec.json.Decoder(_Call).decode
_decode_anything = msgspec.json.Decoder().decode
_SUBJECTS = ("subject", "patient", "beneficiary")
_LONGEST = 256
_MOST = 8192


class Heads:
    """Reads heads of lines by one set of value sets."""

    def __init__(self, index: CodeIndex) -> None:
        """Tell orders by ``index``."""
        self._index = index
        # Exports repeat few codes many times: remember which may be orders, within bounds.
        self._known: dict[tuple[str | None, str | None], bool] = {}

    def read(self, text: bytes) -> Head:
        """What a line, which is not blank, is.

        Raises:
            Unusable: it is no JSON, no resource, or does not say whose it is.
        """
        try:
            if not text.isascii():
                text.decode()
            head = shapes.decode(text)
        except BAD as error:
            return self._carefully(text, error)
        if type(head) in shapes.PLAIN:
            subject = head.subject
            if subject is not None:
                reference = subject.reference
                # Nearly all name the patient like this.
                if reference is not None and reference[:8] == "Patient/" and is_id(reference[8:]):
                    return Head("record", (reference,))
            elif type(head) in shapes.HELD:
                return Head("shared")  # a device on a shelf: an order may name it
            return _of_subject(subject)
        return self._other(head)

    def _other(self, head: object) -> Head:
        match head:
            case shapes.Done():
                order = self._ours(_codings(head.code))
                return _of_subject(head.subject)._replace(order=order)
            case shapes.Request():
                order = head.device is not None or self._ours(_codings(head.code))
                return _of_subject(head.subject)._replace(order=order)
            case shapes.Bill():
                return _of_subject(head.subject)._replace(order=self._ours(_billed(head)))
            case shapes.Patient():
                if not is_id(head.id):
                    message = "a Patient without a usable id"
                    raise Unusable(message)
                return Head("record", (f"Patient/{head.id}",))
            case shapes.Appointment():
                return _of_participants(head)
            case _:
                kind: Kind = "bundle"
                if isinstance(head, shapes.Shared):
                    kind = "shared"
                elif isinstance(head, shapes.Unread):
                    kind = "unread"
                return Head(kind)

    def _ours(self, codings: Iterable[Coding]) -> bool:
        """Whether any of the codes is one of an order of ours."""
        for coding in codings:
            known = self._known.get((coding.system, coding.code))
            if known if known is not None else self._look_up(coding.system, coding.code):
                return True
        return False

    def _look_up(self, system: str | None, code: str | None) -> bool:
        if system is None or code is None or len(system) + len(code) > _LONGEST:
            return False
        if len(self._known) >= _MOST:
            self._known.clear()
        value_sets = self._index.value_sets
        found = any(
            value_sets[match.value_set].order_class is not None
            for match in self._index.find(meant_by(system, code) or system, code)
        )
        self._known[system, code] = found
        return found

    def _carefully(self, text: bytes, error: Exception) -> Head:
        """What an odd line is: a hook request, a record with an odd member, or unusable.

        Raises:
            Unusable: it is none of them.
        """
        try:
            check_text(text)
            found = _decode_anything(text)
        except RequestError as refusal:
            raise Unusable(refusal.message) from error
        except BAD as fault:
            raise Unusable(_no_json(fault)) from error
        if not isinstance(found, dict):
            kind = "a list" if isinstance(found, list) else "a value"
            message = f"{kind}, not one resource a line"
            raise Unusable(message)
        if "hook" in found:
            return _call(text)
        named_type = found.get("resourceType")
        if not isinstance(named_type, str):
            message = "without a resourceType"
            raise Unusable(message)
        if named_type not in shapes.RECORD_TYPES:
            message = "of a resource type that FHIR R4 does not have"
            raise Unusable(message)
        subject = next((found[name] for name in _SUBJECTS if name in found), None)
        reference = subject.get("reference") if isinstance(subject, dict) else None
        whose = _of_subject(shapes.Subject(reference if isinstance(reference, str) else None))
        # Which code it has cannot be told: it may be an order.
        return whose._replace(order=named_type in shapes.ORDER_TYPES)


def _call(text: bytes) -> Head:
    """A hook request; each is judged by itself, whoever else's records are there."""
    try:
        call = _decode_call(text)
    except BAD as error:
        message = "a hook request that cannot be read"
        raise Unusable(message) from error
    patient = (call.context.patient or "").removeprefix("Patient/")
    if not is_id(patient):
        message = "a hook request without a usable patientId"
        raise Unusable(message)
    return Head("request", (f"Patient/{patient}",), order=True)


def _codings(concept: OrderConcept | None) -> Iterable[Coding]:
    if concept is None:
        return ()
    more = [one.value_codeable_concept for one in concept.extension]
    return [*concept.coding, *(coding for one in more if one for coding in one.coding)]


def _billed(bill: shapes.Bill) -> Iterable[Coding]:
    concepts = [one.code for one in bill.procedure]
    for item in (*bill.item, *bill.add_item):
        concepts.append(item.code)
        for detail in item.detail:
            concepts += [detail.code, *(sub.code for sub in detail.sub_detail)]
    return [coding for concept in concepts if concept is not None for coding in concept.coding]


def patient_key(reference: str) -> str | None:
    """``Patient/id`` of a reference to a patient in any form; None for one to something else.

    Raises:
        Unusable: it is a patient inside the record, one to be searched for, or one without a usable
            id.
    """
    if reference.startswith("#"):
        message = "its patient stands inside it"
        raise Unusable(message)
    if "Patient?" in reference:
        message = "it names its patient by a search"
        raise Unusable(message)
    if reference.startswith("urn:uuid:"):
        kind, identifier = "Patient", reference.removeprefix("urn:uuid:")
    else:
        kind, _, identifier = tail(reference).partition("/")
    if kind in TYPE_NAMES and kind != "Patient":
        return None
    if kind != "Patient" or not is_id(identifier):
        message = "it names its patient by no usable id"
        raise Unusable(message)
    return f"Patient/{identifier}"


def _of_subject(subject: shapes.Subject | None) -> Head:
    """Whose record it is.

    Raises:
        Unusable: it does not say so.
    """
    if subject is None:
        message = "it does not say whose it is"
        raise Unusable(message)
    if not subject.reference:
        message = "it names its patient by an identifier or a name only"
        raise Unusable(message)
    key = patient_key(subject.reference)
    return Head("nobody") if key is None else Head("record", (key,))


def _of_participants(appointment: shapes.Appointment) -> Head:
    """Whose appointment it is; who or what else takes part may be named in any way.

    Raises:
        Unusable: none of them is a patient by a usable name, and one may be a patient.
    """
    patients: dict[str, None] = {}
    odd: Unusable | None = None
    for one in appointment.participant:
        if one.actor is None or one.actor.reference is None:
            continue
        try:
            key = patient_key(one.actor.reference)
        except Unusable as unusable:
            odd = odd or unusable
        else:
            if key is not None:
                patients[key] = None
    if odd is not None and not patients:
        raise odd
    return Head("record", tuple(patients)) if patients else Head("nobody")


def _no_json(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if isinstance(error, UnicodeError):
        return "not UTF-8"
    text = str(error)
    if "truncated" in text:
        return "cut off: the text ends in the middle"
    return "no JSON"
