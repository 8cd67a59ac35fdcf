"""How groups of applicants fare under a model that does not know the groups: approvals, and approvals of who repays.

Pure functions of verdicts, outcomes and groups. Every group is held against the one approved most often, leaving out
those with fewer than 2 in 100 applicants, as the US Uniform Guidelines do. Which fields are protected says the schema.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, hypot, log, sqrt

import numpy as np
import polars as pl
from numpy.typing import NDArray

from creditrisk.arrays import FloatArray, IntArray
from creditrisk.metrics.intervals import Estimate, rate
from creditrisk.schema import Field, Schema

# With fewer applicants a group is shown, but nothing is concluded from it.
MIN_GROUP_ROWS = 50
# Others are held against a group only if so large a share of the applicants is in it.
MIN_BASIS_SHARE = 0.02


def protected_groups(frame: pl.DataFrame, schema: Schema) -> dict[str, NDArray[np.str_]]:
    """For each protected field, by its label, the group that each row belongs to; '' where it is in none.

    Categories are groups as they are; numbers are cut into three groups of about the same size.
    """
    groups: dict[str, NDArray[np.str_]] = {}
    for field in schema.protected:
        if field.name not in frame.columns or frame[field.name].null_count() == frame.height:
            continue
        if field.type == "category" or field.is_numeric:
            groups[field.label] = groups_of(frame[field.name], field)[1]
    return groups


def groups_of(column: pl.Series, field: Field) -> tuple[list[str], NDArray[np.str_]]:
    """The groups that a field cuts applicants into, in order, and the one each row is in; '' where it is in none."""
    if field.is_numeric:
        return _thirds(column, field)
    names = ["" if value is None else field.category_label(str(value)) for value in column.to_list()]
    known = [category.label for category in field.categories]
    return [*known, *sorted(set(names) - {"", *known})], np.array(names, dtype=str)


def _thirds(column: pl.Series, field: Field) -> tuple[list[str], NDArray[np.str_]]:
    values = column.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    low, high = np.nanquantile(values, [1 / 3, 2 / 3])
    unit = f" {field.unit}" if field.unit else ""
    words = [f"up to {low:,g}{unit}", f"over {low:,g} to {high:,g}{unit}", f"over {high:,g}{unit}"]
    return words, np.select([values <= low, values <= high, values > high], words, default="")


@dataclass(frozen=True, slots=True)
class Treatment:
    """How one group fares. `impact_ratio` and `opportunity_gap` are None for the group the others are held against.

    `impact_ratio` is its approval rate over the other's; `opportunity_gap` what its goods' approval rate lies below
    (negative) or above the other's. `observed_to_expected` is the bad rate over the mean PD.
    """

    label: str
    n_rows: int
    n_bad: int
    is_small: bool
    approvals: Estimate
    approvals_of_goods: Estimate
    impact_ratio: Estimate | None
    opportunity_gap: Estimate | None
    mean_prob_default: float
    observed_to_expected: Estimate


def audit(
    approved: NDArray[np.bool_],
    target: IntArray,
    prob_default: FloatArray,
    groups: NDArray[np.str_],
    labels: Sequence[str],
) -> list[Treatment]:
    """The treatment of each group.

    Parameters
    ----------
    approved, target, prob_default
        Verdict, outcome (1 = default) and PD of each row, shape (n_rows,).
    groups
        The group of each row; rows in none of `labels` are left out.
    labels
        The groups, in the order wanted; those that nobody is in are left out.

    Examples
    --------
    >>> approved = np.repeat([True, False, True, False], [80, 20, 60, 40])
    >>> groups = np.repeat(["north", "south"], 100)
    >>> north, south = audit(approved, np.zeros(200, dtype=int), np.full(200, 0.1), groups, ["north", "south"])
    >>> north.impact_ratio is None, round(south.impact_ratio.value, 2)
    (True, 0.75)
    """
    present = [label for label in labels if (groups == label).any()]
    places = {label: np.flatnonzero(groups == label) for label in present}
    large = [label for label in present if may_be_basis(len(places[label]), len(groups))]
    best = max(large, key=lambda label: float(approved[places[label]].mean()), default=None)
    found = []
    for label in present:
        rows = places[label]
        others = places[best] if best is not None and best != label else None
        goods = rows[target[rows] == 0]
        expected = float(prob_default[rows].mean())
        bad_rate = rate(int(target[rows].sum()), len(rows))
        found.append(
            Treatment(
                label=label,
                n_rows=len(rows),
                n_bad=int(target[rows].sum()),
                is_small=len(rows) < MIN_GROUP_ROWS,
                approvals=_approvals(approved, rows),
                approvals_of_goods=_approvals(approved, goods),
                impact_ratio=None if others is None else _ratio(approved[rows], approved[others]),
                opportunity_gap=None
                if others is None
                else difference(_approvals(approved, goods), _approvals(approved, others[target[others] == 0])),
                mean_prob_default=expected,
                observed_to_expected=Estimate(
                    bad_rate.value / expected, bad_rate.low / expected, bad_rate.high / expected
                ),
            )
        )
    return found


def may_be_basis(n_rows: int, n_applicants: int) -> bool:
    """Whether a group of so many rows is large enough among so many applicants to hold others against it.

    Examples
    --------
    >>> may_be_basis(54, 2_000), may_be_basis(54, 4_000), may_be_basis(49, 100)
    (True, False, False)
    """
    return n_rows >= max(MIN_GROUP_ROWS, MIN_BASIS_SHARE * n_applicants)


def difference(one: Estimate, other: Estimate) -> Estimate:
    """One share less another, its interval put together from theirs.

    References
    ----------
    Newcombe, R. (1998). Interval estimation for the difference between independent proportions. Statistics in Medicine
    17. (method 10, here with Jeffreys' intervals)

    Examples
    --------
    >>> found = difference(Estimate(0.5, 0.4, 0.6), Estimate(0.2, 0.17, 0.24))
    >>> round(found.value, 3), round(found.low, 3), round(found.high, 3)  # 0.3 less the root of 0.1² + 0.04²
    (0.3, 0.192, 0.404)
    """
    value = one.value - other.value
    return Estimate(
        value,
        value - hypot(one.value - one.low, other.high - other.value),
        value + hypot(one.high - one.value, other.value - other.low),
    )


def _approvals(approved: NDArray[np.bool_], rows: IntArray) -> Estimate:
    return rate(int(approved[rows].sum()), len(rows))


def _ratio(group: NDArray[np.bool_], other: NDArray[np.bool_]) -> Estimate:
    """Ratio of two approval rates with Katz's interval on the logarithm; half an applicant keeps it finite."""
    hits, n = group.sum() + 0.5, len(group) + 0.5
    other_hits, other_n = other.sum() + 0.5, len(other) + 0.5
    error = sqrt(1 / hits - 1 / n + 1 / other_hits - 1 / other_n)
    middle = log(hits / n) - log(other_hits / other_n)
    value = float(group.mean() / other.mean()) if other.any() else float("nan")
    return Estimate(value, exp(middle - 1.96 * error), exp(middle + 1.96 * error))
