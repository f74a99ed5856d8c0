"""A fetch from its beginning to its end, or from where the last one was stopped."""

from __future__ import annotations

import os
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec

from defib_coverage.bulk.asking import kick_off
from defib_coverage.bulk.faults import FetchError, FileError, StoppedError, UnsureError
from defib_coverage.bulk.issues import count_issues
from defib_coverage.bulk.loading import Loader, is_as_loaded
from defib_coverage.bulk.polling import GoneError, wait_for
from defib_coverage.bulk.record import matched
from defib_coverage.errors import DefibCoverageError
from defib_coverage.network.transfer import TransferError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from concurrent.futures import Future

    from defib_coverage.bulk.asking import Wanted
    from defib_coverage.bulk.courier import Courier
    from defib_coverage.bulk.folder import Folder
    from defib_coverage.bulk.manifest import Listed, Manifest
    from defib_coverage.bulk.patience import Patience
    from defib_coverage.bulk.record import FileRecord, Record
    from defib_coverage.bulk.telling import Watch

_LARGEST = 1 << 20


class Ways(msgspec.Struct, frozen=True, kw_only=True):
    """How an export is fetched.

    ``at_once`` is how many files are loaded at a time. ``keep_export`` leaves it on the server.
    ``any_count`` takes files whose number of lines is not the manifest's.
    """

    at_once: int = 3
    keep_export: bool = False
    any_count: bool = False


class Fetch:
    """One export, fetched into one folder."""

    def __init__(  # noqa: PLR0913 - whom it works with
        self,
        wanted: Wanted,
        folder: Folder,
        courier: Courier,
        *,
        ways: Ways,
        patience: Patience,
        watch: Watch,
    ) -> None:
        """Fetch nothing yet."""
        self._wanted = wanted
        self._folder = folder
        self._courier = courier
        self._ways = ways
        self._patience = patience
        self._watch = watch

    def run(self) -> Record:
        """Fetch what is not there yet.

        Returns:
            The record of the complete export.

        Raises:
            FetchError: it cannot be fetched, or not all of it.
        """
        self._recheck()
        if not self._folder.record.is_loaded:
            self._load(self._listed())
        self._finish()
        return self._folder.record

    def _recheck(self) -> None:
        """Look whether what was loaded before is still what it was.

        Raises:
            FetchError: it is not, and the server was told to forget the export.
        """
        record = self._folder.record
        done = [one for one in record.files or () if one.done]
        if not done:
            return
        self._watch.told("Checking what was loaded before")
        for one in done:
            place = self._folder.place_of(one)
            if is_as_loaded(place, one):
                continue
            if record.removed:
                message = (
                    f"{place}: is not as it was loaded, and the server was told to forget the "
                    "export; fetch it into another folder"
                )
                raise FetchError(message)
            self._watch.told(f"{one.file}: is not as it was loaded; it is loaded again")
            self._forget(one)
        if not self._folder.record.is_loaded:
            self._folder.keep(msgspec.structs.replace(self._folder.record, finished=None))

    def _forget(self, one: FileRecord) -> None:
        anew = msgspec.structs.replace(
            one, file=one.stem, etag=None, bytes=None, sha256=None, lines=None, done=False
        )
        try:
            self._folder.place_of(one).unlink(missing_ok=True)
            self._folder.part_of(one).unlink(missing_ok=True)
        except OSError as error:
            raise self._folder.unwritable(error) from error
        self._folder.keep_file(anew)

    def _listed(self) -> tuple[tuple[FileRecord, Listed], ...]:
        """The files of the export, which is begun if it was not.

        Raises:
            FetchError: there is no export.
        """
        status = self._folder.record.status
        if status is None:
            status = self._begun()
        else:
            self._watch.told("Going on with the export that was begun before")
        try:
            manifest = wait_for(status, self._courier, self._patience, self._watch)
        except GoneError as error:
            raise self._gone(error) from error
        return self._noted(manifest)

    def _begun(self) -> str:
        """Ask for the export.

        Returns:
            The URL of its status, which is kept.

        Raises:
            DefibCoverageError: the server does not begin one; the folder is for any other again.
        """
        if self._folder.is_unsure:
            self._watch.told(
                "What was asked for into this folder before got no answer that was kept: the "
                "server may be at work on it"
            )
        self._watch.told(f"Asking for {self._wanted.described}")
        # Before anything is asked of the server: a folder that takes nothing is known now.
        self._folder.keep(self._folder.record)
        try:
            status = kick_off(self._wanted, self._courier, self._patience, self._watch)
        except UnsureError:
            raise
        except DefibCoverageError:
            self._folder.forget()
            raise
        self._folder.keep(msgspec.structs.replace(self._folder.record, status=status))
        self._watch.told("The server has begun the export")
        return status

    def _gone(self, error: GoneError) -> FetchError:
        """What to do about an export that is no more: where nothing was loaded, begin anew."""
        record = self._folder.record
        if record.files is None:
            self._folder.forget()
            return FetchError(f"{error}; the same command asks for a new one")
        return FetchError(f"{error}; fetch a new one into another folder")

    def _noted(self, manifest: Manifest) -> tuple[tuple[FileRecord, Listed], ...]:
        """Note what the manifest says.

        Raises:
            FetchError: it is of another export than the files that were loaded before.
        """
        record = self._folder.record
        if record.files is not None and record.transaction_time != manifest.transaction_time:
            message = (
                f"{record.base}: has begun the export anew since files of it were loaded; fetch it "
                "into another folder"
            )
            raise FetchError(message)
        pairs = matched(record, manifest)
        self._drop(record, [one for one, _ in pairs])
        self._folder.keep(
            msgspec.structs.replace(
                record,
                transaction_time=manifest.transaction_time,
                requires_access_token=manifest.requires_access_token,
                files=tuple(one for one, _ in pairs),
            )
        )
        self._watch.told(f"The export is of {manifest.transaction_time}")
        return pairs

    def _drop(self, record: Record, kept: Sequence[FileRecord]) -> None:
        """Delete what was loaded and is not found again: it comes once more, by another name."""
        names = {one.file for one in kept}
        for one in record.files or ():
            if one.file not in names:
                try:
                    self._folder.place_of(one).unlink(missing_ok=True)
                    self._folder.part_of(one).unlink(missing_ok=True)
                except OSError as error:
                    raise self._folder.unwritable(error) from error

    def _load(self, pairs: Sequence[tuple[FileRecord, Listed]]) -> None:
        """Load what is missing, several files at a time.

        Raises:
            FetchError: some of it cannot be loaded; what can be, is.
        """
        record = self._folder.record
        missing = [(one, listed) for one, listed in pairs if not one.done]
        self._watch.begins(len(pairs), len(pairs) - len(missing))
        loader = Loader(
            self._folder,
            self._courier,
            self._patience,
            self._watch,
            needs_token=bool(record.requires_access_token),
            any_count=self._ways.any_count,
        )
        pool = ThreadPoolExecutor(self._ways.at_once, thread_name_prefix="loading")
        try:
            begun = [pool.submit(loader.load, one, listed.url) for one, listed in missing]
            faults = self._waited(begun)
        finally:
            # Also when a person interrupts: no thread goes on, and what came is kept.
            self._courier.stop()
            pool.shutdown(cancel_futures=True)
            self._folder.keep(self._folder.record)
        if faults:
            others = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
            message = f"{faults[0]}{others}"
            raise FetchError(message)

    def _waited(self, begun: Iterable[Future[FileRecord]]) -> list[FileError]:
        """Wait for all files.

        Returns:
            Why some cannot be loaded.

        Raises:
            FetchError: none can be.
        """
        faults: list[FileError] = []
        left = set(begun)
        while left:
            done, left = wait(left, return_when=FIRST_COMPLETED)
            for one in done:
                error = one.exception()
                if isinstance(error, FileError):
                    self._watch.told(str(error))
                    faults.append(error)
                elif error is not None:
                    raise error
        return faults

    def _finish(self) -> None:
        """Count what the server reports, and let it forget the export."""
        record = self._folder.record
        if record.finished is None:
            errors = [one for one in record.files or () if one.section == "error"]
            issues = count_issues(self._folder.place_of(one) for one in errors)
            now = datetime.now(UTC).isoformat(timespec="seconds")
            _sync(self._folder)
            record = msgspec.structs.replace(record, issues=issues, finished=now)
            self._folder.keep(record)
        if not record.removed and not self._ways.keep_export and record.status is not None:
            removed = self._remove(record.status)
            self._folder.keep(msgspec.structs.replace(record, removed=removed))

    def _remove(self, status: str) -> bool:
        """Tell the server that all was fetched; whether it heard that."""
        gone = {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}
        try:
            reply = self._courier.send("DELETE", status, {"Accept": "application/json"}, _LARGEST)
        except (TransferError, FetchError, StoppedError):
            answered = "no answer"
        else:
            if reply.status < HTTPStatus.MULTIPLE_CHOICES or reply.status in gone:
                return True
            answered = f"it answered {reply.status}"
        self._watch.told(f"The server did not take it that it may forget the export ({answered})")
        return False


def _sync(folder: Folder) -> None:
    """Let the names of the files last, too."""
    handle = os.open(folder.path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
