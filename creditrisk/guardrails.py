"""What a challenger must keep to however much better it is: calibration, coverage, fairness, a lender's own floors.

Each guardrail says what was found, what was asked, and whether it holds. A bar fails when the figure lies beyond it by
more than chance explains, so that few rows cannot fail a model by themselves. Used by comparison.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.stats import norm

from creditrisk.decision import DecisionRule
from creditrisk.encoding import FloatArray, IntArray
from creditrisk.paired import N_DRAWS, recalibrate
from creditrisk.schema import Field, Schema
from creditrisk.scorer import Scorer

LEFT_TO_CHANCE = 0.05
SLOPES = (0.8, 1.25)
COVERAGES = (0.86, 0.94)
COVERAGE_ALPHA = 0.1
# A gap between groups, as a share of applicants, may widen by so much; a group with fewer rows is left out.
GAP_MARGIN = 0.02
MIN_GROUP_ROWS = 50
REASONS_SHOWN = 4
REASON_ROWS = 500


@dataclass(frozen=True, slots=True)
class Guardrail:
    """One bar and what was found; `is_passed` is None for what is only reported."""

    label: str
    is_passed: bool | None
    finding: str
    bar: str = ""


@dataclass(frozen=True, slots=True)
class Floors:
    """Figures a version must reach whatever the champion does; None asks for nothing."""

    auc: float | None = None
    f1: float | None = None
    cost: float | None = None

    def guardrails(self, performance: Mapping[str, float]) -> tuple[Guardrail, ...]:
        """The floors that are set, against a version's own figures (`auc`, `f1`, `cost`).

        Examples
        --------
        >>> [floor] = Floors(auc=0.75).guardrails({"auc": 0.71, "f1": 0.4, "cost": 0.5})
        >>> floor.label, floor.is_passed, floor.finding, floor.bar
        ('AUC floor', False, '0.7100', 'at least 0.75')
        """
        asked = [
            Guardrail(f"{label} floor", performance[name] >= floor, f"{performance[name]:.4f}", f"at least {floor:g}")
            for label, name, floor in (("AUC", "auc", self.auc), ("F1", "f1", self.f1))
            if floor is not None
        ]
        if self.cost is not None:
            cost = performance["cost"]
            asked.append(Guardrail("Cost ceiling", cost <= self.cost, f"{cost:.4f}", f"at most {self.cost:g}"))
        return tuple(asked)


def calibration_slope(prob_default: FloatArray, target: IntArray) -> Guardrail:
    """The slope of the outcomes on the log-odds of PDs of shape (n_repeats, n_rows), averaged over repeats."""
    lines = [recalibrate(repeat, target) for repeat in prob_default]
    # Repeats judge the same rows again, so they make the slope no surer.
    slope, error = float(np.mean([line.slope for line in lines])), float(np.mean([line.slope_se for line in lines]))
    return Guardrail(
        "Calibration slope",
        _is_within(slope, SLOPES, error),
        f"{slope:.2f}, give or take {1.96 * error:.2f}",
        f"{SLOPES[0]} to {SLOPES[1]}",
    )


def coverage(rule: DecisionRule, prob_default: FloatArray, target: IntArray) -> tuple[Guardrail, ...]:
    """For each outcome, the share of rows whose 90 % conformal set holds it; PDs and outcomes of shape (n_rows,)."""
    found = []
    # An approval is as sure as a bad outcome can be ruled out, a decline as a good one.
    for label, outcome, verdict, n_known in (("bads", 1, "approve", rule.n_bad), ("goods", 0, "decline", rule.n_good)):
        rows = prob_default[target == outcome]
        ruled_out = rule.confidence(rows, np.full(len(rows), verdict)) >= 1 - COVERAGE_ALPHA
        share = float(1 - ruled_out.mean())
        error = sqrt(COVERAGE_ALPHA * (1 - COVERAGE_ALPHA) * (1 / len(rows) + 1 / max(n_known, 1)))
        found.append(
            Guardrail(
                f"Coverage of {label}",
                _is_within(share, COVERAGES, error),
                f"{share:.1%} of {len(rows):,} at 90 %",
                f"{COVERAGES[0]:.0%} to {COVERAGES[1]:.0%}",
            )
        )
    return tuple(found)


def protected_fields(challenger: Scorer) -> Guardrail:
    """Whether a model sees a field it must not see."""
    protected = {field.name: field.label for field in challenger.schema.protected}
    used = [protected[field.name] for field in challenger.encoder.fields if field.name in protected]
    known = ", ".join(protected.values()) or "none known"
    return Guardrail(
        "Protected fields", not used, f"uses {', '.join(used)}" if used else "uses none", f"none of: {known}"
    )


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


def group_gaps(
    groups: Mapping[str, NDArray[np.str_]],
    approved_before: NDArray[np.bool_],
    approved_after: NDArray[np.bool_],
    target: IntArray,
    *,
    seed: int,
) -> tuple[Guardrail, ...]:
    """Whether a group's distance from the best-treated one grows, in approvals and in approvals of those who repay.

    The interval comes from the stratified bootstrap over rows. What it needs of them is how many fall into each cell
    (group, approved before, approved after), and drawn rows fall into the cells as multinomial counts.
    """
    rng = np.random.default_rng(seed)
    found = []
    for label, group in groups.items():
        names = [name for name in np.unique(group) if name and (group == name).sum() >= MIN_GROUP_ROWS]
        if len(names) < 2:
            continue
        places = np.searchsorted(names, group)
        is_in = np.isin(group, names)
        cells = places * 4 + approved_before * 2 + approved_after
        counts = [np.bincount(cells[is_in & (target == outcome)], minlength=4 * len(names)) for outcome in (0, 1)]
        drawn = [rng.multinomial(count.sum(), count / max(count.sum(), 1), N_DRAWS) for count in counts]
        found += [
            _gap(f"{label}: approvals", counts[0] + counts[1], drawn[0] + drawn[1]),
            _gap(f"{label}: approvals of goods", counts[0], drawn[0]),
        ]
    return tuple(found)


def reasons_in_common(champion: Scorer, challenger: Scorer, frame: pl.DataFrame, *, seed: int) -> tuple[Guardrail, ...]:
    """How many of the strongest reasons both give; reported only, as a better model may well have better reasons."""
    sample = frame.sample(min(REASON_ROWS, frame.height), seed=seed)
    pairs = zip(_strongest(champion, sample), _strongest(challenger, sample), strict=True)
    shares = [len(old & new) / max(len(old), len(new)) for old, new in pairs if old or new]
    if not shares:
        return ()
    return (Guardrail("Reasons in common", None, f"{np.mean(shares):.0%} of a client's strongest {REASONS_SHOWN}"),)


def scoring_time(before: float, after: float) -> Guardrail:
    """Seconds that champion and challenger take for a thousand clients; reported only."""
    return Guardrail("Scoring time", None, f"{after:.3f} s for 1,000 clients instead of {before:.3f} s")


def _is_within(value: float, bounds: tuple[float, float], standard_error: float) -> bool:
    slack = norm.ppf(1 - LEFT_TO_CHANCE) * standard_error
    return bool(bounds[0] - slack <= value <= bounds[1] + slack)


def _thirds(column: pl.Series, field: Field) -> tuple[list[str], NDArray[np.str_]]:
    values = column.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    low, high = np.nanquantile(values, [1 / 3, 2 / 3])
    unit = f" {field.unit}" if field.unit else ""
    words = [f"up to {low:,g}{unit}", f"over {low:,g} to {high:,g}{unit}", f"over {high:,g}{unit}"]
    return words, np.select([values <= low, values <= high, values > high], words, default="")


def _gap(label: str, counts: IntArray, drawn: IntArray) -> Guardrail:
    before, after = _gaps(counts)
    change = np.subtract(*_gaps(drawn)[::-1])
    low, high = (100 * edge for edge in np.quantile(change, [0.025, 0.975]))
    return Guardrail(
        label,
        bool(np.quantile(change, LEFT_TO_CHANCE) <= GAP_MARGIN),
        f"gap of {100 * after:.1f} points instead of {100 * before:.1f} (change {low:+.1f} to {high:+.1f})",
        f"wider by {100 * GAP_MARGIN:.0f} points at most",
    )


def _gaps(counts: IntArray) -> tuple[FloatArray, FloatArray]:
    """Between the groups approved most and least, by the champion and by the challenger; counts (..., 4 x n_groups)."""
    cells = counts.reshape(*counts.shape[:-1], -1, 2, 2)
    n_rows = np.maximum(cells.sum(axis=(-2, -1)), 1)  # a draw may leave a small group out altogether
    before, after = cells[..., 1, :].sum(axis=-1) / n_rows, cells[..., :, 1].sum(axis=-1) / n_rows
    return np.ptp(before, axis=-1), np.ptp(after, axis=-1)


def _strongest(scorer: Scorer, sample: pl.DataFrame) -> list[set[str]]:
    contributions = scorer.contributions(sample)
    names = [field.name for field in scorer.schema.features]
    order = np.argsort(-contributions, axis=1)[:, :REASONS_SHOWN]
    return [
        {names[place] for place in places if row[place] > 0} for row, places in zip(contributions, order, strict=True)
    ]
