"""The network's arithmetic for scoring, compiled: row by row, in single precision up to the networks' own outputs.

Each row goes through the same machine code whatever stands beside it, so its bits depend on nothing else; that would
not hold for one large matrix product. Nothing here is shared between calls: many threads may call at once.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from creditrisk.arrays import FloatArray, IntArray, compiled, compiled_for_sums

SingleArray = NDArray[np.float32]

# PDs are held this far from 0 and 1.
CERTAINTY = 1e-9
# Gauss and Legendre's five points on the line from the reference (0) to the applicant (1); and what makes, of a curve's
# heights there, the coefficients of x, x², ... in the integral from 0 to x of the polynomial through them.
_POINTS = 0.5 + 0.5 * np.polynomial.legendre.leggauss(5)[0]
_TO_INTEGRAL = np.linalg.inv(np.vander(_POINTS, increasing=True)) / np.arange(1.0, 6.0)[:, np.newaxis]


class Inputs(NamedTuple):
    """How the fields of a row become inputs of the networks, field by field; see `DNNModel` for bins and embeddings.

    `first` is where the inputs of each field begin, and where the last one's end, (n_fields + 1,). `number` is a
    field's place among the numbers, -1 for a category; it and the other properties of fields are (n_fields,).
    """

    first: IntArray
    number: IntArray
    is_ordered: NDArray[np.bool_]
    has_missing: NDArray[np.bool_]
    fill: FloatArray
    low: FloatArray
    high: FloatArray
    bin_low: FloatArray
    bin_width: FloatArray
    embedding: FloatArray
    embedding_bias: FloatArray


class Weights(NamedTuple):
    """The weights as each network sees them: `folded` (n_inputs, n_networks * width), `bias` (n_networks * width,).

    And the heads: `output` (n_networks, width), `output_bias` (n_networks,).
    """

    folded: SingleArray
    bias: SingleArray
    output: SingleArray
    output_bias: FloatArray


@compiled
def embed(matrix: FloatArray, inputs: Inputs) -> SingleArray:
    """What goes into the networks, (n_rows, n_inputs), from the encoder's matrix (n_rows, n_fields)."""
    embedded = np.zeros((len(matrix), inputs.first[-1]), dtype=np.float32)
    units = np.empty(inputs.embedding.shape[2])
    for row in range(len(matrix)):
        for field in range(matrix.shape[1]):
            value = matrix[row, field]
            first, end = inputs.first[field], inputs.first[field + 1]
            if inputs.has_missing[field]:
                end -= 1
                if np.isnan(value):
                    embedded[row, end] = 1.0
            number = inputs.number[field]
            if number >= 0:
                filled = inputs.fill[field] if np.isnan(value) else value
                _embed_number(min(max(filled, inputs.low[field]), inputs.high[field]), number, inputs, units)
                for unit in range(len(units)):
                    embedded[row, first + unit] = max(units[unit], 0.0)
            elif inputs.is_ordered[field]:
                for step in range(end - first):
                    if value >= step + 1:
                        embedded[row, first + step] = 1.0
            elif 0 <= value < end - first:
                embedded[row, first + int(value)] = 1.0
    return embedded


@compiled
def _embed_number(value: float, number: int, inputs: Inputs, units: FloatArray) -> None:
    units[:] = inputs.embedding_bias[number]
    for place in range(inputs.bin_low.shape[1]):
        share = min((value - inputs.bin_low[number, place]) / inputs.bin_width[number, place], 1.0)
        if share > 0:
            for unit in range(len(units)):
                units[unit] += share * inputs.embedding[number, place, unit]


@compiled_for_sums
def log_odds(embedded: SingleArray, weights: Weights) -> FloatArray:
    """Log-odds of the networks' mean probability, (n_rows,), from embedded rows (n_rows, n_inputs)."""
    out = np.empty(len(embedded))
    hidden = np.empty_like(weights.bias)
    probability = np.empty(len(weights.output))
    for row in range(len(embedded)):
        hidden[:] = weights.bias
        _add_inputs(embedded[row], 0, embedded.shape[1], weights.folded, hidden)
        mean = _probabilities(hidden, weights, probability)
        out[row] = np.log(mean) - np.log1p(-mean)
    return out


@compiled_for_sums
def contributions(
    embedded: SingleArray, start: SingleArray, difference: FloatArray, first: IntArray, weights: Weights
) -> FloatArray:
    """Integrated gradients per field, (n_rows, n_fields), from embedded rows (n_rows, n_inputs).

    The line is drawn between embedded rows, from `start` (n_inputs,) to each row; `difference` (n_rows,) is by how much
    the log-odds rise on it. Along the line what goes into the hidden layer changes evenly, so the large product is
    needed once a row. What the integral misses is spread over the fields, in proportion to what they contribute.
    """
    n_fields, n_hidden = len(first) - 1, len(weights.bias)
    out = np.zeros((len(embedded), n_fields))
    begin = weights.bias.copy()
    _add_inputs(start, 0, len(start), weights.folded, begin)
    moved_by = np.empty((n_fields, n_hidden), dtype=np.float32)
    is_moved = np.empty(n_fields, dtype=np.bool_)
    moved, slope = np.empty(n_hidden, dtype=np.float32), np.empty(n_hidden, dtype=np.float32)
    for row in range(len(embedded)):
        change = embedded[row] - start
        moved[:] = 0.0
        for field in range(n_fields):
            is_moved[field] = (change[first[field] : first[field + 1]] != 0).any()
            if is_moved[field]:
                moved_by[field] = 0.0
                _add_inputs(change, first[field], first[field + 1], weights.folded, moved_by[field])
                moved += moved_by[field]
        _mean_slope(begin, moved, weights, slope)
        for field in range(n_fields):
            if is_moved[field]:
                out[row, field] = _product(slope, moved_by[field])
        _spread(difference[row], is_moved, out[row])
    return out


@compiled_for_sums
def _add_inputs(values: SingleArray, first: int, end: int, folded: SingleArray, hidden: SingleArray) -> None:
    """Add what some inputs give to the hidden layer; four at a time, as reading `hidden` costs as much as a product."""
    used = np.empty(end - first, dtype=np.int64)
    n_used = 0
    for index in range(first, end):
        if values[index] != 0:
            used[n_used] = index
            n_used += 1
    for place in range(0, n_used - 3, 4):
        one, two, three, four = used[place], used[place + 1], used[place + 2], used[place + 3]
        by_one, by_two, by_three, by_four = values[one], values[two], values[three], values[four]
        for unit in range(len(hidden)):
            hidden[unit] += (
                by_one * folded[one, unit]
                + by_two * folded[two, unit]
                + by_three * folded[three, unit]
                + by_four * folded[four, unit]
            )
    for place in range(n_used - n_used % 4, n_used):
        one = used[place]
        by_one = values[one]
        for unit in range(len(hidden)):
            hidden[unit] += by_one * folded[one, unit]


@compiled_for_sums
def _probabilities(hidden: SingleArray, weights: Weights, probability: FloatArray) -> float:
    """Fill in each network's probability; their mean, held away from 0 and 1."""
    n_networks, width = weights.output.shape
    for network in range(n_networks):
        total = np.float32(0.0)
        for unit in range(width):
            total += max(hidden[network * width + unit], np.float32(0.0)) * weights.output[network, unit]
        probability[network] = 1.0 / (1.0 + np.exp(-(weights.output_bias[network] + total)))
    return float(min(max(probability.mean(), CERTAINTY), 1.0 - CERTAINTY))


@compiled_for_sums
def _mean_slope(begin: SingleArray, moved: SingleArray, weights: Weights, slope: SingleArray) -> None:
    """Fill in how fast, on average on the line, the log-odds rise with what goes into the hidden layer.

    That is a smooth factor of each network, times the weight of each hidden unit while the unit is active. The factor
    is taken as the polynomial through five points; where a unit switches on or off is known exactly. Five points that
    see only which units are active there miss 75 times as much of the difference (docs/models.md).
    """
    n_networks, width = weights.output.shape
    integral = _integrals(begin, moved, weights).astype(np.float32)
    for network in range(n_networks):
        c1, c2, c3, c4, c5 = integral[network]
        whole = c1 + c2 + c3 + c4 + c5
        # Views of their own, so that the compiler sees that no place wraps around and takes many units at once.
        own = slice(network * width, (network + 1) * width)
        at_start, change, heads, mean = begin[own], moved[own], weights.output[network], slope[own]
        for unit in range(width):
            was_active, is_active = at_start[unit] > 0, at_start[unit] + change[unit] > 0
            at = np.float32(1.0) if was_active == is_active else -at_start[unit] / change[unit]
            up_to = at * (c1 + at * (c2 + at * (c3 + at * (c4 + at * c5))))
            later = whole - up_to if is_active else np.float32(0.0)
            mean[unit] = heads[unit] * (up_to if was_active else later)


@compiled_for_sums
def _integrals(begin: SingleArray, moved: SingleArray, weights: Weights) -> FloatArray:
    """The smooth factor of each network, integrated from 0 to x: coefficients of x to x⁵, (n_networks, 5)."""
    n_networks = len(weights.output)
    hidden, probability = np.empty_like(begin), np.empty(n_networks)
    coefficients = np.zeros((n_networks, len(_POINTS)))
    for point in range(len(_POINTS)):
        at = np.float32(_POINTS[point])
        for unit in range(len(hidden)):
            hidden[unit] = begin[unit] + at * moved[unit]
        mean = _probabilities(hidden, weights, probability)
        for network in range(n_networks):
            own = probability[network]
            factor = own * (1.0 - own) / (n_networks * mean * (1.0 - mean))
            for power in range(len(_POINTS)):
                coefficients[network, power] += _TO_INTEGRAL[power, point] * factor
    return coefficients


@compiled_for_sums
def _product(one: SingleArray, other: SingleArray) -> float:
    total = np.float32(0.0)
    for place in range(len(one)):
        total += one[place] * other[place]
    return float(total)


@compiled
def _spread(total: float, is_moved: NDArray[np.bool_], parts: FloatArray) -> None:
    """Make the parts of the fields that moved add up to the total."""
    size = 0.0
    for field in range(len(parts)):
        if is_moved[field]:
            size += abs(parts[field]) + 1e-12
    rest = total - parts.sum()
    for field in range(len(parts)):
        if is_moved[field]:
            parts[field] += rest * (abs(parts[field]) + 1e-12) / size
