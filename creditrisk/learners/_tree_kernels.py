"""Sums of leaves and their exact baseline Shapley values, compiled.

One applicant is measured against one reference, in one tree. For a set S of fields, let v(S) be the value of the leaf
that an applicant comes to who has the fields in S from the applicant and the others from the reference. A leaf is come
to exactly if S holds all the fields whose interval only the applicant passes (a of them) and none of those whose
interval only the reference passes (b of them); nobody comes to it if neither passes one. Its value v then adds
v (a-1)! b! / (a+b)! to each of the a fields and takes v a! (b-1)! / (a+b)! from each of the b fields. The a fields are
the same for every applicant who can come to the leaf: those that the reference does not pass.

Every row is added up for itself, leaf after leaf in the order of the trees, whatever stands beside it: blocks of rows
only let the processor do the same for several rows at once.

References
----------
Lundberg, S. et al. (2020). From local explanations to global understanding with explainable AI for trees. Nature
Machine Intelligence 2. (interventional TreeSHAP, here with one background row)
Sundararajan, M., Najmi, A. (2020). The many Shapley values for model explanation. ICML. (baseline Shapley)
"""

from __future__ import annotations

import math

import numpy as np

from creditrisk.arrays import FloatArray, compiled
from creditrisk.learners._boxes import Boxes
from creditrisk.learners._structure import MAX_DEPTH

BLOCK_ROWS = 64
# A block takes as long as so many rows one by one.
FEW_ROWS = 6
_LOWEST = -1.7976931348623157e308


def add_up(boxes: Boxes, matrix: FloatArray, *, n_explained: int) -> tuple[FloatArray, FloatArray]:
    """What the leaves add up to for each row, and what each field adds beyond the reference that `boxes` are for.

    Parameters
    ----------
    matrix
        Shape (n_rows, n_fields).
    n_explained
        All fields, or 0 if only the sums are asked for; `boxes` are then for no reference.

    Returns
    -------
    tuple
        The sums, shape (n_rows,), and the contributions, (n_rows, n_explained).
    """
    sums, contributions = np.zeros(len(matrix)), np.zeros((len(matrix), n_explained))
    # Exactly one type of array, so that there is one compiled kernel.
    _add_up(boxes, _SHARES, np.require(matrix, np.float64, ["C", "W"]), sums, contributions)
    return sums, contributions


@compiled
def _held(value: float) -> float:
    """No interval is open at minus infinity."""
    return _LOWEST if value < _LOWEST else value


@compiled
def _add_up(boxes: Boxes, shares: FloatArray, matrix: FloatArray, sums: FloatArray, contributions: FloatArray) -> None:
    n_rows, n_fields = matrix.shape
    n_explained = contributions.shape[1]
    values, of_fields = np.zeros((n_fields, BLOCK_ROWS)), np.zeros((n_explained, BLOCK_ROWS))
    of_rows, alone = np.zeros(BLOCK_ROWS), np.zeros(n_fields)
    for first in range(0, n_rows, BLOCK_ROWS):
        n = min(BLOCK_ROWS, n_rows - first)
        if n < FEW_ROWS:
            for row in range(first, n_rows):
                for field in range(n_fields):
                    alone[field] = _held(matrix[row, field])
                sums[row] = _of_row(boxes, shares, alone, contributions[row])
            return
        for row in range(n):
            for field in range(n_fields):
                values[field, row] = _held(matrix[first + row, field])
        of_rows[:] = 0.0
        of_fields[:] = 0.0
        _of_block(boxes, shares, values, of_rows, of_fields)
        for row in range(n):
            sums[first + row] = of_rows[row]
            for field in range(n_explained):
                contributions[first + row, field] = of_fields[field, row]


@compiled
def _of_block(  # noqa: PLR0912  # loops over rows without calls
    boxes: Boxes, shares: FloatArray, values: FloatArray, sums: FloatArray, of_fields: FloatArray
) -> None:
    """Add up BLOCK_ROWS rows at once; the arrays of values and contributions are (n_fields, BLOCK_ROWS).

    Loops over rows are kept simple, without calls and short cuts, so that the compiler does several rows at once.
    """
    reach, gain, loss = np.empty(BLOCK_ROWS), np.empty(BLOCK_ROWS), np.empty(BLOCK_ROWS)
    n_lost, is_lost = np.empty(BLOCK_ROWS, np.int64), np.empty((MAX_DEPTH, BLOCK_ROWS))
    for leaf in range(len(boxes.value)):
        first, after = boxes.starts[leaf], boxes.starts[leaf + 1]
        n_apart = boxes.n_apart[leaf]
        reach[:] = boxes.value[leaf]
        for entry in range(first, first + n_apart):
            low, high, missing = boxes.low[entry], boxes.high[entry], boxes.missing[entry]
            column = values[boxes.field[entry]]
            for row in range(BLOCK_ROWS):
                passes = (low < column[row]) & (column[row] <= high) | (missing & np.isnan(column[row]))
                reach[row] = reach[row] if passes else 0.0
        if of_fields.shape[0] == 0:
            for row in range(BLOCK_ROWS):
                sums[row] += reach[row]
            continue
        if not reach.any():
            continue
        n_lost[:] = 0
        for entry in range(first + n_apart, after):
            low, high, missing = boxes.low[entry], boxes.high[entry], boxes.missing[entry]
            column, lost = values[boxes.field[entry]], is_lost[entry - first - n_apart]
            for row in range(BLOCK_ROWS):
                passes = (low < column[row]) & (column[row] <= high) | (missing & np.isnan(column[row]))
                lost[row] = 0.0 if passes else 1.0
                n_lost[row] += 0 if passes else 1
        for row in range(BLOCK_ROWS):
            sums[row] += reach[row] if n_lost[row] == 0 else 0.0
        for row in range(BLOCK_ROWS):
            gain[row] = reach[row] * shares[n_apart, n_lost[row]]
            loss[row] = reach[row] * shares[n_lost[row], n_apart]
        for entry in range(first, first + n_apart):
            column = of_fields[boxes.field[entry]]
            for row in range(BLOCK_ROWS):
                column[row] += gain[row]
        for entry in range(first + n_apart, after):
            column, lost = of_fields[boxes.field[entry]], is_lost[entry - first - n_apart]
            for row in range(BLOCK_ROWS):
                column[row] -= loss[row] * lost[row]


@compiled
def _of_row(boxes: Boxes, shares: FloatArray, values: FloatArray, of_fields: FloatArray) -> float:
    """Add up one row, shape (n_fields,): the same additions in the same order as in a block, those of 0 left out."""
    total = 0.0
    lost = np.empty(MAX_DEPTH, np.int64)
    for leaf in range(len(boxes.value)):
        first, after = boxes.starts[leaf], boxes.starts[leaf + 1]
        apart = first + boxes.n_apart[leaf]
        n_lost, entry = 0, first
        while entry < after:
            field, value = boxes.field[entry], values[boxes.field[entry]]
            missing = boxes.missing[entry] & np.isnan(value)
            if not (missing | (boxes.low[entry] < value) & (value <= boxes.high[entry])):
                if entry < apart:
                    break
                lost[n_lost] = field
                n_lost += 1
            entry += 1
        if entry < after:
            continue
        if n_lost == 0:
            total += boxes.value[leaf]
        if of_fields.shape[0] == 0:
            continue
        gain = boxes.value[leaf] * shares[apart - first, n_lost]
        loss = boxes.value[leaf] * shares[n_lost, apart - first]
        for entry in range(first, apart):
            of_fields[boxes.field[entry]] += gain
        for index in range(n_lost):
            of_fields[lost[index]] -= loss
    return total


def _shares() -> FloatArray:
    """(a-1)! b! / (a+b)! for a and b from 0 to MAX_DEPTH; 0 for a = 0."""
    sizes = range(MAX_DEPTH + 1)
    return np.array([[1.0 / (a * math.comb(a + b, a)) if a else 0.0 for b in sizes] for a in sizes])


_SHARES = _shares()
