"""What the network takes of a row: numbers in bins of their own, and the design's columns of 0 and 1."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from creditrisk.arrays import FloatArray, IntArray
from creditrisk.encoding import Encoder


def split_inputs(encoder: Encoder, matrix: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The numbers, filled and held within their limits, (n_rows, n_numbers), and the design's columns of 0 and 1."""
    numeric = [index for index, item in enumerate(encoder.fields) if not item.is_category]
    fill, low, high = (
        np.array([getattr(encoder.fields[index], name) for index in numeric]) for name in ("fill", "low", "high")
    )
    numbers = matrix[:, numeric]
    numbers = np.clip(np.where(np.isnan(numbers), fill, numbers), low, high)
    return numbers, encoder.design(matrix)[:, is_flag(encoder)]


def input_fields(encoder: Encoder, n_embedded: int) -> IntArray:
    """For each input of the networks, the position of the field it belongs to."""
    numeric = [index for index, item in enumerate(encoder.fields) if not item.is_category]
    return np.concatenate([np.repeat(numeric, n_embedded), encoder.design_fields[is_flag(encoder)]]).astype(np.int64)


def quantile_bins(numbers: FloatArray, n_bins: int) -> tuple[FloatArray, FloatArray]:
    """Lower edge and width of each number's bins, (n_numbers, n_bins): quantiles, so that each holds as many rows.

    A number with fewer different values has fewer bins; those that are left over lie beyond every value.
    """
    n_numbers = numbers.shape[1]
    low, width = np.full((n_numbers, n_bins), np.inf), np.ones((n_numbers, n_bins))
    for index in range(n_numbers):
        edges = np.unique(np.quantile(numbers[:, index], np.linspace(0.0, 1.0, n_bins + 1)))
        low[index, : len(edges) - 1], width[index, : len(edges) - 1] = edges[:-1], np.diff(edges)
    # Finite, so that it survives every file format; no limit of a number comes near.
    return np.where(np.isinf(low), np.finfo(np.float32).max, low), width


def is_flag(encoder: Encoder) -> NDArray[np.bool_]:
    """Which columns of the design are 0 or 1: those of categories, and the flags of missing numbers."""
    return np.concatenate(
        [np.arange(item.width) >= (0 if item.is_category else 1) for item in encoder.fields] or [np.empty(0, bool)]
    ).astype(bool)
