"""A sample of rows as the codes of their bins: what stands beside what, without anybody's values.

A sample of parts is that of the whole: a row is in it if its number, mixed by a fixed function, comes out among the
smallest. So a window of any length is sampled block by block, and twice in the same way.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from creditrisk.errors import ScorerError
from creditrisk.metrics.entries import Entry, bins_of, counts_of

SAMPLE_ROWS = 2_000
MAX_CODE = 255

Codes = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class RowSample:
    """At most 2,000 rows: the bin of each field, in the order of `counts_of`, shape (n_rows, n_fields); and their keys.

    Of a field with more than 255 bins the last ones share a code.
    """

    keys: NDArray[np.uint64]
    codes: Codes

    def merged(self, other: RowSample) -> RowSample:
        """The sample of both tables together."""
        keys, codes = np.concatenate([self.keys, other.keys]), np.concatenate([self.codes, other.codes])
        kept = np.argsort(keys, kind="stable")[:SAMPLE_ROWS]
        return RowSample(keys[kept], codes[kept])

    def with_rows(self, fields: Mapping[str, Entry], frame: pl.DataFrame, numbers: ArrayLike) -> RowSample:
        """The sample with those of more rows that belong in it.

        Parameters
        ----------
        fields
            The bins of each field, as a profile has them.
        frame
            Rows, shape (n_rows, ...); a field without a column is missing in all of them.
        numbers
            A whole number for each, shape (n_rows,), which no other row of the table has.
        """
        keys = _mixed(numbers)
        is_candidate = keys < self.keys[-1] if len(self.keys) == SAMPLE_ROWS else np.ones(len(keys), dtype=np.bool_)
        chosen = np.flatnonzero(is_candidate)
        chosen = chosen[np.argsort(keys[chosen], kind="stable")[:SAMPLE_ROWS]]
        return self.merged(RowSample(keys[chosen], codes_of(fields, frame[chosen]))) if len(chosen) else self


def empty_sample(n_fields: int) -> RowSample:
    """A sample of no rows."""
    return RowSample(np.zeros(0, dtype=np.uint64), np.zeros((0, n_fields), dtype=np.uint8))


def codes_of(fields: Mapping[str, Entry], frame: pl.DataFrame) -> Codes:
    """The bin of each field of each row, shape (n_rows, n_fields)."""
    nothing = pl.Series([None], dtype=pl.Float64).new_from_index(0, frame.height)
    columns = [
        np.minimum(bins_of(entry, frame[name] if name in frame.columns else nothing), MAX_CODE)
        for name, entry in fields.items()
    ]
    return np.array(columns, dtype=np.uint8).reshape(len(columns), frame.height).T


def reference_sample(fields: Mapping[str, Entry], frame: pl.DataFrame) -> dict[str, str]:
    """The codes of at most 2,000 reference rows, a text (base64) for each field; ready for JSON."""
    codes = empty_sample(len(fields)).with_rows(fields, frame, np.arange(frame.height)).codes
    return {
        name: base64.b64encode(np.ascontiguousarray(codes[:, place]).tobytes()).decode("ascii")
        for place, name in enumerate(fields)
    }


def codes_in(sample: Mapping[str, str]) -> Codes:
    """The codes that `reference_sample` wrote, shape (n_rows, n_fields).

    Examples
    --------
    >>> codes_in({"age": "AAEC", "housing": "AQEA"}).tolist()
    [[0, 1], [1, 1], [2, 0]]
    """
    columns = [np.frombuffer(base64.b64decode(text), dtype=np.uint8) for text in sample.values()]
    return np.stack(columns, axis=1) if columns else np.zeros((0, 0), dtype=np.uint8)


def check_sample(sample: Any, fields: Mapping[str, Entry]) -> None:
    """See that this is the sample of a profile read from a file; ScorerError otherwise."""
    what = "the sample of profile.json"
    if not isinstance(sample, Mapping) or list(sample) != list(fields):
        raise ScorerError(f"{what} must have the fields of the profile, in their order")
    lengths = set()
    for name, entry in fields.items():
        text = sample[name]
        try:
            codes = base64.b64decode(text, validate=True) if isinstance(text, str) else None
        except (binascii.Error, ValueError):
            codes = None
        if codes is None:
            raise ScorerError(f"{what} must hold a text of codes for '{name}'")
        if codes and max(codes) >= len(counts_of(entry)):
            raise ScorerError(f"{what} has a bin of '{name}' that the profile does not know")
        lengths.add(len(codes))
    if len(lengths) > 1 or max(lengths, default=0) > SAMPLE_ROWS:
        raise ScorerError(f"{what} must hold the same rows of every field, at most {SAMPLE_ROWS:,}")


def _mixed(numbers: ArrayLike) -> NDArray[np.uint64]:
    """Whole numbers as if drawn by chance, each another, always the same (splitmix64; Steele, Lea and Flood 2014)."""
    mixed = np.asarray(numbers).astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(mixed ^ (mixed >> np.uint64(31)), dtype=np.uint64)
