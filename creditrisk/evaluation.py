"""How good a model is, in the figures a credit-risk team reads: ranking, calibration and what its decisions cost.

Pure functions of PDs and outcomes, in three parts: the figures every candidate gets, how sure a figure is, and tables
of them. Which model is better is decided in comparison.py, what stands in the validation pack in validation.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincinv, expit, logit
from scipy.stats import norm, rankdata

from creditrisk.arrays import FloatArray, IntArray
from creditrisk.errors import TrainingError
from creditrisk.schema import Costs

N_DECILES = 10
# Drawn outcomes behind the noise floor of the calibration error: its 95 % point is then known to a few per cent.
NULL_DRAWS = 1_000
# With fewer bads or goods, an AUC says nothing.
MIN_OF_EACH = 10
# A table by time has at most so many rows: months, or else quarters, or else years.
MAX_PERIODS = 13


@dataclass(frozen=True, slots=True)
class Performance:
    """Figures on one set of rows; all without unit. `cost` is per applicant, in units of one good one declined.

    `cost_se` is its standard error over the rows. Accuracy to F1 are taken at the cost-optimal cut-off, the bads being
    the positive class.
    """

    n_rows: int
    n_bad: int
    auc: float
    gini: float
    ks_good_bad: float
    brier: float
    log_loss: float
    cost: float
    cost_se: float
    calibration_slope: float
    accuracy: float
    precision: float
    recall: float
    specificity: float
    f1: float

    def __str__(self) -> str:
        return (
            f"AUC {self.auc:.3f} · Gini {self.gini:.3f} · KS {self.ks_good_bad:.3f} · Brier {self.brier:.4f} · "
            f"log loss {self.log_loss:.4f} · cost {self.cost:.3f} per applicant"
        )


def evaluate(prob_default: FloatArray, target: IntArray, costs: Costs) -> Performance:
    """All figures for PDs (0 to 1) and outcomes (1 = default), both of shape (n_rows,).

    Raises
    ------
    TrainingError
        If the rows hold only goods or only bads, on which no ranking can be judged.
    """
    n_bad = int(target.sum())
    if n_bad in (0, len(target)):
        raise TrainingError(f"{len(target):,} rows hold {n_bad:,} bads: a model needs both outcomes to be judged.")
    area = auc(prob_default, target)
    costs_by_row = decision_costs(prob_default, target, costs)
    declined = prob_default >= costs.cutoff_prob_default
    n_declined, n_caught = int(declined.sum()), int(target[declined].sum())
    n_good_declined = n_declined - n_caught
    n_right = n_caught + len(target) - n_bad - n_good_declined
    return Performance(
        n_rows=len(target),
        n_bad=n_bad,
        auc=area,
        gini=2 * area - 1,
        ks_good_bad=ks_good_bad(prob_default, target),
        brier=float(np.mean((prob_default - target) ** 2)),
        log_loss=log_loss(prob_default, target),
        cost=float(costs_by_row.mean()),
        cost_se=float(costs_by_row.std(ddof=1) / np.sqrt(len(target))),
        calibration_slope=calibration_slope(prob_default, target),
        accuracy=n_right / len(target),
        precision=n_caught / n_declined if n_declined else 0.0,
        recall=n_caught / n_bad,
        specificity=1 - n_good_declined / (len(target) - n_bad),
        f1=2 * n_caught / (n_declined + n_bad),
    )


def auc(scores: FloatArray, target: IntArray) -> float:
    """Chance that a bad scores above a good; ties count half.

    Examples
    --------
    >>> auc(np.array([0.1, 0.4, 0.4, 0.8]), np.array([0, 0, 1, 1]))  # of 4 pairs 3 right and 1 tied
    0.875
    """
    n_bad = int(target.sum())
    ranks = rankdata(scores)
    return float((ranks[target == 1].sum() - n_bad * (n_bad + 1) / 2) / (n_bad * (len(target) - n_bad)))


def ks_good_bad(scores: FloatArray, target: IntArray) -> float:
    """Largest gap between the cumulative shares of goods and of bads.

    Examples
    --------
    >>> ks_good_bad(np.array([0.1, 0.2, 0.3, 0.4]), np.array([0, 0, 1, 1]))
    1.0
    """
    grid = np.unique(scores)
    bad, good = np.sort(scores[target == 1]), np.sort(scores[target == 0])
    gap = np.searchsorted(good, grid, side="right") / len(good) - np.searchsorted(bad, grid, side="right") / len(bad)
    return float(np.abs(gap).max())


def log_loss(prob_default: FloatArray, target: IntArray) -> float:
    """Mean negative log-likelihood, natural logarithm; PDs are held 1e-12 away from 0 and 1."""
    clipped = np.clip(prob_default, 1e-12, 1 - 1e-12)
    return float(-np.mean(np.log(np.where(target == 1, clipped, 1 - clipped))))


def decision_costs(prob_default: FloatArray, target: IntArray, costs: Costs) -> FloatArray:
    """Cost of each row when everybody at or above the cost-optimal cut-off is declined, shape (n_rows,).

    Examples
    --------
    >>> costs = Costs(accept_bad=5, decline_good=1)  # cut-off 1/6
    >>> decision_costs(np.array([0.1, 0.1, 0.3, 0.3]), np.array([0, 1, 0, 1]), costs).tolist()
    [0.0, 5.0, 1.0, 0.0]
    """
    declined = prob_default >= costs.cutoff_prob_default
    return np.where(target == 1, costs.accept_bad * ~declined, costs.decline_good * declined).astype(np.float64)


def calibration_slope(prob_default: FloatArray, target: IntArray) -> float:
    """Slope of the outcome's log-odds on the predicted log-odds: 1 is right, below 1 over-confident."""
    from creditrisk.calibration import fit_platt

    clipped = np.clip(prob_default, 1e-9, 1 - 1e-9)
    try:
        return fit_platt(np.log(clipped / (1 - clipped)), target).slope
    except TrainingError:
        return 0.0


# How sure


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure and its 95 % interval."""

    value: float
    low: float
    high: float


def rate(n_events: int, n_rows: int) -> Estimate:
    """Share of events, with Jeffreys' interval: it stays within 0 and 1 and is never empty.

    References
    ----------
    Brown, L., Cai, T., DasGupta, A. (2001). Interval estimation for a binomial proportion. Statistical Science 16.

    Examples
    --------
    >>> found = rate(0, 20)
    >>> found.value, found.low, round(found.high, 3)
    (0.0, 0.0, 0.117)
    """
    low, high = rate_interval(n_events, n_rows)
    return Estimate(n_events / n_rows if n_rows else float("nan"), float(low), float(high))


def rate_interval(n_events: ArrayLike, n_rows: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Jeffreys' 95 % interval of each share `n_events` / `n_rows`; from 0 to 1 where there are no rows."""
    events, rows = np.asarray(n_events, dtype=np.float64), np.asarray(n_rows, dtype=np.float64)
    low = np.where(events > 0, betaincinv(events + 0.5, rows - events + 0.5, 0.025), 0.0)
    high = np.where(events < rows, betaincinv(events + 0.5, rows - events + 0.5, 0.975), 1.0)
    return low, high


def auc_estimate(scores: FloatArray, target: IntArray) -> Estimate:
    """AUC with DeLong's interval, taken on the log-odds so that it stays within 0 and 1.

    References
    ----------
    DeLong, E., DeLong, D., Clarke-Pearson, D. (1988). Comparing the areas under two or more correlated receiver
    operating characteristic curves. Biometrics 44.

    Examples
    --------
    >>> scores, target = np.array([0.1, 0.3, 0.35, 0.2, 0.8, 0.4]), np.array([0, 0, 0, 1, 1, 1])
    >>> found = auc_estimate(scores, target)  # of 9 pairs 7 are right
    >>> round(found.value, 3), found.low < found.value < found.high
    (0.778, True)
    """
    area = auc(scores, target)
    error = auc_standard_error(scores, target)
    if not 0 < area < 1 or error == 0:
        return Estimate(area, area, area)
    middle, reach = logit(area), norm.ppf(0.975) * error / (area * (1 - area))
    return Estimate(area, float(expit(middle - reach)), float(expit(middle + reach)))


def auc_standard_error(scores: FloatArray, target: IntArray) -> float:
    """DeLong's standard error of an AUC: how much the rows' own shares of pairs won vary."""
    is_bad = target == 1
    n_bad, n_good = int(is_bad.sum()), int((~is_bad).sum())
    if min(n_bad, n_good) < 2:
        return float("nan")
    ranks = rankdata(scores)
    bads = (ranks[is_bad] - rankdata(scores[is_bad])) / n_good
    goods = (ranks[~is_bad] - rankdata(scores[~is_bad])) / n_bad
    return float(np.sqrt(bads.var(ddof=1) / n_bad + goods.var(ddof=1) / n_good))


def mean_estimate(values: FloatArray) -> Estimate:
    """Mean of a figure that every row adds to, such as a cost or a squared error, with its normal interval."""
    mean, reach = float(values.mean()), norm.ppf(0.975) * float(values.std(ddof=1)) / np.sqrt(len(values))
    return Estimate(mean, float(mean - reach), float(mean + reach))


def calibration_error(prob_default: FloatArray, target: ArrayLike) -> float:
    """Expected calibration error: how far PDs and bad rates lie apart in ten groups of equal size, on average.

    Examples
    --------
    >>> round(calibration_error(np.linspace(0.6, 0.6001, 20), np.tile([0, 1], 10)), 3)  # ten times one of two
    0.1
    """
    order = np.argsort(prob_default)
    edges = _edges(prob_default[order])
    gaps = np.add.reduceat((prob_default - np.asarray(target))[order], edges)
    return float(np.abs(gaps).sum() / len(order))


def calibration_error_floor(prob_default: FloatArray, *, seed: int) -> tuple[float, float]:
    """Mean and 95 % point of the calibration error that true PDs would show on so many rows, by drawing outcomes.

    A perfect model on 1,000 rows has an error of 0.03 by chance alone, so no error means anything without this.
    """
    rng = np.random.default_rng(seed)
    ordered = np.sort(prob_default)
    edges = _edges(ordered)
    drawn = [
        np.abs(np.add.reduceat(ordered - (rng.random(len(ordered)) < ordered), edges)).sum() / len(ordered)
        for _ in range(NULL_DRAWS)
    ]
    return float(np.mean(drawn)), float(np.quantile(drawn, 0.95))


def _edges(ordered: FloatArray) -> IntArray:
    """Where each of ten groups of about equal size starts; equal PDs stay together, whatever the order of the table."""
    starts = ordered[np.arange(N_DECILES) * len(ordered) // N_DECILES]
    return np.unique(np.searchsorted(ordered, starts, side="left")).astype(np.int64)


# Tables


@dataclass(frozen=True, slots=True)
class Decile:
    """A tenth of the rows, by PD, the safest first.

    `bads_caught` is the share of the bads in this and all riskier tenths, `ks_good_bad` how far it lies above the share
    of the goods in them.
    """

    n_rows: int
    n_bad: int
    mean_prob_default: float
    bad_rate: Estimate
    bads_caught: float
    ks_good_bad: float


def deciles(prob_default: FloatArray, target: IntArray) -> list[Decile]:
    """The decile table.

    Examples
    --------
    >>> table = deciles(np.linspace(0.05, 0.95, 20), np.repeat([0, 1], 10))
    >>> table[4].n_bad, table[5].n_bad, round(table[5].bads_caught, 2), table[5].ks_good_bad
    (0, 2, 1.0, 1.0)
    """
    order = np.argsort(prob_default)
    edges = _edges(prob_default[order])
    sizes = np.diff([*edges, len(order)])
    bads = np.add.reduceat(target[order], edges)
    sums = np.add.reduceat(prob_default[order], edges)
    n_bad = int(target.sum())
    # Bads and goods of this and all riskier tenths.
    n_bad_here, n_good_here = (np.cumsum(counts[::-1])[::-1] for counts in (bads, sizes - bads))
    caught = n_bad_here / max(n_bad, 1)
    gaps = caught - n_good_here / max(len(target) - n_bad, 1)
    return [
        Decile(
            int(size),
            int(bad),
            float(total / size),
            rate(int(bad), int(size)),
            float(share),
            float(gap),
        )
        for size, bad, total, share, gap in zip(sizes, bads, sums, caught, gaps, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class Group:
    """The figures of one part of the rows; `auc` is None where there are too few bads or goods for one.

    `observed_to_expected` is the bad rate over the mean PD: above 1, more went bad than was predicted.
    """

    label: str
    n_rows: int
    n_bad: int
    mean_prob_default: float
    bad_rate: Estimate
    observed_to_expected: Estimate
    auc: Estimate | None
    brier: float
    cost: float


def by_group(
    prob_default: FloatArray, target: IntArray, groups: NDArray[np.str_], costs: Costs, labels: Sequence[str] = ()
) -> list[Group]:
    """The figures of each group of rows; rows in group '' are left out.

    Parameters
    ----------
    groups
        The group of each row, shape (n_rows,).
    labels
        The groups in the order wanted; those that no row is in are left out. All, sorted, by default.
    """
    found = []
    for label in labels or sorted(set(groups.tolist()) - {""}):
        rows = groups == label
        if rows.any():
            found.append(_group(label, prob_default[rows], target[rows], costs))
    return found


def _group(label: str, prob_default: FloatArray, target: IntArray, costs: Costs) -> Group:
    n_bad, expected = int(target.sum()), float(prob_default.mean())
    bad_rate = rate(n_bad, len(target))
    has_both = min(n_bad, len(target) - n_bad) >= MIN_OF_EACH
    return Group(
        label=label,
        n_rows=len(target),
        n_bad=n_bad,
        mean_prob_default=expected,
        bad_rate=bad_rate,
        observed_to_expected=Estimate(bad_rate.value / expected, bad_rate.low / expected, bad_rate.high / expected),
        auc=auc_estimate(prob_default, target) if has_both else None,
        brier=float(np.mean((prob_default - target) ** 2)),
        cost=float(decision_costs(prob_default, target, costs).mean()),
    )


def periods(times: Sequence[date]) -> NDArray[np.str_]:
    """The month, quarter or year of each date, whichever is the finest that makes at most 13 of them.

    Examples
    --------
    >>> periods([date(2024, 1, 31), date(2024, 2, 1)]).tolist()
    ['2024-01', '2024-02']
    >>> periods([date(2022, 1, 31), date(2024, 2, 1)]).tolist()
    ['2022 Q1', '2024 Q1']
    """
    days = pl.Series(times, dtype=pl.Date)
    first, last = min(times), max(times)
    n_months = 12 * (last.year - first.year) + last.month - first.month + 1
    quarter = days.dt.year().cast(pl.String) + " Q" + days.dt.quarter().cast(pl.String)
    if n_months <= MAX_PERIODS:
        words = days.dt.strftime("%Y-%m")
    elif n_months <= 3 * MAX_PERIODS - 2:
        words = quarter
    else:
        words = days.dt.year().cast(pl.String)
    return np.array(words.to_list())
