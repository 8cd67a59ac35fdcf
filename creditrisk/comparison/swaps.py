"""The swap set: who would be decided otherwise, and what became of them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

from creditrisk.arrays import IntArray
from creditrisk.schema import Costs
from creditrisk.scoring import BANDS, VERDICTS


@dataclass(frozen=True, slots=True)
class Swap:
    """The clients whose lamp changes from one colour to another, and what became of them.

    `low` and `high` bound the 95 % interval of their bad rate; `saving` is what deciding their way saves in all, in
    units of one good applicant declined.
    """

    before: str
    after: str
    n: int
    n_bad: int
    low: float
    high: float
    saving: float

    @property
    def bad_rate(self) -> float:
        """Share of bads among them."""
        return self.n_bad / self.n


def swaps_of(
    before: NDArray[np.str_], after: NDArray[np.str_], target: IntArray, costs: Costs
) -> tuple[tuple[Swap, ...], int]:
    """Every change of lamp that happens, and how many clients change in all."""
    price = {"approve": costs.accept_bad * target, "refer": np.full(len(target), costs.review),
             "decline": costs.decline_good * (1 - target)}  # fmt: skip
    swaps = []
    for old, new in product(VERDICTS, VERDICTS):
        moved = (before == old) & (after == new)
        n, n_bad = int(moved.sum()), int(target[moved].sum())
        if old == new or not n:
            continue
        # Jeffreys: never an interval of no width, however few they are.
        low, high = betaincinv(n_bad + 0.5, n - n_bad + 0.5, [0.025, 0.975])
        saving = float((price[old][moved] - price[new][moved]).sum())
        swaps.append(Swap(BANDS[old], BANDS[new], n, n_bad, float(low), float(high), saving))
    return tuple(swaps), int((before != after).sum())
