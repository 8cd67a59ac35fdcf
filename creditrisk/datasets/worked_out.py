"""Fields that are worked out from others, for the datasets whose schema has some."""

from __future__ import annotations

import polars as pl

from creditrisk.columns import key


def filled(frame: pl.DataFrame, name: str, texts: pl.Expr) -> pl.DataFrame:
    """The table with `texts` in the column `name`, where nothing stands there yet.

    Examples
    --------
    >>> filled(pl.DataFrame({"a": ["1", "2"], "B": ["", "7"]}), "b", pl.col("a"))["B"].to_list()
    ['1', '7']
    """
    held = next((header for header in frame.columns if key(header) == key(name)), None)
    if held is None:
        return frame.with_columns(texts.alias(name))
    return frame.with_columns(pl.when(pl.col(held) == "").then(texts).otherwise(held).alias(held))
