"""Made-up applications that travel with a scorer, and the PDs it gave them when it was written.

Whoever loads the scorer later scores them again: another PD, and it is not the scorer that was tested. The rows are
drawn from the schema's categories and the encoder's ranges by a fixed seed, so they are nobody's application.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from random import Random
from typing import Any

import numpy as np
import polars as pl

from creditrisk import strict
from creditrisk.arrays import FloatArray
from creditrisk.encoding import EncodedField, Encoder
from creditrisk.errors import ScorerError
from creditrisk.quality import frame_from_inputs
from creditrisk.schema import Field, Schema

GOLDEN_FILE = "golden.json"
SEED = 7
N_ROWS = 64
# A field with more categories than this does not get all of them.
MAX_ROWS = 1_024
# Far beyond what any table holds, so that extremes are met as well.
ABSURD = 10**12
# The same libraries on another machine may add up in another order.
TOLERANCE = 1e-9

# A value, or None where nothing is given, for each field's name.
Row = dict[str, str | int | float | None]


@dataclass(frozen=True)
class Golden:
    """The rows, a value or None for each feature of the schema, and the PD of each."""

    rows: tuple[Row, ...]
    prob_default: tuple[float, ...]

    @classmethod
    def noted(cls, rows: tuple[Row, ...], schema: Schema, prob_default: Callable[[pl.DataFrame], FloatArray]) -> Golden:
        """Rows, and the PDs that a scorer gives them now."""
        return cls(rows, tuple(prob_default(frame_from_inputs(rows, schema)).tolist()))

    def frame(self, schema: Schema) -> pl.DataFrame:
        """The rows as a canonical table."""
        return frame_from_inputs(self.rows, schema)

    def difference(self, prob_default: FloatArray) -> str:
        """How the PDs a scorer gives the rows now differ from those noted, in words; empty if they do not."""
        away = np.abs(prob_default - np.array(self.prob_default))
        # A PD that is not a number is no closer than any other.
        n_away = int(len(away) - (away <= TOLERANCE).sum())
        return f"{n_away:,} of its {len(away):,} golden rows have another PD than noted" if n_away else ""

    def to_json(self) -> str:
        """Golden rows as JSON; `read_golden` gives them back unchanged."""
        return json.dumps({"rows": self.rows, "prob_default": self.prob_default}, indent=1, allow_nan=False)


def make_golden_rows(schema: Schema, encoder: Encoder) -> tuple[Row, ...]:
    """Applications that meet every category, both ends of every range and beyond, and gaps.

    The first ones meet every category, the last sixteen have gaps, and one of them nothing but gaps.
    """
    random = Random(SEED)  # noqa: S311  # no secret: it is to draw the same rows everywhere
    n_gappy = N_ROWS // 4
    longest = max((len(field.vocabulary) for field in encoder.fields), default=0)
    n_rows = min(max(N_ROWS, longest + n_gappy), MAX_ROWS)
    columns = {
        field.name: _values(field, encoded, n_rows, random)
        for field, encoded in zip(schema.features, encoder.fields, strict=True)
    }
    for column, values in enumerate(columns.values()):
        for row in range(n_rows - n_gappy, n_rows):
            if (row + column) % 4 == 0 or row == n_rows - 1:
                values[row] = None
    return tuple(dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True))


def _values(field: Field, encoded: EncodedField, n_rows: int, random: Random) -> list[Any]:
    if encoded.is_category:
        known = [*encoded.vocabulary]
        random.shuffle(known)
        return [known[row % len(known)] for row in range(n_rows)]
    low = field.minimum if field.minimum is not None else encoded.low
    high = field.maximum if field.maximum is not None else max(encoded.high, low)
    ends = [low, high, encoded.low, encoded.high, encoded.fill, 0.0, -ABSURD, ABSURD]
    drawn = [encoded.low + (encoded.high - encoded.low) * random.random() for _ in range(n_rows)]
    # Each field has its ends in other rows than the field before, so that they meet in all combinations in part.
    random.shuffle(ends)
    values = [*ends, *drawn][:n_rows]
    return [round(value) for value in values] if field.type == "integer" else [float(value) for value in values]


def read_golden(text: str, schema: Schema) -> Golden:
    """Read golden rows written by `Golden.to_json`; ScorerError if they do not fit the schema."""
    item = strict.fields(strict.read_json(text, GOLDEN_FILE), GOLDEN_FILE, ("rows", "prob_default"))
    items = item["rows"]
    if not isinstance(items, list) or not N_ROWS <= len(items) <= MAX_ROWS:
        raise ScorerError(f"{GOLDEN_FILE} must hold {N_ROWS} to {MAX_ROWS:,} rows")
    rows = [strict.fields(row, f"a row of {GOLDEN_FILE}", (field.name for field in schema.features)) for row in items]
    for field in schema.features:
        for row in rows:
            _check_value(row[field.name], field)
    prob_default = strict.numbers(item["prob_default"], f"the PDs of {GOLDEN_FILE}", len(rows), low=0, high=1)
    return Golden(tuple(rows), tuple(prob_default))


def _check_value(value: Any, field: Field) -> None:
    if value is None:
        return
    what = f"'{field.name}' in {GOLDEN_FILE}"
    if field.type == "category":
        strict.text(value, what)
    elif field.type == "integer":
        strict.whole(value, what, -(10**15), 10**15)
    else:
        strict.number(value, what, -1e15, 1e15)


def sample_record(schema: Schema) -> Row:
    """One made-up application as a client would send it: it takes a scorer through all checks of a table.

    Examples
    --------
    >>> from creditrisk.schema import Field, Target
    >>> age = Field("age_years", "integer", "Age", minimum=18, maximum=100)
    >>> sample_record(Schema("x", "X", (age,), Target("default", "Default", ("1",), ("0",))))
    {'age_years': 59}
    """
    record: Row = {}
    for field in schema.fields:
        if field.role not in ("feature", "id", "time"):
            continue
        if field.type == "category":
            record[field.name] = field.categories[0].value
        elif field.type == "date":
            record[field.name] = date(2024, 3, 31).isoformat()
        elif field.type == "text":
            record[field.name] = "1"
        else:
            low = field.minimum if field.minimum is not None else 0.0
            high = field.maximum if field.maximum is not None else low
            record[field.name] = int((low + high) / 2)
    return record
