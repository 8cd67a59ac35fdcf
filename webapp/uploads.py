"""Files dropped on the page: taken in, scored in the background, kept for a while, handed back as CSV.

An upload gets a random name; its clients and results stay in this process's memory, bounded in number, bytes and time,
and never go into the browser's storage or an address that a log would keep. How far each has come is noted on disk by
upload_records.py. The page itself is in layout.py and callbacks.py, and reads what is here.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from urllib.parse import unquote

import polars as pl
from flask import Blueprint, Response, abort, jsonify, request

from creditrisk import datasets
from creditrisk.errors import CreditRiskError, SchemaError, SourceError
from creditrisk.quality import Checked
from creditrisk.scoring import BYTE_ORDER_MARK, Scorer, csv_text, result_table, template_csv
from creditrisk.sources import parse_upload
from webapp import upload_records
from webapp.errors import BadRequestError, BusyError, error, where
from webapp.scoring import score_in_chunks
from webapp.security import MEGABYTE
from webapp.serving import Desk
from webapp.upload_records import Record, State

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
# A small file is done by then, and the page goes straight to the result.
PATIENCE_SECONDS = 0.4

log = logging.getLogger("webapp.uploads")


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

    def begin(self, desk: Desk, content: bytes, filename: str) -> tuple[str, Future[None]]:
        """Start on a file; returns its name and the work in progress.

        Raises
        ------
        BusyError
            If there is no room for it now.
        """
        name = secrets.token_urlsafe(18)
        upload = Upload(name, filename, content, time.monotonic(), n_bytes=len(content))
        with self._lock:
            self._check_room(len(content))
            self._kept[name] = upload
            self._make_room()
        upload_records.forget_old(desk.settings.home)
        _note(desk, upload)
        return name, self._workers.submit(self._work, desk, upload)

    def get(self, name: str | None) -> Upload | None:
        """The upload of that name, or None if there is none or it has been forgotten."""
        with self._lock:
            self._make_room()
            return self._kept.get(name or "")

    def _work(self, desk: Desk, upload: Upload) -> None:
        _work(desk, upload)
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


def _work(desk: Desk, upload: Upload) -> None:
    """Read, check and score one file; every way it can end is told to the clerk in `message`."""
    parts: list[pl.DataFrame] = []
    try:
        _read(desk, upload)
        _score(desk, upload, parts)
        state: State = "done" if upload.n_rows and upload.n_done == upload.n_rows else "stopped"
    except CreditRiskError as exc:
        state, upload.message = "failed", str(exc)
        is_files_fault = isinstance(exc, SourceError | SchemaError)
        upload.advice = "Correct the file and drop it again." if is_files_fault else "Drop the file again later."
    except Exception as exc:  # a thread's error would be seen by nobody
        log.error("an upload failed: %s", where(exc))
        state = "failed"
        upload.message = "Something went wrong in the app. Please try again; if it happens again, tell whoever runs it."
    if state != "done" and desk.stopping.is_set():
        state, upload.is_app_ending, upload.message = "stopped", True, "The app was told to end."
        upload.advice = "Drop the file again when the app is back."
    if state == "failed" and parts:
        # What was scored until then is in the decision log, and may be looked at.
        state = "stopped"
    upload.content = b""
    upload.scored = pl.concat(parts) if parts else pl.DataFrame()
    upload.n_bytes = _bytes_kept(upload)
    upload.state = state
    _note(desk, upload)


def _read(desk: Desk, upload: Upload) -> None:
    if desk.stopping.is_set():
        return
    upload.scorer = desk.scorer()
    raw = parse_upload(upload.content, filename=upload.filename, max_rows=desk.settings.upload_max_rows)
    upload.content = b""
    upload.checked = datasets.check(raw, upload.scorer.schema)
    upload.n_rows = raw.frame.height
    upload.state = "scoring"
    _note(desk, upload)


def _score(desk: Desk, upload: Upload, parts: list[pl.DataFrame]) -> None:
    """Block by block, until the end, or until the clerk or the system says stop; `parts` gets what was scored."""
    if upload.scorer is None or upload.checked is None or desk.stopping.is_set():
        return
    for chunk in score_in_chunks(desk, upload.scorer, upload.checked, channel="ui"):
        parts.append(chunk.scored)
        upload.n_done = chunk.last_row
        upload.n_scored += chunk.scored.height
        if upload.n_done < upload.n_rows:
            _note(desk, upload)
        if upload.stop.is_set() or desk.stopping.is_set():
            return


def _note(desk: Desk, upload: Upload) -> None:
    record = Record(upload.state, upload.n_rows, upload.n_done, upload.n_scored, upload.is_app_ending)
    upload_records.note(desk.settings.home, upload.name, record)


def _bytes_kept(upload: Upload) -> int:
    """About how much memory an upload that is over holds."""
    checked = upload.checked
    if checked is None:
        return 0
    n_bytes = BYTES_PER_REJECTION * len(checked.rejected)
    for frame in (checked.raw, checked.accepted, upload.scored):
        n_texts = frame.height * sum(kind == pl.String for kind in frame.dtypes)
        n_bytes += int(frame.estimated_size()) + BYTES_PER_TEXT * n_texts
    return n_bytes


def make_blueprint(desk: Desk, uploads: Uploads) -> Blueprint:
    """The routes that the page uses besides its callbacks: send a file, get the result, get the template."""
    blueprint = Blueprint("uploads", __name__)

    @blueprint.post("/uploads")
    def send() -> tuple[Response, int]:
        if request.mimetype != "application/octet-stream":
            abort(415)
        request.max_content_length = desk.settings.upload_max_mb * MEGABYTE
        filename = unquote(request.headers.get("X-File-Name", "clients.csv"))[:200]
        # Asked before the body is read, so that what has no room does not take any.
        uploads.check_room(request.content_length or 0)
        content = request.get_data(cache=False)
        # A connection that breaks off looks to the app like the end of the file.
        if request.content_length not in (None, len(content)):
            raise BadRequestError("The file did not arrive as a whole. Nothing of it was scored. Send it again.")
        name, work = uploads.begin(desk, content, filename)
        del content
        wait([work], timeout=PATIENCE_SECONDS)
        return jsonify({"upload": name}), 202

    @blueprint.get("/uploads/<name>/result.csv")
    def result(name: str) -> Response | tuple[Response, int]:
        upload = uploads.get(name)
        if upload is not None and not upload.is_over:
            return error(409, "not_ready", "This file is still being scored. Ask again in a moment.")
        if upload is None or upload.checked is None or not upload.has_result:
            return error(404, "not_found", "There is no result here, or no longer. Drop the file again.")
        raw = upload.checked.raw.head(upload.n_done)
        table = result_table(raw, upload.scored, upload.checked.rejected)
        stem = (
            "".join(char for char in upload.filename.rsplit(".", 1)[0] if char.isalnum() or char in " -_") or "clients"
        )
        return as_download(csv_text(table), f"{stem}-scored.csv")

    @blueprint.get("/template.csv")
    def template() -> Response:
        schema = desk.scorer().schema
        return as_download(template_csv(schema), f"{schema.name}-template.csv")

    return blueprint


def as_download(text: str, filename: str) -> Response:
    """A CSV that the browser saves, marked as UTF-8 for spreadsheets."""
    response = Response(BYTE_ORDER_MARK + text, mimetype="text/csv")
    response.headers.set("Content-Disposition", "attachment", filename=filename)
    return response
