"""The proof that the decision log is whole, in the background: one at a time on a home, and how the last one ended.

How far it is and what came of it lie in a small file under home, so that every process of the app says the same.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from creditrisk.errors import CreditRiskError
from creditrisk.home import write_whole
from creditrisk.text import counted
from monitoring.archive import open_archives, pending_folder
from monitoring.heads import noted_heads
from webapp.context import AppContext
from webapp.errors import StoppingError, no_room, where
from webapp.upload_files import locked

# Between two notes of how far it is.
NOTE_SECONDS = 0.5
# How long whoever starts it waits for the first note.
BEGIN_SECONDS = 2.0

log = logging.getLogger("webapp.log_check")


@dataclass(frozen=True, slots=True)
class LogCheck:
    """The last check that came to an end, and the one that goes on, if any.

    `said` is what came of the last one, `is_whole` whether that was good, `ended` when, as a Unix time; empty, False
    and 0 if there was none. `n_checked` of `n_entries` are checked by the one that goes on.
    """

    said: str = ""
    is_whole: bool = False
    ended: float = 0.0
    by: str = ""
    is_running: bool = False
    n_checked: int = 0
    n_entries: int = 0


_CHECK = TypeAdapter(LogCheck)


def last_check(home: Path) -> LogCheck:
    """How it stands. One that was cut off with its process goes on no more."""
    found = _noted(home)
    if found.is_running:
        with locked(_lock(home)) as is_free:
            # Noted at its end, before the lock was free.
            return replace(_noted(home), is_running=False) if is_free else found
    return found


def begin(context: AppContext, by: str) -> str:
    """Begin a check, unless one goes on; it is noted by then, or over. Why it could not be, if it could not."""
    if last_check(context.settings.home).is_running:
        return ""
    begun, failed = threading.Event(), list[str]()
    threading.Thread(target=_check, args=(context, by, begun, failed), name="log check", daemon=True).start()
    begun.wait(BEGIN_SECONDS)
    return next(iter(failed), "")


def _check(context: AppContext, by: str, begun: threading.Event, failed: list[str]) -> None:
    home = context.settings.home
    last_ended = _noted(home).ended
    try:
        home.mkdir(parents=True, exist_ok=True)
        # Patient, as whoever looks how it stands holds the lock for a moment.
        with locked(_lock(home), is_patient=True):
            before = _noted(home)
            if before.ended != last_ended:  # somebody else's, since this one was asked for
                return
            n_entries = context.log.head()[0] if context.log.is_begun() else 0
            _note(home, replace(before, is_running=True, n_checked=0, n_entries=n_entries))
            begun.set()
            said, is_whole = _prove(context, _noting(context, before, n_entries))
            _note(home, LogCheck(said, is_whole, time.time(), by))
    except StoppingError:
        log.info("the check of the decision log was cut off: the app ends")
    except Exception as exc:  # nobody waits for this thread
        log.error("the check of the decision log failed: %s", where(exc))
        reason = str(exc) if isinstance(exc, CreditRiskError) else no_room(exc)
        failed.append(reason or "Something went wrong in the app; it was written to the app's own log.")
    finally:
        begun.set()


def _noting(context: AppContext, before: LogCheck, n_entries: int) -> Callable[[int], None]:
    """Notes how far it is, now and then, and ends with the process."""
    noted_at = time.monotonic()

    def note(n_checked: int) -> None:
        nonlocal noted_at
        if context.stopping.is_set():
            raise StoppingError
        if time.monotonic() - noted_at > NOTE_SECONDS:
            noted_at = time.monotonic()
            running = replace(before, is_running=True, n_checked=n_checked, n_entries=max(n_entries, n_checked))
            _note(context.settings.home, running)

    return note


def _prove(context: AppContext, on_progress: Callable[[int], None]) -> tuple[str, bool]:
    """What came of it in words, and whether the log is whole."""
    settings = context.settings
    if not context.log.is_begun():
        return "There is no decision log yet.", False
    try:
        noted, problems = noted_heads(open_archives(settings.archive_uris), pending_folder(settings.home))
        found = context.log.verify(noted, on_progress=on_progress)
    except StoppingError:
        raise
    except CreditRiskError as exc:
        return f"It could not be checked: {exc}", False
    if found.broken:
        return f"It is not whole: {found.broken} Tell whoever runs the app, and change nothing.", False
    others = found.n_checked - found.n_decisions
    said = (
        f"Whole: {counted(found.n_decisions, 'decision')} and {counted(others, 'other entry', 'other entries')} follow "
    )
    said += "one from the other without a gap or a change"
    if found.n_erased:
        said += f"; the contents of {found.n_erased:,} were erased, each as written down"
    if noted:
        verb = "says" if len(noted) == 1 else "say"
        said += f"; {counted(len(noted), 'note', 'notes')} of reports elsewhere {verb} the same"
    if problems:
        said += f"; {counted(len(problems), 'place')} with such notes could not be read"
    return f"{said}.", True


def _noted(home: Path) -> LogCheck:
    try:
        return _CHECK.validate_json(_path(home).read_bytes())
    except (OSError, ValidationError):
        return LogCheck()


def _path(home: Path) -> Path:
    return home / "log-check.json"


def _lock(home: Path) -> Path:
    return home / "log-check.lock"


def _note(home: Path, check: LogCheck) -> None:
    write_whole(_path(home), json.dumps(asdict(check)))
