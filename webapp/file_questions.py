"""What the columns of a file were read as, and whether a person has to say it before its clients are scored."""

from __future__ import annotations

from dataclasses import dataclass, replace

from creditrisk import datasets
from creditrisk.errors import CreditRiskError
from creditrisk.quality import Checked
from creditrisk.schema import Field, Schema
from creditrisk.sources import PLAIN_NUMBER, RawTable
from webapp import column_names
from webapp.column_names import MOST_CHARS, MOST_COLUMNS, Assigned

# Those that are shown, and those that are kept so that how numbers are written can be told from more of them.
PREVIEW_ROWS, KEPT_ROWS = 6, 200


@dataclass(frozen=True)
class Columns:
    """How the columns of a file were read.

    `read` maps a header to the field, or the outcome, that it is read as; `unknown` are the other headers, and `absent`
    the fields that no header stands for, those first without which nobody can be scored.
    """

    read: dict[str, str]
    unknown: list[str]
    absent: list[Field]


def columns_of(table: RawTable, schema: Schema) -> Columns:
    """How the columns of a table were read."""
    table = _top(table)
    headers = datasets.match_headers(table, schema)
    labels = {field.name: field.label for field in schema.fields} | {schema.target.name: schema.target.label}
    read = {header: labels[name] for name, header in headers.items()}
    absent = [field for field in schema.fields if field.role in ("id", "time", "feature") and field.name not in headers]
    absent.sort(key=lambda field: not field.is_needed)
    return Columns(read, [header for header in table.frame.columns if header not in read], absent)


def _top(table: RawTable) -> RawTable:
    """As many rows as tell the columns; half a million more would only take time."""
    return replace(table, frame=table.frame.head(KEPT_ROWS), ragged={})


def fields_of(raw: RawTable, schema: Schema, assigned: Assigned) -> dict[str, Field]:
    """Which field each column of a file was read as, by the column's own name; others are left out."""
    raw = _top(raw)
    renamed = column_names.renamed(raw, schema, assigned)
    own = dict(zip(renamed.frame.columns, raw.frame.columns, strict=True))
    fields = {field.name: field for field in schema.fields}
    headers = datasets.match_headers(renamed, schema)
    return {own[header]: fields[name] for name, header in headers.items() if name in fields and header in own}


def lacking(checked: Checked, schema: Schema, assigned: Assigned) -> list[Field]:
    """The fields that the model reads and that a scored file has no column for."""
    there = set(fields_of_checked(checked, schema, assigned).values())
    rows = checked.accepted
    return [field for field in schema.features if field not in there and rows[field.name].null_count() == rows.height]


def fields_of_checked(checked: Checked, schema: Schema, assigned: Assigned) -> dict[str, Field]:
    """`fields_of` for a file that was scored."""
    return fields_of(RawTable(checked.raw, range(2, checked.raw.height + 2)), schema, assigned)


def understood(table: RawTable, schema: Schema) -> Checked | None:
    """The rows of a table as they would be read, whatever it lacks; None if they cannot be."""
    fields = tuple(replace(field, is_required=False) for field in schema.fields)
    try:
        return datasets.check(table, replace(schema, fields=fields))
    except CreditRiskError:
        return None


def can_be_asked(table: RawTable, schema: Schema) -> bool:
    """Whether a person could say of an unknown column that it is a field that is not there."""
    headers = table.frame.columns
    # Where the first line seems to be a client, its cells are no names that could be shown or remembered.
    if not table.has_names or any(PLAIN_NUMBER.fullmatch(header) for header in headers):
        return False
    columns = columns_of(table, schema)
    is_short = len(columns.unknown) <= MOST_COLUMNS and max(map(len, headers)) <= MOST_CHARS
    is_lacking = any(field.role == "feature" for field in columns.absent)
    return is_lacking and is_short and bool(columns.unknown) and bool(columns.read)


def is_doubtful(table: RawTable, schema: Schema, is_answered: bool) -> bool:
    """Whether a person has to say which of the unknown columns is a field that is not there.

    Parameters
    ----------
    is_answered
        Whether somebody was asked about these columns before: then only what is needed is asked for.
    """
    absent = [field for field in columns_of(table, schema).absent if field.role == "feature"]
    return can_be_asked(table, schema) and any(field.is_needed or not is_answered for field in absent)
