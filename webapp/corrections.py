"""Cells that a clerk corrects in the page: just those clients are checked again, as parts of their file, and scored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import polars as pl

from creditrisk import datasets
from creditrisk.decision_log import Actor
from creditrisk.quality import Checked
from creditrisk.schema import Schema
from creditrisk.sources import RawTable, as_texts
from webapp import column_names, upload_files, upload_scoring
from webapp.context import AppContext
from webapp.uploads import Upload

# What stands in a cell from now on, by the number of the row and the label of the field.
Corrections = Mapping[tuple[int, str], str]
MOST_CHARS = 1_000


def score_corrected(context: AppContext, upload: Upload, corrections: Corrections, by: Actor) -> str | None:
    """Start on the corrected rows of a scored file, as a file of their own; returns its random name.

    They are read as the whole file is, in whose notation a clerk writes. None if there is nothing to correct.

    Raises
    ------
    SourceError, SchemaError, BusyError
        As for any other file.
    """
    result = upload_scoring.result_of(context, upload)
    rows = sorted({row for row, _ in corrections})
    if result is None or not rows or rows[0] < 1 or rows[-1] > result.checked.raw.height:
        return None
    said = upload_files.read_answer(upload.folder)
    headers = result.checked.raw.columns
    remembered = column_names.recall(context.settings.home, result.scorer.schema, headers)
    assigned = said if said is not None else remembered or {}
    checked = _only(_check_again(result.checked, corrections, result.scorer.schema, assigned), rows)
    before = upload.details
    name = context.uploads.add(b"", f"{before.filename} (corrected)"[:200], by)
    folder = context.uploads.folder(name)
    details = upload_files.read_details(folder)
    if details is None:
        return None
    details = replace(details, model=before.model, version=before.version, sha256=before.sha256, content_sha256="")
    upload_files.write_details(folder, details)
    upload_files.keep_checked(folder, checked)
    upload_scoring.start(context, name)
    return name


def _check_again(
    checked: Checked, corrections: Corrections, schema: Schema, assigned: column_names.Assigned
) -> Checked:
    """The whole file with the corrected cells, read so that every other row gives what it gave."""
    frame = as_texts(checked.raw)
    labels = {field.label: field.name for field in schema.fields}
    signs = (";", ",") if checked.has_decimal_commas else (",", ";")
    again = checked
    for sign in signs:
        table = RawTable(frame, range(2, frame.height + 2), delimiter=sign)
        renamed = column_names.renamed(table, schema, assigned)
        headers = datasets.match_headers(renamed, schema)
        own = dict(zip(renamed.frame.columns, frame.columns, strict=True))
        cells = frame.to_dict()
        for (row, label), value in corrections.items():
            header = own.get(headers.get(labels.get(label, ""), ""))
            if header is not None:
                cells[header] = cells[header].scatter(row - 1, value[:MOST_CHARS])
        corrected = replace(renamed, frame=pl.DataFrame(dict(zip(renamed.frame.columns, cells.values(), strict=True))))
        again = replace(datasets.check(corrected, schema), raw=pl.DataFrame(cells))
        untouched = again.accepted.filter(pl.col("row_number").is_in(checked.accepted["row_number"].implode()))
        if untouched.equals(checked.accepted):
            break
    return again


def _only(checked: Checked, rows: list[int]) -> Checked:
    """Some rows of a file, numbered from 1."""
    places = {row: place for place, row in enumerate(rows, start=1)}
    accepted = checked.accepted.filter(pl.col("row_number").is_in(rows))
    numbers = accepted["row_number"].replace_strict(places, return_dtype=pl.Int64)
    rejected = [replace(item, row=places[item.row]) for item in checked.rejected if item.row in places]
    raw = checked.raw[[row - 1 for row in rows]]
    return replace(checked, accepted=accepted.with_columns(row_number=numbers), rejected=rejected, raw=raw)
