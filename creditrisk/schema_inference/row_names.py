"""Columns that name a row, a client or a contract and measure nothing: saved indexes, serial and policy numbers."""

from __future__ import annotations

import numpy as np
import polars as pl

from creditrisk.arrays import FloatArray
from creditrisk.schema_inference import header_hints
from creditrisk.schema_inference.kinds import MAX_CODES, Cells, Column, Verdict

# In fewer rows, different values in all of them may be chance.
MIN_TO_TELL_APART = 50
NEARLY_ALL = 0.99
MOST = 0.9
# Amounts hardly ever have so many digits, and one and all the same number of them.
MANY_DIGITS = 8
# Numbers that so many neighbours are at most NEAR apart from would also be equal now and then, were they amounts.
NEAR = 5
MIN_NEAR = 40


def row_name(column: Column, cells: Cells) -> Verdict | None:
    """The column as what tells rows or clients apart, by its name or by its values; None if it does not."""
    is_whole = column.field.is_numeric and bool(cells.filled.str.contains(r"^\d+(?:[.]0)?$").all())
    if not is_whole and column.field.type != "text":
        return None
    return _by_name(cells) or _by_values(column, cells)


def _by_name(cells: Cells) -> Verdict | None:
    header, n_values = cells.header, cells.filled.n_unique()
    tells_apart = n_values >= NEARLY_ALL * len(cells.all)
    if header_hints.is_index(header) and tells_apart:
        return Verdict("id", "id", "taken for the number of the row in some table: never learned from.")
    if header_hints.is_number_of_client(header) and tells_apart:
        return Verdict("id", "id", "taken for the client's number: shown with the result, never learned from.")
    if header_hints.is_only_number_of_client(header) and n_values > MAX_CODES:
        why = "going by its name it is a client's number, of clients who stand in several rows: never learned from."
        return Verdict("excluded", "id", why)
    return None


def _by_values(column: Column, cells: Cells) -> Verdict | None:
    filled, n_rows = cells.filled, len(cells.all)
    n_values = filled.n_unique()
    # Amounts may be filled up with zeros to the same number of digits.
    is_filled_up = header_hints.is_quantity(cells.header) and bool(filled.str.starts_with("0").any())
    are_long = not is_filled_up and _are_long(filled)
    if n_rows < MIN_TO_TELL_APART or n_values < MOST * n_rows:
        return None
    is_word = column.field.type == "text" and not filled.str.contains(r"\s").mean() > 0.2  # type: ignore[operator]  # of booleans a float
    if n_values < n_rows:
        if not is_word and not are_long:
            return None
        return Verdict(
            "excluded", "id", "it is different in nearly every row, so it names something: never learned from."
        )
    numbers = filled.cast(pl.Float64, strict=False).drop_nulls().to_numpy()
    are_running = len(numbers) == n_rows and np.ptp(numbers) < 1.5 * n_rows
    if not (is_word or are_running or are_long or (len(numbers) == n_rows and _are_drawn_once(numbers))):
        return None
    return Verdict("id", "id", "it is different in every row, so it names the row: never learned from.")


def _are_long(filled: pl.Series) -> bool:
    """Whether all cells have the same number of digits, too many for an amount."""
    lengths = filled.str.len_chars()
    are_digits = bool(filled.str.contains(r"^\d+$").all())
    return are_digits and lengths.n_unique() == 1 and int(lengths[0]) >= MANY_DIGITS


def _are_drawn_once(numbers: FloatArray) -> bool:
    """Whether whole numbers, all different, lie so close together that as amounts some of them would be equal.

    Of amounts about as many pairs are equal as are 1 apart, or 2: a fifth of those at most 5 apart.
    """
    return int((np.diff(np.sort(numbers)) <= NEAR).sum()) >= MIN_NEAR
