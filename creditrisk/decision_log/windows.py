"""Decisions read back: one by one, and those of a model as a table for monitoring."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import polars as pl
from sqlalchemy import Connection

from creditrisk.decision_log.decisions import Logged
from creditrisk.decision_log.entries import Version
from creditrisk.decision_log.payloads import N_AHEAD, decision_from, time_of
from creditrisk.decision_log.reading import IN_ORDER, Entry, blocks
from creditrisk.decision_log.tables import EVENTS
from creditrisk.decision_log.versions import all_versions
from creditrisk.errors import DecisionLogError

_TYPES = {
    "seq": pl.Int64,
    "decided_at": pl.Int64,
    "model_version": pl.String,
    "prob_default": pl.Float64,
    "verdict": pl.String,
}


@dataclass(frozen=True, slots=True)
class LogWindow:
    """The decisions of a model in a stretch of the log.

    Parameters
    ----------
    frame
        `seq`, `decided_at` (UTC), `model_version`, `prob_default`, `verdict`, then a column for every input field:
        numbers and text as they were, dates as ISO text, a field that was always missing of type Null. No input columns
        if there is no decision.
    n_erased
        Decisions of that stretch whose contents were erased; they are not in the frame.
    """

    frame: pl.DataFrame
    n_erased: int


def logged_from(entry: Entry, versions: Mapping[int, Version]) -> Logged:
    """An entry as the decision it holds; DecisionLogError if it was changed into something else."""
    try:
        decision = decision_from(entry, versions[entry.version or 0])
        return Logged(entry.seq, time_of(entry.at), decision, entry.prev_hash.hex(), entry.hash.hex())
    except (TypeError, ValueError, LookupError, AttributeError, OverflowError):
        raise _unreadable(entry.seq) from None


def _unreadable(seq: int) -> DecisionLogError:
    return DecisionLogError(
        f"decision {seq} cannot be read: it was changed after it was written. Run: riskometer verify-log."
    )


def window_of(connection: Connection, after_seq: int, model: str, until_seq: int | None) -> LogWindow:
    """See `DecisionLog.window`."""
    versions = {number: version for number, version in all_versions(connection).items() if version.model == model}
    wanted = IN_ORDER.where(EVENTS.c.seq > after_seq, EVENTS.c.kind == "decision", EVENTS.c.version.in_(versions))
    if until_seq is not None:
        wanted = wanted.where(EVENTS.c.seq <= until_seq)
    parts, n_erased = [], 0
    with closing(blocks(connection, wanted)) as found:
        for rows in found:
            kept: dict[int, list[Entry]] = {}
            for entry in map(Entry._make, rows):
                if entry.payload is None:
                    n_erased += 1
                else:
                    kept.setdefault(entry.version or 0, []).append(entry)
            parts += [_frame(some, versions[number]) for number, some in kept.items()]
    empty = pl.DataFrame(schema=_TYPES)
    frame = pl.concat(parts, how="diagonal_relaxed") if parts else empty
    times = pl.from_epoch("decided_at", time_unit="us").dt.replace_time_zone("UTC")
    return LogWindow(frame.with_columns(times).sort("seq"), n_erased)


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
    except (TypeError, ValueError):
        raise _unreadable(_first_unreadable(entries, version)) from None
    series = [pl.Series(name, values, strict=False) for name, values in inputs.items()]
    return pl.DataFrame([*(pl.Series(name, values, dtype=_TYPES[name]) for name, values in told.items()), *series])


def _first_unreadable(entries: list[Entry], version: Version) -> int:
    for entry in entries:
        try:
            if len(json.loads(entry.payload or b"")) == N_AHEAD + len(version.fields):
                continue
        except (TypeError, ValueError):
            pass
        return entry.seq
    return entries[0].seq
