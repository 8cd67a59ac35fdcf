"""What the columns of one file say about one another, and how the file was read, in a sentence.

Whoever writes decimals with a comma, or the day before the month, does so in all columns of a file. So what the cells
of one column say, the others are read by, if theirs do not say it themselves; what no cell says is as in the schema.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple, TypeVar

import polars as pl

from creditrisk.quality.amounts import CURRENCY, NUMBER_LIKE, bare, with_plain_signs, without_words
from creditrisk.quality.cells import ReadColumn
from creditrisk.quality.few import FewCells
from creditrisk.quality.notation import DAY_FIRST, MONTH_FIRST
from creditrisk.quality.numbers import Notation, notation_after
from creditrisk.quality.texts import days_seen_in, is_day_first
from creditrisk.schema import Field, Written
from creditrisk.text import sentence

# So many different texts say how a column is written.
_LOOKED_AT = 1_000


_Read = TypeVar("_Read", ReadColumn, FewCells)


def read_together(
    specs: Collection[Field], read: Callable[[Field, Notation], _Read], notations: Mapping[str, Notation]
) -> dict[str, _Read]:
    """Read the columns of these fields, so that they agree on how they are written.

    Parameters
    ----------
    read
        Reads the column of a field that is written so.
    notations
        What is known of each field's column so far.
    """
    columns = {spec.name: read(spec, notations[spec.name]) for spec in specs}
    comma = _commas_say(column.notation for column in columns.values())
    day_first = _days_say(column.notation for column in columns.values())
    for spec in specs:
        before, after = notations[spec.name], columns[spec.name].notation
        if spec.is_numeric and comma is not None and before.decimal_comma is None and not before.is_agreed:
            agreed = replace(before, likely_comma=comma, is_agreed=True)
            if not after.is_told and after.decimal_comma is not comma:
                # What has no mark is read already; it is kept for the rows below.
                is_read = not after.is_marked
                columns[spec.name] = replace(columns[spec.name], notation=agreed) if is_read else read(spec, agreed)
        elif spec.type == "date" and after.has_slashes and after.day_first is None:
            order = is_day_first(spec.date_format) if day_first is None else day_first
            # Nobody who writes the month first divides decimals by a comma.
            order = True if order is None and comma else order
            if order is not None:
                columns[spec.name] = read(spec, replace(before, day_first=order, has_slashes=True))
    return columns


class Habits(NamedTuple):
    """How a file writes numbers and dates, as a schema says it; empty where none of its columns says it."""

    notation: Written
    date_format: str


def habits_of(frame: pl.DataFrame, delimiter: str = ",") -> Habits:
    """What the cells of a table of texts say about how it is written, whatever its columns hold.

    Examples
    --------
    >>> table = pl.DataFrame({"since": ["31/12/2019", "01/02/2020"], "rate": ["0,5", "7,25"]})
    >>> habits_of(table, ";")
    Habits(notation='1.234,50', date_format='%d/%m/%Y')
    """
    notations = []
    for cells in frame:
        texts = with_plain_signs(cells.drop_nulls().unique().sort().head(_LOOKED_AT))
        marked = bare(without_words(texts, f"{CURRENCY}|%"), has_tens=False)
        marked = marked.filter(marked.str.contains("[.,]"))
        is_amount = len(marked) > 0 and marked.str.contains(rf"^{NUMBER_LIKE}$").mean() == 1
        notation = days_seen_in(texts.to_list(), Notation(semicolons=delimiter == ";"))
        notations.append(notation_after(notation, marked.to_list()) if is_amount else notation)
    day_first = _days_say(notations)
    written: Written = "1.234,50" if _commas_say(notations) else ""
    return Habits(written, "" if day_first is None else DAY_FIRST[0] if day_first else MONTH_FIRST[0])


def in_a_sentence(specs: Iterable[Field], notations: Mapping[str, Notation]) -> str:
    """How a file was read where it could have been read otherwise; empty if it could not.

    Examples
    --------
    >>> specs = Field("rate", "number", "Rate"), Field("day", "date", "Day")
    >>> in_a_sentence(specs, {"rate": Notation(decimal_comma=True), "day": Notation(day_first=True)})
    'Dates read as day/month/year; amounts with a decimal comma.'
    >>> in_a_sentence([Field("income", "number", "Income", unit="EUR")], {"income": Notation(currency="$")})
    'Amounts in $ taken for EUR: nothing was converted.'
    """
    clauses: dict[str, None] = {}
    amounts: dict[str, None] = {}
    for spec in specs:
        notation = notations.get(spec.name, Notation())
        if notation.has_slashes or notation.day_first is not None:
            order = {True: "as day/month/year", False: "as month/day/year"}
            clauses[f"dates read {order[notation.day_first]}" if notation.day_first is not None else ""] = None
        if notation.decimal_comma:
            amounts["with a decimal comma"] = None
        if notation.has_brackets:
            amounts["in brackets as below zero"] = None
        if notation.currency:
            amounts[f"in {notation.currency.upper()} taken for {spec.unit}: nothing was converted"] = None
    if amounts:
        # What is said once about dates goes for amounts as well.
        verb = "amounts " if any(clauses) or next(iter(amounts)).startswith("in ") else "amounts read "
        clauses[verb + " and ".join(amounts)] = None
    said = "; ".join(filter(None, clauses))
    return f"{sentence(said)}." if said else ""


def _commas_say(notations: Iterable[Notation]) -> bool | None:
    """Whether commas divide decimals wherever a column of the file says it; None if none does, or they contradict."""
    told = [notation for notation in notations if notation.is_told]
    said = {notation.decimal_comma for notation in told}
    if len(said) > 1 and not any(notation.semicolons for notation in told):
        # Where commas divide the cells, that a column has a point says little.
        return True
    return said.pop() if len(said) == 1 else None


def _days_say(notations: Iterable[Notation]) -> bool | None:
    """Whether the day comes first wherever a date of the file says it; None if none does, or they contradict."""
    said = {notation.day_first for notation in notations} - {None}
    return said.pop() if len(said) == 1 else None
