"""Files whose results are no longer kept: what each was called, whose it was, and how many of its clients were scored.

One small file each under home/uploads/past, for the user who runs the app alone (0600), called as the folder of the
upload was. With it the page lists a file for a week, and knows it when it comes once more. Nothing of a row is in it.
The name of a file may be personal, and is left out once its sender removed its card.
"""

from __future__ import annotations

import json
import logging
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from creditrisk.home import write_whole
from webapp.upload_files import Details
from webapp.upload_records import Record, keep_newest

FOLDER = "past"
MOST = 200

log = logging.getLogger("webapp.uploads")


@dataclass(frozen=True)
class Past:
    """What stays of a file: its details, how far it came, and when that was noted, as a Unix time."""

    details: Details
    record: Record
    noted_at: float


_PAST = TypeAdapter(Past)


def note(home: Path, key: str, past: Past) -> None:
    """Keep what is known of a file whose result is removed."""
    try:
        write_whole(_folder(home) / f"{key}.json", json.dumps(asdict(past)))
    except OSError as exc:
        log.warning("what became of a file could not be kept: %s", exc.strerror)


def recall(home: Path) -> dict[str, Past]:
    """All that is known, by what the folder of each was called."""
    found = {}
    for path in _folder(home).glob("*.json"):
        with suppress(OSError, ValidationError):
            found[path.stem] = _read(path, path.stat().st_mtime_ns)
    return found


def forget_old(home: Path) -> None:
    """Remove what nobody will ask for any more."""
    keep_newest(_folder(home), MOST)


# They hardly ever change, and every page that lists files asks for all of them each second.
@lru_cache(maxsize=2 * MOST)
def _read(path: Path, _changed_at: int) -> Past:
    return _PAST.validate_json(path.read_bytes())


def _folder(home: Path) -> Path:
    return home / "uploads" / FOLDER
