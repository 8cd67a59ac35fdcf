"""A table as it is at one moment: copied here whole before it is read, unless somebody is still writing it.

What is read twice, after a run that was cut off, must be the same both times: rows in the same order and in the same
blocks. The fingerprint of the copy says so.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path
from typing import BinaryIO

from creditrisk.errors import SourceAbsentError, SourceError, SourceUnfinishedError
from creditrisk.sources import buckets
from creditrisk.sources.files import check_suffix, check_uri, is_in_database, name_of, opened, path_of, read_table

# Between the two looks at a file that tell whether it is still being written.
LOOK_SECONDS = 2.0
# How files are called until they are whole.
UNFINISHED = re.compile(r"\.(part|tmp)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A copy of a table, and the SHA-256 of its bytes."""

    path: Path
    sha256: str


def take_snapshot(uri: str, folder: Path) -> Snapshot:
    """Copy what a path or URI names into a folder, under its own name.

    The rows of a database have no order of their own: they are sorted, so that the same rows are the same copy.

    Raises
    ------
    SourceAbsentError
        If there is no such file or object.
    SourceUnfinishedError
        If it is still being written: it is called so, or it changed between two looks.
    SourceError
        If it cannot be read.
    """
    check_uri(uri)
    if is_in_database(uri):
        copy = folder / "rows.csv"
        rows = read_table(uri).texts
        rows.sort(rows.columns).write_csv(copy)
    else:
        name = UNFINISHED.sub("", name_of(uri))
        check_suffix(name)
        if name != name_of(uri):
            raise SourceUnfinishedError(_unfinished(uri))
        copy = folder / name
        _copy(uri, copy)
    with copy.open("rb") as file:
        return Snapshot(copy, file_digest(file, "sha256").hexdigest())


def _copy(uri: str, copy: Path) -> None:
    seen, at = _look(uri), time.monotonic()
    if seen is None and any(_look(f"{uri}{ending}") is not None for ending in (".part", ".tmp")):
        raise SourceUnfinishedError(_unfinished(uri))
    with opened(uri) as stream, copy.open("wb") as file:
        while chunk := stream.read(2**20):
            _write(file, chunk, uri)
    time.sleep(max(0.0, LOOK_SECONDS - (time.monotonic() - at)))
    if _look(uri) != seen:
        raise SourceUnfinishedError(_unfinished(uri))


def _write(file: BinaryIO, chunk: bytes, uri: str) -> None:
    try:
        file.write(chunk)
    except OSError as exc:
        raise SourceError(f"no copy of '{name_of(uri)}' can be made here: {exc.strerror}. Make room.") from exc


def _look(uri: str) -> tuple[int, ...] | None:
    """What changes when a file or an object is written; None if there is none."""
    if buckets.is_in_bucket(uri):
        try:
            with buckets.answering(uri):
                found = buckets.find(uri)
        except SourceAbsentError:
            return None
        return None if found is None else (int(found.generation),)
    try:
        state = path_of(uri).stat()
    except OSError:  # which of them is said where it is opened
        return None
    return state.st_ino, state.st_size, state.st_mtime_ns


def _unfinished(uri: str) -> str:
    return f"'{name_of(uri)}' is still being written, so it was not read. The next run looks at it again."
