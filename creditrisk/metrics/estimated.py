"""How well a model ranks and what its decisions cost, estimated from its calibrated PDs alone, before any outcome.

Confidence-based performance estimation: if PDs are true, each applicant goes bad with the chance that stands beside
them, and every figure has an expectation and a spread. PDs are counted in cells so narrow that nothing is lost, so the
counts of parts add up to those of the whole and a million rows take no more room than a thousand.

What this cannot see is concept drift: if like applicants go bad more often than they did, the PDs are wrong, and so is
all that follows from them. Outcomes alone tell.

References
----------
NannyML (2023). Confidence-based performance estimation. nannyml.readthedocs.io.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from creditrisk.arrays import FloatArray
from creditrisk.metrics.calibration import log_odds_of
from creditrisk.metrics.intervals import Estimate, share_estimate
from creditrisk.schema import Costs

# Cells of log-odds: PDs that differ by less than a hundredth of that count as tied.
_LOWEST, _PER_UNIT = -14.0, 100
_N_CELLS = 28 * _PER_UNIT


@dataclass(frozen=True, slots=True)
class PdCounts:
    """PDs counted in fine cells, lowest first: rows, sum of PDs, and sum of PD times one less it, shape (n_cells,)."""

    rows: FloatArray
    bads: FloatArray
    variance: FloatArray

    @property
    def n_rows(self) -> int:
        """How many PDs were counted."""
        return round(float(self.rows.sum()))

    @property
    def n_bad(self) -> float:
        """How many bads are to be expected among them."""
        return float(self.bads.sum())


def count_pds(prob_default: ArrayLike) -> PdCounts:
    """Count PDs, 0 to 1, shape (n_rows,); there may be none."""
    risks = np.asarray(prob_default, dtype=np.float64)
    cells = np.clip((log_odds_of(risks) - _LOWEST) * _PER_UNIT, 0, _N_CELLS - 1).astype(np.int64)
    rows, bads, variance = (
        np.bincount(cells, weights=weights, minlength=_N_CELLS).astype(np.float64)
        for weights in (np.ones(len(risks)), risks, risks * (1 - risks))
    )
    return PdCounts(rows, bads, variance)


def merge_pds(parts: Iterable[PdCounts]) -> PdCounts:
    """The counts of all parts together; of no part, counts of nothing."""
    parts = [count_pds([]), *parts]
    rows, bads, variance = (
        np.sum([getattr(part, name) for part in parts], axis=0) for name in ("rows", "bads", "variance")
    )
    return PdCounts(rows, bads, variance)


@dataclass(frozen=True, slots=True)
class Expected:
    """A figure to be expected if PDs are true, and how far chance moves it: its standard deviation over outcomes."""

    value: float
    sd: float

    @property
    def band(self) -> Estimate:
        """Where the figure falls in 95 of 100 cases if PDs are true."""
        reach = float(ndtri(0.975)) * self.sd
        return Estimate(self.value, self.value - reach, self.value + reach)

    @property
    def share_band(self) -> Estimate:
        """The same for a figure that stays between 0 and 1."""
        return share_estimate(self.value, self.sd)


def expected_auc(counts: PdCounts) -> Expected:
    """AUC to be expected; ties count half. NaN without a bad and a good to be expected.

    The standard deviation is that of the outcomes given the PDs, by the first-order effect of each row's own outcome.

    Examples
    --------
    >>> found = expected_auc(count_pds(np.repeat([0.1, 0.5], 1_000)))
    >>> round(found.value, 3)  # of 600 * 1,400 pairs 500 * 900 are right, and 100 * 900 + 500 * 500 tied
    0.738
    """
    goods = counts.rows - counts.bads
    n_bad, n_good = counts.bads.sum(), goods.sum()
    # No applicant is compared with themselves.
    pairs = n_bad * n_good - counts.variance.sum()
    # So few that a division by them would overflow are none.
    if not pairs > 1e-9:
        return Expected(float("nan"), float("nan"))
    goods_below = goods.cumsum() - goods
    ties = counts.bads * goods - counts.variance
    area = float((counts.bads @ goods_below + ties.sum() / 2) / pairs)
    # What one more bad in a cell, instead of a good, does: it wins against goods below and takes a win from bads above.
    bads_above = n_bad - counts.bads.cumsum()
    effect = (goods_below + goods / 2 - bads_above - counts.bads / 2 - area * (n_good - n_bad)) / pairs
    return Expected(area, float(np.sqrt(counts.variance @ effect**2)))


def expected_bad_rate(counts: PdCounts) -> Expected:
    """Bad rate to be expected: the mean PD; NaN without rows.

    Examples
    --------
    >>> found = expected_bad_rate(count_pds(np.full(100, 0.2)))
    >>> round(found.value, 3), round(found.sd, 3)  # the root of 0.2 * 0.8 / 100
    (0.2, 0.04)
    """
    if counts.n_rows == 0:
        return Expected(float("nan"), float("nan"))
    return Expected(counts.n_bad / counts.n_rows, float(np.sqrt(counts.variance.sum())) / counts.n_rows)


def expected_cost(approved: PdCounts, declined: PdCounts, n_referred: int, costs: Costs) -> Expected:
    """Mean cost of verdicts to be expected, per applicant, in units of one good one declined; NaN without rows.

    Examples
    --------
    >>> counts = [count_pds(np.full(100, risk)) for risk in (0.1, 0.5)]
    >>> found = expected_cost(*counts, 0, Costs(accept_bad=5, decline_good=1))  # half 0.1 * 5, half 0.5 * 1
    >>> round(found.value, 3)
    0.5
    """
    n_rows = approved.n_rows + declined.n_rows + n_referred
    if n_rows == 0:
        return Expected(float("nan"), float("nan"))
    total = costs.accept_bad * approved.n_bad + costs.decline_good * (declined.n_rows - declined.n_bad)
    variance = costs.accept_bad**2 * approved.variance.sum() + costs.decline_good**2 * declined.variance.sum()
    return Expected((total + costs.review * n_referred) / n_rows, float(np.sqrt(variance)) / n_rows)
