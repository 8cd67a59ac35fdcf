"""Files dropped on the page: taken in, scored in the background, kept for a while, handed back as CSV.

An upload gets a random name; its clients and results stay in this process's memory, bounded in number, rows and time,
and never go into the browser's storage or an address that a log would keep. The page itself is in layout.py and
callbacks.py, and reads what is here.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import unquote

import polars as pl
from flask import Blueprint, Response, abort, jsonify, request

from creditrisk import datasets
from creditrisk.errors import CreditRiskError
from creditrisk.quality import Checked
from creditrisk.scorer import Scorer
from creditrisk.sources import parse_upload
from webapp.guard import MEGABYTE, BadRequestError, BusyError, where
from webapp.scoring import Desk, score_in_chunks
from webapp.tables import BYTE_ORDER_MARK, csv_text, result_table, template_csv

LIFETIME_SECONDS = 3600.0
MOST_KEPT = 32
MOST_ROWS_KEPT = 1_000_000
MOST_WAITING = 4
# A small file is done by then, and the page goes straight to the result.
PATIENCE_SECONDS = 0.4

log = logging.getLogger("webapp.uploads")

State = Literal["reading", "scoring", "done", "stopped", "failed"]


@dataclass
class Upload:
    """One file and how far it has come. Written by one worker thread; readers look at `state` first."""

    filename: str
    started: float
    state: State = "reading"
    n_rows: int = 0
    n_done: int = 0
    message: str = ""
    scorer: Scorer | None = None
    checked: Checked | None = None
    scored: pl.DataFrame = field(default_factory=pl.DataFrame)
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen."""
        return self.state in ("done", "stopped", "failed")


class Uploads:
    """The uploads of this process, by their random names."""

    def __init__(self, *, lifetime_seconds: float = LIFETIME_SECONDS) -> None:
        self._lifetime_seconds = lifetime_seconds
        self._kept: OrderedDict[str, Upload] = OrderedDict()
        self._lock = threading.Lock()
        self._workers = ThreadPoolExecutor(max_workers=2, thread_name_prefix="upload")

    def begin(self, desk: Desk, content: bytes, filename: str) -> tuple[str, Future[None]]:
        """Start on a file; returns its name and the work in progress.

        Raises
        ------
        BusyError
            If too many files are waiting.
        """
        name = secrets.token_urlsafe(18)
        upload = Upload(filename, time.monotonic())
        with self._lock:
            if sum(not other.is_over for other in self._kept.values()) >= MOST_WAITING:
                raise BusyError("Several files are being scored at the moment. Please try again in a minute.")
            self._kept[name] = upload
            self._make_room()
        return name, self._workers.submit(_work, desk, upload, content)

    def get(self, name: str | None) -> Upload | None:
        """The upload of that name, or None if there is none or it has been forgotten."""
        with self._lock:
            self._make_room()
            return self._kept.get(name or "")

    def _make_room(self) -> None:
        oldest = time.monotonic() - self._lifetime_seconds
        n_rows = sum(upload.n_rows for upload in self._kept.values())
        for name, upload in list(self._kept.items()):
            is_last = len(self._kept) == 1
            is_too_much = len(self._kept) > MOST_KEPT or (n_rows > MOST_ROWS_KEPT and not is_last)
            if upload.is_over and (upload.started < oldest or is_too_much):
                n_rows -= upload.n_rows
                del self._kept[name]


def _work(desk: Desk, upload: Upload, content: bytes) -> None:
    """Read, check and score one file; every way it can end is told to the clerk in `message`."""
    try:
        upload.scorer = desk.scorer()
        raw = parse_upload(content, filename=upload.filename, max_rows=desk.settings.upload_max_rows)
        del content
        upload.checked = datasets.check(raw, upload.scorer.schema)
        upload.n_rows = raw.frame.height
        upload.state = "scoring"
        parts = []
        for chunk in score_in_chunks(desk, upload.scorer, upload.checked, channel="ui"):
            parts.append(chunk.scored)
            upload.n_done = chunk.last_row
            if upload.stop.is_set():
                break
        upload.scored = pl.concat(parts)
        upload.state = "done" if upload.n_done == upload.n_rows else "stopped"
    except CreditRiskError as exc:
        upload.message = str(exc)
        upload.state = "failed"
    except Exception as exc:  # a thread's error would be seen by nobody
        log.error("an upload failed: %s", where(exc))
        upload.message = "Something went wrong in the app. Please try again; if it happens again, tell whoever runs it."
        upload.state = "failed"


def make_blueprint(desk: Desk, uploads: Uploads) -> Blueprint:
    """The routes that the page uses besides its callbacks: send a file, get the result, get the template."""
    blueprint = Blueprint("uploads", __name__)

    @blueprint.post("/uploads")
    def send() -> tuple[Response, int]:
        if request.mimetype != "application/octet-stream":
            abort(415)
        request.max_content_length = desk.settings.upload_max_mb * MEGABYTE
        filename = unquote(request.headers.get("X-File-Name", "clients.csv"))[:200]
        name, work = uploads.begin(desk, request.get_data(cache=False), filename)
        wait([work], timeout=PATIENCE_SECONDS)
        return jsonify({"upload": name}), 202

    @blueprint.get("/uploads/<name>/result.csv")
    def result(name: str) -> Response:
        upload = uploads.get(name)
        if upload is None or upload.checked is None or upload.state not in ("done", "stopped"):
            raise BadRequestError("This result is no longer kept. Drop the file again.")
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
