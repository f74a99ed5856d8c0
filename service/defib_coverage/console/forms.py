"""Forms that a browser sends: fields and files, read in memory within the bounds of a body."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, MultipartState, parse_options_header

from defib_coverage.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Mapping

FORM_TYPES = (b"application/x-www-form-urlencoded", b"multipart/form-data")
_MULTIPART = b"multipart/form-data"
_MOST_FIELDS = 100
# Of a form whose every letter may be an escape; files are sent in another way.
_LONGEST_ENCODED = 1024 * 1024


def read_form(body: bytes | bytearray, content_type: str) -> Mapping[str, bytes]:
    """The fields of a form by name, a file by its content; of one that is sent twice the last.

    Raises:
        RequestError: 400 for what is no form, 413 for one that is too large to be sent with
            escapes, 415 for a body of another type.
    """
    kind, options = parse_options_header(content_type)
    if kind not in FORM_TYPES:
        raise RequestError(415, "not-supported", "the body must be a form", "header")
    if kind != _MULTIPART and len(body) > _LONGEST_ENCODED:
        message = f"a form larger than {_LONGEST_ENCODED} bytes must be multipart/form-data"
        raise RequestError(413, "too-long", message, "the body")
    try:
        if kind != _MULTIPART:
            text = bytes(body).decode()
            fields = parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS)
            return {name: value.encode() for name, value in fields}
        reader = _Reader()
        parser = MultipartParser(
            options.get(b"boundary", b""),
            {
                "on_part_begin": reader.begin,
                "on_part_data": reader.data,
                "on_part_end": reader.end,
                "on_header_field": reader.header_name,
                "on_header_value": reader.header_value,
                "on_header_end": reader.header_end,
            },
        )
        parser.write(bytes(body))
        parser.finalize()
        _check_whole(parser)
    except (FormParserError, ValueError) as error:
        message = "the form cannot be read"
        raise RequestError(400, "structure", message, "the body") from error
    return reader.fields


def _check_whole(parser: MultipartParser) -> None:
    """Whether the last part came to its end.

    Raises:
        ValueError: it did not.
    """
    if parser.state is not MultipartState.END:
        message = "the last part has no end"
        raise ValueError(message)


class _Reader:
    """Takes the parts of a multipart body as they are parsed."""

    def __init__(self) -> None:
        self.fields: dict[str, bytes] = {}
        self._name = ""
        self._content: list[bytes] = []
        self._header = b""
        self._value = b""

    def begin(self) -> None:
        if len(self.fields) >= _MOST_FIELDS:
            message = "too many fields"
            raise ValueError(message)
        self._name, self._content = "", []

    def header_name(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            _, options = parse_options_header(self._value)
            self._name = options.get(b"name", b"").decode()
        self._header = self._value = b""

    def data(self, data: bytes, start: int, end: int) -> None:
        self._content.append(data[start:end])

    def end(self) -> None:
        self.fields[self._name] = b"".join(self._content)
