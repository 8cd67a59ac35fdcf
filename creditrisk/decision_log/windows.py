"""Decisions read back: one by one, and those of a model in blocks for monitoring."""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl
from sqlalchemy import ColumnElement, Connection, exists, false

from creditrisk.decision_log.decisions import Logged
from creditrisk.decision_log.entries import Version
from creditrisk.decision_log.payloads import N_AHEAD, decision_from, time_of
from creditrisk.decision_log.reading import IN_ORDER, Entry, UnreadableEntryError, blocks
from creditrisk.decision_log.tables import CONTENTS, EVENTS
from creditrisk.decision_log.versions import all_versions

# Microseconds since 1970 at the end of the year 9999.
_AFTER_TIME = 253_402_300_800_000_000
_TYPES = {
    "seq": pl.Int64,
    "decided_at": pl.Int64,
    "model_version": pl.String,
    "prob_default": pl.Float64,
    "verdict": pl.String,
}


@dataclass(frozen=True, slots=True)
class WindowBlock:
    """Some decisions of a model, in the order of the log.

    Parameters
    ----------
    frame
        `seq`, `decided_at` (UTC), `model_version`, `prob_default`, `verdict`, then a column for every input field:
        numbers and text as they were, dates as ISO text, a field that was always missing of type Null. No input columns
        if there is no decision.
    n_erased
        Decisions among them whose contents were erased; they are not in the frame.
    n_again
        Decisions about an application that was decided about once more before the end of the window; only the last one
        is in the frame.
    n_unreadable
        Decisions that were changed after they were written, into something that is none; they are not in the frame.
    """

    frame: pl.DataFrame
    n_erased: int
    n_again: int
    n_unreadable: int = 0


def logged_from(entry: Entry, versions: Mapping[int, Version]) -> Logged:
    """An entry as the decision it holds; UnreadableEntryError if it was changed into something else."""
    try:
        decision = decision_from(entry, versions[entry.version or 0])
        return Logged(entry.seq, time_of(entry.at), decision, entry.prev_hash.hex(), entry.hash.hex())
    except (TypeError, ValueError, LookupError, AttributeError, OverflowError, RecursionError):
        raise _unreadable(entry.seq) from None


def _unreadable(seq: int) -> UnreadableEntryError:
    return UnreadableEntryError(
        f"decision {seq} cannot be read: it was changed after it was written. Run: riskometer verify-log."
    )


def window_of(
    connection: Connection, model: str, *, after_seq: int, until_seq: int, since: datetime | None, once: bool
) -> Generator[WindowBlock]:
    """See `DecisionLog.window`."""
    versions = {number: version for number, version in all_versions(connection).items() if version.model == model}
    is_again = is_decided_again(list(versions), until_seq) if once else false()
    wanted = IN_ORDER.add_columns(is_again.label("is_decided_again")).where(
        EVENTS.c.seq > after_seq,
        EVENTS.c.seq <= until_seq,
        EVENTS.c.kind == "decision",
        EVENTS.c.version.in_(versions),
    )
    if since is not None:
        wanted = wanted.where(EVENTS.c.at >= int(since.timestamp() * 1_000_000))
    with closing(blocks(connection, wanted)) as found:
        for rows in found:
            n_erased = n_again = 0
            kept: dict[int, list[Entry]] = {}
            for *columns, comes_again in rows:
                entry = Entry._make(columns)
                if entry.payload is None:
                    n_erased += 1
                elif comes_again:
                    n_again += 1
                else:
                    kept.setdefault(entry.version or 0, []).append(entry)
            frame, n_unreadable = _readable(kept, versions)
            yield WindowBlock(frame, n_erased, n_again, n_unreadable)


def _readable(entries: Mapping[int, list[Entry]], versions: Mapping[int, Version]) -> tuple[pl.DataFrame, int]:
    """The frame of what can be read, and how many entries cannot: one that was changed must not hide the others."""
    try:
        return frame_of(entries, versions), 0
    except UnreadableEntryError:
        kept = {
            number: readable
            for number, some in entries.items()
            if (readable := [entry for entry in some if _is_readable(entry, versions[number])])
        }
        return frame_of(kept, versions), sum(map(len, entries.values())) - sum(map(len, kept.values()))


def _is_readable(entry: Entry, version: Version) -> bool:
    try:
        _frame([entry], version)
    except UnreadableEntryError:
        return False
    return True


def is_decided_again(versions: list[int], until_seq: int) -> ColumnElement[bool]:
    """Whether another decision of these versions about the same application comes after an entry."""
    event, contents = EVENTS.alias("later"), CONTENTS.alias("later_contents")
    return exists().where(
        contents.c.application_id == CONTENTS.c.application_id,
        contents.c.seq > EVENTS.c.seq,
        contents.c.seq <= until_seq,
        event.c.seq == contents.c.seq,
        event.c.kind == "decision",
        event.c.version.in_(versions),
    )


def frame_of(entries: Mapping[int, list[Entry]], versions: Mapping[int, Version]) -> pl.DataFrame:
    """Decisions by the number of their version, none of them erased, as `WindowBlock.frame`."""
    parts = [_frame(some, versions[number]) for number, some in entries.items()]
    frame = pl.concat(parts, how="diagonal_relaxed") if parts else pl.DataFrame(schema=_TYPES)
    times = pl.from_epoch("decided_at", time_unit="us").dt.replace_time_zone("UTC")
    return frame.with_columns(times).sort("seq")


def _frame(entries: list[Entry], version: Version) -> pl.DataFrame:
    told: dict[str, list[Any]] = {
        "seq": [entry.seq for entry in entries],
        "decided_at": [entry.at for entry in entries],
        "model_version": [version.model_version] * len(entries),
        "prob_default": [entry.prob_default for entry in entries],
        "verdict": [entry.verdict for entry in entries],
    }
    try:
        arrays: list[list[Any]] = json.loads(b"[" + b",".join(entry.payload or b"" for entry in entries) + b"]")
        columns: list[tuple[Any, ...]] = list(zip(*arrays, strict=True))
        inputs: dict[str, tuple[Any, ...]] = dict(zip(version.fields, columns[N_AHEAD:], strict=True))
    except (TypeError, ValueError, RecursionError):
        raise _unreadable(_first_unreadable(entries, version)) from None
    for entry in entries:
        if (
            not 0 <= entry.at < _AFTER_TIME
            or not 0 <= (entry.prob_default if entry.prob_default is not None else -1) <= 1
        ):
            raise _unreadable(entry.seq)
    series = [pl.Series(name, values, strict=False) for name, values in inputs.items()]
    if any(column.dtype.is_nested() or column.dtype == pl.Object for column in series):
        raise _unreadable(entries[0].seq)  # lists and objects were never written
    return pl.DataFrame([*(pl.Series(name, values, dtype=_TYPES[name]) for name, values in told.items()), *series])


def _first_unreadable(entries: list[Entry], version: Version) -> int:
    for entry in entries:
        try:
            if len(json.loads(entry.payload or b"")) == N_AHEAD + len(version.fields):
                continue
        except (TypeError, ValueError, RecursionError):
            pass
        return entry.seq
    return entries[0].seq
