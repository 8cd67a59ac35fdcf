"""What two models that scored the same rows differ by, and how sure that is.

Every figure becomes a set of draws of its difference, challenger minus champion: a stratified paired bootstrap where
there are rows enough, the posterior of the Bayesian correlated t-test on repeated cross-validation below. Which
differences lead to a promotion is decided in compare.py. Pure functions: the same arguments give the same draws.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from creditrisk.arrays import FloatArray, IntArray
from creditrisk.metrics import auc, decision_costs, log_odds_of, recalibrate
from creditrisk.schema import Costs

N_DRAWS = 2_000
# The means of these over rows are figures; AUC is none, as it compares each bad with each good.
ROW_FIGURES = ("log_loss", "brier", "cost", "calibration")
# How many drawn row counts are held at once: bounds the memory of the bootstrap to some tens of megabytes.
CHUNK_CELLS = 1_000_000


def row_losses(prob_default: FloatArray, target: IntArray, costs: Costs) -> FloatArray:
    """What each row adds to the figures of `ROW_FIGURES`, in that order, shape (n_rows, 4); lower is better in all.

    `calibration` is the log loss that a recalibration on these rows would save. Its line is fitted on them too; as the
    loss is flat where it is smallest, that moves the differences between models by nothing of the first order.
    """
    log_odds = log_odds_of(prob_default)
    line = recalibrate(prob_default, target)
    as_said = _log_losses(log_odds, target)
    recalibrated = _log_losses(line.intercept + line.slope * log_odds, target)
    return np.column_stack(
        [as_said, (prob_default - target) ** 2, decision_costs(prob_default, target, costs), as_said - recalibrated]
    )


def bootstrap(
    champion: FloatArray, challenger: FloatArray, target: IntArray, costs: Costs, *, seed: int
) -> dict[str, FloatArray]:
    """Stratified paired bootstrap: rows are drawn with replacement, goods among goods and bads among bads.

    Parameters
    ----------
    champion, challenger
        PDs of the same rows, shape (n_repeats, n_rows).
    target
        Outcomes (1 = default), shape (n_rows,).

    Returns
    -------
    dict
        For each figure the draws of its difference, challenger minus champion, shape (N_DRAWS,).

    References
    ----------
    Efron, B., Tibshirani, R. (1993). An Introduction to the Bootstrap. Chapman & Hall.
    """
    good, bad = np.flatnonzero(target == 0), np.flatnonzero(target == 1)
    differences = np.mean(
        [
            row_losses(new, target, costs) - row_losses(old, target, costs)
            for old, new in zip(champion, challenger, strict=True)
        ],
        axis=0,
    )
    rankings = [
        (sign / len(champion), _Ranking.of(scores[good], scores[bad]))
        for sign, model in ((-1.0, champion), (1.0, challenger))
        for scores in model
    ]
    rng = np.random.default_rng(seed)
    means, areas = [], []
    size = max(1, min(N_DRAWS, CHUNK_CELLS // len(target)))
    for first in range(0, N_DRAWS, size):
        n = min(size, N_DRAWS - first)
        goods, bads = _counts(rng, n, len(good)), _counts(rng, n, len(bad))
        means.append((goods @ differences[good] + bads @ differences[bad]) / len(target))
        areas.append(sum(weight * ranking.areas(goods, bads) for weight, ranking in rankings))
    draws = dict(zip(ROW_FIGURES, np.concatenate(means).T, strict=True))
    return {**draws, "auc": np.concatenate(areas)}


def correlated_t(
    champion: FloatArray, challenger: FloatArray, target: IntArray, folds: IntArray, costs: Costs
) -> dict[str, FloatArray]:
    """Posterior of the mean difference over folds whose training rows overlap, as evenly spaced quantiles.

    Parameters
    ----------
    champion, challenger, folds
        PDs of the same rows and the fold in which each was judged, shape (n_repeats, n_rows).
    target
        Outcomes (1 = default), shape (n_rows,).

    Returns
    -------
    dict
        For each figure N_DRAWS quantiles of a Student t with location mean(d) and squared scale
        (1/n + rho / (1 - rho)) var(d), rho being the share of rows that a fold judges.

    References
    ----------
    Corani, G., Benavoli, A. (2015). A Bayesian approach for comparing cross-validated algorithms on multiple data sets.
    Machine Learning 100. Nadeau, C., Bengio, Y. (2003). Inference for the generalization error. Machine Learning 52.
    """
    by_fold: dict[str, list[float]] = {name: [] for name in (*ROW_FIGURES, "auc")}
    for old, new, fold in zip(champion, challenger, folds, strict=True):
        losses = row_losses(new, target, costs) - row_losses(old, target, costs)
        for number in np.unique(fold):
            judged = fold == number
            for name, mean in zip(ROW_FIGURES, losses[judged].mean(axis=0), strict=True):
                by_fold[name].append(float(mean))
            by_fold["auc"].append(auc(new[judged], target[judged]) - auc(old[judged], target[judged]))
    rho = 1.0 / len(np.unique(folds))
    return {name: _t_quantiles(np.array(found), rho) for name, found in by_fold.items()}


@dataclass(frozen=True, slots=True)
class _Ranking:
    """Where one model puts goods and bads, sorted once so that any reweighting of the rows is ranked by sums."""

    good_order: IntArray
    bad_order: IntArray
    # For each bad, lowest first: how many goods lie below it, and how many do not lie above it.
    below: IntArray
    not_above: IntArray

    @classmethod
    def of(cls, good_scores: FloatArray, bad_scores: FloatArray) -> _Ranking:
        good_order, bad_order = np.argsort(good_scores), np.argsort(bad_scores)
        goods, bads = good_scores[good_order], bad_scores[bad_order]
        below, not_above = np.searchsorted(goods, bads, side="left"), np.searchsorted(goods, bads, side="right")
        return cls(good_order, bad_order, below, not_above)

    def areas(self, goods: FloatArray, bads: FloatArray) -> FloatArray:
        """AUC of each draw, given how often each row was drawn, shapes (n_draws, n_good) and (n_draws, n_bad)."""
        passed = np.zeros((len(goods), goods.shape[1] + 1))
        np.cumsum(goods[:, self.good_order], axis=1, out=passed[:, 1:])
        beaten = passed[:, self.below]
        if not np.array_equal(self.below, self.not_above):
            beaten = (beaten + passed[:, self.not_above]) / 2
        pairs = goods.shape[1] * bads.shape[1]
        return np.asarray(np.einsum("ij,ij->i", beaten, bads[:, self.bad_order]) / pairs, dtype=np.float64)


def _counts(rng: np.random.Generator, n_draws: int, n_rows: int) -> FloatArray:
    """How often each of `n_rows` rows comes up in `n_rows` draws with replacement, shape (n_draws, n_rows)."""
    drawn = rng.integers(0, n_rows, (n_draws, n_rows)) + n_rows * np.arange(n_draws)[:, np.newaxis]
    return np.bincount(drawn.ravel(), minlength=n_draws * n_rows).reshape(n_draws, n_rows).astype(np.float64)


def _t_quantiles(differences: FloatArray, rho: float) -> FloatArray:
    n = len(differences)
    scale = np.sqrt((1.0 / n + rho / (1.0 - rho)) * differences.var(ddof=1))
    levels = (np.arange(N_DRAWS) + 0.5) / N_DRAWS
    return np.asarray(differences.mean() + scale * stdtrit(n - 1, levels), dtype=np.float64)


def _log_losses(log_odds: FloatArray, target: IntArray) -> FloatArray:
    return np.asarray(np.logaddexp(0.0, log_odds) - target * log_odds, dtype=np.float64)
