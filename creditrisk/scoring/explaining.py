"""Explaining rows a block at a time, several blocks at once."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from creditrisk.arrays import FloatArray

BLOCK_ROWS = 2_048


def in_blocks(
    explained: Callable[[FloatArray], tuple[FloatArray, FloatArray]], matrix: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """What a model says of rows and of their fields, a block of rows on each core: each row is explained by itself."""
    if len(matrix) <= BLOCK_ROWS:
        return explained(matrix)
    blocks = [matrix[first : first + BLOCK_ROWS] for first in range(0, len(matrix), BLOCK_ROWS)]
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        log_odds, parts = zip(*threads.map(explained, blocks), strict=True)
    return np.concatenate(log_odds), np.concatenate(parts)
