"""How a scorer did on rows it was not fitted on, as a small table by risk: enough to tell what other cut-offs would do.

It is made at training and kept in metrics.json: counts by bin of the PD, no row of anybody's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypedDict, cast

import numpy as np
from numpy.typing import NDArray

from creditrisk import strict
from creditrisk.arrays import FloatArray, IntArray
from creditrisk.errors import ScorerError
from creditrisk.metrics import rate_interval
from creditrisk.scoring.calibration import shifted
from creditrisk.scoring.decision import VERDICTS, DecisionRule

# So many bins tell the share of a cut-off to half a per cent.
MAX_BINS = 200
# A group of fewer is told together with the others that are as small, or not at all.
MIN_GROUP_ROWS = 10
FEWER_THAN_TEN = "groups of fewer than ten"
# Of groups, and of fields that have groups, more are not read.
MAX_GROUPS = 200


class Evaluation(TypedDict):
    """The table. Lists have an item for each bin, the lowest risk first.

    `prob_default` are the bins' mean PDs on the scale of the sample, `sd` how far the truth may lie from them in
    log-odds, `n_good` and `n_bad` what became of the rows. `groups` holds, by the label of a protected field and then
    by group, how many applicants of it there are in each bin. `auc` is with its 95 % interval: value, low, high.
    """

    prob_default: list[float]
    sd: list[float]
    n_good: list[int]
    n_bad: list[int]
    groups: dict[str, dict[str, list[int]]]
    auc: list[float]


def evaluation_of(
    prob_default: FloatArray,
    sd: FloatArray,
    target: IntArray,
    groups: Mapping[str, NDArray[np.str_]],
    auc: tuple[float, float, float],
) -> Evaluation:
    """Count rows up.

    Parameters
    ----------
    prob_default, sd, target
        PDs on the scale of the sample, their spread and outcomes (1 = default), shape (n_rows,).
    groups
        By protected field, the group of each row; '' where it is in none.
    auc
        With its interval.
    """
    ordered = np.sort(prob_default)
    starts = ordered[np.arange(MAX_BINS) * len(ordered) // MAX_BINS]
    # Equal PDs stay together.
    bins = np.searchsorted(np.unique(starts), prob_default, side="right") - 1
    n_bins = int(bins.max()) + 1
    n_rows = np.bincount(bins, minlength=n_bins)
    n_bad = np.bincount(bins, target, minlength=n_bins).astype(np.int64)
    return {
        "prob_default": (np.bincount(bins, prob_default, minlength=n_bins) / n_rows).tolist(),
        "sd": (np.bincount(bins, sd, minlength=n_bins) / n_rows).tolist(),
        "n_good": (n_rows - n_bad).tolist(),
        "n_bad": n_bad.tolist(),
        "groups": {label: _counted(of_rows, bins, n_bins) for label, of_rows in groups.items()},
        "auc": list(auc),
    }


def _counted(groups: NDArray[np.str_], bins: IntArray, n_bins: int) -> dict[str, list[int]]:
    counts: dict[str, IntArray] = {}
    for group in sorted(set(groups.tolist()) - {""}):
        rows = bins[groups == group]
        name = group if len(rows) >= MIN_GROUP_ROWS else FEWER_THAN_TEN
        counts[name] = counts.get(name, np.zeros(n_bins, dtype=np.int64)) + np.bincount(rows, minlength=n_bins)
    return {name: count.tolist() for name, count in counts.items() if count.sum() >= MIN_GROUP_ROWS}


def read_evaluation(metrics: Mapping[str, object]) -> Evaluation | None:
    """What `metrics.json` holds of it; None of a scorer that was made without one.

    Raises
    ------
    ScorerError
        If it holds anything else.
    """
    if metrics.get("evaluation") is None:
        return None
    what = "the evaluation in metrics.json"
    item = strict.fields(metrics["evaluation"], what, Evaluation.__annotations__)
    risks = strict.rising(strict.numbers(item["prob_default"], what, low=0, high=1), what)
    if not 1 <= len(risks) <= MAX_BINS:
        raise ScorerError(f"{what} must have 1 to {MAX_BINS} bins")
    strict.numbers(item["sd"], what, len(risks), low=0, high=100)
    strict.numbers(item["auc"], what, 3, low=0, high=1)
    fields = item["groups"]
    if not isinstance(fields, dict) or not all(isinstance(groups, dict) for groups in fields.values()):
        raise ScorerError(f"{what} must have groups by field")
    by_group = [counts for groups in fields.values() for counts in groups.values()]
    if len(by_group) > MAX_GROUPS:
        raise ScorerError(f"{what} has more than {MAX_GROUPS} groups")
    for counts in (item["n_good"], item["n_bad"], *by_group):
        if not isinstance(counts, list) or len(counts) != len(risks):
            raise ScorerError(f"{what} must have a count for each bin")
        for count in counts:
            strict.whole(count, what)
    return cast(Evaluation, metrics["evaluation"])


@dataclass(frozen=True, slots=True)
class GroupApproval:
    """The share of one group that gets an offer, 0 to 1."""

    field: str
    group: str
    n_rows: int
    approval_rate: float


@dataclass(frozen=True, slots=True)
class CutoffFigures:
    """What cut-offs would have done to the applicants of the evaluation, moved to the portfolio's bad rate.

    Rates are 0 to 1; `bad_rate` is that of those who get an offer, NaN if nobody does, and `..._between` are the 95 %
    intervals of two of them. `cost` and `profit` are per applicant in units of one good applicant; a look by a person
    costs what the schema says and then is right.
    """

    approval_rate: float
    referral_rate: float
    decline_rate: float
    bad_rate: float
    cost: float
    profit: float
    groups: tuple[GroupApproval, ...]
    approval_between: tuple[float, float]
    bad_between: tuple[float, float]


def figures_at(evaluation: Evaluation, rule: DecisionRule, shift: float) -> CutoffFigures:
    """The figures of a rule with its cut-offs.

    Parameters
    ----------
    shift
        What takes log-odds from the sample's bad rate to the portfolio's.
    """
    verdicts = _verdicts(evaluation, rule, shift)
    approved, referred, declined = (verdicts == name for name in VERDICTS)
    good, bad = weighted(evaluation, shift)
    n, costs = float((good + bad).sum()), rule.costs
    n_approved = float((good + bad)[approved].sum())
    missed = costs.accept_bad * float(bad[approved].sum()) + costs.decline_good * float(good[declined].sum())
    cost = missed + costs.review * float((good + bad)[referred].sum())
    return CutoffFigures(
        approval_rate=n_approved / n,
        referral_rate=float((good + bad)[referred].sum()) / n,
        decline_rate=float((good + bad)[declined].sum()) / n,
        bad_rate=float(bad[approved].sum()) / n_approved if n_approved else float("nan"),
        cost=cost / n,
        profit=(costs.decline_good * float(good.sum()) - cost) / n,
        groups=tuple(
            GroupApproval(field, group, sum(counts), float(np.asarray(counts)[approved].sum()) / sum(counts))
            for field, groups in evaluation["groups"].items()
            for group, counts in groups.items()
            if sum(counts)
        ),
        approval_between=_between(good[approved].sum(), bad[approved].sum(), good.sum(), bad.sum(), np.exp(shift)),
        bad_between=_bad_between(good[approved].sum(), bad[approved].sum(), np.exp(shift)),
    )


def _between(good_here: float, bad_here: float, good: float, bad: float, weight: float) -> tuple[float, float]:
    """The 95 % interval of the share that some applicants are of all; each bad counts `weight` times."""
    n = good + bad
    # So many rows of equal weight would tell as much (Kish's effective size).
    effective = n**2 / (good + weight * bad)
    low, high = rate_interval((good_here + bad_here) / n * effective, effective)
    return float(low), float(high)


def _bad_between(good: float, bad: float, weight: float) -> tuple[float, float]:
    """The 95 % interval of the share of bads among applicants; each bad counts `weight` times."""
    ends = (float(end) for end in rate_interval(bad / weight, good + bad / weight))
    low, high = (weight * end / (1 - end + weight * end) for end in ends)
    return low, high


def weighted(evaluation: Evaluation, shift: float) -> tuple[FloatArray, FloatArray]:
    """Goods and bads of each bin as the portfolio has them: bads weigh as much more as the odds of being bad differ."""
    good, bad = (np.asarray(evaluation[name], dtype=np.float64) for name in ("n_good", "n_bad"))
    return good, bad * np.exp(shift)


def _verdicts(evaluation: Evaluation, rule: DecisionRule, shift: float) -> NDArray[np.str_]:
    prob_default = shifted(np.asarray(evaluation["prob_default"]), shift)
    confidence = rule.confidence(prob_default, np.maximum(np.asarray(evaluation["sd"]), 1e-9))
    return rule.verdicts(prob_default, rule.asks(confidence))
