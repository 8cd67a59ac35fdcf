"""What Home Credit's file writes for "not available", and the ratios worked out from it. See docs/datasets.md."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from creditrisk.columns import key
from creditrisk.datasets.worked_out import filled
from creditrisk.sources import RawTable

# A word for nothing among categories too; that 365243 days mean no employment is in the schema.
NOT_AVAILABLE = "XNA"

# What is worked out, and what is divided by what for it.
RATIOS = (
    ("credit_to_income", "amt_credit", "amt_income_total"),
    ("annuity_to_income", "amt_annuity", "amt_income_total"),
    ("annuity_to_credit", "amt_annuity", "amt_credit"),
    ("goods_to_credit", "amt_goods_price", "amt_credit"),
)
EXTERNAL_SCORES = ("ext_source_1", "ext_source_2", "ext_source_3")

NOT_FETCHED = (
    "Home Credit's file is not fetched by itself; its competition has rules of its own. Pass the one you have: "
    "SOURCE=path/to/application_train.csv."
)


def prepare(raw: RawTable) -> RawTable:
    """Empty cells for "not available", and the ratios where they are not given."""
    names = {key(name): name for name in raw.frame.columns}
    frame = raw.texts.with_columns(pl.all().replace(NOT_AVAILABLE, ""))
    for name, part, whole in RATIOS:
        above, below = names.get(key(part)), names.get(key(whole))
        if above and below:
            ratio = pl.when(_number_in(below) > 0).then(_number_in(above) / _number_in(below))
            frame = filled(frame, name, ratio.cast(pl.String))
    if scores := [names[key(name)] for name in EXTERNAL_SCORES if key(name) in names]:
        frame = filled(frame, "ext_source_mean", pl.mean_horizontal(map(_number_in, scores)).cast(pl.String))
    return replace(raw, frame=frame)


def _number_in(name: str) -> pl.Expr:
    return pl.col(name).cast(pl.Float64, strict=False)
