"""Loading one file: begun anew or gone on with, checked, and put in its place when it is whole."""

from __future__ import annotations

import os
import re
from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec

from defib_coverage.bulk.faults import BUSY, PASSING, REASONS, FileError
from defib_coverage.bulk.folder import private
from defib_coverage.bulk.intake import Intake, UnfitError
from defib_coverage.network.transfer import TransferError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from defib_coverage.bulk.courier import Courier
    from defib_coverage.bulk.folder import Folder
    from defib_coverage.bulk.patience import Patience
    from defib_coverage.bulk.record import FileRecord
    from defib_coverage.bulk.telling import Watch
    from defib_coverage.network.transport import Opened

_PIECE = 1 << 20
_RANGE = re.compile(r"bytes (\d+)-\d+/(?:\d+|\*)")
_NDJSON = "application/fhir+ndjson"
_ENCODINGS = frozenset({"identity", "gzip"})
# A file that is not what it should be is loaded a second time: then it is the server's fault.
_MOST_UNFIT = 2
# A pause that is longer is worth a line.
_QUIET = 5.0


class _AgainError(Exception):
    """The file is to be asked for again; ``asked`` is the server's Retry-After."""

    def __init__(self, why: str, asked: str | None = None) -> None:
        super().__init__(why)
        self.asked = asked


class Loader:
    """Loads the files of one export; used from several threads, each file by one of them."""

    def __init__(  # noqa: PLR0913 - whom it works with
        self,
        folder: Folder,
        courier: Courier,
        patience: Patience,
        watch: Watch,
        *,
        needs_token: bool,
        any_count: bool,
    ) -> None:
        """Load nothing yet.

        Args:
            folder: where to.
            courier: who asks.
            patience: how many faults in a row are borne, and with which pauses.
            watch: is told of all that comes.
            needs_token: whether the manifest says that files are for those with a token.
            any_count: whether a number of lines other than the manifest's is taken.
        """
        self._folder = folder
        self._courier = courier
        self._patience = patience
        self._watch = watch
        self._needs_token = needs_token
        self._any_count = any_count

    def load(self, one: FileRecord, url: str) -> FileRecord:
        """Load a file.

        Args:
            one: what is known of it.
            url: where it is.

        Returns:
            What is known of it now that it is complete.

        Raises:
            FileError: it cannot be loaded.
            FetchError: nothing can be.
            StoppedError: somebody asked to stop.
        """
        url = self._courier.places.check(url, f"the file {one.file}")
        unfit = faults = furthest = 0
        while True:
            try:
                one = self._once(one, url)
            except UnfitError as error:
                self._folder.part_of(one).unlink(missing_ok=True)
                unfit += 1
                if unfit == _MOST_UNFIT:
                    message = f"{one.file}: {error}"
                    raise FileError(message) from error
                self._watch.told(f"{one.file}: {error}; it is loaded again")
            except _AgainError as error:
                # What comes further each time is on its way, however often it breaks off.
                came = _size(self._folder.part_of(one))
                faults = 1 if came > furthest else faults + 1
                furthest = max(came, furthest)
                if faults == self._patience.attempts:
                    message = f"{one.file}: {error}, {faults} times over"
                    raise FileError(message) from error
                pause = self._patience.pause(faults - 1, error.asked)
                if pause > _QUIET:
                    self._watch.told(f"{one.file}: {error}; asked again in {pause:.0f} s")
                self._courier.pause(pause)
                # The name of its content may have been learnt meanwhile.
                one = self._folder.known(one)
            except OSError as error:
                raise self._folder.unwritable(error) from error
            else:
                return one

    def _once(self, one: FileRecord, url: str) -> FileRecord:
        """One attempt.

        Raises:
            UnfitError: what came is not the file.
            _AgainError: it is worth another one.
            OSError: the disk does not take it.
        """
        part = self._folder.part_of(one)
        part.parent.mkdir(mode=0o700, exist_ok=True)
        intake, have = Intake(), 0
        if _is_strong(one.etag) and part.exists():
            for piece in _pieces_of(part):
                intake.feed(piece)
            have = intake.size
        headers = {"Accept": _NDJSON}
        if have and one.etag is not None:
            headers |= {"Range": f"bytes={have}-", "If-Range": one.etag}
        try:
            with self._courier.opened(url, headers, needs_token=self._needs_token) as answer:
                begin = self._begin(one, answer, have)
                if not begin:
                    intake = Intake()
                one = self._noted(one, answer)
                self._take(answer, part, intake, begin)
        except TransferError as error:
            # Who has asked to stop hears that, not that the connection is gone.
            self._courier.pause(0)
            if error.reason not in PASSING:
                message = f"{one.file}: its server {REASONS[error.reason]}"
                raise FileError(message) from error
            raise _AgainError(REASONS[error.reason]) from error
        intake.finish()
        return self._settled(one, part, intake)

    def _begin(self, one: FileRecord, answer: Opened, have: int) -> int:
        """From where on an answer brings the file.

        Raises:
            UnfitError: it is something else than the file.
            _AgainError: another attempt may bring it.
            FileError: none will.
        """
        status = answer.status
        if status in BUSY:
            why = f"the server is busy ({status})"
            raise _AgainError(why, answer.headers.get("retry-after"))
        if status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and have:
            self._folder.part_of(one).unlink(missing_ok=True)
            why = "the server has not as much of it as came before"
            raise _AgainError(why)
        if status not in {HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT}:
            message = (
                f"{one.file}: the server answers {status}; the same command asks for the export's "
                "files anew"
            )
            raise FileError(message)
        if answer.headers.get("content-type", "").partition(";")[0].strip() == "text/html":
            message = "is a page of HTML, not NDJSON"
            raise UnfitError(message)
        if answer.encoding not in _ENCODINGS:
            message = "comes in an encoding that was not asked for"
            raise UnfitError(message)
        if status == HTTPStatus.OK:
            return 0
        found = _RANGE.fullmatch(answer.headers.get("content-range", ""))
        same = answer.headers.get("etag", one.etag) == one.etag
        if found is None or int(found[1]) != have or not have or not same:
            self._folder.part_of(one).unlink(missing_ok=True)
            why = "the server brings another part of it than was asked for"
            raise _AgainError(why)
        return have

    def _noted(self, one: FileRecord, answer: Opened) -> FileRecord:
        """Note the name of the content, with which a later attempt can go on."""
        etag = answer.headers.get("etag")
        if etag == one.etag:
            return one
        noted = msgspec.structs.replace(one, etag=etag)
        self._folder.keep_file(noted)
        return noted

    def _take(self, answer: Opened, part: Path, intake: Intake, begin: int) -> None:
        """Write what comes.

        Raises:
            TransferError: it breaks off.
            _AgainError: the server ends before its end.
            UnfitError: it is no NDJSON.
            OSError: the disk does not take it.
        """
        came = 0
        with private(part, begin) as file:
            for piece in answer.pieces():
                file.write(piece)
                intake.feed(piece)
                came += len(piece)
                self._watch.came(len(piece))
            file.flush()
            os.fsync(file.fileno())
        length = answer.headers.get("content-length", "")
        if length.isascii() and length.isdigit() and int(length) != came:
            why = "the server ended before its end"
            raise _AgainError(why)

    def _settled(self, one: FileRecord, part: Path, intake: Intake) -> FileRecord:
        """Put a complete file in its place, if it is what the manifest says.

        Raises:
            UnfitError: it is not.
        """
        if one.section == "output" and intake.first_type == "OperationOutcome":
            message = "holds an OperationOutcome instead of resources"
            raise UnfitError(message)
        if one.count is not None and one.count != intake.lines:
            text = f"has not {one.count} lines, as the manifest says, but {intake.lines}"
            if not self._any_count:
                raise UnfitError(text)
            self._watch.told(f"{one.file}: {text}")
        done = msgspec.structs.replace(
            one,
            file=one.stem + (".gz" if intake.is_gzip else ""),
            bytes=intake.size,
            sha256=intake.sha256,
            lines=intake.lines,
            done=True,
        )
        part.replace(self._folder.place_of(done))
        self._folder.keep_file(done)
        self._watch.loaded(done.file, intake.lines)
        return done


def is_as_loaded(path: Path, one: FileRecord) -> bool:
    """Whether a file that was loaded is still what it was.

    Args:
        path: where it is.
        one: what is known of it.
    """
    intake = Intake()
    try:
        if path.stat().st_size != one.bytes:
            return False
        for piece in _pieces_of(path):
            intake.feed(piece)
    except (OSError, UnfitError):
        return False
    return intake.sha256 == one.sha256


def _pieces_of(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            yield piece


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _is_strong(etag: str | None) -> bool:
    return etag is not None and etag.startswith('"') and etag.isascii() and etag.isprintable()
