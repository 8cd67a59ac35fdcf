"""What several archives, and what waits for them, hold together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from creditrisk.errors import ArchiveError
from monitoring.archive.delivery import waiting_room
from monitoring.archive.protocol import RECENT, Archive
from monitoring.results import Result, by_sequence


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
        """Everything a person should know of what could not be read."""
        return [*self.away, *(sentence for sentences in self.unreadable.values() for sentence in sentences)]


def read_all(archives: Sequence[Archive], model: str | None, *, pending: Path, limit: int = RECENT) -> Kept:
    """What can be read of the newest results; an archive that is away costs its own and no others.

    Parameters
    ----------
    limit
        How many of each archive.
    """
    results: dict[tuple[object, ...], Result] = {}
    unreadable, away = {}, []
    for archive in archives:
        readings = [waiting_room(pending, archive).read(model, limit)]
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
