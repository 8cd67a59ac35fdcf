"""Cells that a clerk corrects in the page: just those clients are checked again, scored, and join their file."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, replace

import polars as pl

from creditrisk import datasets
from creditrisk.decision_log import Actor
from creditrisk.quality import Checked, Rejection
from creditrisk.schema import Schema
from creditrisk.scoring import KEPT_ID, application_ids
from creditrisk.sources import RawTable, as_texts
from webapp import column_names, upload_files, upload_scoring
from webapp.context import AppContext
from webapp.errors import BadRequestError, BusyError
from webapp.uploads import Upload

# What stands in a cell from now on, by the number of the row and the label of the field.
Corrections = Mapping[tuple[int, str], str]
MOST_CHARS = 1_000


@dataclass(frozen=True)
class Correcting:
    """What became of corrections: the work in progress, how many clients are scored by it, and what still does not fit.

    `refused` has the rows that were scored before: the corrected cell does not fit, so they stay as they are.
    """

    name: str
    work: Future[None] | None
    n_clients: int
    refused: list[Rejection]


def score_corrected(context: AppContext, upload: Upload, corrections: Corrections, by: Actor) -> Correcting | None:
    """Start on the corrected rows of a scored file; once they are scored they are part of it, under their own numbers.

    They are read as the whole file is, in whose notation a clerk writes. None if there is nothing to correct.

    Raises
    ------
    SourceError, SchemaError, BusyError
        As for any other file; the last also if other rows of it are on their way.
    """
    # One after the other: who presses twice would have a client decided about twice.
    with suppress(FileNotFoundError), upload_files.locked(upload.folder / "correcting", is_patient=True):
        now = context.uploads.at(upload.folder)
        if now is None:
            return None
        if context.uploads.is_being_corrected(now):
            raise BusyError("Corrected clients are being scored. They will stand here in a moment.")
        return _score(context, now, corrections, by)
    return None


def _score(context: AppContext, upload: Upload, corrections: Corrections, by: Actor) -> Correcting | None:
    result = upload_scoring.result_of(context, upload)
    rows = sorted({row for row, _ in corrections})
    if result is None or not rows or rows[0] < 1 or rows[-1] > result.n_done:
        return None
    assigned = upload_files.read_answer(upload.folder) or {}
    checked = _check_again(result.checked, corrections, result.scorer.schema, assigned)
    were_scored = dict(result.scored.select("row_number", "application_id").iter_rows())
    refused = [item for item in checked.rejected if item.row in rows and item.row in were_scored]
    before_row, after_row = as_texts(result.checked.raw).row, as_texts(checked.raw).row
    is_changed = {row: before_row(row - 1) != after_row(row - 1) for row in rows}
    rows = [row for row in rows if is_changed[row] and row not in {item.row for item in refused}]
    if not rows:
        return Correcting("", None, 0, refused)
    _check_nobody_was_erased(context, {row: were_scored[row] for row in rows if row in were_scored})
    # Who is corrected stays who they are, in the log too.
    ids = application_ids(checked.accepted, result.scorer.schema)
    ids_by_row = dict(zip(checked.accepted["row_number"], ids, strict=True)) | were_scored
    part = _only(checked, rows, {item.row: item.line for item in result.checked.rejected}, ids_by_row)
    before = upload.details
    name = context.uploads.add(b"", f"{before.filename} (corrected)"[:200], by)
    folder = context.uploads.folder(name)
    details = upload_files.read_details(folder)
    if details is None:
        return None
    details = replace(details, model=before.model, version=before.version, sha256=before.sha256, content_sha256="")
    details = replace(details, part_of=upload.folder.name, rows=tuple(rows))
    upload_files.write_details(folder, details)
    upload_files.keep_checked(folder, part)
    upload_files.drop_received(folder)
    return Correcting(name, upload_scoring.start(context, name), part.accepted.height, refused)


def _check_nobody_was_erased(context: AppContext, ids: Mapping[int, str]) -> None:
    """Refuse to decide anew about who was scored, and is not in the log any more; BadRequestError names the row."""
    for row, application_id in ids.items():
        if not context.log.decisions_about(application_id, at_most=1):
            raise BadRequestError(
                f"Nothing was scored: what was decided about the client in row {row:,} was erased since, and nobody "
                "who was erased is decided about anew. Leave that row as it is."
            )


def _check_again(
    checked: Checked, corrections: Corrections, schema: Schema, assigned: column_names.Assigned
) -> Checked:
    """The whole file with the corrected cells, read so that every other row gives what it gave."""
    frame = as_texts(checked.raw)
    labels = {field.label: field.name for field in schema.fields}
    signs = (";", ",") if checked.has_decimal_commas else (",", ";")
    again = checked
    kept = checked.accepted.drop(KEPT_ID, strict=False)
    others = kept.filter(~pl.col("row_number").is_in([row for row, _ in corrections]))
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
        if again.accepted.filter(pl.col("row_number").is_in(others["row_number"].implode())).equals(others):
            break
    return again


def _only(checked: Checked, rows: list[int], lines: Mapping[int, int], ids: Mapping[int, str]) -> Checked:
    """Some rows of a file, numbered from 1; `lines` and `ids` have those of rows of the file, where they are known."""
    places = {row: place for place, row in enumerate(rows, start=1)}
    accepted = checked.accepted.filter(pl.col("row_number").is_in(rows))
    kept = pl.Series(KEPT_ID, [ids[row] for row in accepted["row_number"]], dtype=pl.String)
    numbers = accepted["row_number"].replace_strict(places, return_dtype=pl.Int64)
    rejected = [
        replace(item, row=places[item.row], line=lines.get(item.row, item.line))
        for item in checked.rejected
        if item.row in places
    ]
    raw = checked.raw[[row - 1 for row in rows]]
    return replace(
        checked, accepted=accepted.with_columns(numbers.alias("row_number"), kept), rejected=rejected, raw=raw
    )
