"""Drift of any table, in as many parts as it has: counted part by part, anywhere, and merged in their order.

Pure but for `count_part`, which reads. Memory holds one block of a part, however many rows there are. The parts of a
table are merged in their own order, so whoever counted them, the figures are the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import TypedDict

import polars as pl

from creditrisk import datasets
from creditrisk.errors import SchemaError, SourceError
from creditrisk.metrics import Profile, count_profile, merge_profiles
from creditrisk.schema import Field, Schema
from creditrisk.sources import read_blocks
from creditrisk.text import counted
from monitoring import drift
from monitoring.report import figures_of
from monitoring.results import FieldFigures
from monitoring.windows import Reference

# Where in a home the last result is.
RESULT_NAME = "table-drift.json"
BLOCK_ROWS = 2**17
# What batch-score writes beside an application: its score, and by which version.
PROB_DEFAULT = Field("prob_default", "number", "Predicted risk", is_required=False)
MODEL_VERSION = Field("model_version", "text", "Model version", is_required=False)


@dataclass(frozen=True, slots=True)
class CountedPart:
    """Rows of a table counted in the bins of a reference.

    `n_unreadable` says how many cells of a field count as missing as they cannot be read. `left_out` has a sentence for
    each part that cannot be read at all.
    """

    profile: Profile
    n_unreadable: Mapping[str, int]
    left_out: tuple[str, ...] = ()


class TableDrift(TypedDict):
    """How a table stands against the reference of a model version; ready for strict JSON, as a report's result is.

    `n_parts` were read, and counted; `findings` say what a person should know, also of parts that were not.
    """

    model: str
    model_version: str
    table: str
    n_rows: int
    n_parts: int
    drift_share: float | None
    score: FieldFigures
    fields: dict[str, FieldFigures]
    findings: list[str]


def count_part(uri: str, reference: Reference, schema: Schema) -> CountedPart:
    """Count one part, block by block; one that cannot be read to its end is left out as a whole, with a sentence."""
    found = _nothing(reference)
    try:
        for block in datasets.read_every_row(read_blocks(uri, BLOCK_ROWS), schema, (PROB_DEFAULT, MODEL_VERSION)):
            found = _together(found, _count(block.frame, block.n_unreadable, reference))
    except (SourceError, SchemaError) as exc:
        sentence = f"Left out: {exc}"
        return CountedPart(_nothing(reference).profile, {}, (sentence,))
    return found


def merge(parts: Iterable[CountedPart], reference: Reference) -> CountedPart:
    """The parts of a table together, in the order in which they come."""
    return reduce(_together, parts, _nothing(reference))


def compare(found: CountedPart, reference: Reference, schema: Schema, *, table: str, n_parts: int) -> TableDrift:
    """Hold what was counted against the reference.

    Parameters
    ----------
    table
        The path or URI of the table.
    n_parts
        How many parts it has, with those that were left out.
    """
    drifted = drift.compare(reference.profile, schema, found.profile)
    return {
        "model": reference.model,
        "model_version": reference.model_version,
        "table": table,
        "n_rows": drifted.n_rows,
        "n_parts": n_parts - len(found.left_out),
        "drift_share": drifted.drift_share,
        "score": figures_of(drifted.score),
        "fields": {field.name: figures_of(field) for field in drifted.fields},
        "findings": [*found.left_out, *drift.findings(drifted), *_unreadable(found, schema)],
    }


def _nothing(reference: Reference) -> CountedPart:
    nobody = pl.Series([], dtype=pl.Float64)
    return CountedPart(count_profile(reference.profile, pl.DataFrame(), nobody), {})


def _count(frame: pl.DataFrame, n_unreadable: Mapping[str, int], reference: Reference) -> CountedPart:
    if PROB_DEFAULT.name not in frame.columns:
        unscored = pl.repeat(None, frame.height, dtype=pl.Float64, eager=True)
        nobody = pl.repeat(False, frame.height, dtype=pl.Boolean, eager=True)
        return CountedPart(count_profile(reference.profile, frame, unscored, nobody), n_unreadable)
    scores, is_own = frame[PROB_DEFAULT.name], _is_own(frame, reference.model_version)
    n_no_share = int((~scores.filter(is_own).is_between(0, 1)).sum())
    if n_no_share:
        scores = pl.select(pl.when(scores.is_between(0, 1)).then(scores)).to_series()
        n_unreadable = {**n_unreadable, PROB_DEFAULT.name: n_unreadable.get(PROB_DEFAULT.name, 0) + n_no_share}
    return CountedPart(count_profile(reference.profile, frame, scores, is_own), n_unreadable)


def _is_own(frame: pl.DataFrame, version: str) -> pl.Series:
    """Whose scores this version gave, as far as the table says who gave them: a change of model is no drift."""
    if MODEL_VERSION.name not in frame.columns:
        return pl.repeat(True, frame.height, dtype=pl.Boolean, eager=True)
    return frame[MODEL_VERSION.name].eq_missing(version)


def _together(one: CountedPart, other: CountedPart) -> CountedPart:
    return CountedPart(
        merge_profiles(one.profile, other.profile),
        Counter(one.n_unreadable) + Counter(other.n_unreadable),
        one.left_out + other.left_out,
    )


def _unreadable(found: CountedPart, schema: Schema) -> list[str]:
    labels = {field.name: field.label for field in (*schema.fields, PROB_DEFAULT)}
    most_first = sorted(found.n_unreadable.items(), key=lambda item: (-item[1], item[0]))
    return [
        f"{labels[name]}: {counted(n_cells, 'value that cannot be read counts', 'values that cannot be read count')} "
        "as missing."
        for name, n_cells in most_first
        if name in labels
    ]
