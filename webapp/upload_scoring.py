"""A dropped file on its way to logged decisions: read, checked, scored block by block.

How far it has come is noted on disk by upload_records.py, so that it can be told after a restart.
"""

from __future__ import annotations

import logging
from concurrent.futures import Future
from functools import partial

import polars as pl

from creditrisk import datasets
from creditrisk.errors import CreditRiskError, SchemaError, SourceError
from creditrisk.sources import parse_upload
from webapp import upload_records
from webapp.context import AppContext
from webapp.errors import where
from webapp.scoring import score_in_chunks
from webapp.upload_records import Record, State
from webapp.uploads import Upload, bytes_kept

log = logging.getLogger("webapp.uploads")


def begin(context: AppContext, content: bytes, filename: str) -> tuple[str, Future[None]]:
    """Start on a file; returns the random name it is kept under, and the work in progress.

    Raises
    ------
    BusyError
        If there is no room for it now.
    """
    upload = context.uploads.add(content, filename)
    upload_records.forget_old(context.settings.home)
    _note(context, upload)
    return upload.name, context.uploads.submit(upload, partial(_score_file, context))


def _score_file(context: AppContext, upload: Upload) -> None:
    """Read, check and score one file; every way it can end is told to the clerk in `message`."""
    parts: list[pl.DataFrame] = []
    try:
        _read(context, upload)
        _score(context, upload, parts)
        state: State = "done" if upload.n_rows and upload.n_done == upload.n_rows else "stopped"
    except CreditRiskError as exc:
        state, upload.message = "failed", str(exc)
        is_files_fault = isinstance(exc, SourceError | SchemaError)
        upload.advice = "Correct the file and drop it again." if is_files_fault else "Drop the file again later."
    except Exception as exc:  # a thread's error would be seen by nobody
        log.error("an upload failed: %s", where(exc))
        state = "failed"
        upload.message = "Something went wrong in the app. Please try again; if it happens again, tell whoever runs it."
    if state != "done" and context.stopping.is_set():
        state, upload.is_app_ending, upload.message = "stopped", True, "The app was told to end."
        upload.advice = "Drop the file again when the app is back."
    if state == "failed" and parts:
        # What was scored until then is in the decision log, and may be looked at.
        state = "stopped"
    upload.content = b""
    upload.scored = pl.concat(parts) if parts else pl.DataFrame()
    upload.n_bytes = bytes_kept(upload)
    upload.state = state
    _note(context, upload)


def _read(context: AppContext, upload: Upload) -> None:
    if context.stopping.is_set():
        return
    upload.scorer = context.scorer()
    raw = parse_upload(upload.content, filename=upload.filename, max_rows=context.settings.upload_max_rows)
    upload.content = b""
    upload.checked = datasets.check(raw, upload.scorer.schema)
    upload.n_rows = raw.frame.height
    upload.state = "scoring"
    _note(context, upload)


def _score(context: AppContext, upload: Upload, parts: list[pl.DataFrame]) -> None:
    """Block by block, until the end, or until the clerk or the system says stop; `parts` gets what was scored."""
    if upload.scorer is None or upload.checked is None or context.stopping.is_set():
        return
    for chunk in score_in_chunks(context, upload.scorer, upload.checked, channel="ui"):
        parts.append(chunk.scored)
        upload.n_done = chunk.last_row
        upload.n_scored += chunk.scored.height
        if upload.n_done < upload.n_rows:
            _note(context, upload)
        if upload.stop.is_set() or context.stopping.is_set():
            return


def _note(context: AppContext, upload: Upload) -> None:
    record = Record(upload.state, upload.n_rows, upload.n_done, upload.n_scored, upload.is_app_ending)
    upload_records.note(context.settings.home, upload.name, record)
