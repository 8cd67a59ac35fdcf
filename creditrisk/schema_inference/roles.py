"""Which role a column gets: what a model may use, what only identifies, what the law may protect, what leaks."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import polars as pl

from creditrisk.arrays import IntArray
from creditrisk.errors import TrainingError
from creditrisk.quality import currencies_in, is_missing, leaks_target, read_cells
from creditrisk.schema import Field, Role
from creditrisk.schema_inference import calendar_hints, header_hints, sensitive
from creditrisk.schema_inference.kinds import MAX_CATEGORIES, Cells, Column, Verdict, typed_column
from creditrisk.schema_inference.row_names import row_name
from creditrisk.splits import MIN_EACH, time_split

# A column filled in less often teaches next to nothing, and not at all in a fold that has none of it.
MIN_FILLED = 20
MIN_FILLED_SHARE = 0.002
HALF = 0.5
MOST = 0.9
# Under a name of a date, smaller numbers count days since then; larger ones may be 2019 or 9905.
MOST_DAYS_AGO = 1_000
# Digits and what may divide them, with a few other signs in front or behind.
_LIKE_NUMBER = r"^(?:\D{0,3}|[a-z.]{2,8} ?)\d[\d.,'’ʼ·٫٬_ ]*\D{0,8}$|^\d+ ?[-–—/] ?\d+$|^\d+ \d+/\d+$"


def describe_column(cells: Cells, outcome: IntArray, *, has_name: bool) -> Column:
    """What a column is, and what is to be done about it."""
    verdict = _nothing_to_learn(cells, has_name=has_name)
    if verdict is not None:
        return _judged(Column(cells.header, cells.field, cells.looks if len(cells.filled) else "empty"), verdict)
    column = typed_column(cells)
    # What cannot be asked for comes first, then what must not be used, then what is of no use.
    verdict = (
        _later(column)
        or _barred(column)
        or _protected(column)
        or (None if has_name else _perhaps_ages(column, cells))
        or _of_a_person(column, cells)
        or _several_currencies(column, cells)
        or _unread(column, cells)
        or row_name(column, cells)
        or _too_little(column, cells)
        or _when_granted(column, cells)
        or _leaks(column, cells.read(column.field), outcome)
        or _date(column)
        or _place(column)
    )
    is_complete = cells.read(column.field).null_count() == 0
    column = replace(column, field=replace(column.field, is_required=is_complete and column.field.type != "text"))
    return _judged(column, verdict) if verdict is not None else column


def _judged(column: Column, verdict: Verdict) -> Column:
    field = replace(column.field, role=verdict.role)
    if verdict.role != "feature":
        field = replace(field, is_required=False)
    if verdict.role == "id":
        field = Field(field.name, "text", field.label, role="id", aliases=field.aliases, is_required=False)
        column = replace(column, counts=())
    return replace(column, field=field, flag=verdict.flag, decide=verdict.decide)


def _nothing_to_learn(cells: Cells, *, has_name: bool) -> Verdict | None:
    if not len(cells.filled):
        return Verdict("excluded", "empty", "nothing stands in it, in any row.")
    if cells.filled.n_unique() == 1 and len(cells.filled) == len(cells.all):
        return Verdict("excluded", "constant", "it is the same in every row, so there is nothing to learn from it.")
    if has_name and header_hints.is_no_name(cells.header):
        why = "it has no name; often it only counts the rows. Name it in the file to use it."
        return Verdict("excluded", "no name", why)
    return None


def _later(column: Column) -> Verdict | None:
    if not header_hints.sounds_later(column.header):
        return None
    why = "going by its name it was written after the decision, when nobody can ask for it."
    return Verdict("excluded", "leakage?", f"{why} Make it a feature only if it was known before.")


def _barred(column: Column) -> Verdict | None:
    word, kind = sensitive.barred_kind(column.header)
    if not word:
        return None
    why = f"its name says '{word}': the law bars data on {kind} from decisions on credit ({sensitive.LAW})."
    return Verdict("excluded", "barred", f"{why} Make it a feature only if it is about something else.")


def _protected(column: Column) -> Verdict | None:
    word = header_hints.protected_word(column.header)
    value = "" if word else sensitive.protected_value([value for value, _ in column.counts])
    if not word and not value:
        return None
    why = f"its name says '{word}'" if word else f"it holds values such as '{value}'"
    does = "kept from the model, used to check that it treats all groups alike."
    if sensitive.is_barred_too(word):
        return Verdict(
            "protected", "protected?", f"{why}, which no decision on credit may use ({sensitive.LAW}): {does}"
        )
    return Verdict("protected", "protected?", f"{why}, which the law may protect: {does}")


def _perhaps_ages(column: Column, cells: Cells) -> Verdict | None:
    """A column without a name whose numbers are spread as ages are."""
    if not column.field.is_numeric or not sensitive.looks_like_ages(cells.read(column.field)):
        return None
    why = "it has no name, and its numbers are spread as ages are, which the law may protect: kept from the model."
    return Verdict("protected", "protected?", f"{why} Make it a feature if it is no age.")


def _unread(column: Column, cells: Cells) -> Verdict | None:
    """The column as numbers most of which are written in a way that is not read."""
    is_name = header_hints.is_number_of_client(column.header) or header_hints.is_place(column.header)
    if column.field.type != "text" or is_name or column.flag == "codes":
        return None
    filled = cells.filled
    _, unreadable = read_cells(filled, Field(column.field.name, "number", column.field.label), cells.delimiter)
    n_read = len(filled) - len(unreadable)
    like = filled.gather(unreadable).str.contains(_LIKE_NUMBER)
    # Names of things differ in every row and are all written alike; amounts are of any length.
    shapes = filled.str.replace_all(r"\d", "9").value_counts(sort=True)["count"]
    are_names = int(shapes[0]) > MOST * len(filled) and filled.n_unique() > MOST * len(filled)
    if n_read + int(like.sum()) <= HALF * len(filled) or are_names:
        return None
    share = math.floor(100 * n_read / len(filled))
    why = (
        f"it seems to hold numbers, but only {share}% of its cells read as such."
        if n_read
        else ("it seems to hold numbers in a notation that is not read: 0% of its cells are.")
    )
    return Verdict("excluded", "unread", f"{why} Write them with digits and a point, then make it a feature.")


def _several_currencies(column: Column, cells: Cells) -> Verdict | None:
    """The column as amounts in several currencies, which are no numbers of one kind."""
    if column.field.is_numeric or column.field.type == "date":
        return None
    found = currencies_in(cells.filled)
    if len(found) < 2 or cells.filled.str.contains(_LIKE_NUMBER).mean() < HALF:  # type: ignore[operator]  # of booleans a float
        return None
    shown = ", ".join(sorted(found)[:3])
    why = f"its amounts are in several currencies ({shown}). Convert them to one, then make it a feature."
    return Verdict("excluded", "currencies?", why)


def _of_a_person(column: Column, cells: Cells) -> Verdict | None:
    field = column.field
    is_long = field.is_numeric and (field.minimum or 0) >= 0 and (field.maximum or 0) >= 1e6
    if not header_hints.is_of_a_person(column.header) or not (field.type == "text" or is_long):
        return None
    if cells.filled.n_unique() <= MAX_CATEGORIES:
        return None
    why = "it seems to name a person or to lead to one, and a model must not know clients."
    return Verdict("excluded", "personal?", why)


def _too_little(column: Column, cells: Cells) -> Verdict | None:
    if column.field.type == "text":
        return Verdict("excluded", column.flag, column.decide)
    if len(cells.filled) < max(MIN_FILLED, MIN_FILLED_SHARE * len(cells.all)):
        return Verdict("excluded", "rare", f"only {len(cells.filled):,} rows have anything in it.")
    return None


def _when_granted(column: Column, cells: Cells) -> Verdict | None:
    if column.field.type == "date":
        return None
    header, filled = column.header, cells.filled
    is_year = calendar_hints.is_date_of_application(header) and calendar_hints.are_years(filled, with_words=True)
    are_periods = column.field.type == "category" and calendar_hints.are_periods(filled.unique().to_list())
    if is_year or are_periods or calendar_hints.is_calendar(header):
        return Verdict("excluded", "calendar", "it says when, not who: no later year will ever be like it.")
    is_named = (
        calendar_hints.says_date(header) and len(column.counts) != 2 and bool(filled.str.contains(r"^[\d.]+$").all())
    )
    # How many days ago something else was.
    is_small = column.field.is_numeric and (column.field.maximum or 0) < MOST_DAYS_AGO
    is_named &= not is_small or calendar_hints.may_be_any_date(header)
    if is_named or calendar_hints.are_days_in_digits(filled):
        why = "it seems to hold days, in digits that are not read as days. Write them as 2024-03-31 to divide by them."
        return Verdict("excluded", "calendar", why)
    return None


def _date(column: Column) -> Verdict | None:
    if column.field.type != "date":
        return None
    why = "models take numbers and categories, not dates. Days before the application would do."
    return Verdict("excluded", "date", why)


def _leaks(column: Column, values: pl.Series, outcome: IntArray) -> Verdict | None:
    if column.field.type == "date" and calendar_hints.is_date_of_application(column.header):
        return None
    known = outcome >= 0
    values, target = values.filter(pl.Series(known)), outcome[known]
    evidence = leaks_target(values, target)
    if not evidence:
        return None
    if header_hints.sounds_earlier(column.header) and not leaks_target(values, target, is_from_before=True):
        why = "going by its name it was known before all the same. Exclude it if it was not."
        return Verdict("feature", "strong?", f"{evidence}: {why}")
    why = f"{evidence}: most probably it was written after the outcome was known."
    return Verdict("excluded", "leakage?", f"{why} Make it a feature only if it was known before the decision.")


def _place(column: Column) -> Verdict | None:
    if not header_hints.is_place(column.header) or column.flag:
        return None
    return Verdict("feature", "place", "where people live may stand in for where they come from.")


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


def dates_of_application(columns: list[Column]) -> list[Column]:
    """The dates that may be that of the application, going by their names."""
    dates = [column for column in columns if column.flag == "date"]
    by_name = [column for column in dates if calendar_hints.is_date_of_application(column.header)]
    open_names = [column for column in dates if calendar_hints.may_be_any_date(column.header)]
    return by_name or (open_names if len(dates) == 1 else [])


def one_time(columns: list[Column], frame: pl.DataFrame, outcome: IntArray) -> list[Column]:
    """The date of application, if one of the dates is it and the table can be divided by it."""
    out = list(columns)
    for column in dates_of_application(columns):
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
