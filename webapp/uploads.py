"""Files dropped on the page: kept for a while under random names, and a few at a time worked on in the background.

Clients and results lie under home, where every process of the app finds them, also after a restart: bounded in number,
bytes and time, and never in the browser's storage or an address that a log would keep. What lies there of one file is
in upload_files.py; how it is scored, in upload_scoring.py.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from creditrisk.decision_log import Actor
from creditrisk.quality import Checked
from creditrisk.scoring import Scorer
from webapp import past_uploads, upload_files, upload_records
from webapp.errors import BusyError
from webapp.past_uploads import Past
from webapp.security import MEGABYTE
from webapp.upload_files import Details
from webapp.upload_records import Record

# After the end.
LIFETIME_SECONDS = 3600.0
# One that was cut off, and that nobody took up since, is given up.
UNFINISHED_SECONDS = 86_400.0
MOST_KEPT = 32
# Besides the last one, which stays however large it is.
MOST_BYTES_KEPT = 300 * MEGABYTE
MOST_WAITING = 4
# Besides a single one, which may be as large as the settings say.
MOST_BYTES_WAITING = 200 * MEGABYTE
# Each process works on so many at once.
THREADS = 2
# So long a file is left to the process that received it.
FRESH_SECONDS = 1.0


@dataclass(frozen=True)
class Upload:
    """One file and how far it has come, as it was a moment ago."""

    folder: Path
    details: Details
    record: Record
    # When it was last noted how far it has come, as a Unix time.
    noted_at: float
    is_paused: bool = False
    # Of one whose result is no longer kept only this is known still.
    is_kept: bool = True

    @property
    def seconds_left(self) -> float | None:
        """How long it takes still at the pace since it was last begun or taken up; None before there is any."""
        n_done = self.record.n_done - self.details.resumed_row
        if n_done <= 0:
            return None
        return (time.time() - self.details.resumed_at) / n_done * (self.record.n_rows - self.record.n_done)

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen."""
        return self.record.state in ("done", "stopped", "failed")

    @property
    def is_asking(self) -> bool:
        """Whether it waits for somebody to say what its columns hold."""
        return self.record.state == "asking"

    @property
    def has_result(self) -> bool:
        """Whether it is over, and at least a part of it can be looked at."""
        return self.is_kept and self.record.state in ("done", "stopped") and self.record.n_done > 0

    @property
    def is_whole(self) -> bool:
        """Whether all of it was gone through."""
        return self.record.state == "done"

    @property
    def can_go_on(self) -> bool:
        """Whether it was stopped before its end, and its rows are still there."""
        is_cut = self.record.state == "stopped" and self.record.n_done < self.record.n_rows
        return is_cut and upload_files.can_be_reopened(self.folder)


@dataclass(frozen=True)
class Result:
    """The rows of a file, what became of the first `n_done` of them, and the scorer it was made with.

    `deciders` has the scorer with the cut-offs that rows were decided by, and the first of these rows.
    """

    checked: Checked
    scored: pl.DataFrame
    n_done: int
    scorer: Scorer
    deciders: tuple[tuple[int, Scorer], ...] = ()

    def decider_of(self, row: int) -> Scorer:
        """The scorer as it decided about a row, counted from 1."""
        return next((scorer for first_row, scorer in reversed(self.deciders) if first_row <= row), self.scorer)


class Uploads:
    """The uploads of one home, by their random names."""

    def __init__(self, home: Path, *, lifetime_seconds: float = LIFETIME_SECONDS) -> None:
        self._home = home
        self._lifetime_seconds = lifetime_seconds
        self._lock = threading.Lock()
        self._at_work: set[str] = set()
        self._workers = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="upload")
        self._last_result: tuple[Path, float, Result] | None = None

    def check_room(self, n_bytes: int) -> None:
        """Refuse a file of this size if too many, or too large ones, are waiting.

        Raises
        ------
        BusyError
            If there is no room for it now.
        """
        waiting = [upload.details.n_bytes for upload in self._all() if not (upload.is_over or upload.is_asking)]
        is_too_much = waiting and sum(waiting) + n_bytes > MOST_BYTES_WAITING
        if len(waiting) >= MOST_WAITING or is_too_much:
            raise BusyError("Several files are being scored at the moment. Please try again in a minute.")

    def add(
        self, content: bytes, filename: str, by: Actor, *, may_ask: bool = False, is_asked_anew: bool = False
    ) -> str:
        """Keep somebody's file under a random name, which is returned; `may_ask` and `is_asked_anew` as in `Details`.

        Raises
        ------
        BusyError
            If there is no room for it now.
        """
        name = secrets.token_urlsafe(18)
        folder = self.folder(name)
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Two processes that receive a file at the same time count one after the other.
        with upload_files.locked(folder.parent / "lock", is_patient=True):
            self.check_room(len(content))
            upload_records.note(self._home, folder.name, Record("reading"))
            sha256 = hashlib.sha256(content).hexdigest()
            sent = Details(filename, len(content), time.time(), by.name, by.role, name, sha256)
            details = replace(sent, may_ask=may_ask, is_asked_anew=is_asked_anew)
            upload_files.make(folder, content, details)
        self.make_room()
        return name

    def get(self, name: str | None) -> Upload | None:
        """The upload of that name, or None if there is none or it has been forgotten."""
        self.make_room()
        return self._read(self.folder(name)) if name else None

    def at(self, folder: Path) -> Upload | None:
        """The upload that lies in a folder; None if it is gone."""
        return self._read(folder)

    def record(self, name: str) -> Record | None:
        """How far an upload had come, which is known for longer than its result; None if nothing is."""
        return upload_records.recall(self._home, self.folder(name).name)

    def note(self, upload: Upload, record: Record) -> bool:
        """Write down how far an upload has come; whether that could be done."""
        return upload_records.note(self._home, upload.folder.name, record)

    def unfinished(self) -> list[Upload]:
        """Those that nobody may be working on, while this process has a thread to spare."""
        with self._lock:
            at_work = set(self._at_work)
        if len(at_work) >= THREADS:
            return []
        now = time.time()
        return [
            upload
            for upload in self._all()
            if not (upload.is_over or upload.is_asking or upload.is_paused)
            # One from a time to come was begun before the clock was put back.
            and not 0 <= now - upload.details.started < FRESH_SECONDS
            and upload.folder.name not in at_work
        ]

    def sent_by(self, actor: str | None) -> list[Upload]:
        """The files that somebody sent, those of everybody if that is None; the latest first.

        Those whose results are no longer kept are among them for as long as it is known what became of them.
        """
        kept = self._all()
        folders = {upload.folder for upload in kept}
        past = [
            Upload(folder, item.details, item.record, item.noted_at, is_kept=False)
            for key, item in past_uploads.recall(self._home).items()
            if (folder := self._home / "uploads" / key) not in folders
        ]
        found = sorted([*kept, *past], key=lambda upload: upload.details.started, reverse=True)
        return [upload for upload in found if actor in (None, upload.details.actor)]

    def whole_of(self, part: Upload) -> Upload | None:
        """The file that corrected rows belong to; None if it is gone."""
        return self.at(part.folder.with_name(part.details.part_of)) if part.details.part_of else None

    def is_being_corrected(self, whole: Upload) -> bool:
        """Whether corrected rows of it are on their way."""
        return any(part.details.part_of == whole.folder.name and not part.is_over for part in self._all())

    def gone_at(self, upload: Upload) -> float:
        """When a file that is over will have been removed, as a Unix time."""
        return upload.noted_at + self._lifetime_seconds

    def n_unfinished(self) -> int:
        """How many wait to be scored or are being scored, by any process of the home."""
        return sum(not (upload.is_over or upload.is_asking) for upload in self._all())

    def submit(self, folder: Path, work: Callable[[Upload], None]) -> Future[None]:
        """Have `work` done on an upload in the background, unless another process does it by then."""
        with self._lock:
            self._at_work.add(folder.name)
        return self._workers.submit(self._work, folder, work)

    def folder(self, name: str) -> Path:
        """Where the upload of that name lies, if there is one."""
        return self._home / "uploads" / upload_records.key_of(name)

    def result(self, upload: Upload, load: Callable[[Upload], Result]) -> Result:
        """The result of an upload; the one asked for last is kept in memory, so that a grid can leaf through it."""
        last = self._last_result
        # Noted anew where rows were added to it.
        if last is None or last[:2] != (upload.folder, upload.noted_at):
            self._last_result = last = (upload.folder, upload.noted_at, load(upload))
        return last[2]

    def remove(self, upload: Upload, *, is_to_be_listed: bool = False) -> None:
        """Remove the rows and the results of a file; of one with scored clients stays what `past_uploads` holds.

        Its name goes as well, and with it its card, unless it `is_to_be_listed`.
        """
        if upload.record.n_scored and not upload.details.part_of:
            details = upload.details if is_to_be_listed else replace(upload.details, filename="")
            past_uploads.note(self._home, upload.folder.name, Past(details, upload.record, upload.noted_at))
        upload_files.remove(upload.folder)
        if self._last_result is not None and self._last_result[0] == upload.folder:
            self._last_result = None

    def make_room(self) -> None:
        """Remove what is too old, and the oldest of what is too much."""
        upload_records.forget_old(self._home)
        past_uploads.forget_old(self._home)
        now, kept = time.time(), self._all()
        # A question that nobody answers is kept no longer than a result that nobody looks at.
        over = [upload for upload in kept if upload.is_over or upload.is_asking]
        sizes = {upload.folder: upload_files.n_bytes(upload.folder) for upload in over}
        n_kept, n_bytes = len(kept), sum(sizes[upload.folder] for upload in over[:-1])
        for upload in kept:
            lifetime = self._lifetime_seconds if upload in over else UNFINISHED_SECONDS
            is_too_much = n_kept > MOST_KEPT or n_bytes > MOST_BYTES_KEPT
            if now - upload.noted_at >= lifetime or (upload in over and is_too_much and upload is not over[-1]):
                n_kept -= 1
                n_bytes -= sizes.get(upload.folder, 0)
                self.remove(upload, is_to_be_listed=True)
        self._remove_strays({upload.folder for upload in kept}, now - self._lifetime_seconds)
        if self._last_result is not None and not self._last_result[0].is_dir():
            self._last_result = None

    def _remove_strays(self, known: set[Path], before: float) -> None:
        """Remove folders that cannot be read, or were not whole when their process was killed."""
        for path in self._folders():
            with suppress(OSError):
                if path not in known and path.stat().st_mtime < before:
                    upload_files.remove(path)

    def _work(self, folder: Path, work: Callable[[Upload], None]) -> None:
        try:
            with suppress(FileNotFoundError), upload_files.locked(folder / "lock") as is_ours:
                upload = self._read(folder)
                if is_ours and upload is not None and not upload.is_over:
                    work(upload)
        finally:
            with self._lock:
                self._at_work.discard(folder.name)
        self.make_room()

    def _all(self) -> list[Upload]:
        """Every upload, the oldest first."""
        found = [self._read(path) for path in self._folders()]
        return sorted((upload for upload in found if upload), key=lambda upload: upload.details.started)

    def _folders(self) -> list[Path]:
        with suppress(OSError):
            folders = [path for path in (self._home / "uploads").iterdir() if path.is_dir()]
            return [path for path in folders if path.name != past_uploads.FOLDER]
        return []

    def _read(self, folder: Path) -> Upload | None:
        details = upload_files.read_details(folder)
        record = upload_records.recall(self._home, folder.name)
        noted_at = upload_records.noted_at(self._home, folder.name)
        if not (details and record and noted_at):
            return None
        return Upload(folder, details, record, noted_at, upload_files.is_paused(folder))
