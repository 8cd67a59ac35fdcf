"""How far PDs move when one field is set to another value, to nothing, or a small step away."""

from __future__ import annotations

from collections import Counter
from typing import Any, Literal, NamedTuple

import numpy as np
import polars as pl

from creditrisk.arrays import FloatArray
from creditrisk.schema import Field
from creditrisk.validation.case import PackInputs, verdicts_of
from creditrisk.validation.contents import SensitivityLine, SensitivitySection

SENSITIVE_FIELDS = 8
# A category as common as this may be the riskiest or the safest of its field.
COMMON = 0.05
# A step of a tenth up or down.
STEPS = (0.9, 1.1)


class Perturbation(NamedTuple):
    """A column to stand in for a field's own: an end of its values, named in words, a gap, or a small step."""

    field: Field
    kind: Literal["end", "missing", "step"]
    words: str
    column: pl.Series | pl.Expr


def sensitivity_section(inputs: PackInputs) -> SensitivitySection:
    """What becomes of PDs when one field is moved and all else stays: to its low, its high, and by a small step."""
    scorer, sample = inputs.scorer, inputs.sample
    strongest = [inputs.schema.features[place] for place in inputs.strongest[:SENSITIVE_FIELDS]]
    moves = [
        move
        for field in strongest
        for move in _perturbations(field, inputs.test.frame[field.name].drop_nulls(), sample)
    ]
    # Scored in one go: one large prediction takes a fraction of the time of dozens of small ones.
    together = pl.concat([sample, *(sample.with_columns(move.column) for move in moves)])
    before, *after = scorer.prob_default(together).reshape(-1, sample.height)
    verdicts = verdicts_of(scorer.rule, before)

    rows = []
    for field in strongest:
        of_field = [(move, way) for move, way in zip(moves, after, strict=True) if move.field == field]
        ends = [(move.words, float(way.mean())) for move, way in of_field if move.kind == "end"]
        missing = [float(way.mean()) for move, way in of_field if move.kind == "missing"]
        steps = np.array([way for move, way in of_field if move.kind == "step"])
        if not ends:
            continue
        if not field.is_numeric:
            ends.sort(key=lambda end: end[1])
        row: SensitivityLine = {
            "label": field.label,
            "ends": [{"words": words, "prob_default": mean} for words, mean in (ends[0], ends[-1])],
            "missing": missing[0] if missing else None,
            "step_mean": None,
            "step_largest": None,
            "step_verdicts": None,
        }
        if field.is_numeric:
            row["step_mean"] = float(np.abs(steps - before).mean())
            row["step_largest"] = float(np.abs(steps - before).max())
            row["step_verdicts"] = float(np.mean([verdicts_of(scorer.rule, way) != verdicts for way in steps]))
        rows.append(row)
    return {
        "n_rows": sample.height,
        "mean_prob_default": float(before.mean()),
        "fields": rows,
        "n_left_out": len(inputs.schema.features) - len(rows),
    }


def _perturbations(field: Field, known: pl.Series, sample: pl.DataFrame) -> list[Perturbation]:
    """Where a field is moved to: what is low and high or common among its known values, nothing, a step away."""
    if known.is_empty():
        return []
    ends: list[Any]
    if field.is_numeric:
        ends = [known.quantile(level, interpolation="nearest") for level in (0.1, 0.9)]
    else:
        counts = Counter(known.to_list())
        common = [category.value for category in field.categories if counts[category.value] >= COMMON * len(known)]
        ends = common or list(counts)[:1]
    moves = [Perturbation(field, "end", field.in_words(value), constant(field, known, value)) for value in ends]
    if not field.is_required:  # a value that is required cannot be missing
        moves.append(Perturbation(field, "missing", "", constant(field, known, None)))
    if field.is_numeric:
        moves += [Perturbation(field, "step", "", times(sample[field.name], step)) for step in STEPS]
    return moves


def times(column: pl.Series, factor: float | FloatArray) -> pl.Series:
    """A column of numbers times a factor; whole numbers stay whole, and a step of a tenth is one at least."""
    moved = column.cast(pl.Float64).to_numpy() * factor
    if column.dtype.is_integer():
        moved = np.ceil(moved) if np.all(factor > 1.0) else np.floor(moved) if np.all(factor < 1.0) else np.round(moved)
    values = pl.Series(column.name, moved)
    return pl.select(pl.when(column.is_not_null()).then(values).cast(column.dtype).alias(column.name)).to_series()


def constant(field: Field, like: pl.Series, value: Any) -> pl.Expr:
    """A column that holds one value in every row."""
    return pl.lit(value, dtype=like.dtype).alias(field.name)
