"""The file that a clerk fills in: the names of the columns, one made-up client, and what each column may hold."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from creditrisk.quality import EXAMPLE_CLIENT
from creditrisk.schema import Field, Schema
from creditrisk.scoring import csv_text, sample_record
from webapp.pages.workbook import workbook


def template_table(schema: Schema) -> pl.DataFrame:
    """One row: a made-up client under the names that a file's columns should have, in the words of the schema.

    Texts that are none of a client's own are as in `sample_record`.
    """
    record = sample_record(schema)
    return pl.DataFrame(
        {field.label: [_example(field, record[field.name])] for field in fields_to_fill(schema)},
        infer_schema_length=None,
    )


def template_csv(schema: Schema) -> str:
    """The template as CSV."""
    return csv_text(template_table(schema))


def template_workbook(schema: Schema, folder: Path) -> bytes:
    """The template as a workbook, with a second sheet of what each column may hold."""
    columns = fields_to_fill(schema)
    allowed = pl.DataFrame(
        {
            "Column": [field.label for field in columns],
            "What it holds": [field.expected for field in columns],
            "Needed": ["yes" if field.is_needed else "if you have it" for field in columns],
            "Allowed values": ["; ".join(category.label for category in field.categories) for field in columns],
        }
    )
    return workbook({"Clients": template_table(schema), "Allowed values": allowed}, folder)


def fields_to_fill(schema: Schema) -> list[Field]:
    """The client's number, the date, then every field the model reads."""
    roles = ("id", "time", "feature")
    return sorted((field for field in schema.fields if field.role in roles), key=lambda field: roles.index(field.role))


def _example(field: Field, value: object) -> object:
    if field.role == "id":
        return EXAMPLE_CLIENT
    return field.category_label(str(value)) if field.type == "category" else value
