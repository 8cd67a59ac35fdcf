"""What can be told of models by their losses on the same rows: which is better beyond noise, and which is the cheapest.

Losses are paired: two models find the same applicants hard, so that their difference is far surer than either loss.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log, sqrt

import numpy as np
from numpy.typing import NDArray

from creditrisk.arrays import FloatArray, IntArray

# A loss higher by more than this share of the log loss of one PD for everybody is never taken for equal, however few
# rows there are: a tenth of what a comparison with the champion lets pass as no difference.
MATTERS_SHARE = 0.001


def excess(losses: FloatArray) -> tuple[FloatArray, FloatArray]:
    """By how much each model's mean loss exceeds the lowest, and the standard error of that paired difference.

    Parameters
    ----------
    losses
        Loss of each row by each model, shape (n_models, n_rows), with two rows or more.

    Returns
    -------
    tuple
        Two arrays of shape (n_models,); both are 0 for the model with the lowest mean loss.

    Examples
    --------
    >>> more, error = excess(np.array([[0.1, 0.3, 0.1, 0.3], [0.2, 0.4, 0.2, 0.8]]))
    >>> more.round(3).tolist(), error.round(3).tolist()  # differences 0.1, 0.1, 0.1, 0.5: sd 0.2 over the root of 4
    ([0.0, 0.2], [0.0, 0.1])
    """
    difference = losses - losses[int(np.argmin(losses.mean(axis=1)))]
    mean: FloatArray = difference.mean(axis=1)
    error: FloatArray = difference.std(axis=1, ddof=1) / sqrt(losses.shape[1])
    return mean, error


def can_win(losses: FloatArray) -> NDArray[np.bool_]:
    """Which models are not worse than the best beyond one standard error, shape (n_models,)."""
    more, error = excess(losses)
    return more <= error


def beats(losses: FloatArray, others: FloatArray) -> bool:
    """Whether a model's losses, shape (n_rows,), are lower than another's by more than one standard error."""
    (_, more), (_, error) = excess(np.array([losses, others]))
    return bool(more > error)


def cheapest_alike(losses: FloatArray, steps: Sequence[float], target: IntArray) -> int:
    """The position of the model that is cheapest to score with, of those that are as good as the best.

    As good is what is worse by no more than one standard error of the paired difference, and by no more than
    `MATTERS_SHARE` of the log loss of one PD for everybody. Of equally cheap ones it is the one with the lowest loss,
    of equal ones the first.

    Parameters
    ----------
    losses
        Loss of each row by each model, shape (n_models, n_rows).
    steps
        What each model costs to score with, as `learners.steps_per_client` counts it.
    target
        Outcomes, 1 = bad, shape (n_rows,).

    References
    ----------
    Breiman, L., Friedman, J., Olshen, R., Stone, C. (1984). Classification and Regression Trees. Wadsworth. (the rule
    of one standard error)
    """
    more, error = excess(losses)
    bad_rate = float(target.mean())
    uninformed = -(bad_rate * log(bad_rate) + (1 - bad_rate) * log(1 - bad_rate))
    alike: list[int] = np.flatnonzero(more <= np.minimum(error, MATTERS_SHARE * uninformed)).tolist()
    return min(alike, key=lambda index: (steps[index], more[index]))
