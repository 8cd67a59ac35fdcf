"""A dropped file on its way to logged decisions: read, checked, scored block by block; taken up again if cut off.

Only one process works on a file. A block of results is on disk before the decision log gets it, with the number of the
log's last decision by then: whoever finds a block of which nobody knows whether it was logged looks for it in the log
from there on. So no client is scored twice, and none is left out, whenever a process was killed.
"""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import Future, wait
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from creditrisk import datasets
from creditrisk.decision_log import Actor
from creditrisk.errors import CreditRiskError, DecisionLogError, SchemaError, SourceError
from creditrisk.quality import Checked
from creditrisk.scoring import Scorer
from creditrisk.sources import RawTable, parse_upload
from webapp import column_names, file_questions, upload_files, upload_merging
from webapp.context import AppContext
from webapp.errors import StoppingError, no_room, where
from webapp.scoring import Chunk, is_logged, score_in_chunks, scored_rows
from webapp.upload_files import DecidedUnder, Details
from webapp.upload_records import Record, State
from webapp.uploads import Result, Upload

# Of a block: a clerk's stop is heeded between two of them.
BLOCK_SECONDS = 0.3
# A file at which the process that reads it dies is read no more often.
MOST_READINGS = 3
# Between two looks for files that were cut off, or that nobody has a thread for where they arrived.
LOOK_SECONDS = 1.0

log = logging.getLogger("webapp.uploads")


def begin(
    context: AppContext, content: bytes, filename: str, by: Actor, *, may_ask: bool = False
) -> tuple[str, Future[None]]:
    """Start on somebody's file; returns the random name it is kept under, and the work in progress.

    `may_ask` says that a person is there to tell what columns hold that cannot be told from their names.

    Raises
    ------
    BusyError
        If there is no room for it now.
    """
    name = context.uploads.add(content, filename, by, may_ask=may_ask)
    return name, start(context, name)


def start(context: AppContext, name: str) -> Future[None]:
    """Work on an upload in the background, unless another process does it by then; returns the work in progress."""
    return context.uploads.submit(context.uploads.folder(name), partial(_score_file, context))


def take_up(context: AppContext) -> list[Future[None]]:
    """Go on with the files that nobody works on; returns the work in progress."""
    context.uploads.make_room()
    return [
        context.uploads.submit(upload.folder, partial(_score_file, context)) for upload in context.uploads.unfinished()
    ]


def keep_taking_up(context: AppContext) -> None:
    """Look for such files now and every second, in a thread, until the app ends."""

    def look() -> None:
        while not context.stopping.is_set():
            try:
                take_up(context)
            except Exception as exc:  # the thread must outlive whatever a disk can throw
                log.error("looking for files that were cut off failed: %s", where(exc))
            context.stopping.wait(LOOK_SECONDS)

    threading.Thread(target=look, name="uploads", daemon=True).start()


def stop(context: AppContext, name: str) -> None:
    """Have an upload end after the block in hand, whichever process works on it; at once, if none does."""
    upload_files.ask_to_stop(context.uploads.folder(name))
    upload_files.go_on(context.uploads.folder(name))
    _no_longer_asking(context, name)
    take_up(context)


def pause(context: AppContext, name: str) -> None:
    """Have an upload left after the block in hand, whichever process works on it, until somebody has it go on."""
    upload_files.pause(context.uploads.folder(name))


def go_on(context: AppContext, name: str) -> None:
    """Have a paused or stopped upload taken up where it was left, here and now if there is a thread to spare."""
    upload = context.uploads.get(name)
    if upload is None:
        return
    upload_files.go_on(upload.folder)
    if upload.can_go_on:
        # Corrected rows join a file that is over, and it may have gone on and ended since it was looked at.
        folder = upload.folder
        with suppress(FileNotFoundError), upload_files.locked(folder / "correcting", is_patient=True):
            _reopen(context, folder)
    take_up(context)


def _reopen(context: AppContext, folder: Path) -> None:
    with upload_files.locked(folder / "lock") as is_ours:
        upload = context.uploads.at(folder)
        if is_ours and upload is not None and upload.can_go_on and not context.uploads.is_being_corrected(upload):
            upload_files.reopen(folder, upload.record.n_done)
            upload_files.write_details(folder, replace(upload.details, message="", advice=""))
            context.uploads.note(upload, replace(upload.record, state="scoring"))


def answer(context: AppContext, name: str, assigned: column_names.Assigned) -> None:
    """Say which columns of an upload hold which fields; it goes on, and files with the same columns are read so."""
    upload = context.uploads.get(name)
    top = upload_files.read_preview(context.uploads.folder(name))
    if upload is None or not upload.is_asking or top is None:
        return
    upload_files.answer(upload.folder, assigned)
    column_names.remember(context.settings.home, context.scorer().schema, top.frame.columns, assigned)
    _no_longer_asking(context, name)
    take_up(context)


def ask_anew(context: AppContext, upload: Upload, by: Actor) -> str:
    """Ask once more what the columns of a scored file hold; returns the random name under which it is scored then.

    Raises
    ------
    BusyError
        If there is no room for it now.
    """
    content, filename = upload_files.received(upload.folder), upload.details.filename
    name = context.uploads.add(content, filename, by, may_ask=True, is_asked_anew=True)
    wait([start(context, name)], timeout=BLOCK_SECONDS)
    return name


def _no_longer_asking(context: AppContext, name: str) -> None:
    upload = context.uploads.get(name)
    if upload is not None and upload.is_asking:
        context.uploads.note(upload, Record("reading"))


def result_of(context: AppContext, upload: Upload | None) -> Result | None:
    """What came out of an upload; None if it is not over, or there is nothing to look at, or no longer."""
    if upload is None or not upload.has_result:
        return None
    try:
        return context.uploads.result(upload, partial(_load_result, context))
    except (CreditRiskError, OSError, pl.exceptions.PolarsError, ValueError, TypeError, KeyError) as exc:
        log.error("a result cannot be read: %s", where(exc))
        return None


def is_decided_as_now(context: AppContext, details: Details) -> bool:
    """Whether all of a file that was decided so far was decided under the cut-offs and the stop that hold now.

    Raises
    ------
    DecisionLogError
        If it is not known what holds.
    """
    now = context.policy.now()
    return has_cutoffs_of_now(context, details) and all(item.policy.stop == now.stop for item in details.decided_under)


def has_cutoffs_of_now(context: AppContext, details: Details) -> bool:
    """The same of the cut-offs alone. Errors as of `is_decided_as_now`."""
    of_model = details.model, details.version
    now = context.policy.now().cutoffs_of(*of_model)
    return all(item.policy.cutoffs_of(*of_model) == now for item in details.decided_under)


def _load_result(context: AppContext, upload: Upload) -> Result:
    checked = upload_files.read_checked(upload.folder)
    if checked is None:
        raise FileNotFoundError
    details = upload.details
    scorer = context.champion.version(details.model, details.version, details.sha256)
    # Its zones are those of the cut-offs; that scoring was stopped stands with each client it happened to.
    deciders = tuple((item.first_row, scorer.under(replace(item.policy, stop=None))) for item in details.decided_under)
    return Result(checked, upload_files.read_scored(upload.folder), upload.record.n_done, scorer, deciders)


def _score_file(context: AppContext, upload: Upload) -> None:
    """Read, check and score one file; every way it can end is told to the clerk. Told to end, it is left as it is."""
    batch = _Batch(context, upload)
    state: State = "failed"
    message = advice = ""
    try:
        state = batch.run()
        if state in ("scoring", "asking"):
            return  # paused, or a person has to say something
        if state == "stopped" and not batch.record.n_done:
            message = "It was stopped before its first client."
    except StoppingError:
        return
    except CreditRiskError as exc:
        if isinstance(exc, DecisionLogError) and upload.record.n_rows:
            return  # it was cut off before, and waits for the log as well
        message = str(exc)
        is_files_fault = isinstance(exc, SourceError | SchemaError)
        advice = "Correct the file and drop it again." if is_files_fault else "Drop the file again later."
    except Exception as exc:  # a thread's error would be seen by nobody
        log.error("an upload failed: %s", where(exc))
        if no_room(exc):
            return  # as it is, it goes on once there is room
        message = "Something went wrong in the app. Please try again; if it happens again, tell whoever runs it."
    if state == "failed" and context.stopping.is_set():
        return  # perhaps only because of that
    try:
        if upload.details.part_of and batch.record.n_done:
            upload_merging.merge(context.uploads, upload.folder, batch.record.n_done)
        else:
            batch.end(state, message, advice)
    except Exception as exc:
        log.error("the end of an upload could not be noted: %s", where(exc))


class _Batch:
    """The work on one upload, by the one thread of all processes that holds its lock."""

    def __init__(self, context: AppContext, upload: Upload) -> None:
        self._context = context
        self._upload = upload
        self._details = upload.details
        self.record = upload.record

    def run(self) -> State:
        """Go as far as the end, or until the clerk says stop, or pause: then it is still "scoring"; or has to be asked.

        Raises
        ------
        StoppingError
            If the app was told to end.
        """
        if self._context.stopping.is_set():
            raise StoppingError
        folder = self._upload.folder
        if upload_files.is_to_stop(folder):
            return "stopped"
        if self.record.n_rows:
            self._context.log.check_writable()  # before all of it is read again for nothing
        scorer = self._scorer()
        checked = upload_files.read_checked(folder) or self._read(scorer)
        if checked is None:
            return "asking"
        self._go_on_from_what_is_done(checked)
        if upload_files.is_paused(folder) and not upload_files.is_to_stop(folder):
            return "scoring"
        for chunk in score_in_chunks(
            self._context,
            scorer,
            checked,
            channel="ui",
            by=Actor(self._details.actor, self._details.role),
            first_row=self.record.n_done + 1,
            chunk_seconds=BLOCK_SECONDS,
            own_rows=self._details.rows,
            before_logging=self._keep_pending,
        ):
            self._settle(chunk)
            if upload_files.is_to_stop(folder) or upload_files.is_paused(folder):
                break
        if self.record.n_rows and self.record.n_done == self.record.n_rows:
            return "done"
        return "scoring" if upload_files.is_paused(folder) and not upload_files.is_to_stop(folder) else "stopped"

    def end(self, state: State, message: str, advice: str) -> None:
        """Put the results together, and note how it ended."""
        if state == "failed" and self.record.n_done:
            # What was scored until then is in the decision log, and may be looked at.
            state = "stopped"
        folder = self._upload.folder
        upload_files.keep_scored(folder)
        # Corrected rows of which nothing came are a file of their own, so that its card says why.
        details = replace(self._details, message=message, advice=advice, part_of="", rows=())
        upload_files.write_details(folder, details)
        # Only then: cut off before, or without room to note it, the file goes on from what is done.
        if self._note(state=state):
            upload_files.drop_blocks(folder)
            if not self._details.can_be_read_anew:
                upload_files.drop_received(folder)

    def _scorer(self) -> Scorer:
        """The scorer that it was begun with; the one that serves now, if it was not begun."""
        details = self._details
        if details.version:
            return self._context.champion.version(details.model, details.version, details.sha256)
        scorer = self._context.scorer()
        self._details = replace(details, model=scorer.name, version=scorer.version, sha256=scorer.sha256)
        return scorer

    def _read(self, scorer: Scorer) -> Checked | None:
        """The rows of the file; None if a person has to say first what its columns hold."""
        folder, settings = self._upload.folder, self._context.settings
        self._count_reading()
        raw = parse_upload(
            upload_files.received(folder), filename=self._details.filename, max_rows=settings.upload_max_rows
        )
        said = upload_files.read_answer(folder)
        remembered = column_names.recall(settings.home, scorer.schema, raw.frame.columns)
        assigned = said if said is not None else remembered or {}
        table = column_names.renamed(raw, scorer.schema, assigned)
        if self._details.may_ask and said is None:
            is_doubtful = file_questions.is_doubtful(table, scorer.schema, remembered is not None)
            if is_doubtful or self._details.is_asked_anew:
                self._ask(raw)
                return None
        checked = datasets.check(table, scorer.schema)
        # The clients' own columns keep their own names.
        checked = replace(checked, raw=raw.frame.tail(checked.raw.height))
        if assigned:
            upload_files.answer(folder, assigned)
        # Which scorer it is for stands there before what was read with its schema.
        can_be_read_anew = file_questions.can_be_asked(raw, scorer.schema)
        self._details = replace(self._details, can_be_read_anew=can_be_read_anew)
        upload_files.write_details(folder, self._details)
        upload_files.keep_checked(folder, checked)
        if not can_be_read_anew:
            upload_files.drop_received(folder)
        return checked

    def _count_reading(self) -> None:
        n_readings = self._details.n_readings + 1
        if n_readings > MOST_READINGS:
            raise SourceError(
                f"the app was cut off {MOST_READINGS} times while it read '{self._details.filename}', perhaps by what "
                "is in it. If it is a workbook, save it as CSV."
            )
        self._details = replace(self._details, n_readings=n_readings)
        upload_files.write_details(self._upload.folder, replace(self._upload.details, n_readings=n_readings))

    def _ask(self, raw: RawTable) -> None:
        self._details = replace(self._details, n_readings=0)
        upload_files.write_details(self._upload.folder, self._details)
        upload_files.ask_about(self._upload.folder, replace(raw, frame=raw.frame.head(file_questions.KEPT_ROWS)))
        self._note(state="asking", n_rows=raw.frame.height)

    def _go_on_from_what_is_done(self, checked: Checked) -> None:
        folder = self._upload.folder
        pending = upload_files.find_pending(folder)
        if pending is not None:
            if is_logged(
                self._context.log,
                scored_rows(pl.read_ipc(pending.path)),
                after_seq=pending.after_seq,
                policy=self._details.decided_under[-1].policy.name,  # noted before the block was kept
                channel="ui",
            ):
                upload_files.settle(pending)
            else:
                pending.path.unlink()
        n_done, n_scored = upload_files.done(folder)
        self._details = replace(self._details, resumed_at=time.time(), resumed_row=n_done)
        upload_files.write_details(folder, self._details)
        self._note(state="scoring", n_rows=checked.raw.height, n_done=n_done, n_scored=n_scored)

    def _keep_pending(self, chunk: Chunk) -> None:
        before = tuple(item for item in self._details.decided_under if item.first_row < chunk.first_row)
        if not before or before[-1].policy != chunk.policy:
            before += (DecidedUnder(chunk.first_row, chunk.policy),)
        if before != self._details.decided_under:
            self._details = replace(self._details, decided_under=before)
            upload_files.write_details(self._upload.folder, self._details)
        upload_files.add_pending(
            self._upload.folder, chunk.scored, chunk.first_row, chunk.last_row, self._context.log.head()[0]
        )

    def _settle(self, chunk: Chunk) -> None:
        folder = self._upload.folder
        pending = upload_files.find_pending(folder)
        if pending is not None:
            upload_files.settle(pending)
        n_scored = self.record.n_scored + chunk.scored.height
        self._note(n_done=chunk.last_row, n_scored=n_scored)

    def _note(self, **changes: Any) -> bool:
        self.record = replace(self.record, **changes)
        return self._context.uploads.note(self._upload, self.record)
