"""The file that a clerk fills in: the names of the columns, one made-up client, and what each column may hold."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from creditrisk.quality import EXAMPLE_CLIENT
from creditrisk.schema import Field, Schema
from creditrisk.scoring import Scorer, csv_text, typical_record
from webapp.pages.workbook import workbook


def template_table(schema: Schema, record: Mapping[str, object]) -> pl.DataFrame:
    """One row: a made-up client under the names that a file's columns should have, in the words of the schema.

    Parameters
    ----------
    record
        The client, by the names of the fields.
    """
    return pl.DataFrame(
        {field.label: [_example(field, record[field.name])] for field in fields_to_fill(schema)},
        infer_schema_length=None,
    )


def template_csv(scorer: Scorer) -> str:
    """The template as CSV, with a client as is typical of those that the model learnt from."""
    return csv_text(template_table(scorer.schema, typical_record(scorer)))


def template_workbook(scorer: Scorer, folder: Path) -> bytes:
    """The template as a workbook, with a second sheet of what each column may hold."""
    columns = fields_to_fill(scorer.schema)
    allowed = pl.DataFrame(
        {
            "Column": [field.label for field in columns],
            "What it holds": [field.expected for field in columns],
            "Needed": ["yes" if field.is_needed else "if you have it" for field in columns],
            "Allowed values": ["; ".join(category.label for category in field.categories) for field in columns],
        }
    )
    example = template_table(scorer.schema, typical_record(scorer))
    return workbook({"Clients": example, "Allowed values": allowed}, folder)


def fields_to_fill(schema: Schema) -> list[Field]:
    """The client's number, the date, then every field the model reads."""
    roles = ("id", "time", "feature")
    return sorted((field for field in schema.fields if field.role in roles), key=lambda field: roles.index(field.role))


def _example(field: Field, value: object) -> object:
    if field.role == "id":
        return EXAMPLE_CLIENT
    return field.category_label(str(value)) if field.type == "category" else value
