"""A table of texts before anybody has judged it, and the few things that are done to its cells as texts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from creditrisk.errors import SourceError

# Where a spreadsheet begins a cell, whatever character it divides cells by: blanks (some have no width) and quotation
# marks do not hide the sign behind them. The signs that begin a formula, in all their widths.
_CELL_START = r"(?:^|[;,|\t\r\n；，｜])[\s\x{200B}-\x{200F}\x{2060}\x{FEFF}\x22]*"
_FORMULA_SIGN = r"[-=+@＝＋－＠﹦﹢﹣﹫⁼⁺₌₊]"
PLAIN_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)?(e[+-]?\d+)?", re.IGNORECASE)


@dataclass(frozen=True)
class RawTable:
    """A table of texts, stripped of blanks around them, before anybody has judged it.

    `lines` holds the line of the file on which each row starts (row numbers for JSON), counted from 1. `ragged` maps
    a row, counted from 1, to the number of cells it had where that differs from the number of columns; such a row is
    cut or filled up in `frame` and rejected by quality.check. `delimiter` tells how decimals are written.
    """

    frame: pl.DataFrame
    lines: list[int]
    ragged: dict[int, int] = field(default_factory=dict)
    delimiter: str = ","

    @property
    def has_names(self) -> bool:
        """Whether the file says what its columns are called."""
        return self.frame.columns != nameless(self.frame.width)


def from_records(records: Sequence[Mapping[str, Any]]) -> RawTable:
    """The records of a JSON call; a key that a record lacks is an empty cell.

    Raises
    ------
    SourceError
        If there is no record, or one is not an object of texts, numbers and nulls.

    Examples
    --------
    >>> from_records([{"age": 36, "name": None}]).frame.rows()
    [('36', '')]
    """
    if not records:
        raise SourceError("there are no applications in the request. Expected a list with at least one.")
    for row, record in enumerate(records, start=1):
        if not isinstance(record, Mapping):
            raise SourceError(f"application {row} is not an object. Expected field names with their values.")
        nested = next((key for key, value in record.items() if isinstance(value, Mapping | list | tuple)), None)
        if nested is not None:
            raise SourceError(
                f"field '{cut(str(nested))}' of application {row} holds a list or an object. "
                "Expected a text, a number or null."
            )
    keys = dict.fromkeys(key for record in records for key in record)
    if not keys:
        raise SourceError("the applications in the request are empty. Expected field names with their values.")
    columns = {_text(key): [_text(record.get(key)) for record in records] for key in keys}
    return RawTable(pl.DataFrame(columns), list(range(1, len(records) + 1)))


def nameless(n_columns: int) -> list[str]:
    """What the columns of a file without a line of names are called.

    Examples
    --------
    >>> nameless(2)
    ['column 1', 'column 2']
    """
    return [f"column {number}" for number in range(1, n_columns + 1)]


def inert(text: pl.Expr) -> pl.Expr:
    """The text as it may go into a CSV file: a spreadsheet shows it and does not run it, whatever divides its cells.

    An apostrophe goes in front of every sign that could begin a formula: at the start of the text, and after each
    character that some spreadsheet takes for the end of a cell.

    Examples
    --------
    >>> pl.Series(["=1+1", "x; -1", "a=b"]).to_frame("cell").select(inert(pl.col("cell")))["cell"].to_list()
    ["'=1+1", "x; '-1", 'a=b']
    """
    return text.str.replace_all(f"({_CELL_START})({_FORMULA_SIGN})", "${1}'${2}")


def cut(text: str, width: int = 40) -> str:
    """The text on one line and at most `width` characters long, for a sentence.

    Examples
    --------
    >>> cut("a value that\\nnever ends", 14)
    'a value that …'
    """
    text = " ".join(text.split())
    return text if len(text) <= width else text[: width - 1] + "…"


def _text(value: object) -> str:
    # JSON can spell half a character, which nothing downstream could store.
    return "" if value is None else str(value).strip().encode("utf-8", "replace").decode("utf-8")
