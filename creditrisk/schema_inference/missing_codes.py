"""Numbers that probably mean that nothing is known: 96 and 98 above 14, 365243, -9 below all else."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np

from creditrisk.arrays import FloatArray, IntArray

# So many different codes for missing stand at one end of a column at most.
MAX_MISSING_CODES = 4
# In few whole numbers close together so many rows have codes for missing at most.
MOST_CODED = 0.3
# Years, and what stands for one that is not known.
_YEARS = (1900.0, 2050.0)
_NO_YEARS = frozenset({1.0, 1000.0, 1111.0, 1800.0, 1900.0, 1901.0, 2099.0, 2100.0, 2999.0, 9999.0})
# A frequent value lies so many times the others' largest away.
_FAR = 5
# Nought below values such as 300 to 900 is no score.
LEAST_SCORE, MOST_SCORE_SPAN = 100, 1_000
# Values that are usual as codes: 99, 998, 9999, 99.99, 88, 77, 111, 1e9.
_USUAL = re.compile(r"9+[4-9]|8{2,}|7{2,}|9+\.9+|1{3,}|0|-1|-[789]{1,}")


def missing_codes(distinct: FloatArray, rows: IntArray) -> list[float]:
    """The values at the ends of a column that probably mean missing.

    Values that are usual as codes may be few; others are frequent, and far from everything else.

    Parameters
    ----------
    distinct, rows
        The different values in their order, and how many rows have each; shape (n_values,).

    Examples
    --------
    >>> missing_codes(np.array([0.0, 1, 2, 5, 14, 96, 98]), np.array([900, 60, 20, 10, 5, 2, 1]))
    [96.0, 98.0]
    """
    low = _below_zero(distinct, rows) or [
        -code for code in reversed(_at_top(-distinct[::-1], rows[::-1], is_turned=True))
    ]
    is_left = distinct > max(low) if low else np.full(len(distinct), fill_value=True)
    high = _at_top(distinct[is_left], rows[is_left], is_turned=False)
    return [*low, *high]


def few_missing_codes(tally: Counter[int]) -> list[int]:
    """The same for few whole numbers that lie close together: a lone -1, or 9 and its neighbours above a gap."""
    numbers = sorted(tally)
    if numbers[0] < 0 <= numbers[1] and numbers[0] in (-1, -9, -8, -7, -99) and len(numbers) > 2:
        return numbers[:1]
    for first in (7, 8, 9):
        codes, rest = [n for n in numbers if n >= first], [n for n in numbers if n < first]
        if codes and len(rest) > 1 and codes[-1] == 9 and codes[0] - rest[-1] >= 3 and len(codes) <= 10 - first:
            # What most rows have is an answer.
            return codes if sum(tally[code] for code in codes) < MOST_CODED * tally.total() else []
    return []


def _at_top(distinct: FloatArray, rows: IntArray, *, is_turned: bool) -> list[float]:
    n_rows = int(rows.sum())
    for n_codes in range(1, min(MAX_MISSING_CODES, len(distinct) - 2) + 1):
        codes, rest, counts, others = distinct[-n_codes:], distinct[:-n_codes], rows[-n_codes:], rows[:-n_codes]
        gap, span = float(codes[0] - rest[-1]), float(rest[-1] - rest[0])
        spread = max(abs(float(rest[0])), abs(float(rest[-1])), 1.0)
        are_frequent = len(distinct) >= 10 and bool((counts >= max(5, 0.005 * n_rows)).all())
        are_usual = all(_USUAL.fullmatch(f"{-code if is_turned else code:.10g}") for code in codes)
        if bool((codes == 0).any()):
            is_score = span <= MOST_SCORE_SPAN and gap >= max(LEAST_SCORE, span / 4)
            is_apart = len(distinct) >= 10 and (gap > span or is_score)
        else:
            is_apart = gap > span or (gap > 0.15 * span and _stands_out(codes, counts, rest, others))
        are_years = _YEARS[0] <= min(rest[0], rest[-1], key=abs) and max(rest[0], rest[-1], key=abs) <= _YEARS[1]
        if is_turned:
            are_years = _YEARS[0] <= -float(rest[-1]) and -float(rest[0]) <= _YEARS[1]
        is_no_year = are_years and gap > span and all(abs(float(code)) in _NO_YEARS for code in codes)
        if (are_frequent and gap > _FAR * spread) or (are_usual and is_apart) or is_no_year:
            return list(map(float, codes))
    return []


def _stands_out(codes: FloatArray, counts: IntArray, rest: FloatArray, others: IntArray) -> bool:
    """Whether codes within reach of the other values are none of them.

    Many rows have them, and few the values next to them; or they have three digits or more, and no others lie apart.
    """
    is_spike = bool((counts >= max(5.0, 4 * float(others[-10:].mean()))).all())
    is_lone = float(np.abs(codes).min()) > 100 and codes[0] - rest[-1] > 3 * float(np.diff(rest).max())
    return is_spike or bool(is_lone)


def _below_zero(distinct: FloatArray, rows: IntArray) -> list[float]:
    """At most three whole values below zero where all others are not: frequent ones, or usual codes however few."""
    is_below = distinct < 0
    values, n_rows = distinct[is_below], int(rows[is_below].sum())
    if not 1 <= len(values) <= 3 or len(distinct) < 4 + len(values) or bool((values != np.rint(values)).any()):
        return []
    are_usual = all(_USUAL.fullmatch(f"{value:.10g}") for value in values)
    are_frequent = len(distinct) >= 10 and n_rows >= max(5, 0.005 * rows.sum())
    return values.tolist() if are_usual or are_frequent else []
