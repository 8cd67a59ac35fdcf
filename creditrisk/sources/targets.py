"""Where results go: a folder on this machine, or a bucket. A file appears there whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from shutil import copyfileobj
from urllib.parse import urlsplit

from creditrisk.errors import SourceAbsentError, SourceError, TargetError
from creditrisk.home import room_problem
from creditrisk.sources import buckets
from creditrisk.sources.files import check_uri, path_of

# What is read back is a note of ours.
MAX_NOTE_BYTES = 100_000


def check_target(uri: str) -> None:
    """Refuse a file that could not be written, before anything is done for it; a bucket is not asked.

    Raises
    ------
    TargetError
        If the URI is of a kind that is only read, or its folder takes nothing.
    """
    if "://" in uri and urlsplit(uri).scheme not in ("file", "gs"):
        raise TargetError("results go to a folder, or to a URI that starts with file:// or gs://. Name such a target.")
    try:
        check_uri(uri)
    except SourceError as exc:
        raise TargetError(f"the target cannot be used: {exc}") from None
    if buckets.is_in_bucket(uri):
        return
    folder = path_of(uri).parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        problem = room_problem(folder)
    except OSError as exc:
        problem = f"nothing can be written to {folder}: {exc.strerror}"
    if problem:
        raise TargetError(f"{problem}. Make room or give it to your user, or name another target.")


def put_file(uri: str, path: Path) -> None:
    """Write a file to a path or URI, over whatever stands there; nobody ever sees half of it.

    Raises
    ------
    TargetError
        If it cannot be written.
    """
    if buckets.is_in_bucket(uri):
        with buckets.answering(uri, to="write", error=TargetError):
            there = buckets.find(uri)
            # Only over what was seen: that makes a repetition safe.
            buckets.object_at(uri).upload_from_filename(
                str(path), if_generation_match=0 if there is None else there.generation, **buckets.patience()
            )
        return
    goal = path_of(uri)
    half = goal.with_name(f".{goal.name}.part")
    try:
        goal.parent.mkdir(parents=True, exist_ok=True)
        # Never through a link that somebody laid there.
        half.unlink(missing_ok=True)
        with path.open("rb") as source, half.open("xb") as file:
            copyfileobj(source, file, 2**20)
            file.flush()
            os.fsync(file.fileno())
        half.replace(goal)
        _sync(goal.parent)
    except OSError as exc:
        raise TargetError(f"{goal} cannot be written: {exc.strerror}. Make room, or name another target.") from exc


def get_note(uri: str) -> str | None:
    """The text of a small file of ours at a path or URI; None if there is none, or no text of ours.

    Raises
    ------
    TargetError
        If nobody can say.
    """
    try:
        if buckets.is_in_bucket(uri):
            with buckets.answering(uri, error=TargetError):
                found = buckets.find(uri)
                if found is None or (found.size or 0) > MAX_NOTE_BYTES:
                    return None
                content = bytes(found.download_as_bytes(raw_download=True, **buckets.patience()))
        else:
            if not path_of(uri).is_file():
                return None
            with path_of(uri).open("rb") as file:
                content = file.read(MAX_NOTE_BYTES)
        return content.decode()
    except (FileNotFoundError, NotADirectoryError, SourceAbsentError, UnicodeDecodeError):
        return None
    except OSError as exc:
        raise TargetError(f"{path_of(uri)} cannot be read: {exc.strerror}. Check it, or name another target.") from exc


def is_written(uri: str) -> bool:
    """Whether there is a file of ours at a path or URI; TargetError if nobody can say."""
    if not buckets.is_in_bucket(uri):
        return path_of(uri).is_file()
    with buckets.answering(uri, error=TargetError):
        return buckets.find(uri) is not None


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
