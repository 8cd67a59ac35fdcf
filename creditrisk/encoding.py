"""From a checked table to the numbers that models see, fitted once on training rows and shared by all learners.

Two views of the same rows: the *matrix* (one column per field, categories as ordinals, NaN where nothing usable stands)
for trees, and the *design* (standardised numbers, categories as columns of 0 and 1, missing flags) for models that add
and multiply. An unordered category is one-hot; an ordered one has a column per step ("at least 4 years employed"), so
that shrinking a weight draws neighbouring categories together. On German credit those steps are worth 0.005 of AUC.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from itertools import zip_longest
from typing import Any

import numpy as np
import polars as pl

from creditrisk import strict
from creditrisk.arrays import FloatArray, IntArray
from creditrisk.errors import SchemaError, ScorerError
from creditrisk.schema import Schema, Sign
from creditrisk.sources import Record

# Shares of the training values between which a standardised number may lie; beyond them it is held at the edge, so that
# one absurd income cannot swing a linear model.
CLIP_SHARES = (0.005, 0.995)
# Within them no training value lies farther from the mean, in standard deviations.
MAX_STANDARDISED = 1e6
SIGNS: dict[Sign, int] = {"+": 1, "-": -1, "": 0}
# So few are sooner encoded one by one than in columns.
FEW_ROWS = 8


@dataclass(frozen=True, slots=True)
class EncodedField:
    """How one field becomes numbers: a vocabulary for a category; fill, location, scale and limits for a number."""

    name: str
    vocabulary: tuple[str, ...] = ()
    is_ordered: bool = False
    fill: float = 0.0
    mean: float = 0.0
    sd: float = 1.0
    low: float = 0.0
    high: float = 0.0
    # A flag column only where training rows had gaps; otherwise its weight could not be learned.
    has_missing: bool = False
    # 1 where a higher value or a later category may only raise the risk, -1 where it may only lower it.
    sign: int = 0

    @property
    def is_category(self) -> bool:
        """Whether the field is a category, an ordinal in the matrix and one-hot in the design."""
        return bool(self.vocabulary)

    @property
    def width(self) -> int:
        """Columns of the design this field takes."""
        steps = len(self.vocabulary) - self.is_ordered if self.is_category else 1
        return steps + self.has_missing


@dataclass(frozen=True)
class Encoder:
    """The fitted encoding of every feature field of a schema, in the schema's order."""

    fields: tuple[EncodedField, ...]

    def matrix(self, frame: pl.DataFrame) -> FloatArray:
        """One row per application, one column per field, shape (n_rows, n_fields).

        Categories become their place in the vocabulary; a missing value or an unknown category is NaN.
        """
        if frame.height <= FEW_ROWS:
            return self.matrix_of_few(frame.select(field.name for field in self.fields).to_dicts())
        return frame.select(self._columns).to_numpy(order="c")

    @cached_property
    def _columns(self) -> list[pl.Expr]:
        """The columns of the matrix; made once, as that takes as long as a prediction."""
        return [
            (
                pl.col(field.name).cast(pl.Enum(field.vocabulary), strict=False).to_physical()
                if field.is_category
                else pl.col(field.name)
            ).cast(pl.Float64)
            for field in self.fields
        ]

    def matrix_of_few(self, rows: Sequence[Record]) -> FloatArray:
        """The same of a few rows, each by the names of its fields."""
        places = self._places_of_values
        values = [_encoded(row[name], known) for row in rows for name, known in places]
        return np.array(values, dtype=np.float64).reshape(len(rows), len(places))

    @cached_property
    def _places_of_values(self) -> list[tuple[str, dict[Any, float] | None]]:
        """Each field with, for a category, the places of its values in the vocabulary, and None for a number."""
        return [
            (field.name, {value: float(place) for place, value in enumerate(field.vocabulary)})
            if field.is_category
            else (field.name, None)
            for field in self.fields
        ]

    def design(self, matrix: FloatArray) -> FloatArray:
        """The matrix as standardised numbers, one-hot or stepwise categories and flags, shape (n_rows, n_design)."""
        out = np.zeros((len(matrix), len(self.design_fields)))
        column = 0
        for index, field in enumerate(self.fields):
            values = matrix[:, index]
            known = ~np.isnan(values)
            block = out[:, column : column + field.width]
            if field.is_ordered:
                steps = np.arange(1, len(field.vocabulary))
                block[:, : len(steps)] = values[:, np.newaxis] >= steps  # NaN reaches no step
            elif field.is_category:
                block[known, values[known].astype(np.int64)] = 1.0
            else:
                filled = np.where(known, values, field.fill)
                block[:, 0] = (np.clip(filled, field.low, field.high) - field.mean) / field.sd
            if field.has_missing:
                block[:, -1] = ~known
            column += field.width
        return out

    def typical(self, matrix: FloatArray) -> FloatArray:
        """One applicant typical of these rows, shape (n_fields,): nobody's row, and encoded as the matrix is.

        Of each number the median, of each category the most frequent, the first of two that are as frequent; NaN where
        more than half of the rows have nothing.
        """
        known = [values[~np.isnan(values)] for values in matrix.T]
        return np.array(
            [
                np.nan
                if 2 * len(values) < len(matrix) or not len(values)
                else np.bincount(values.astype(np.int64)).argmax()
                if field.is_category
                else np.median(values)
                for field, values in zip(self.fields, known, strict=True)
            ],
            dtype=np.float64,
        )

    @cached_property
    def design_fields(self) -> IntArray:
        """For each column of the design, the position of the field it belongs to, shape (n_design,)."""
        return np.repeat(np.arange(len(self.fields)), [field.width for field in self.fields])

    @cached_property
    def signs(self) -> IntArray:
        """Which way each field may push the risk, shape (n_fields,), see `EncodedField.sign`."""
        return np.array([field.sign for field in self.fields], dtype=np.int64)

    @cached_property
    def design_signs(self) -> IntArray:
        """The same of each column of the design, shape (n_design,); a column that flags missing values has none."""
        of_fields = [
            [field.sign] * (field.width - field.has_missing) + [0] * field.has_missing for field in self.fields
        ]
        return np.array([sign for signs in of_fields for sign in signs], dtype=np.int64)

    def to_json(self) -> str:
        """The encoder as JSON; `from_json` gives it back unchanged."""
        return json.dumps([asdict(field) for field in self.fields], indent=1)

    @classmethod
    def from_json(cls, text: str) -> Encoder:
        """Read an encoder written by `to_json`; ScorerError if it is anything else."""
        items = strict.read_json(text, "encoder.json")
        if not isinstance(items, list) or not items:
            raise ScorerError("encoder.json must be a list of fields")
        return cls(tuple(_read_field(item) for item in items))

    def check_against(self, schema: Schema) -> None:
        """See that it encodes the features of a schema, with the same categories; ScorerError otherwise."""
        for field, encoded in zip_longest(schema.features, self.fields):
            if field is None or encoded is None or field.name != encoded.name:
                raise ScorerError("encoder.json and schema.toml do not name the same features in the same order")
            categories = tuple(item.value for item in field.categories) if field.type == "category" else ()
            if encoded.sign != SIGNS[field.sign]:
                raise ScorerError(f"encoder.json and schema.toml do not agree on the sign of '{field.name}'")
            if (encoded.vocabulary, encoded.is_ordered) != (categories, bool(categories) and field.is_ordered):
                raise ScorerError(f"encoder.json and schema.toml do not agree on the categories of '{field.name}'")


def _encoded(value: Any, places: Mapping[Any, float] | None) -> float:
    if value is None:
        return math.nan
    return float(value) if places is None else places.get(value, math.nan)


def _read_field(item: Any) -> EncodedField:
    item = strict.fields(item, "a field of encoder.json", (field.name for field in fields(EncodedField)))
    name = strict.text(item["name"], "the name of a field of encoder.json")
    what = f"'{name}' in encoder.json"
    if not isinstance(item["vocabulary"], list) or not all(
        isinstance(item[flag], bool) for flag in ("is_ordered", "has_missing")
    ):
        raise ScorerError(f"{what} must have a list of categories, and true or false where there are only two answers")
    vocabulary = tuple(strict.text(value, what) for value in item["vocabulary"])
    if len(set(vocabulary)) < len(vocabulary):
        raise ScorerError(f"{what} lists a category twice")
    fill, mean, sd, low, high = (strict.number(item[key], what) for key in ("fill", "mean", "sd", "low", "high"))
    # So that a standardised number is never far from 1, whatever an applicant writes.
    if not (low <= high and sd > 0 and max(abs(low - mean), abs(high - mean)) <= MAX_STANDARDISED * sd):
        raise ScorerError(f"{what} must have limits in their order and a spread that fits them")
    sign = strict.whole(item["sign"], what, -1, 1)
    return EncodedField(name, vocabulary, item["is_ordered"], fill, mean, sd, low, high, item["has_missing"], sign)


def fit_encoder(frame: pl.DataFrame, schema: Schema) -> Encoder:
    """Learn fills, scales and vocabularies from training rows.

    Vocabularies come from the schema, in its order, so that ordered categories stay ordered and a category that is
    rare in the training rows keeps its place.
    """
    encoded = []
    for field in schema.features:
        column = frame[field.name]
        if field.type == "category":
            vocabulary = tuple(category.value for category in field.categories)
            has_missing = bool(column.is_null().any() or not column.drop_nulls().is_in(vocabulary).all())
            sign = SIGNS[field.sign]
            encoded.append(EncodedField(field.name, vocabulary, field.is_ordered, has_missing=has_missing, sign=sign))
            continue
        values = column.cast(pl.Float64).drop_nulls().to_numpy()
        if values.size == 0:
            raise SchemaError(
                f"field '{field.name}' has no value in any of the {len(frame):,} training rows. "
                "Give it the role 'excluded' in the schema, or mend the source."
            )
        low, high = (float(edge) for edge in np.quantile(values, CLIP_SHARES))
        clipped = np.clip(values, low, high)
        encoded.append(
            EncodedField(
                field.name,
                fill=float(np.median(values)),
                mean=float(clipped.mean()),
                sd=float(clipped.std()) or 1.0,
                low=low,
                high=high,
                has_missing=bool(column.is_null().any()),
                sign=SIGNS[field.sign],
            )
        )
    return Encoder(tuple(encoded))
