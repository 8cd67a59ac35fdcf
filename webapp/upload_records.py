"""What became of each file, noted on disk, so that the page can say it truly after a restart.

One small file for each upload under home/uploads, called by the SHA-256 of the upload's random name, which alone gives
access to a result. It holds counts and a time: nothing about a client, not even what the file was called. It stays when
the result is removed.
"""

from __future__ import annotations

import json
import logging
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Literal, get_args

from creditrisk.home import write_whole

MOST_RECORDS = 500
LIFETIME_SECONDS = 7 * 86_400.0

log = logging.getLogger("webapp.uploads")

# "asking": read, but what some of its columns hold is for a person to say.
State = Literal["reading", "asking", "scoring", "done", "stopped", "failed"]


@dataclass(frozen=True)
class Record:
    """How far one file had come when it was last noted.

    Of `n_rows` clients `n_done` had been gone through, and `n_scored` of these are in the decision log.
    """

    state: State
    n_rows: int = 0
    n_done: int = 0
    n_scored: int = 0


def key_of(name: str) -> str:
    """What an upload is called on disk, from which nobody can tell the name that gives access to it."""
    return sha256(name.encode("utf-8", "replace")).hexdigest()


def note(home: Path, key: str, record: Record) -> bool:
    """Write down how far an upload has come, in one step; whether that could be done."""
    path = _path(home, key)
    try:
        write_whole(path, json.dumps(asdict(record)))
    except OSError as exc:
        # What was noted before stays, and whoever takes the file up sees by its blocks how far it is.
        log.warning("how far an upload has come could not be noted: %s", exc.strerror)
        return False
    return True


def recall(home: Path, key: str) -> Record | None:
    """How far an upload had come when it was last noted; None if nothing is known of it."""
    try:
        record = Record(**json.loads(_path(home, key).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    counts = (record.n_rows, record.n_done, record.n_scored)
    is_sound = record.state in get_args(State) and all(isinstance(count, int) for count in counts)
    return record if is_sound else None


def noted_at(home: Path, key: str) -> float | None:
    """When that was noted, as a Unix time."""
    with suppress(OSError):
        return _path(home, key).stat().st_mtime
    return None


def forget_old(home: Path) -> None:
    """Remove the records that nobody will ask for any more."""
    keep_newest(_folder(home), MOST_RECORDS)


def keep_newest(folder: Path, at_most: int) -> None:
    """Remove the small files of a folder that are older than the lifetime of records, or too many."""
    with suppress(OSError):
        dated = sorted((path.stat().st_mtime, path) for path in folder.glob("*.json"))
        oldest = time.time() - LIFETIME_SECONDS
        for index, (noted_at, path) in enumerate(reversed(dated)):
            if index >= at_most or noted_at < oldest:
                path.unlink(missing_ok=True)


def _folder(home: Path) -> Path:
    return home / "uploads"


def _path(home: Path, key: str) -> Path:
    return _folder(home) / f"{key}.json"
