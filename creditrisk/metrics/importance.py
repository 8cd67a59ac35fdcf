"""Whether the fields that count most now are those that counted most in the reference: drift of importance.

Pure functions of two profiles. How important a field is follows from counts alone (`mean_push`): what the values of
each bin add to the risk is frozen with the model, how many rows hold them is counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from creditrisk.arrays import FloatArray
from creditrisk.metrics.entries import mean_push
from creditrisk.metrics.profile import Profile
from creditrisk.metrics.samples import codes_in

# So many rankings are drawn to see what chance alone does to the gain.
DRAWS = 2_000
SEED = 20


@dataclass(frozen=True, slots=True)
class ImportanceShift:
    """How important each field was and is, in log-odds, by name in the order of the profile.

    `gain` is 1 if the order is what it was; chance alone stays above `bound` in 95 of 100 windows of this size, and
    falls as low as `gain` with the probability `p_value`.
    """

    reference: dict[str, float]
    current: dict[str, float]
    gain: float
    bound: float
    p_value: float

    def ranks(self) -> dict[str, tuple[int, int]]:
        """Rank then and now of each field, from 1, the most important first then."""
        then, now = (sorted(side, key=lambda name: -side[name]) for side in (self.reference, self.current))
        return {name: (rank, now.index(name) + 1) for rank, name in enumerate(then, start=1)}


def importance_shift(reference: Profile, current: Profile) -> ImportanceShift | None:
    """Compare the order of importance; None where there is nothing to compare: no rows, or unknown importance."""
    fields = reference["fields"]
    then = {name: mean_push(entry, entry) for name, entry in fields.items()}
    if not current["n_rows"] or not any(then.values()):
        return None
    now = {name: mean_push(entry, current["fields"][name]) for name, entry in fields.items()}
    before = np.array(list(then.values()))
    found = float(ranking_gain(before, np.array(list(now.values()))))
    drawn = ranking_gain(before, before + _chance(reference, current["n_rows"]))
    # The draws hold the window too: a p-value is never 0.
    p_value = (1 + int((drawn <= found + 1e-12).sum())) / (1 + DRAWS)
    return ImportanceShift(then, now, found, float(np.quantile(drawn, 0.05)), p_value)


def ranking_gain(importance: ArrayLike, ranked_by: ArrayLike) -> FloatArray:
    """How much of the importance comes first if fields are ranked by another one: normalised discounted gain.

    Parameters
    ----------
    importance
        What each field is worth, >= 0, shape (n_fields,), not all 0.
    ranked_by
        What they are ranked by, shape (..., n_fields).

    Returns
    -------
    array
        Shape (...), 1 for the same order.

    References
    ----------
    Jaervelin, K. and Kekaelaeinen, J. (2002). Cumulated gain-based evaluation of IR techniques. ACM TOIS 20. Amazon
    SageMaker Clarify tells drift of feature attributions by it, and warns below 0.90.

    Examples
    --------
    1 x 0.5 / log2(2) + 1.0 / log2(3), over 1.0 / log2(2) + 0.5 / log2(3).

    >>> round(float(ranking_gain([1.0, 0.5], [0.2, 0.3])), 3)
    0.86
    """
    worth, order = np.asarray(importance, dtype=np.float64), np.argsort(-np.asarray(ranked_by), axis=-1, kind="stable")
    discount = 1 / np.log2(np.arange(len(worth)) + 2)
    return np.asarray((worth[order] * discount).sum(axis=-1) / (np.sort(worth)[::-1] * discount).sum())


def _chance(reference: Profile, n_rows: int) -> FloatArray:
    """What chance adds to the importance of fields in a window, shape (DRAWS, n_fields).

    Means of many rows are normal, and go together as the rows of the reference sample do: each draw weighs these by
    normal numbers, which gives their covariance without taking it apart, and so the same on every processor.
    """
    codes = codes_in(reference["sample"])
    sizes = [np.abs(entry["pushes"]) for entry in reference["fields"].values()]
    pushes = np.column_stack([size[codes[:, place]] for place, size in enumerate(sizes)])
    parts = (1 / n_rows + 1 / reference["n_rows"]) / len(codes)
    return np.asarray(_weights(len(codes)) @ (pushes - pushes.mean(axis=0)) * np.sqrt(parts), dtype=np.float64)


@lru_cache(maxsize=1)
def _weights(n_rows: int) -> FloatArray:
    """Normal numbers, shape (DRAWS, n_rows), always the same: to draw them took half the time of a comparison."""
    return np.random.default_rng(SEED).normal(size=(DRAWS, n_rows))
