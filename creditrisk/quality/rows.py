"""A raw table judged against a schema: rows that can be scored, and rows that cannot, each with a sentence.

A cell that cannot be read, or is missing where a value is needed, rejects its row; a value that is merely odd (unknown
category, beyond its bounds) stays, with a problem in its row that sends the application to a person. Every row ends up
in exactly one of the two heaps. The sentences are shown to clerks as they are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from creditrisk.errors import SchemaError
from creditrisk.quality.agreement import in_a_sentence, read_together
from creditrisk.quality.cells import DTYPES, ReadColumn, read_column, read_each
from creditrisk.quality.few import FEW, FewCells, read_few
from creditrisk.quality.headers import find_columns, find_needed, read_fields
from creditrisk.quality.no_clients import no_clients
from creditrisk.quality.notation import MISSING, UnreadableError, by_number, without_idle_zeros
from creditrisk.quality.numbers import Notation
from creditrisk.quality.rejections import NOTHING, Fault, Rejection, rejections_of
from creditrisk.quality.young import STILL_OPEN, YoungLoans, set_young_aside
from creditrisk.schema import Field, Schema, Target
from creditrisk.sources import RawTable, Record, as_text, from_records, join_blocks, texts_of_records

BAD_RATE_TOLERANCE = 0.05
# How many rows of a table in blocks are enough to tell where its columns stand and how they are written.
HEAD_ROWS = 10_000


@dataclass(frozen=True)
class Checked:
    """The rows of a table that can be scored, and those that cannot.

    `accepted` has the schema's names, order and types without its excluded fields, plus `row_number` (from 1), where
    the outcome was asked for `default` (1 = bad), and `problems`: for each row a list of sentences, empty if nothing is
    odd about it. `raw` is the file as it came, as in `RawTable.frame`; names on its second line are taken as names.
    `read_as` says in a sentence how its dates and amounts were read where they could be read otherwise,
    `has_decimal_commas` whether decimals stand behind commas there.
    `young` tells of the months whose outcomes were set aside because most of their loans are still open.
    """

    accepted: pl.DataFrame
    rejected: list[Rejection]
    raw: pl.DataFrame
    read_as: str = ""
    has_decimal_commas: bool = False
    young: YoungLoans | None = None


@dataclass(frozen=True)
class CheckedFew:
    """The same of a few applications: `accepted` holds each row of what is a table in `Checked`, by its columns."""

    accepted: list[dict[str, Any]]
    rejected: list[Rejection]


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
    located, headers = find_columns(raw, schema, with_target=with_target)
    return _check(located, schema, headers, {}, with_target=with_target)[0]


def check_blocks(blocks: Iterable[RawTable], schema: Schema) -> Iterator[Checked]:
    """Check a table that comes in blocks, such as `sources.read_blocks` gives; rows and sentences as of the whole.

    Where the columns stand is told from the first block, together with those that follow if it has less than
    `HEAD_ROWS` rows. How a column writes its numbers is told from the first rows that say so: a later cell that
    contradicts them is refused with a sentence, and never read otherwise.

    Raises
    ------
    SchemaError
        As `check`, with the first block.
    """
    blocks = iter(blocks)
    heads: list[RawTable] = []
    while sum(block.frame.height for block in heads) < HEAD_ROWS and (block := next(blocks, None)) is not None:
        heads.append(block)
    if not heads:
        return
    head = join_blocks(heads)
    located, headers = find_columns(head, schema, with_target=False)
    names = located.frame.columns
    n_names_below = head.frame.height - located.frame.height
    notations: dict[str, Notation] = {}
    checked, notations = _check(located, schema, headers, notations, with_target=False)
    yield checked
    for block in blocks:
        frame = block.frame.rename(dict(zip(block.frame.columns, names, strict=True)))
        table = replace(block, frame=frame, first_row=block.first_row - n_names_below)
        checked, notations = _check(table, schema, headers, notations, with_target=False)
        yield checked


def _check(
    raw: RawTable, schema: Schema, headers: Mapping[str, str], notations: Mapping[str, Notation], *, with_target: bool
) -> tuple[Checked, dict[str, Notation]]:
    """The rows of a table whose columns were found, and how its numbers are written after it."""
    if raw.frame.height <= FEW and not with_target:
        return _check_few(raw, schema, headers, notations)
    columns = _read_columns(raw, schema, headers, notations)
    after = {name: column.notation for name, column in columns.items()}
    young = None
    if with_target:
        outcome = _read_target(as_text(raw.frame[headers[schema.target.name]]), schema.target)
        columns["default"], young = set_young_aside(outcome, columns, schema)
    faults = _faults(raw, schema, headers, columns)
    accepted = _without_rows(_canonical(raw, schema, columns), faults)
    read_as = f"{raw.note} {in_a_sentence(read_fields(schema), after)}".strip()
    rejected, has_commas = _rejections(faults, raw), _has_decimal_commas(after)
    return Checked(accepted, rejected, raw.frame, read_as, has_commas, young), after


def _check_few(
    raw: RawTable, schema: Schema, headers: Mapping[str, str], notations: Mapping[str, Notation]
) -> tuple[Checked, dict[str, Notation]]:
    """The same for a few rows, whose values stay in Python until they are a table."""
    wanted = set(headers.values())
    by_header = {cells.name: as_text(cells).to_list() for cells in raw.frame.get_columns() if cells.name in wanted}
    texts = {name: by_header[header] for name, header in headers.items()}
    before = {spec.name: _notation(spec, raw, notations) for spec in read_fields(schema)}
    columns = _few_columns(texts, schema, raw.frame.height, before)
    faults = _faults(raw, schema, headers, columns)
    rows = _few_rows(schema, columns, faults, range(raw.first_row, raw.first_row + raw.frame.height))
    dtypes = {spec.name: DTYPES[spec.type] for spec in read_fields(schema)}
    frame = pl.from_dicts(rows, schema={"row_number": pl.Int64, **dtypes, "problems": pl.List(pl.String)})
    after = {name: column.notation for name, column in columns.items()}
    read_as = f"{raw.note} {in_a_sentence(read_fields(schema), after)}".strip()
    return Checked(frame, _rejections(faults, raw), raw.frame, read_as, _has_decimal_commas(after)), after


def _rejections(faults: Mapping[int, Sequence[Fault]], raw: RawTable) -> list[Rejection]:
    return rejections_of(faults, raw.lines if raw.has_lines else (), raw.first_row)


def _has_decimal_commas(notations: Mapping[str, Notation]) -> bool:
    return any(notation.decimal_comma for notation in notations.values())


def _few_columns(
    texts: Mapping[str, Sequence[str | None]], schema: Schema, n_rows: int, notations: Mapping[str, Notation]
) -> dict[str, FewCells]:
    """Each field's cells as values; a field it does not have is null, and no fault: needed ones are there."""
    there = [spec for spec in read_fields(schema) if spec.name in texts]
    read = read_together(there, lambda spec, known: read_few(texts[spec.name], spec, known), notations)
    return {spec.name: read.get(spec.name) or FewCells([None] * n_rows) for spec in read_fields(schema)}


def _few_rows(
    schema: Schema, columns: Mapping[str, FewCells], faults: Collection[int], numbers: Sequence[int]
) -> list[dict[str, Any]]:
    """The rows without faults, each with its number, its problems and its values."""
    problems = _odd_rows(schema, columns)
    return [
        {"row_number": number, "problems": problems.get(row, [])}
        | {name: column.values[row] for name, column in columns.items()}
        for row, number in enumerate(numbers)
        if row not in faults
    ]


def check_few(records: Sequence[Record], schema: Schema) -> CheckedFew:
    """`check` for a few applications of a JSON call, which never become a table: that would take most of the time.

    Raises
    ------
    SourceError, SchemaError
        As `from_records` and `check`.
    """
    texts = texts_of_records(records)
    headers = find_needed(list(texts), schema)
    if headers is None or len(records) > FEW:
        # Which says what is missing.
        checked = check(from_records(records), schema)
        return CheckedFew(checked.accepted.to_dicts(), checked.rejected)
    by_name = {name: texts[header] for name, header in headers.items()}
    before = {spec.name: Notation.of(spec, semicolons=False, is_record=True) for spec in read_fields(schema)}
    columns = _few_columns(by_name, schema, len(records), before)
    numbers = range(1, len(records) + 1)
    faults = _cell_faults(_asked_for(schema), columns, by_name.__getitem__)
    return CheckedFew(_few_rows(schema, columns, faults, numbers), rejections_of(faults, ()))


def with_problems(frame: pl.DataFrame, problems: Sequence[Sequence[str]]) -> pl.DataFrame:
    """The rows with what is odd about each, in sentences, as the column `problems`.

    Examples
    --------
    >>> with_problems(pl.DataFrame({"row_number": [1, 2]}), [[], ["Age: 130 is above 100"]])["problems"].to_list()
    [[], ['Age: 130 is above 100']]
    """
    return frame.with_columns(_problems(frame.height, {row: item for row, item in enumerate(problems) if item}))


def _problems(n_rows: int, by_row: Mapping[int, Sequence[str]]) -> pl.Series:
    """The column `problems`, from the sentences of the rows that have any."""
    if not by_row:
        return pl.Series("problems", [[]], dtype=pl.List(pl.String)).new_from_index(0, n_rows)
    # One list for each of these, and an empty one for all others.
    lists = pl.Series("problems", [*by_row.values(), []], dtype=pl.List(pl.String))
    position = np.full(n_rows, len(by_row), dtype=np.uint32)
    position[list(by_row)] = np.arange(len(by_row))
    return lists.gather(position)


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


def _read_columns(
    raw: RawTable, schema: Schema, headers: Mapping[str, str], notations: Mapping[str, Notation]
) -> dict[str, ReadColumn]:
    """Each field's cells as values; all null for a field that the file does not have."""
    n = raw.frame.height
    there = [spec for spec in read_fields(schema) if spec.name in headers]
    before = {spec.name: _notation(spec, raw, notations) for spec in there}
    read = read_together(there, lambda spec, known: read_column(raw.frame[headers[spec.name]], spec, known), before)
    return {spec.name: read[spec.name] if spec.name in read else _absent(spec, n) for spec in read_fields(schema)}


def _absent(spec: Field, n_rows: int) -> ReadColumn:
    return ReadColumn(pl.Series(spec.name, [None], dtype=DTYPES[spec.type]).new_from_index(0, n_rows))


def _notation(spec: Field, raw: RawTable, notations: Mapping[str, Notation]) -> Notation:
    return notations.get(spec.name) or Notation.of(spec, semicolons=raw.delimiter == ";", is_record=not raw.has_lines)


def _faults(
    raw: RawTable,
    schema: Schema,
    headers: Mapping[str, str],
    columns: Mapping[str, ReadColumn] | Mapping[str, FewCells],
) -> dict[int, list[Fault]]:
    """By row index every cell that keeps its row out, in the order of the schema, the outcome's last."""
    specs: list[Field | Target] = list(_asked_for(schema))
    if "default" in columns:
        # Who is to teach needs a day as well, if the table is divided by it.
        specs = [spec for spec in read_fields(schema) if spec in specs or spec.is_needed or spec.role == "time"]
        specs += [schema.target]
    by_name: dict[str, ReadColumn | FewCells] = dict(columns)
    if "default" in columns:
        by_name[schema.target.name] = columns["default"]
    faults = _cell_faults(specs, by_name, lambda name: as_text(raw.frame[headers[name]]))
    for row, said in no_clients(raw).items():
        faults[row] = [Fault("", "", said, "one client on each line")]
    for number, n_cells in raw.ragged.items():
        # Cells may have moved into a neighbour's column, so what was read from this row means nothing.
        fault = f"the row has {n_cells} cells where the table has {raw.frame.width} columns"
        expected = f"{raw.frame.width} cells, one for each column"
        if number - 1 in faults and not faults[number - 1][0].label:
            continue
        faults[number - 1] = [Fault("", f"{n_cells} cells", fault, expected)]
    return faults


def _asked_for(schema: Schema) -> list[Field]:
    """The fields for which an application is refused: what no model reads may hold anything."""
    return [spec for spec in read_fields(schema) if spec.role == "feature"]


def _cell_faults(
    specs: Iterable[Field | Target],
    columns: Mapping[str, ReadColumn | FewCells],
    texts_of: Callable[[str], Sequence[str | None] | pl.Series],
) -> dict[int, list[Fault]]:
    faults: dict[int, list[Fault]] = {}
    for spec in specs:
        column = columns[spec.name]
        if column.faults:
            texts, expected = texts_of(spec.name), _expected(spec)
            for row, fault in column.faults.items():
                faults.setdefault(row, []).append(Fault(spec.label, texts[row] or "", fault, expected, spec.name))
    return faults


def _expected(spec: Field | Target) -> str:
    return spec.expected if isinstance(spec, Field) else f"{_listed(spec.bad)} for bad, {_listed(spec.good)} for good"


def _canonical(raw: RawTable, schema: Schema, columns: Mapping[str, ReadColumn]) -> pl.DataFrame:
    """All rows with their numbers, values and problems."""
    numbers = pl.int_range(raw.first_row, raw.first_row + raw.frame.height, dtype=pl.Int64, eager=True)
    problems = _odd_rows(schema, columns)
    values = [column.values.alias(name) for name, column in columns.items()]
    return pl.DataFrame([numbers.alias("row_number"), *values, _problems(raw.frame.height, problems)])


def _odd_rows(schema: Schema, columns: Mapping[str, ReadColumn] | Mapping[str, FewCells]) -> dict[int, list[str]]:
    """By row index what is odd about it, in sentences.

    A problem sends the row to a person, so only what the model reads may raise one: never a protected field.
    """
    problems: dict[int, list[str]] = {}
    for spec in schema.features:
        for row, oddity in columns[spec.name].odd.items():
            problems.setdefault(row, []).append(f"{spec.label}: {oddity}")
    return problems


def _without_rows(frame: pl.DataFrame, rows: Collection[int]) -> pl.DataFrame:
    if not rows:
        return frame
    keep = np.ones(frame.height, dtype=bool)
    keep[list(rows)] = False
    return frame.filter(pl.Series(keep))


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
        column.faults.setdefault(row, NOTHING)
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


def _listed(values: Sequence[str]) -> str:
    return " or ".join(f"'{value}'" for value in values)
