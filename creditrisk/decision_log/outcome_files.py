"""A table of outcomes to the log: each told once, however often the same file comes or its reading was cut off.

Outcomes of applications that the log does not know are kept: the decision may come later, or be in another log. They
are listed, as are rows that are no outcome.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from creditrisk.columns import key
from creditrisk.decision_log.decisions import Outcome
from creditrisk.decision_log.log import DecisionLog
from creditrisk.decision_log.reported import OutcomeError, OutcomeReport, read_outcome
from creditrisk.errors import SourceError
from creditrisk.scoring import result_file
from creditrisk.sources import RawTable, Snapshot, as_texts, read_blocks

# Rows that are recorded at once, while the log is closed to others.
OUTCOME_ROWS = 10_000
# The kind of fact under which the log holds how far a file was read.
OUTCOMES_NOTE = "outcomes"
_WHOLE = "whole"
_YES, _NO = frozenset({"yes", "y", "true", "t", "1"}), frozenset({"no", "n", "false", "f", "0"})
_NEEDED = ("application_id", "default", "observed_on")
_SHOWN = {"default": "yes or no"}


@dataclass(frozen=True, slots=True)
class OutcomesDone:
    """What became of the rows of a file: how many there are, and of these, how many said anything new.

    `n_unknown` are of applications that were never scored here, or not by the model they name; `n_rejected` are no
    outcomes. `is_new` is false if the same file was read before: then the other numbers are 0.
    """

    n_rows: int = 0
    n_new: int = 0
    n_unknown: int = 0
    n_rejected: int = 0
    is_new: bool = True


@dataclass(frozen=True, slots=True)
class Lists:
    """Where rows are listed that somebody should look at; a file is only there if it has a row."""

    unknown: Path
    rejected: Path


def record_file(snapshot: Snapshot, log: DecisionLog, lists: Lists, *, today: date) -> OutcomesDone:
    """Record the outcomes of a table: `application_id`, `default` (yes or no), `observed_on`, perhaps `model`.

    Parameters
    ----------
    today
        The last day on which an outcome can have been observed.

    Raises
    ------
    SourceError
        If it cannot be read, or lacks a column.
    DecisionLogError
        If the log takes no more. Doing it again goes on where it ended.
    """
    state = log.noted(OUTCOMES_NOTE, snapshot.sha256) or "0"
    if state == _WHOLE:
        return OutcomesDone(is_new=False)
    n_before = int(state)
    n_rows = n_new = n_unknown = n_rejected = 0
    with ExitStack() as files:
        write_unknown = files.enter_context(result_file(lists.unknown, as_parquet=False))
        write_rejected = files.enter_context(result_file(lists.rejected, as_parquet=False))
        for block in read_blocks(str(snapshot.path), OUTCOME_ROWS):
            rows, outcomes, faults = _read(block, today)
            n_rows += block.frame.height
            strangers = log.never_scored(outcomes)
            if n_rows > n_before:
                n_new += log.record_new_outcomes(outcomes, OUTCOMES_NOTE, snapshot.sha256, str(n_rows))
            n_unknown += len(strangers)
            n_rejected += len(faults)
            if strangers:
                write_unknown(_unknown([(*rows[number - 1], outcomes[number - 1]) for number in strangers]))
            if faults:
                write_rejected(pl.DataFrame(faults, schema=_FAULT, orient="row"))
    for path, n_listed in ((lists.unknown, n_unknown), (lists.rejected, n_rejected)):
        if not n_listed:
            path.unlink()
    log.note(OUTCOMES_NOTE, snapshot.sha256, _WHOLE)
    return OutcomesDone(n_rows, n_new, n_unknown, n_rejected)


_FAULT = {"row": pl.Int64, "line": pl.Int64, "column": pl.String, "what": pl.String, "expected": pl.String}
_STRANGER = {"row": pl.Int64, "line": pl.Int64, "application_id": pl.String, "model": pl.String}
_Fault = tuple[int, int, str, str, str]


def _unknown(strangers: list[tuple[int, int, Outcome]]) -> pl.DataFrame:
    rows = [(row, line, outcome.application_id, outcome.model) for row, line, outcome in strangers]
    return pl.DataFrame(rows, schema=_STRANGER, orient="row")


def _read(block: RawTable, today: date) -> tuple[list[tuple[int, int]], list[Outcome], list[_Fault]]:
    """The outcomes in a block, the row and line of each, and those rows that are none."""
    places: list[tuple[int, int]] = []
    outcomes: list[Outcome] = []
    faults: list[_Fault] = []
    for number, cells in enumerate(_items(block), start=1):
        place = block.first_row + number - 1, block.lines[number - 1]
        if number in block.ragged:
            n_cells = block.ragged[number]
            faults.append((*place, "", f"has {n_cells:,} cells", f"{block.frame.width:,}, one for each column"))
            continue
        try:
            outcomes.append(read_outcome(cells, today=today))
            places.append(place)
        except OutcomeError as exc:
            faults.append((*place, exc.name, exc.fault, _SHOWN.get(exc.name, exc.expected)))
    return places, outcomes, faults


def _items(block: RawTable) -> Iterator[dict[str, str | bool]]:
    """The rows as the API would be told them."""
    names = {key(name): name for name in block.frame.columns}
    if doubled := sorted(
        field for field in OutcomeReport.model_fields if [*map(key, block.frame.columns)].count(key(field)) > 1
    ):
        raise SourceError(f"several columns are called {', '.join(doubled)}, spelt alike. Leave one of each.")
    columns = {field: names[key(field)] for field in OutcomeReport.model_fields if key(field) in names}
    if lacking := [field for field in _NEEDED if field not in columns]:
        raise SourceError(
            f"these are no outcomes: there is no column {' and no column '.join(lacking)}. Expected application_id, "
            "default (yes or no), observed_on (a day such as 2026-03-31) and, if one model's decisions are meant, "
            "model."
        )
    frame = block.frame.select(pl.col(name).alias(field) for field, name in columns.items())
    frame = frame.with_columns(pl.col(pl.Datetime).cast(pl.Date))
    for cells in as_texts(frame).iter_rows(named=True):
        answer = cells["default"].casefold()
        yield {**cells, "default": answer in _YES if answer in _YES | _NO else cells["default"]}
