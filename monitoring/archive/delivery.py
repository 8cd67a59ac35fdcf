"""Several archives at once: a report goes to all of them, and waits for one that is away.

A report is written to the outgoing room first, and leaves it when every archive has it or it waits for the archive. So
a flow that is killed in between loses nothing: the next one goes on from what is there.
"""

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
    """Where reports wait for an archive that is away, one subfolder per archive, and what is on its way to all."""
    return home / "reports-pending"


def store(archives: Sequence[Archive], html: bytes, result: Result, *, pending: Path) -> Stored:
    """Write a report to every archive, after whatever an archive missed while it was away or this was killed.

    Parameters
    ----------
    pending
        See `pending_folder`.

    Raises
    ------
    ArchiveError
        If neither an archive nor this machine has room for the report.
    """
    report_id = report_id_of(html, result)
    outgoing = outgoing_room(pending)
    outgoing.clear_half_written()
    problems = []
    try:
        outgoing.put(html, result)
    except ArchiveError as exc:
        problems.append(str(exc))
    on_the_way, damaged = _unsent(outgoing)
    reports = {**on_the_way, report_id: (html, result)}
    problems += damaged
    kept_in: list[str] = []
    are_all_handed_on = True
    for archive in archives:
        waiting = waiting_room(pending, archive)
        waiting.clear_half_written()
        try:
            problems += _deliver(waiting, archive)
            for report in reports.values():
                archive.put(*report)
            kept_in.append(archive.name)
        except ArchiveError as exc:
            try:
                for report in reports.values():
                    waiting.put(*report)
            except ArchiveError:
                if report_id not in on_the_way:
                    raise
                are_all_handed_on = False
                waiting = outgoing
            problems.append(f"{exc} The report is kept in {waiting.folder} and goes there with the next one.")
    if are_all_handed_on:
        for sent in on_the_way:
            outgoing.remove(sent)
    return Stored(report_id, tuple(kept_in), tuple(problems))


def _unsent(room: LocalArchive) -> tuple[dict[str, tuple[bytes, Result]], list[str]]:
    """The pages and results in a room by their ids, oldest first; a sentence for each page that was damaged there."""
    reports, damaged = {}, []
    for sealed in reversed(room.results(None, limit=EVERY)):
        try:
            reports[sealed["id"]] = room.html(sealed["id"]), unseal(sealed)
        except ArchiveError as exc:
            damaged.append(str(exc))
    return reports, damaged


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
    """Reports that still have to be delivered: to an archive that was away, or to all, if their flow was killed."""
    rooms = [outgoing_room(pending), *(waiting_room(pending, archive) for archive in archives)]
    return sum(len(room.results(None, limit=EVERY)) for room in rooms)


def waiting_ids(archives: Sequence[Archive], *, pending: Path) -> frozenset[str]:
    """The ids of all reports that an archive may not have yet."""
    rooms = [outgoing_room(pending), *(waiting_room(pending, archive) for archive in archives)]
    return frozenset(report_id for room in rooms for report_id in room.ids())


def waiting_room(pending: Path, archive: Archive) -> LocalArchive:
    """Where reports wait for one archive."""
    return LocalArchive(pending / hashlib.sha256(archive.name.encode()).hexdigest()[:12])


def outgoing_room(pending: Path) -> LocalArchive:
    """Where a report is until every archive has it or a waiting room keeps it for the archive."""
    return LocalArchive(pending / "outgoing")
