"""Fields that only together give the outcome away, where each alone is honest.

The day a loan ended and the day it began are harmless; their difference is how long it lived, and short lives are
defaults. Three looks, each of a second at most: whether some columns add up to (or multiply to) one that was left out,
what a quick model can do with all of them, and, where that is a lot, which pair of them does it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import polars as pl

from creditrisk.arrays import FloatArray, IntArray
from creditrisk.metrics import auc, auc_estimate
from creditrisk.quality.leakage import MIN_ROWS, leaks_target, share_of_bads_alike
from creditrisk.splits import stratified_folds

# Of tables that hold who repaid, the largest public one is ranked with an AUC of about 0.87, and most stay below 0.8
# (Lessmann, Baesens, Seow, Thomas 2015, European Journal of Operational Research 247): whoever finds more than this has
# most probably read the outcome.
TOO_GOOD_AUC = 0.90
# Below this a pair that gave the outcome away would have been seen by the quick model.
SUSPICIOUS_AUC = 0.80
# A column is given back by others if they explain all but so little of it, and these are so many at most.
GIVES_BACK = 0.99
MOST_PARTS = 4
MAX_ROWS = 4_000
N_FOLDS = 3
N_TREES = 80
# Pairs are looked for among so many of the strongest fields.
STRONGEST = 8
# Two honest fields add up to something better than either, but not by so much AUC.
ASTONISHING = 0.15
SEED = 7


@dataclass(frozen=True, slots=True)
class Together:
    """Columns that together give the outcome away, the most telling first, and how that shows, as the middle of a
    sentence. `is_certain` is false where only the figure of a quick model is too good to be true.
    """

    names: tuple[str, ...]
    evidence: str
    is_certain: bool = True


def leaks_together(
    frame: pl.DataFrame, target: IntArray, left_out: pl.DataFrame | None = None, *, may_rank_well: bool = False
) -> Together | None:
    """The columns that most plainly give the outcome away together; None if none do.

    Parameters
    ----------
    frame
        Numbers and texts that a model may use, null where missing, and dates, which only take part in what a number
        gives away beside them; shape (n_rows, n_columns); none leaks alone.
    target
        1 bad, 0 good, shape (n_rows,).
    left_out
        Numbers that were left out because they tell the outcome, shape (n_rows, n_left_out).
    may_rank_well
        The outcome is a decision, which may follow rules, so that a high AUC alone proves nothing.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> start, bad = rng.integers(0, 900, 600), rng.random(600) < 0.3
    >>> loans = pl.DataFrame({"start": start, "end": start + np.where(bad, 90, 360) + rng.integers(0, 30, 600)})
    >>> leaks_together(loans, bad.astype(np.int64)).names
    ('end', 'start')
    """
    if len(target) > MAX_ROWS:
        rows = np.sort(np.random.default_rng(SEED).choice(len(target), MAX_ROWS, replace=False))
        frame, target = frame[rows], target[rows]
        left_out = left_out[rows] if left_out is not None and left_out.width else None
    n_bad = int(target.sum())
    if min(n_bad, len(target) - n_bad) < MIN_ROWS or not frame.width:
        return None
    dates = [name for name, dtype in frame.schema.items() if dtype.is_temporal()]
    if len(dates) == frame.width:
        return None
    numbers = {
        name: _numbers(values) for name, values in frame.to_dict().items() if values.dtype.is_numeric() or name in dates
    }
    for whole in left_out.get_columns() if left_out is not None and len(numbers) > 1 else ():
        parts, how = _parts(_numbers(whole), numbers)
        if not {*parts} <= {*dates}:
            evidence = f"together they give back '{whole.name}', which tells the outcome and was left out ({how})"
            return Together(_later_first(parts, numbers, target, dates), evidence)
    pair, area = _found_by_model(frame, numbers, target, dates)
    if pair is not None or area <= TOO_GOOD_AUC or may_rank_well:
        return pair
    # Dates tell the times, which no model reads.
    return _by_leaving_out(frame.drop(dates), numbers, target)


def _found_by_model(
    frame: pl.DataFrame, numbers: dict[str, FloatArray], target: IntArray, dates: Sequence[str]
) -> tuple[Together | None, float]:
    """The pair that gives the outcome away, if a quick model suspects one, and the lower end of that model's AUC."""
    scores, gains = _quick_model(_matrix(frame, numbers), target)
    area = auc_estimate(scores, target)
    if area.value <= SUSPICIOUS_AUC:
        return None, area.low
    strongest = [name for name in _by_gain(frame.columns, gains) if name in numbers]
    return _pair(strongest, numbers, target, dates), area.low


def _by_gain(names: Sequence[str], gains: FloatArray) -> list[str]:
    return [names[place] for place in np.argsort(-gains, kind="stable")[:STRONGEST] if gains[place] > 0]


def _matrix(frame: pl.DataFrame, numbers: dict[str, FloatArray]) -> FloatArray:
    return np.column_stack([numbers[name] if name in numbers else _codes(frame[name]) for name in frame.columns])


def _numbers(values: pl.Series) -> FloatArray:
    """The values as numbers, dates in days since 1970, NaN where there is none."""
    if values.dtype.is_temporal():
        values = values.cast(pl.Date).to_physical()
    return values.cast(pl.Float64).fill_null(float("nan")).to_numpy()


def _codes(values: pl.Series) -> FloatArray:
    return values.rank("dense").cast(pl.Float64).fill_null(float("nan")).to_numpy()


def _parts(whole: FloatArray, numbers: dict[str, FloatArray]) -> tuple[list[str], str]:
    """The fewest columns whose sum or product, each with a weight, is another column; empty if there are none."""
    for words, transform in (("a sum or difference", np.asarray), ("a product or ratio", _logarithm)):
        known = np.isfinite(wanted := transform(whole))
        if known.sum() < MIN_ROWS or np.ptp(wanted[known]) == 0:
            continue
        sides = {name: _filled(transform(values[known])) for name, values in numbers.items()}
        if parts := _pursue(wanted[known], {name: side for name, side in sides.items() if side is not None}):
            return parts, words
    return [], ""


def _logarithm(values: FloatArray) -> FloatArray:
    return np.log(np.where(values > 0, values, np.nan))


def _filled(values: FloatArray) -> FloatArray | None:
    """Standardised, with the mean where nothing is known; None for a column that is mostly gaps or never changes."""
    known = np.isfinite(values)
    if known.mean() < 0.5 or np.ptp(values[known]) == 0:
        return None
    return np.where(known, (values - values[known].mean()) / values[known].std(), 0.0)


def _pursue(whole: FloatArray, sides: dict[str, FloatArray]) -> list[str]:
    """Columns taken one by one, each the nearest to what the others leave of the whole, until hardly anything is left.

    References
    ----------
    Pati, Y., Rezaiifar, R., Krishnaprasad, P. (1993). Orthogonal matching pursuit. Asilomar Conference.
    """
    whole = whole - whole.mean()
    left, taken = whole, list[str]()
    while sides and len(taken) < min(MOST_PARTS, len(sides)):
        near = {name: abs(float(side @ left)) for name, side in sides.items() if name not in taken}
        taken.append(max(near, key=lambda name: near[name]))
        chosen = np.column_stack([sides[name] for name in taken])
        left = whole - chosen @ np.linalg.lstsq(chosen, whole, rcond=None)[0]
        if 1 - float(left @ left) / float(whole @ whole) >= GIVES_BACK:
            return taken if len(taken) > 1 else []
    return []


def _quick_model(matrix: FloatArray, target: IntArray) -> tuple[FloatArray, FloatArray]:
    """Scores of rows by small boosted trees that did not see them, (n_rows,), and each column's gain, (n_columns,)."""
    import lightgbm

    settings = {"objective": "binary", "num_leaves": 15, "learning_rate": 0.1, "min_data_in_leaf": 10, "verbosity": -1,
                "num_threads": 1, "seed": SEED, "deterministic": True, "force_row_wise": True}  # fmt: skip
    scores, gains = np.empty(len(target)), np.zeros(matrix.shape[1])
    for train, test in stratified_folds(target, N_FOLDS, seed=SEED):
        # Kept as it is: else it is written to a text and read again.
        model = lightgbm.train(
            settings, lightgbm.Dataset(matrix[train], target[train]), N_TREES, keep_training_booster=True
        )
        scores[test] = model.predict(matrix[test])
        gains += model.feature_importance("gain")
    return scores, gains


def _pair(
    names: Sequence[str], numbers: dict[str, FloatArray], target: IntArray, dates: Sequence[str]
) -> Together | None:
    """The first pair whose difference, sum or ratio gives the outcome away as a single column would."""
    for first, second in combinations(names, 2):
        if first in dates and second in dates:
            continue
        one, other = numbers[first], numbers[second]
        ratio = np.divide(one, other, out=np.full_like(one, np.nan), where=other != 0)
        for what, values in (("difference", one - other), ("ratio", ratio), ("sum", one + other)):
            derived = pl.Series(values, nan_to_null=True)
            if (evidence := leaks_target(derived, target)) and _ranks(derived, target) > ASTONISHING + max(
                _ranks(pl.Series(side, nan_to_null=True), target) for side in (one, other)
            ):
                telling = _later_first([first, second], numbers, target, dates)
                return Together(telling, f"their {what} tells the outcome: {evidence}")
    return None


def _ranks(values: pl.Series, target: IntArray) -> float:
    return auc(share_of_bads_alike(values, target), target)


def _later_first(
    names: Sequence[str], numbers: dict[str, FloatArray], target: IntArray, dates: Sequence[str]
) -> tuple[str, ...]:
    """What alone tells more of the outcome is the later one, as a rule; dates, which no model reads, come last."""

    def distance(name: str) -> float:
        known = np.isfinite(numbers[name])
        if not 0 < target[known].sum() < known.sum():
            return 0.0
        return abs(auc(numbers[name][known], target[known]) - 0.5)

    return tuple(sorted(names, key=lambda name: (name not in dates, distance(name)), reverse=True))


def _by_leaving_out(frame: pl.DataFrame, numbers: dict[str, FloatArray], target: IntArray) -> Together | None:
    """The two columns without which a quick model is worst, and how good it is without each; None if it is not good."""
    scores, gains = _quick_model(_matrix(frame, numbers), target)
    area = auc_estimate(scores, target)
    if area.low <= TOO_GOOD_AUC:
        return None
    without: dict[str, float] = {}
    for name in _by_gain(frame.columns, gains):
        others = frame.drop(name)
        without[name] = auc(_quick_model(_matrix(others, numbers), target)[0], target) if others.width else 0.5
    names = sorted(without, key=lambda name: without[name])[:2]
    falls = ", ".join(f"{without[name]:.3f} without '{name}'" for name in names)
    return Together(
        tuple(names),
        f"a quick model with all fields ranks unseen rows with an AUC of {area.value:.3f}, which is too good to be "
        f"true ({falls})",
        is_certain=False,
    )
