"""Champion against challenger: does a new version decide more cheaply than the one that serves, beyond chance?

A plain rule on the figures noted with each version: the challenger's cost per applicant has to lie below the champion's
by more than two standard errors of the difference. It errs towards keeping the champion.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot
from typing import Any

STANDARD_ERRORS = 2.0


@dataclass(frozen=True, slots=True)
class Comparison:
    """Cost per applicant saved by the challenger (positive = cheaper), its standard error, and the verdict."""

    saving: float
    saving_se: float

    @property
    def is_better(self) -> bool:
        """Whether the challenger is cheaper beyond chance."""
        return self.saving > STANDARD_ERRORS * self.saving_se

    @property
    def sentence(self) -> str:
        """The verdict in words."""
        low, high = self.saving - STANDARD_ERRORS * self.saving_se, self.saving + STANDARD_ERRORS * self.saving_se
        verdict = "cheaper beyond chance" if self.is_better else "not cheaper beyond chance"
        return f"{verdict}: it saves {self.saving:+.3f} per applicant, 95 % interval {low:+.3f} to {high:+.3f}"


def compare(champion: dict[str, Any], challenger: dict[str, Any]) -> Comparison:
    """Compare the `metrics.json` of two versions.

    The standard error takes the two costs as independent; on shared rows they move together, so it is on the safe side.

    Examples
    --------
    >>> old, new = ({"performance": {"cost": cost, "cost_se": 0.03}} for cost in (0.60, 0.40))
    >>> compare(old, new).is_better  # 0.20 saved, standard error sqrt(2) x 0.03 = 0.042
    True
    >>> compare(old, old).is_better
    False
    """
    old, new = champion["performance"], challenger["performance"]
    return Comparison(old["cost"] - new["cost"], hypot(old["cost_se"], new["cost_se"]))
