"""What several archives, and what waits for them, hold together."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from creditrisk.errors import ArchiveError
from creditrisk.text import sentence
from monitoring.archive.delivery import outgoing_room, waiting_room
from monitoring.archive.protocol import RECENT, Archive, UnknownReportError
from monitoring.archive.sealing import model_folder, written_at
from monitoring.results import Result, by_sequence

# Nobody reads a list of hundreds, least of all in a report.
MOST_NAMED = 10


@dataclass(frozen=True, slots=True)
class Kept:
    """What all archives and their waiting rooms hold: results, the last first in the order of the decision log.

    `unreadable` has the name of every archive that answered, with a sentence for each result that cannot be read;
    `away` has a sentence for each archive that did not answer.
    """

    results: list[Result]
    unreadable: dict[str, tuple[str, ...]]
    away: tuple[str, ...]

    @property
    def problems(self) -> list[str]:
        """What a person should know of what could not be read: the first results by name, the rest by number."""
        named: list[str] = []
        more: list[str] = []
        for name, sentences in self.unreadable.items():
            named += sentences[:MOST_NAMED]
            if len(sentences) > MOST_NAMED:
                more.append(f"{len(sentences) - MOST_NAMED:,} more results in {name} cannot be read.")
        return list(dict.fromkeys([*self.away, *named, *more]))


def read_all(archives: Sequence[Archive], model: str | None, *, pending: Path, limit: int = RECENT) -> Kept:
    """What can be read of the newest results; an archive that is away costs its own and no others.

    Parameters
    ----------
    limit
        How many of each archive.
    """
    results: dict[tuple[object, ...], Result] = {}
    unreadable, away = {}, []
    outgoing = outgoing_room(pending).read(model, limit)
    for archive in archives:
        readings = [outgoing, waiting_room(pending, archive).read(model, limit)]
        try:
            readings.append(archive.read(model, limit))
        except ArchiveError as exc:
            away.append(str(exc))
        else:
            unreadable[archive.name] = tuple(sentence for reading in readings for sentence in reading.unreadable)
        # The same report in two archives is one, unless one of the two was changed.
        results |= {
            (result["id"], *by_sequence(result), result["log_head"]["hash"]): result
            for reading in readings
            for result in reading.results
        }
    return Kept(sorted(results.values(), key=by_sequence, reverse=True), unreadable, tuple(away))


def read_recent(archives: Sequence[Archive], model: str | None, *, pending: Path) -> Kept:
    """What can be read of the newest results of a model.

    Raises
    ------
    ArchiveError
        If no archive answers and nothing waits: then nobody knows whether there was a report.
    """
    kept = read_all(archives, model, pending=pending)
    if len(kept.away) == len(archives) and not kept.results:
        raise ArchiveError(kept.away[0])
    return kept


def last_result(archives: Sequence[Archive], model: str | None, *, pending: Path) -> Result | None:
    """The result that ended last in the decision log, in any archive or in the waiting room of one that is away.

    Raises
    ------
    ArchiveError
        If no archive answers and nothing waits.
    """
    return next(iter(read_recent(archives, model, pending=pending).results), None)


@dataclass(frozen=True, slots=True)
class Found:
    """One report as it lies in the archives.

    `kept_in` names the archives that have its result unharmed, `waits_for` those that get it with the next report;
    `problems` has a sentence for every other place that is away or holds it damaged.
    """

    result: Result
    kept_in: tuple[str, ...]
    waits_for: tuple[str, ...]
    problems: tuple[str, ...]


def find(archives: Sequence[Archive], report_id: str, *, pending: Path) -> Found:
    """Look for a report in every archive, and in what waits for one.

    Raises
    ------
    ArchiveError
        UnknownReportError if no place has it and all answered; otherwise the sentences of those that could not give it.
    """
    results: list[Result] = []
    kept_in: list[str] = []
    waits_for: list[str] = []
    problems: list[str] = []
    for archive in archives:
        rooms = [waiting_room(pending, archive), outgoing_room(pending)]
        for place, names in ((archive, kept_in), *((room, waits_for) for room in rooms)):
            try:
                results.append(place.result(report_id))
                names.append(archive.name)
            except UnknownReportError:
                continue
            except ArchiveError as exc:
                problems.append(str(exc))
    if not results:
        raise _not_found(archives, report_id, problems)
    waits = tuple(name for name in dict.fromkeys(waits_for) if name not in kept_in)
    return Found(results[0], tuple(kept_in), waits, tuple(dict.fromkeys(problems)))


def find_page(archives: Sequence[Archive], report_id: str, *, pending: Path) -> bytes:
    """The page of a report, from the first place that has it unharmed; errors as of `find`."""
    problems = []
    for archive in archives:
        for place in (archive, waiting_room(pending, archive), outgoing_room(pending)):
            try:
                return place.html(report_id)
            except UnknownReportError:
                continue
            except ArchiveError as exc:
                problems.append(str(exc))
    raise _not_found(archives, report_id, problems)


def newest_until(archives: Sequence[Archive], model: str, until: datetime, *, pending: Path) -> str | None:
    """The id of the report on a model that was the newest at a time; None if no archive that answers has one."""
    folder = model_folder(model)
    written = [
        (at, report_id)
        for report_id in known_ids(archives, pending=pending)
        if report_id.partition("/")[0] == folder and (at := written_at(report_id)) is not None and at <= until
    ]
    return max(written, default=(until, None))[1]


def known_ids(archives: Sequence[Archive], *, pending: Path) -> list[str]:
    """The ids of all reports that can be asked for now; an archive that is away gives none."""
    ids = set(outgoing_room(pending).ids())
    for archive in archives:
        for place in (archive, waiting_room(pending, archive)):
            with suppress(ArchiveError):
                ids.update(place.ids())
    return sorted(ids)


def _not_found(archives: Sequence[Archive], report_id: str, problems: Sequence[str]) -> ArchiveError:
    """Why no place gave a report."""
    if problems:
        return ArchiveError(" ".join(dict.fromkeys(map(sentence, problems))))
    return UnknownReportError(f"there is no report {report_id} in {' or '.join(archive.name for archive in archives)}.")
