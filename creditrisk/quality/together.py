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
        Numbers and texts that a model may use, null where missing, shape (n_rows, n_columns); none leaks alone.
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
    numbers = {name: _numbers(frame[name]) for name in frame.columns if frame[name].dtype.is_numeric()}
    for whole in left_out.get_columns() if left_out is not None and len(numbers) > 1 else ():
        parts, how = _parts(_numbers(whole), numbers)
        if parts:
            evidence = f"together they give back '{whole.name}', which tells the outcome and was left out ({how})"
            return Together(_most_telling_first(parts, numbers, target), evidence)
    matrix = np.column_stack([numbers.get(name, _codes(frame[name])) for name in frame.columns])
    scores, gains = _quick_model(matrix, target)
    area = auc_estimate(scores, target)
    if area.value <= SUSPICIOUS_AUC:
        return None
    strongest = [frame.columns[place] for place in np.argsort(-gains, kind="stable")[:STRONGEST] if gains[place] > 0]
    pair = _pair([name for name in strongest if name in numbers], numbers, target)
    if pair is not None or area.low <= TOO_GOOD_AUC or may_rank_well:
        return pair
    return _by_leaving_out(frame.columns, strongest, matrix, target, area.value)


def _numbers(values: pl.Series) -> FloatArray:
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
        model = lightgbm.train(settings, lightgbm.Dataset(matrix[train], target[train]), N_TREES)
        scores[test] = model.predict(matrix[test])
        gains += model.feature_importance("gain")
    return scores, gains


def _pair(names: Sequence[str], numbers: dict[str, FloatArray], target: IntArray) -> Together | None:
    """The first pair whose difference, sum or ratio gives the outcome away as a single column would."""
    for first, second in combinations(names, 2):
        one, other = numbers[first], numbers[second]
        ratio = np.divide(one, other, out=np.full_like(one, np.nan), where=other != 0)
        for what, values in (("difference", one - other), ("ratio", ratio), ("sum", one + other)):
            derived = pl.Series(values, nan_to_null=True)
            if (evidence := leaks_target(derived, target)) and _ranks(derived, target) > ASTONISHING + max(
                _ranks(pl.Series(side, nan_to_null=True), target) for side in (one, other)
            ):
                telling = _most_telling_first([first, second], numbers, target)
                return Together(telling, f"their {what} tells the outcome: {evidence}")
    return None


def _ranks(values: pl.Series, target: IntArray) -> float:
    return auc(share_of_bads_alike(values, target), target)


def _most_telling_first(names: Sequence[str], numbers: dict[str, FloatArray], target: IntArray) -> tuple[str, ...]:
    """What alone tells more of the outcome is the later one, as a rule."""

    def distance(name: str) -> float:
        known = np.isfinite(numbers[name])
        if not 0 < target[known].sum() < known.sum():
            return 0.0
        return abs(auc(numbers[name][known], target[known]) - 0.5)

    return tuple(sorted(names, key=distance, reverse=True))


def _by_leaving_out(
    columns: Sequence[str], strongest: Sequence[str], matrix: FloatArray, target: IntArray, area: float
) -> Together:
    """The two columns without which a quick model is worst, and how good it is without each."""
    without: dict[str, float] = {}
    for name in strongest:
        others = [place for place, column in enumerate(columns) if column != name]
        without[name] = auc(_quick_model(matrix[:, others], target)[0], target) if others else 0.5
    names = sorted(without, key=lambda name: without[name])[:2]
    falls = ", ".join(f"{without[name]:.3f} without '{name}'" for name in names)
    return Together(
        tuple(names),
        f"a quick model with all fields ranks unseen rows with an AUC of {area:.3f}, which is too good to be true "
        f"({falls})",
        is_certain=False,
    )
