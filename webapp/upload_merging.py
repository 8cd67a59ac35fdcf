"""Corrected rows of a file, once they are scored: they take the places of those they correct, under the same numbers.

They are scored as a file of their own, with all that keeps a client from being scored twice or left out. Only then are
they put into the whole file. That may be done twice without harm, as it is where a process was killed in between.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import polars as pl

from creditrisk.quality import Checked
from creditrisk.scoring import Policy
from creditrisk.sources import as_text
from webapp import upload_files
from webapp.scoring import renumbered
from webapp.upload_files import DecidedUnder, Details
from webapp.uploads import Upload, Uploads


def merge(uploads: Uploads, folder: Path, n_done: int) -> None:
    """Put the first `n_done` rows of the part in a folder into their whole file, and remove the part.

    Where the whole file is gone there is nothing to put them into; they are in the decision log like its other rows.
    """
    part = uploads.at(folder)
    whole = uploads.whole_of(part) if part is not None else None
    if part is None:
        return
    if whole is not None:
        with suppress(FileNotFoundError), upload_files.locked(whole.folder / "lock", is_patient=True):
            _merge(uploads, part, whole.folder, part.details.rows[:n_done])
    uploads.remove(part)


def _merge(uploads: Uploads, part: Upload, folder: Path, rows: Sequence[int]) -> None:
    # It may have been scored further while it was waited for.
    whole = uploads.at(folder)
    checked, corrected = upload_files.read_checked(folder), upload_files.read_checked(part.folder)
    if whole is None or checked is None or corrected is None:
        return
    scored = _with_results(upload_files.read_scored(folder), upload_files.read_scored(part.folder), rows)
    upload_files.keep_corrected(folder, _with_rows(checked, corrected, rows), scored)
    upload_files.write_details(folder, _with_policies(whole.details, part.details, rows))
    uploads.note(whole, replace(whole.record, n_scored=scored.height))


def _with_rows(checked: Checked, corrected: Checked, rows: Sequence[int]) -> Checked:
    """A file with its `rows` replaced by the first ones of `corrected`, which are numbered from 1."""
    places, n_rows = [row - 1 for row in rows], len(rows)
    mended = corrected.raw.head(n_rows)
    raw = checked.raw.select(as_text(cells).scatter(places, mended[cells.name]) for cells in checked.raw)
    accepted = renumbered(corrected.accepted.filter(pl.col("row_number") <= n_rows), rows)
    rejected = [item for item in checked.rejected if item.row not in rows]
    rejected += [replace(item, row=rows[item.row - 1]) for item in corrected.rejected if item.row <= n_rows]
    rejected.sort(key=lambda item: item.row)
    accepted = pl.concat([_without(checked.accepted, rows), accepted], how="diagonal").sort("row_number")
    return replace(checked, raw=raw, accepted=accepted, rejected=rejected)


def _with_results(scored: pl.DataFrame, of_part: pl.DataFrame, rows: Sequence[int]) -> pl.DataFrame:
    if of_part.is_empty() or scored.is_empty():
        return scored if of_part.is_empty() else of_part
    return pl.concat([_without(scored, rows), of_part]).sort("row_number")


def _without(frame: pl.DataFrame, rows: Sequence[int]) -> pl.DataFrame:
    return frame.filter(~pl.col("row_number").is_in(list(rows)))


def _with_policies(whole: Details, part: Details, rows: Sequence[int]) -> Details:
    """The details of the whole file, whose corrected rows were decided under what held when they were corrected."""
    decided = list(whole.decided_under)
    for place, row in enumerate(rows, start=1):
        policy = _policy_of(part.decided_under, place)
        before, after = _policy_of(decided, row), _policy_of(decided, row + 1)
        if policy is not None and policy != before:
            decided = [item for item in decided if item.first_row not in (row, row + 1)]
            decided += [DecidedUnder(row, policy), *([DecidedUnder(row + 1, after)] if after is not None else [])]
            decided.sort(key=lambda item: item.first_row)
    return replace(whole, decided_under=tuple(decided), was_corrected=True)


def _policy_of(decided: Sequence[DecidedUnder], row: int) -> Policy | None:
    return next((item.policy for item in reversed(decided) if item.first_row <= row), None)
