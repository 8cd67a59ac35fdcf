"""A raw table judged against a schema: rows that can be scored, and rows that cannot, each with a sentence.

A cell that cannot be read, or is missing where a value is needed, rejects its row; a value that is merely odd (unknown
category, beyond its bounds) stays, with a problem in its row that sends the application to a person. Every row ends up
in exactly one of the two heaps. The sentences are shown to clerks as they are.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import numpy as np
import polars as pl

from creditrisk.columns import key
from creditrisk.errors import SchemaError
from creditrisk.quality.cells import DTYPES, ReadColumn, UnreadableError, read_column, read_each
from creditrisk.quality.notation import MISSING, by_number, without_idle_zeros
from creditrisk.schema import Field, Schema, Target
from creditrisk.sources import MAX_COLUMNS, PLAIN_NUMBER, RawTable, Record, nameless
from creditrisk.text import shorten

BAD_RATE_TOLERANCE = 0.05
STILL_OPEN = "is no outcome yet: the loan has not run its course"


class _Fault(NamedTuple):
    """A cell that keeps its row out: the label of its field, what stands in it, what is wrong, what belongs there."""

    label: str
    text: str
    fault: str
    expected: str


@dataclass(frozen=True)
class Rejection:
    """A row that cannot be scored, and the first cell in it that says why.

    `row` counts the clients of the file from 1, `line` its lines. `column` is the label people see, empty if the row
    as a whole is at fault; `value` is what stands in the cell, `fault` what is wrong with it, `expected` what belongs
    there. `more` holds a sentence for every other cell of the row that needs correcting.
    """

    row: int
    line: int
    column: str
    value: str
    fault: str
    expected: str
    more: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """The whole of it for the clerk.

        Examples
        --------
        >>> Rejection(17, 18, "Age", "abc", "'abc' is not a number", "a whole number of years from 18 to 100").sentence
        "Row 17 (line 18), Age: 'abc' is not a number. Expected a whole number of years from 18 to 100."
        """
        where = f"Row {self.row} (line {self.line})" + (f", {self.column}" if self.column else "")
        return " ".join((f"{where}: {self.fault}. Expected {self.expected}.", *self.more))


@dataclass(frozen=True)
class Checked:
    """The rows of a table that can be scored, and those that cannot.

    `accepted` has the schema's names, order and types without its excluded fields, plus `row_number` (from 1), where
    the outcome was asked for `default` (1 = bad), and `problems`: for each row a list of sentences, empty if nothing is
    odd about it. `raw` is the file as it came, with names that stand on its second line taken as names.
    """

    accepted: pl.DataFrame
    rejected: list[Rejection]
    raw: pl.DataFrame


def check(raw: RawTable, schema: Schema, *, with_target: bool = False) -> Checked:
    """Split a raw table into rows that can be scored and rows that cannot.

    Columns are found by name, label or alias, whatever their case, blanks, underscores and dashes. Columns the schema
    does not know or excludes are left alone; an absent optional column is all null. The outcome is read only
    `with_target`.

    Raises
    ------
    SchemaError
        If the file as a whole cannot be used: other columns than the schema's, required columns missing (all are
        named), or an outcome whose share of bads says that its coding is turned round.
    """
    raw, headers = _find_columns(raw, schema, with_target=with_target)
    columns = _read_columns(raw, schema, headers)
    if with_target:
        columns["default"] = _read_target(raw.frame[headers[schema.target.name]], schema.target)
    faults = _faults(raw, schema, headers, columns)
    accepted = _without_rows(_canonical(raw.frame.height, schema, columns), faults)
    rejected = [_rejection(row, raw.lines[row], faults[row]) for row in sorted(faults)]
    return Checked(accepted, rejected, raw.frame)


def with_problems(frame: pl.DataFrame, problems: Sequence[Sequence[str]]) -> pl.DataFrame:
    """The rows with what is odd about each, in sentences, as the column `problems`.

    Examples
    --------
    >>> with_problems(pl.DataFrame({"row_number": [1, 2]}), [[], ["Age: 130 is above 100"]])["problems"].to_list()
    [[], ['Age: 130 is above 100']]
    """
    return frame.with_columns(pl.Series("problems", problems, dtype=pl.List(pl.String)))


def frame_from_inputs(inputs: Sequence[Record], schema: Schema) -> pl.DataFrame:
    """Logged inputs as the canonical frame they came from, for a scorer.

    Returns
    -------
    DataFrame
        `row_number` from 1, then the fields of the schema in order and of the schema's types, shape
        (n_inputs, 1 + n_fields). A field that was not logged is missing.
    """
    columns = [pl.Series("row_number", range(1, len(inputs) + 1), dtype=pl.Int64)]
    for item in schema.fields:
        values = [record.get(item.name) for record in inputs]
        if item.type == "date":
            values = [None if text is None else date.fromisoformat(text) for text in values]
        columns.append(pl.Series(item.name, values, dtype=DTYPES[item.type]))
    return pl.DataFrame(columns)


# Cells


def _read_columns(raw: RawTable, schema: Schema, headers: Mapping[str, str]) -> dict[str, ReadColumn]:
    """Each field's cells as values; all null for a field that the file does not have."""
    columns: dict[str, ReadColumn] = {}
    for spec in _read_fields(schema):
        header = headers.get(spec.name)
        if header is None:
            columns[spec.name] = ReadColumn(pl.Series(spec.name, [None] * raw.frame.height, dtype=DTYPES[spec.type]))
        else:
            columns[spec.name] = read_column(raw.frame[header], spec, raw.delimiter)
    return columns


def _faults(
    raw: RawTable, schema: Schema, headers: Mapping[str, str], columns: Mapping[str, ReadColumn]
) -> dict[int, list[_Fault]]:
    """By row index every cell that keeps its row out, in the order of the schema, the outcome's last."""
    faults: dict[int, list[_Fault]] = {}
    for spec in _read_fields(schema):
        for row, fault in columns[spec.name].faults.items():
            text = raw.frame[headers[spec.name]][row] or ""
            faults.setdefault(row, []).append(_Fault(spec.label, text, fault, spec.expected))
    if "default" in columns:
        target = schema.target
        expected = f"{_listed(target.bad)} for bad, {_listed(target.good)} for good"
        for row, fault in columns["default"].faults.items():
            text = raw.frame[headers[target.name]][row] or ""
            faults.setdefault(row, []).append(_Fault(target.label, text, fault, expected))
    for number, n_cells in raw.ragged.items():
        # Cells may have moved into a neighbour's column, so what was read from this row means nothing.
        fault = f"the row has {n_cells} cells where the table has {raw.frame.width} columns"
        expected = f"{raw.frame.width} cells, one for each column"
        faults[number - 1] = [_Fault("", f"{n_cells} cells", fault, expected)]
    return faults


def _canonical(n_rows: int, schema: Schema, columns: Mapping[str, ReadColumn]) -> pl.DataFrame:
    """All rows with their numbers, values and problems."""
    frame = pl.DataFrame(
        [pl.Series("row_number", range(1, n_rows + 1), dtype=pl.Int64)]
        + [column.values.alias(name) for name, column in columns.items()]
    )
    problems: list[list[str]] = [[] for _ in range(n_rows)]
    # A problem sends the row to a person, so only what the model reads may raise one: never a protected field.
    for spec in schema.features:
        for row, oddity in columns[spec.name].odd.items():
            problems[row].append(f"{spec.label}: {oddity}")
    return with_problems(frame, problems)


def _without_rows(frame: pl.DataFrame, rows: Collection[int]) -> pl.DataFrame:
    if not rows:
        return frame
    keep = np.ones(frame.height, dtype=bool)
    keep[list(rows)] = False
    return frame.filter(pl.Series(keep))


def _rejection(row: int, line: int, faults: Sequence[_Fault]) -> Rejection:
    first, *others = faults
    more = tuple(f"Also {label}: {fault}. Expected {expected}." for label, _, fault, expected in others)
    return Rejection(row + 1, line, first.label, shorten(first.text), first.fault, first.expected, more)


# Columns


def _read_fields(schema: Schema) -> list[Field]:
    """The fields that are read: what is excluded keeps no row out and is kept nowhere."""
    return [spec for spec in schema.fields if spec.role != "excluded"]


def _match(headers: Sequence[str], schema: Schema) -> dict[str, str]:
    """Field (or target) name to the header in the file: by name first, then by label, then by alias.

    A header spelt exactly so goes before one that is merely alike: `PAY-1` and `pay_1` may stand in one file. No column
    is read for two fields: a feature cannot borrow the column of a protected field or of the outcome.
    """
    by_key: dict[str, str] = {header: header for header in headers}
    for header in headers:
        by_key.setdefault(key(header), header)
    specs: tuple[Field | Target, ...] = (*_read_fields(schema), schema.target)
    header_of = {spec.name: spec.name for spec in specs if spec.name in headers}
    for spec in specs:
        spellings = (spec.name, spec.label, *spec.aliases)
        matches = [by_key[key] for key in (*spellings, *map(key, spellings)) if key in by_key]
        free = [header for header in matches if header not in header_of.values()]
        if spec.name not in header_of and free:
            header_of[spec.name] = free[0]
    return header_of


def _find_columns(raw: RawTable, schema: Schema, *, with_target: bool) -> tuple[RawTable, dict[str, str]]:
    """Where each field stands; the table begins one line later if the names stand on the second line."""
    if not raw.has_names:
        _check_width(raw.frame.width, schema)
    headers = _match(raw.frame.columns, schema)
    required = [spec for spec in _read_fields(schema) if spec.is_needed]
    # Half of what is needed must be there; where nothing is needed, anything a model reads.
    telling = required or list(schema.features)
    enough = len(required) / 2 or 1
    if sum(spec.name in headers for spec in telling) < enough:
        lower = below_second_header(raw)
        headers_there = _match(lower.frame.columns, schema)
        if sum(spec.name in headers_there for spec in telling) < enough:
            raise SchemaError(_other_columns(raw, schema.title, [spec.name for spec in telling]))
        raw, headers = lower, headers_there
    missing = [f"{spec.label} ({spec.name})" for spec in required if spec.name not in headers]
    if missing:
        raise SchemaError(
            f"{len(missing)} needed column{'s are' if len(missing) > 1 else ' is'} missing from the "
            f"{'file' if raw.has_lines else 'applications'}: "
            f"{', '.join(missing)}. Add {'them' if len(missing) > 1 else 'it'} and try again."
        )
    if with_target and schema.target.name not in headers:
        raise SchemaError(
            f"the outcome is missing from the file: {schema.target.label} ({schema.target.name}). "
            "Training needs it; scoring does not."
        )
    return raw, headers


def _check_width(width: int, schema: Schema) -> None:
    """Columns without names are known by their numbers, so all must be there; only an outcome at the end may be not."""
    numbers = {key(name): number for number, name in enumerate(nameless(MAX_COLUMNS), start=1)}
    last = max((numbers.get(key(spec.name), 0) for spec in schema.fields), default=0)
    needed = max(last, numbers.get(key(schema.target.name), 0))
    if width < needed and width != last:
        raise SchemaError(
            f"the file has {width:,} columns without names where {schema.title} has {needed:,}, so which is which "
            f"cannot be told. Put the names on its first line: {_first_few([spec.name for spec in schema.fields])}."
        )


def _other_columns(raw: RawTable, title: str, required: Sequence[str]) -> str:
    headers = raw.frame.columns
    are_values = not raw.has_names or any(PLAIN_NUMBER.fullmatch(header) for header in headers)
    if not raw.has_lines:
        seen = "have numbers for names" if are_values else f"have {_first_few([shorten(header) for header in headers])}"
        return (
            f"these are not the fields of {title}: the applications {seen}. Expected {_first_few(required)}. "
            "Correct the names and try again."
        )
    if are_values:
        # Not repeated here: these are a client's data.
        seen = "the first line of the file holds numbers, so it seems to be a client already"
    else:
        seen = f"the first line of the file has {_first_few([shorten(header) for header in headers])}"
    return (
        f"these are not the columns of {title}: {seen}. Expected {_first_few(required)}. "
        "Choose another file, or put these names on its first line."
    )


def below_second_header(raw: RawTable) -> RawTable:
    """The table as it is if its second line holds the column names; unchanged if that line cannot hold names."""
    if raw.frame.height < 2 or not raw.has_lines:
        return raw
    names = [name or f"column {number}" for number, name in enumerate(raw.frame.row(0), start=1)]
    if len(set(names)) < len(names):
        return raw
    frame = raw.frame[1:].rename(dict(zip(raw.frame.columns, names, strict=True)))
    ragged = {number - 1: n_cells for number, n_cells in raw.ragged.items() if number > 1}
    return RawTable(frame, raw.lines[1:], ragged, raw.delimiter)


# Outcome


def _read_target(cells: pl.Series, target: Target) -> ReadColumn:
    codes = {value.casefold(): 1 for value in target.bad} | {value.casefold(): 0 for value in target.good}

    unresolved = {value.casefold() for value in target.unresolved}
    same_numbers = by_number(codes | dict.fromkeys(unresolved, -1))

    def parse(text: str) -> int | None:
        code = codes.get(text.casefold(), same_numbers.get(without_idle_zeros(text)))
        if text.casefold() in unresolved or code == -1:
            raise UnreadableError(STILL_OPEN)
        if code is None and text.casefold() not in MISSING:
            raise UnreadableError("is neither good nor bad")
        return code

    column = read_each(cells, parse, pl.Int8)
    for row in column.values.is_null().arg_true():
        column.faults.setdefault(row, "nothing is filled in")
    if target.bad_rate_expected is not None:
        n_bad, n_good = (int((column.values == code).sum()) for code in (1, 0))
        _check_bad_rate(n_bad, n_good, len(cells) - n_bad - n_good, target, target.bad_rate_expected)
    return column


def _check_bad_rate(n_bad: int, n_good: int, n_neither: int, target: Target, expected: float) -> None:
    """Refuse an outcome that is turned round. Small files vary by chance, so they get two standard errors on top."""
    n_coded = max(n_bad + n_good, 1)
    by_chance = 2 * math.sqrt(expected * (1 - expected) / n_coded)
    if abs(n_bad / n_coded - expected) > BAD_RATE_TOLERANCE + by_chance:
        raise SchemaError(
            f"going by the column {target.label}, {n_bad:,} rows are bad, {n_good:,} good and {n_neither:,} neither, "
            f"where {expected:.0%} should be bad: the outcome is probably coded the other way round or with other "
            f"values. Expected {_listed(target.bad)} for bad and {_listed(target.good)} for good. Correct the file, or "
            "use another one."
        )


# Words


def _first_few(names: Sequence[str]) -> str:
    return ", ".join(names[:6]) + (", …" if len(names) > 6 else "")


def _listed(values: Sequence[str]) -> str:
    return " or ".join(f"'{value}'" for value in values)
