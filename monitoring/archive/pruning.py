"""Old reports are removed from an archive: by their age, and never those that something still depends on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from monitoring.archive.protocol import (
    MAX_UNREADABLE,
    RECENT,
    Archive,
    DamagedReportError,
    UnknownReportError,
)
from monitoring.archive.sealing import written_at
from monitoring.results import Result, by_sequence


@dataclass(frozen=True, slots=True)
class Prunable:
    """The reports of an archive that are older than a time, newest first.

    `removable` may go; `last` are the last of their models, from which the next windows begin; `waiting` have still to
    reach some archive. `n_reports` are kept in all.
    """

    n_reports: int
    removable: tuple[str, ...]
    last: tuple[str, ...]
    waiting: tuple[str, ...]


def prunable(archive: Archive, before: datetime, *, waiting: Set[str] = frozenset()) -> Prunable:
    """Look for what may be removed; nothing is.

    Parameters
    ----------
    before
        Reports of an earlier time are old, by the time in their ids: that of a damaged one is known, too.
    waiting
        As `waiting_ids` gives them.

    Raises
    ------
    ArchiveError
        If the archive does not answer.
    """
    ids = archive.ids()
    by_model = defaultdict(list)
    for report_id in ids:
        by_model[report_id.partition("/")[0]].append(report_id)
    old = [report_id for report_id in ids if (time := written_at(report_id)) is not None and time < before]
    models = {report_id.partition("/")[0] for report_id in old}
    last = {report_id for model in models for report_id in _last(archive, by_model[model])}
    return Prunable(
        n_reports=len(ids),
        removable=tuple(report_id for report_id in old if report_id not in last | waiting),
        last=tuple(report_id for report_id in old if report_id in last),
        waiting=tuple(report_id for report_id in old if report_id in waiting - last),
    )


def remove(archive: Archive, report_ids: Sequence[str]) -> Iterator[str]:
    """Remove reports, the last named first, so that what is left of a cut-off removal is the newest; yields each."""
    for report_id in reversed(report_ids):
        archive.remove(report_id)
        yield report_id


def _last(archive: Archive, ids: Iterable[str]) -> set[str]:
    """The last of each model by its time, and the last by where it ended in the log: a window begins after that."""
    newest: dict[str, Result] = {}
    furthest: dict[str, Result] = {}
    readable = _readable(archive, islice(ids, RECENT + MAX_UNREADABLE))
    for result in islice(readable, RECENT):
        model = result["model"]
        newest.setdefault(model, result)
        if model not in furthest or by_sequence(result) > by_sequence(furthest[model]):
            furthest[model] = result
    return {result["id"] for result in (*newest.values(), *furthest.values())}


def _readable(archive: Archive, ids: Iterable[str]) -> Iterator[Result]:
    for report_id in ids:
        try:
            yield archive.result(report_id)
        except (DamagedReportError, UnknownReportError):
            continue
