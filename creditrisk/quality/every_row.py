"""A table read for what it holds, not to be scored: every row stays, and a cell that cannot be used is missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import polars as pl

from creditrisk.columns import key
from creditrisk.quality.agreement import read_together
from creditrisk.quality.cells import ReadColumn, read_column
from creditrisk.quality.headers import find_columns
from creditrisk.quality.no_clients import no_clients
from creditrisk.quality.numbers import Notation
from creditrisk.schema import Field, Schema
from creditrisk.sources import RawTable


@dataclass(frozen=True, slots=True)
class ReadBlock:
    """Some rows of a table: a column for each field that it has, shape (n_rows, n_fields), values of the field's type.

    `n_unreadable` says how many cells of a field held something that cannot be read; they are null.
    """

    frame: pl.DataFrame
    n_unreadable: Mapping[str, int]


def read_every_row(blocks: Iterable[RawTable], schema: Schema, beside: Sequence[Field] = ()) -> Iterator[ReadBlock]:
    """Read the features of a table that comes in blocks, such as `sources.read_blocks` gives.

    Columns are found, and cells read, as `check` does it; but nothing is required, and values beyond a field's bounds
    are values.

    Parameters
    ----------
    beside
        Fields that are no part of the schema, to be read as well if there are columns of their names.

    Raises
    ------
    SchemaError
        If the table has no column of the schema at all.
    """
    lax = [replace(spec, is_required=False, minimum=None, maximum=None) for spec in schema.fields]
    free = replace(schema, fields=tuple(lax))
    # Bounds make no values odd here, yet they help to tell how a column is written.
    bounded = {spec.name: spec for spec in (*schema.fields, *beside)}
    names: list[str] = []
    headers: dict[str, str] = {}
    notations: dict[str, Notation] = {}
    for block in blocks:
        if names:
            table = replace(block, frame=block.frame.rename(dict(zip(block.frame.columns, names, strict=True))))
        else:
            table, headers = find_columns(block, free, with_target=False)
            names = table.frame.columns
            headers = _beside(names, beside, headers) | headers
        wanted = [spec for spec in (*free.features, *beside) if spec.name in headers]
        before = {
            spec.name: notations.get(spec.name, Notation.of(bounded[spec.name], semicolons=table.delimiter == ";"))
            for spec in wanted
        }
        by_name = {spec.name: table.frame[headers[spec.name]] for spec in wanted}
        read = read_together(wanted, partial(_read, by_name), before)
        notations = {name: column.notation for name, column in read.items()}
        frame = pl.DataFrame([column.values.alias(name) for name, column in read.items()])
        # Cells may have moved into a neighbour's column, so what was read from these rows means nothing.
        moved = {number - 1 for number in table.ragged} | no_clients(table).keys()
        if moved:
            row = pl.int_range(pl.len())
            frame = frame.select(pl.when(~row.is_in(sorted(moved))).then(pl.all()))
        counts = {name: len(column.faults.keys() | moved) for name, column in read.items()}
        yield ReadBlock(frame, {name: n_cells for name, n_cells in counts.items() if n_cells})


def _read(cells: Mapping[str, pl.Series], spec: Field, notation: Notation) -> ReadColumn:
    return read_column(cells[spec.name], spec, notation)


def _beside(names: Sequence[str], fields: Sequence[Field], taken: Mapping[str, str]) -> dict[str, str]:
    """The headers of fields that are no part of the schema."""
    by_key = {key(name): name for name in names if name not in taken.values()}
    return {spec.name: by_key[key(spec.name)] for spec in fields if key(spec.name) in by_key}
