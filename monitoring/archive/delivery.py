"""Several archives at once: a report goes to all of them, and waits for one that is away."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from creditrisk.errors import ArchiveError
from monitoring.archive.local import LocalArchive
from monitoring.archive.protocol import EVERY, Archive
from monitoring.archive.sealing import report_id_of, unseal
from monitoring.results import Result


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of one report: its id, the archives that hold it, and a sentence for each that does not yet."""

    id: str
    kept_in: tuple[str, ...]
    problems: tuple[str, ...]


def pending_folder(home: Path) -> Path:
    """Where reports wait for an archive that is away, one subfolder per archive."""
    return home / "reports-pending"


def store(archives: Sequence[Archive], html: bytes, result: Result, *, pending: Path) -> Stored:
    """Write a report to every archive, after whatever an archive missed while it was away.

    Parameters
    ----------
    pending
        See `pending_folder`.
    """
    report_id, kept_in, problems = report_id_of(html, result), [], []
    for archive in archives:
        waiting = waiting_room(pending, archive)
        waiting.clear_half_written()
        try:
            problems += _deliver(waiting, archive)
            archive.put(html, result)
            kept_in.append(archive.name)
        except ArchiveError as exc:
            waiting.put(html, result)
            problems.append(f"{exc} The report is kept in {waiting.folder} and goes there with the next one.")
    return Stored(report_id, tuple(kept_in), tuple(problems))


def _deliver(waiting: LocalArchive, archive: Archive) -> list[str]:
    """Bring an archive what it missed, oldest first; a sentence for each report that was damaged while it waited."""
    damaged = []
    for old in reversed(waiting.results(None, limit=EVERY)):
        try:
            html = waiting.html(old["id"])
        except ArchiveError as exc:
            damaged.append(str(exc))
            continue
        archive.put(html, unseal(old))
        waiting.remove(old["id"])
    return damaged


def n_waiting(archives: Sequence[Archive], *, pending: Path) -> int:
    """Reports that still have to be delivered to an archive that was away."""
    return sum(len(waiting_room(pending, archive).results(None, limit=EVERY)) for archive in archives)


def waiting_room(pending: Path, archive: Archive) -> LocalArchive:
    """Where reports wait for one archive."""
    return LocalArchive(pending / hashlib.sha256(archive.name.encode()).hexdigest()[:12])
