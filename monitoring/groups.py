"""Groups of applicants by protected fields, counted as decisions are read; the log holds the fields where files did.

Categories are groups as they are. Numbers are cut into tens, so that a group stays the same from window to window. A
value that the schema does not know is never named: it may be anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import polars as pl

from creditrisk.schema import Field, Schema

# Field, and the category or the lower end of a group of numbers; rows, and how many of them there is something about.
Key = tuple[str, str | int]
Pair = tuple[int, int]
Counts = Mapping[Key, Pair]

UNKNOWN = "another value"
BAND = 10
# Numbers that make more groups do not group people.
MOST_BANDS = 15


def count(frame: pl.DataFrame, schema: Schema, has_it: pl.Expr) -> dict[Key, Pair]:
    """How many rows each group has, and of how many `has_it` is true; rows without a value are in no group."""
    counts: dict[Key, Pair] = {}
    for field in schema.protected:
        if field.name not in frame.columns or not (field.is_numeric or field.type == "category"):
            continue
        grouped = frame.group_by(group=_group(field)).agg(pl.len(), has_it.sum().alias("n_with"))
        counts |= {
            (field.name, group): (n_rows, n_with) for group, n_rows, n_with in grouped.iter_rows() if group is not None
        }
    return counts


def _group(field: Field) -> pl.Expr:
    if field.is_numeric:
        value = pl.col(field.name).cast(pl.Float64, strict=False)
        return (pl.when(value.is_finite()).then(value) / BAND).floor().cast(pl.Int64, strict=False) * BAND
    known = [category.value for category in field.categories]
    value = pl.col(field.name).cast(pl.String, strict=False)
    return pl.when(value.is_in(known) | value.is_null()).then(value).otherwise(pl.lit(UNKNOWN))


def merge(one: Counts, other: Counts) -> dict[Key, Pair]:
    """The counts of two tables together."""
    keys = dict.fromkeys([*one, *other])
    pairs = {key: (one.get(key, (0, 0)), other.get(key, (0, 0))) for key in keys}
    return {key: (pair[0] + again[0], pair[1] + again[1]) for key, (pair, again) in pairs.items()}


def in_words(counts: Counts, schema: Schema) -> Iterator[tuple[Field, str, Key]]:
    """Every group, in the order of the schema: its field, what people call it, and its key."""
    for field in schema.protected:
        groups = {group for name, group in counts if name == field.name}
        bands = sorted(group for group in groups if isinstance(group, int))
        if len(bands) <= MOST_BANDS:
            unit = f" {field.unit}" if field.unit else ""
            yield from ((field, f"{band} to {band + BAND - 1}{unit}", (field.name, band)) for band in bands)
        values = [*(category.value for category in field.categories), UNKNOWN]
        yield from ((field, field.category_label(value), (field.name, value)) for value in values if value in groups)
