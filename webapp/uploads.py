"""Files dropped on the page: kept for a while under random names, and a few at a time worked on in the background.

Clients and results stay in this process's memory, bounded in number, bytes and time, and never go into the browser's
storage or an address that a log would keep. How a file is scored is in upload_scoring.py.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import polars as pl

from creditrisk.quality import Checked
from creditrisk.scoring import Scorer
from webapp.errors import BusyError
from webapp.security import MEGABYTE
from webapp.upload_records import State

LIFETIME_SECONDS = 3600.0
MOST_KEPT = 32
# Besides the last one, which stays however large it is.
MOST_BYTES_KEPT = 300 * MEGABYTE
MOST_WAITING = 4
# Besides a single one, which may be as large as the settings say.
MOST_BYTES_WAITING = 200 * MEGABYTE
# Measured: what a short text takes beside its own bytes, and all of one rejection.
BYTES_PER_TEXT = 16
BYTES_PER_REJECTION = 450


@dataclass
class Upload:
    """One file and how far it has come. Written by one worker thread; readers look at `state` first.

    `n_done` of `n_rows` clients have been gone through, and `n_scored` of these are in the decision log. `message` says
    why it failed or stopped, `advice` what to do about it; both empty if it was done, or a clerk stopped it.
    """

    name: str
    filename: str
    content: bytes
    started: float
    state: State = "reading"
    n_rows: int = 0
    n_done: int = 0
    n_scored: int = 0
    n_bytes: int = 0
    message: str = ""
    advice: str = ""
    is_app_ending: bool = False
    scorer: Scorer | None = None
    checked: Checked | None = None
    scored: pl.DataFrame = field(default_factory=pl.DataFrame)
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen."""
        return self.state in ("done", "stopped", "failed")

    @property
    def has_result(self) -> bool:
        """Whether it is over, and at least a part of it can be looked at."""
        return self.state in ("done", "stopped") and self.n_done > 0


class Uploads:
    """The uploads of this process, by their random names."""

    def __init__(self, *, lifetime_seconds: float = LIFETIME_SECONDS) -> None:
        self._lifetime_seconds = lifetime_seconds
        self._kept: OrderedDict[str, Upload] = OrderedDict()
        self._lock = threading.Lock()
        self._workers = ThreadPoolExecutor(max_workers=2, thread_name_prefix="upload")

    def check_room(self, n_bytes: int) -> None:
        """Refuse a file of this size if too many, or too large ones, are waiting.

        Raises
        ------
        BusyError
            If there is no room for it now.
        """
        with self._lock:
            self._check_room(n_bytes)

    def add(self, content: bytes, filename: str) -> Upload:
        """Keep a file under a random name.

        Raises
        ------
        BusyError
            If there is no room for it now.
        """
        upload = Upload(secrets.token_urlsafe(18), filename, content, time.monotonic(), n_bytes=len(content))
        with self._lock:
            self._check_room(len(content))
            self._kept[upload.name] = upload
            self._make_room()
        return upload

    def submit(self, upload: Upload, work: Callable[[Upload], None]) -> Future[None]:
        """Have `work` done on the upload in the background, after what was submitted before."""
        return self._workers.submit(self._work, upload, work)

    def get(self, name: str | None) -> Upload | None:
        """The upload of that name, or None if there is none or it has been forgotten."""
        with self._lock:
            self._make_room()
            return self._kept.get(name or "")

    def _work(self, upload: Upload, work: Callable[[Upload], None]) -> None:
        work(upload)
        with self._lock:
            self._make_room()

    def _check_room(self, n_bytes: int) -> None:
        waiting = [upload.n_bytes for upload in self._kept.values() if not upload.is_over]
        is_too_much = waiting and sum(waiting) + n_bytes > MOST_BYTES_WAITING
        if len(waiting) >= MOST_WAITING or is_too_much:
            raise BusyError("Several files are being scored at the moment. Please try again in a minute.")

    def _make_room(self) -> None:
        oldest = time.monotonic() - self._lifetime_seconds
        over = [upload for upload in self._kept.values() if upload.is_over]
        n_bytes = sum(upload.n_bytes for upload in over[:-1])
        for upload in over:
            is_too_much = len(self._kept) > MOST_KEPT or n_bytes > MOST_BYTES_KEPT
            if upload.started < oldest or (is_too_much and upload is not over[-1]):
                n_bytes -= upload.n_bytes
                del self._kept[upload.name]


def bytes_kept(upload: Upload) -> int:
    """About how much memory an upload that is over holds."""
    checked = upload.checked
    if checked is None:
        return 0
    n_bytes = BYTES_PER_REJECTION * len(checked.rejected)
    for frame in (checked.raw, checked.accepted, upload.scored):
        n_texts = frame.height * sum(kind == pl.String for kind in frame.dtypes)
        n_bytes += int(frame.estimated_size()) + BYTES_PER_TEXT * n_texts
    return n_bytes
