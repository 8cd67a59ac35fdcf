"""Which role a column gets: what a model may use, what only identifies, what the law may protect, what leaks."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from creditrisk.arrays import IntArray
from creditrisk.errors import TrainingError
from creditrisk.quality import is_missing, leaks_target, read_cells
from creditrisk.schema import Field, Role
from creditrisk.schema_inference import header_hints
from creditrisk.schema_inference.kinds import MAX_CATEGORIES, Cells, Column, typed_column
from creditrisk.splits import time_split

# A column filled in less often teaches next to nothing, and not at all in a fold that has none of it.
MIN_FILLED = 20
MIN_FILLED_SHARE = 0.002
HALF = 0.5
# In fewer rows, different values in all of them may be chance.
MIN_TO_TELL_APART = 50
# Each part of a table divided by time needs as many bads and goods.
MIN_EACH = 20


@dataclass(frozen=True)
class _Verdict:
    """What a column is proposed to be, in a word or two, and what to decide about it."""

    role: Role
    flag: str
    decide: str


def describe_column(cells: Cells, outcome: IntArray, *, has_name: bool) -> Column:
    """What a column is, and what is to be done about it."""
    verdict = _nothing_to_learn(cells, has_name=has_name)
    if verdict is not None:
        return _judged(Column(cells.header, cells.field, cells.looks if len(cells.filled) else "empty"), verdict)
    column = typed_column(cells)
    # What cannot be asked for comes first, then what must not be used, then what is of no use.
    verdict = (
        _later(column)
        or _protected(column)
        or _number_of_client(column, cells)
        or _of_a_person(column, cells)
        or _too_little(column, cells)
        or _when_granted(column)
        or _leaks(column, cells.read(column.field), outcome)
        or _date(column)
        or _place(column)
    )
    is_complete = cells.read(column.field).null_count() == 0
    column = replace(column, field=replace(column.field, is_required=is_complete and column.field.type != "text"))
    return _judged(column, verdict) if verdict is not None else column


def _judged(column: Column, verdict: _Verdict) -> Column:
    field = replace(column.field, role=verdict.role)
    if verdict.role != "feature":
        field = replace(field, is_required=False)
    if verdict.role == "id":
        field = Field(field.name, "text", field.label, role="id", aliases=field.aliases, is_required=False)
        column = replace(column, counts=())
    return replace(column, field=field, flag=verdict.flag, decide=verdict.decide)


def _nothing_to_learn(cells: Cells, *, has_name: bool) -> _Verdict | None:
    if not len(cells.filled):
        return _Verdict("excluded", "empty", "nothing stands in it, in any row.")
    if cells.filled.n_unique() == 1 and len(cells.filled) == len(cells.all):
        return _Verdict("excluded", "constant", "it is the same in every row, so there is nothing to learn from it.")
    if has_name and re.fullmatch(r"column \d+|unnamed[: _]*\d*", cells.header, re.IGNORECASE):
        why = "it has no name; often it only counts the rows. Name it in the file to use it."
        return _Verdict("excluded", "no name", why)
    return None


def _later(column: Column) -> _Verdict | None:
    if not header_hints.sounds_later(column.header):
        return None
    why = "going by its name it was written after the decision, when nobody can ask for it."
    return _Verdict("excluded", "leakage?", f"{why} Make it a feature only if it was known before.")


def _protected(column: Column) -> _Verdict | None:
    word = header_hints.protected_word(column.header)
    value = header_hints.protected_value([value for value, _ in column.counts])
    if not word and not value:
        return None
    why = f"its name says '{word}'" if word else f"it holds values such as '{value}'"
    does = "kept from the model, used to check that it treats all groups alike."
    return _Verdict("protected", "protected?", f"{why}, which the law may protect: {does}")


def _number_of_client(column: Column, cells: Cells) -> _Verdict | None:
    """The column as a client's number, if it tells the rows apart."""
    filled, n_rows, kind = cells.filled, len(cells.all), column.field.type
    is_whole = kind == "number" and bool(filled.str.contains(r"^\d+$").all())
    if kind not in ("integer", "text") and not is_whole:
        return None
    n_values = filled.n_unique()
    if header_hints.is_index(column.header) and n_values >= 0.99 * n_rows:
        return _Verdict("id", "id", "taken for the number of the row in some table: never learned from.")
    if header_hints.is_number_of_client(column.header) and n_values >= 0.99 * n_rows:
        return _Verdict("id", "id", "taken for the client's number: shown with the result, never learned from.")
    if header_hints.is_only_number_of_client(column.header) and n_values > MAX_CATEGORIES:
        why = "going by its name it is a client's number, of clients who stand in several rows: never learned from."
        return _Verdict("excluded", "id", why)
    if n_values < n_rows or n_rows < MIN_TO_TELL_APART:
        return None
    numbers = filled.cast(pl.Float64, strict=False).drop_nulls().to_numpy()
    if kind == "text" and _share_like_numbers(filled) > HALF:
        return _Verdict(
            "excluded",
            "unread",
            f"{_share_like_numbers(filled):.0%} of its cells seem to be numbers, written "
            "in a way that is not read. Write them with digits and a point.",
        )
    is_running = len(numbers) == n_rows and np.ptp(numbers) < 1.5 * n_rows
    is_word = kind == "text" and not filled.str.contains(r"\s").mean() > 0.2  # type: ignore[operator]  # of booleans a float
    if not is_running and not is_word:
        return None
    return _Verdict("id", "id", "it is different in every row, so it names the row: never learned from.")


def _share_like_numbers(filled: pl.Series) -> float:
    """The share of cells that are digits, separators and at most one other sign."""
    return float(filled.str.contains(r"^[^\w\s]?\s?\d+([.,' ]\d+)+\s?[^\w\s]?$").mean() or 0.0)  # type: ignore[arg-type]


def _of_a_person(column: Column, cells: Cells) -> _Verdict | None:
    field = column.field
    is_long = field.is_numeric and (field.minimum or 0) >= 0 and (field.maximum or 0) >= 1e6
    if not header_hints.is_of_a_person(column.header) or not (field.type == "text" or is_long):
        return None
    if cells.filled.n_unique() <= MAX_CATEGORIES:
        return None
    why = "it seems to name a person or to lead to one, and a model must not know clients."
    return _Verdict("excluded", "personal?", why)


def _too_little(column: Column, cells: Cells) -> _Verdict | None:
    if column.field.type == "text":
        return _Verdict("excluded", column.flag, column.decide)
    if len(cells.filled) < max(MIN_FILLED, MIN_FILLED_SHARE * len(cells.all)):
        return _Verdict("excluded", "rare", f"only {len(cells.filled):,} rows have anything in it.")
    return None


def _when_granted(column: Column) -> _Verdict | None:
    if column.field.type != "date" and header_hints.is_calendar(column.header):
        return _Verdict("excluded", "calendar", "it says when, not who: no later year will ever be like it.")
    return None


def _date(column: Column) -> _Verdict | None:
    if column.field.type != "date":
        return None
    why = "models take numbers and categories, not dates. Days before the application would do."
    return _Verdict("excluded", "date", why)


def _leaks(column: Column, values: pl.Series, outcome: IntArray) -> _Verdict | None:
    if column.field.type == "date" and header_hints.is_date_of_application(column.header):
        return None
    known = outcome >= 0
    values, target = values.filter(pl.Series(known)), outcome[known]
    evidence = leaks_target(values, target)
    if not evidence:
        return None
    if header_hints.sounds_earlier(column.header) and not leaks_target(values, target, is_from_before=True):
        why = "going by its name it was known before all the same. Exclude it if it was not."
        return _Verdict("feature", "strong?", f"{evidence}: {why}")
    why = f"{evidence}: most probably it was written after the outcome was known."
    return _Verdict("excluded", "leakage?", f"{why} Make it a feature only if it was known before the decision.")


def _place(column: Column) -> _Verdict | None:
    if not header_hints.is_place(column.header) or column.flag:
        return None
    return _Verdict("feature", "place", "where people live may stand in for where they come from.")


def one_id(columns: list[Column]) -> list[Column]:
    """The best of the clients' numbers stays one; the others are left out."""
    ids = [column for column in columns if column.field.role == "id"]
    best = min(
        ids,
        key=lambda column: (not header_hints.is_number_of_client(column.header), columns.index(column)),
        default=None,
    )
    return [
        replace(
            column,
            field=replace(column.field, role="excluded"),
            decide="it tells rows apart; another column is the client's number.",
        )
        if column.field.role == "id" and column is not best
        else column
        for column in columns
    ]


def one_time(columns: list[Column], frame: pl.DataFrame, outcome: IntArray) -> list[Column]:
    """The date of application, if one of the dates is it and the table can be divided by it."""
    dates = [column for column in columns if column.flag == "date"]
    by_name = [column for column in dates if header_hints.is_date_of_application(column.header)]
    open_names = [column for column in dates if header_hints.may_be_any_date(column.header)]
    candidates = by_name or (open_names if len(dates) == 1 else [])
    out = list(columns)
    for column in candidates:
        days, _ = read_cells(frame[column.header], replace(column.field, role="time"))
        older = _older_rows(days, outcome)
        index = columns.index(column)
        if older is None:
            out[index] = replace(
                column, decide="a date of application, but older and newer rows do not each hold enough goods and bads."
            )
            continue
        time: Role = "time"
        decide = "taken for the date of application: older rows teach, the newest judge. Any other date must not be."
        out[index] = replace(column, field=replace(column.field, role=time), flag="time", decide=decide)
        return [_without_old_values(item, frame, older) for item in out]
    return out


def _older_rows(days: pl.Series, outcome: IntArray) -> IntArray | None:
    """The rows to train on; None if the table cannot be divided by these days."""
    known = np.flatnonzero(outcome >= 0)
    if days.null_count() > 0.02 * len(days):
        return None
    try:
        split = time_split(days.gather(known))
    except TrainingError:
        return None
    for part in (split.train, split.validation, split.test):
        n_bad = int(outcome[known][part].sum())
        if min(n_bad, len(part) - n_bad) < MIN_EACH:
            return None
    return known[split.train]


def _without_old_values(column: Column, frame: pl.DataFrame, older: IntArray) -> Column:
    """A number that the older rows do not have cannot be learned from them."""
    if column.field.role != "feature" or not column.field.is_numeric:
        return column
    if not is_missing(frame[column.header].gather(older)).all():
        return column
    decide = "the older rows, which teach, have nothing in it."
    return replace(
        column, field=replace(column.field, role="excluded", is_required=False), flag="too new", decide=decide
    )


def is_amount_lent(column: Column) -> bool:
    """Whether a column is a feature that says how much is lent."""
    return column.field.role == "feature" and column.field.is_numeric and header_hints.is_amount_lent(column.header)
