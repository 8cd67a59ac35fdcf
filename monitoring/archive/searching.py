"""Searching all that archives keep: newest first, part by part, and never longer than somebody waits for a page."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from creditrisk.errors import ArchiveError
from monitoring.archive.delivery import outgoing_room, waiting_room
from monitoring.archive.protocol import Archive, UnknownReportError
from monitoring.archive.sealing import newest_first, written_at
from monitoring.results import Result

# Results that are read in one search: of an archive far away each is a question of its own.
MOST_READ = 300


@dataclass(frozen=True, slots=True)
class Sought:
    """The results that were looked for, newest first.

    `models` are the folders of all models that have reports, the first part of an id. `read_to` is the id of the last
    report that was read if the search ended before the oldest; from there it goes on. `problems` has a sentence for
    every archive that is away and every result that cannot be read.
    """

    results: list[Result]
    n_read: int
    read_to: str
    models: tuple[str, ...]
    problems: tuple[str, ...]


def search(
    archives: Sequence[Archive],
    is_wanted: Callable[[Result], bool],
    *,
    pending: Path,
    folder: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
    before: str = "",
    limit: int,
    seconds: float,
) -> Sought:
    """Look for results, newest first.

    Parameters
    ----------
    is_wanted
        Asked of each result that was read.
    folder
        The first part of the ids of one model's reports; empty: of all.
    since, until
        No report from before the first, or after the second moment.
    before
        Where an earlier search ended, its `read_to`; empty: begin with the newest.
    limit
        How many are wanted.
    seconds
        When no more results are read; at least one is.
    """
    places, problems = _places(archives, pending)
    # Of two from one second it is always the same that comes first.
    ids = sorted(newest_first(places), key=_key, reverse=True)
    models = tuple(sorted({report_id.partition("/")[0] for report_id in ids}))
    results: list[Result] = []
    n_read, read_to, ends_at = 0, "", time.monotonic() + seconds
    for report_id in _within(ids, folder, since, until, before):
        if len(results) == limit or n_read == MOST_READ or (n_read and time.monotonic() > ends_at):
            return Sought(results, n_read, read_to, models, tuple(problems))
        n_read, read_to = n_read + 1, report_id
        result, problem = _read(places[report_id], report_id)
        if result is not None and is_wanted(result):
            results.append(result)
        problems += [problem] if problem else []
    return Sought(results, n_read, "", models, tuple(problems))


def _places(archives: Sequence[Archive], pending: Path) -> tuple[dict[str, list[Archive]], list[str]]:
    """Where each report lies, by its id, and a sentence for each archive that is away."""
    rooms: list[Archive] = [outgoing_room(pending), *(waiting_room(pending, archive) for archive in archives)]
    places: dict[str, list[Archive]] = {}
    problems = []
    for place in (*archives, *rooms):
        try:
            for report_id in place.ids():
                places.setdefault(report_id, []).append(place)
        except ArchiveError as exc:
            problems.append(str(exc))
    return places, problems


def _key(report_id: str) -> tuple[str, str]:
    folder, _, name = report_id.rpartition("/")
    return name, folder


def _within(
    ids: Sequence[str], folder: str, since: datetime | None, until: datetime | None, before: str
) -> Iterator[str]:
    for report_id in ids:
        at = written_at(report_id)
        if at is None or (since and at < since) or (until and at > until):
            continue
        if folder in ("", report_id.partition("/")[0]) and (not before or _key(report_id) < _key(before)):
            yield report_id


def _read(places: Sequence[Archive], report_id: str) -> tuple[Result | None, str]:
    """The result from the first place that has it unharmed; else why there is none, empty if it is gone by now."""
    problem = ""
    for place in places:
        try:
            return place.result(report_id), ""
        except UnknownReportError:
            continue
        except ArchiveError as exc:
            problem = problem or str(exc)
    return None, problem
