"""Whether a person has to say what the columns of a file hold before its clients are scored."""

from __future__ import annotations

from dataclasses import dataclass

from creditrisk import datasets
from creditrisk.schema import Field, Schema
from creditrisk.sources import PLAIN_NUMBER, RawTable
from webapp.column_names import MOST_CHARS, MOST_COLUMNS

PREVIEW_ROWS = 6


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
    headers = datasets.match_headers(table, schema)
    labels = {field.name: field.label for field in schema.fields} | {schema.target.name: schema.target.label}
    read = {header: labels[name] for name, header in headers.items()}
    absent = [field for field in schema.fields if field.role in ("id", "time", "feature") and field.name not in headers]
    absent.sort(key=lambda field: not field.is_needed)
    return Columns(read, [header for header in table.frame.columns if header not in read], absent)


def is_doubtful(table: RawTable, schema: Schema, is_answered: bool) -> bool:
    """Whether a person has to say which of the unknown columns is a field that is not there.

    Parameters
    ----------
    is_answered
        Whether somebody was asked about these columns before: then only what is needed is asked for.
    """
    headers = table.frame.columns
    # Where the first line seems to be a client, its cells are no names that could be shown or remembered.
    if not table.has_names or any(PLAIN_NUMBER.fullmatch(header) for header in headers):
        return False
    columns = columns_of(table, schema)
    is_short = len(columns.unknown) <= MOST_COLUMNS and max(map(len, headers)) <= MOST_CHARS
    is_lacking = any(field.role == "feature" and (field.is_needed or not is_answered) for field in columns.absent)
    return is_lacking and is_short and bool(columns.unknown) and bool(columns.read)
