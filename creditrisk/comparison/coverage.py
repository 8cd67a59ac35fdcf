"""How often the conformal sets behind the confidence hold the outcome that came, for bads and for goods."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

import numpy as np
from numpy.typing import NDArray

from creditrisk.arrays import FloatArray, IntArray
from creditrisk.metrics import Estimate, rate_interval
from creditrisk.scoring import DecisionRule, fit_rule

COVERAGE_ALPHA = 0.1


@dataclass(frozen=True, slots=True)
class Coverage:
    """How often the conformal set of a row holds its true outcome, by outcome, and how many sets hold both."""

    alpha: float
    bads: Estimate
    goods: Estimate
    ambiguous: float


def coverage_of(
    sets: NDArray[np.bool_], target: IntArray, alpha: float, *, n_known: tuple[float, float] = (inf, inf)
) -> Coverage:
    """Judge conformal sets made at level `alpha`, shape (n_rows, 2), as `conformal_sets` gives them.

    `n_known` are the bads and goods that made the sets: few of them make a coverage as unsure as few judged rows do.
    """
    is_bad = target == 1
    return Coverage(
        alpha,
        bads=_kept(sets[is_bad, 1], n_known[0]),
        goods=_kept(sets[~is_bad, 0], n_known[1]),
        ambiguous=float(sets.all(axis=1).mean()),
    )


def _kept(is_kept: NDArray[np.bool_], n_known: float) -> Estimate:
    """The share kept, with the interval of as many rows as the judged and the known together are worth."""
    n_kept, n_rows = int(is_kept.sum()), len(is_kept)
    worth = 1 / (1 + n_rows / n_known)
    low, high = rate_interval(n_kept * worth, n_rows * worth)
    return Estimate(n_kept / n_rows, float(low), float(high))


def conformal_sets(rule: DecisionRule, prob_default: FloatArray, alpha: float) -> NDArray[np.bool_]:
    """Whether each row's set holds good (column 0) and bad (column 1): all that cannot be ruled out, (n_rows, 2)."""
    rows = len(prob_default)
    # An approval is as sure as a bad outcome can be ruled out, a decline as a good one.
    rules_out_good = rule.conformal_level(prob_default, np.full(rows, "decline"))
    rules_out_bad = rule.conformal_level(prob_default, np.full(rows, "approve"))
    return np.column_stack([rules_out_good, rules_out_bad]) < 1 - alpha


def held_out_coverage(
    rule: DecisionRule, prob_default: FloatArray, target: IntArray, folds: IntArray | None, *, alpha: float
) -> Coverage:
    """Coverage of conformal sets by rows that did not make them: of the other folds, or of the time before."""
    numbers = [0] if folds is None else np.unique(folds)
    if folds is None or len(numbers) == 1:
        sets = conformal_sets(rule, prob_default, alpha)
        return coverage_of(sets, target, alpha, n_known=(max(rule.n_bad, 1), max(rule.n_good, 1)))
    sets = np.zeros((len(target), 2), dtype=bool)
    for number in numbers:
        here = folds == number
        made = fit_rule(prob_default[~here], target[~here], np.zeros(1), rule.costs, rule.scale)
        sets[here] = conformal_sets(made, prob_default[here], alpha)
    return coverage_of(sets, target, alpha)
