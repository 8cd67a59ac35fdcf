"""What a challenger must keep to however much better it is: calibration, coverage, fairness, a lender's own floors.

Each guardrail says what was found, what was asked, and whether it holds. A bar fails when the 95 % interval of the
figure lies wholly beyond it, so that few rows cannot fail a model by themselves; a figure beyond it whose interval
reaches into it cannot be told. Used by comparison.py, and the same bars by validation.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf

import numpy as np
import polars as pl
from numpy.typing import NDArray

from creditrisk.arrays import FloatArray, IntArray
from creditrisk.comparison.coverage import COVERAGE_ALPHA, COVERAGES, held_out_coverage
from creditrisk.comparison.paired import N_DRAWS
from creditrisk.metrics import MIN_GROUP_ROWS, Estimate, may_be_basis, recalibrate
from creditrisk.scoring import OTHER_FIELDS, DecisionRule, Scorer
from creditrisk.text import signed

LEFT_TO_CHANCE = 0.05
SLOPES = (0.8, 1.25)
# A gap between groups, as a share of applicants, may widen by so much.
GAP_MARGIN = 0.02
REASONS_SHOWN = 4
REASON_ROWS = 500


@dataclass(frozen=True, slots=True)
class Guardrail:
    """One bar and what was found; `is_passed` is None where it cannot be told, or where no bar is set."""

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


def slope_guardrail(prob_default: FloatArray, target: IntArray) -> Guardrail:
    """The slope of the outcomes on the log-odds of PDs of shape (n_repeats, n_rows), averaged over repeats."""
    lines = [recalibrate(repeat, target) for repeat in prob_default]
    # Repeats judge the same rows again, so they make the slope no surer.
    slope, error = float(np.mean([line.slope for line in lines])), float(np.mean([line.slope_se for line in lines]))
    return Guardrail(
        "Calibration slope",
        within(Estimate(slope, slope - 1.96 * error, slope + 1.96 * error), *SLOPES),
        f"{slope:.2f}, give or take {1.96 * error:.2f}",
        f"{SLOPES[0]} to {SLOPES[1]}",
    )


def coverage_guardrails(
    rule: DecisionRule, prob_default: FloatArray, target: IntArray, folds: IntArray | None = None
) -> tuple[Guardrail, ...]:
    """For each outcome, the share of rows whose 90 % conformal set holds it; all of shape (n_rows,)."""
    found = held_out_coverage(rule, prob_default, target, folds, alpha=COVERAGE_ALPHA)
    return tuple(
        Guardrail(
            f"Coverage of {label}",
            within(share, *COVERAGES),
            f"{share.value:.1%} of {(target == outcome).sum():,} at 90 %, {share.low:.1%} to {share.high:.1%}",
            f"{COVERAGES[0]:.0%} to {COVERAGES[1]:.0%}",
        )
        for label, outcome, share in (("bads", 1, found.bads), ("goods", 0, found.goods))
    )


def protected_fields(challenger: Scorer) -> Guardrail:
    """Whether a model sees a field it must not see."""
    protected = {field.name: field.label for field in challenger.schema.protected}
    used = [protected[field.name] for field in challenger.encoder.fields if field.name in protected]
    known = ", ".join(protected.values()) or "none known"
    return Guardrail(
        "Protected fields", not used, f"uses {', '.join(used)}" if used else "uses none", f"none of: {known}"
    )


def group_gaps(
    groups: Mapping[str, NDArray[np.str_]],
    approved_before: NDArray[np.bool_],
    approved_after: NDArray[np.bool_],
    target: IntArray,
    *,
    seed: int,
) -> tuple[Guardrail, ...]:
    """Whether a group's distance from the one approved most often grows, in approvals and in those of who repays.

    The interval comes from the stratified bootstrap over rows. What it needs of them is how many fall into each cell
    (group, approved before, approved after), and drawn rows fall into the cells as multinomial counts.
    """
    rng = np.random.default_rng(seed)
    found = []
    for label, group in groups.items():
        names = [name for name in np.unique(group) if name and (group == name).sum() >= MIN_GROUP_ROWS]
        can_be_basis = np.array([may_be_basis(int((group == name).sum()), len(group)) for name in names])
        if len(names) < 2 or not can_be_basis.any():
            continue
        places = np.searchsorted(names, group)
        is_in = np.isin(group, names)
        cells = places * 4 + approved_before * 2 + approved_after
        counts = [np.bincount(cells[is_in & (target == outcome)], minlength=4 * len(names)) for outcome in (0, 1)]
        drawn = [rng.multinomial(count.sum(), count / max(count.sum(), 1), N_DRAWS) for count in counts]
        of_all, of_goods = (
            [_shares(rows) for rows in (counts[0] + counts[1], drawn[0] + drawn[1])],
            [_shares(rows) for rows in (counts[0], drawn[0])],
        )
        for words, shares in (("approvals", of_all), ("approvals of goods", of_goods)):
            gaps = [_gaps(each, every, can_be_basis) for each, every in zip(shares, of_all, strict=True)]
            found.append(_gap(f"{label}: {words}", *gaps, n_left_out=int((~is_in).sum())))
    return tuple(found)


def reasons_in_common(champion: Scorer, challenger: Scorer, frame: pl.DataFrame, *, seed: int) -> tuple[Guardrail, ...]:
    """How many of the strongest reasons both give; reported only, as a better model may well have better reasons."""
    sample = frame.sample(min(REASON_ROWS, frame.height), seed=seed)
    try:
        before = _strongest(champion, sample)
    except OTHER_FIELDS:
        return (Guardrail("Reasons in common", None, "cannot be told: the champion reads other fields"),)
    pairs = zip(before, _strongest(challenger, sample), strict=True)
    shares = [len(old & new) / max(len(old), len(new)) for old, new in pairs if old or new]
    if not shares:
        return ()
    return (Guardrail("Reasons in common", None, f"{np.mean(shares):.0%} of a client's strongest {REASONS_SHOWN}"),)


def scoring_time(before: float, after: float) -> Guardrail:
    """Seconds that champion and challenger take for a thousand clients; reported only."""
    return Guardrail("Scoring time", None, f"{after:.3f} s for 1,000 clients instead of {before:.3f} s")


def within(found: Estimate, low: float, high: float) -> bool | None:
    """Whether a figure keeps to its bar; None where it does not, but chance could explain that.

    Examples
    --------
    >>> [within(Estimate(value, value - 0.1, value + 0.1), 0.8, 1.2) for value in (1.15, 1.25, 1.35)]
    [True, None, False]
    """
    if low <= found.value <= high:
        return True
    return None if found.high >= low and found.low <= high else False


def _gap(label: str, counted: FloatArray, drawn: FloatArray, *, n_left_out: int) -> Guardrail:
    before, after = (100 * gap for gap in counted)
    low, high = (100 * edge for edge in np.quantile(drawn[1] - drawn[0], [0.025, 0.975]))
    left_out = f", leaving out {n_left_out:,} in no group or a small one" if n_left_out else ""
    return Guardrail(
        label,
        within(Estimate(after - before, low, high), -inf, 100 * GAP_MARGIN),
        f"gap of {after:.1f} points instead of {before:.1f} (change {signed(low, 1)} to {signed(high, 1)}){left_out}",
        f"wider by {100 * GAP_MARGIN:.0f} points at most",
    )


def _shares(counts: IntArray) -> FloatArray:
    """Each group's share of approvals by the champion and by the challenger, (2, ..., n_groups), of its cells' rows."""
    cells = counts.reshape(*counts.shape[:-1], -1, 2, 2)
    n_rows = np.maximum(cells.sum(axis=(-2, -1)), 1)  # a draw may leave a small group out altogether
    return np.asarray([cells[..., 1, :].sum(axis=-1), cells[..., :, 1].sum(axis=-1)] / n_rows)


def _gaps(shares: FloatArray, of_all: FloatArray, can_be_basis: NDArray[np.bool_]) -> FloatArray:
    """How far the lowest share lies below that of the basis, the large group approved most often of all; (2, ...)."""
    basis = np.where(can_be_basis, of_all, -1.0).argmax(axis=-1)[..., np.newaxis]
    gaps: FloatArray = np.take_along_axis(shares, basis, axis=-1)[..., 0] - shares.min(axis=-1)
    return gaps


def _strongest(scorer: Scorer, sample: pl.DataFrame) -> list[set[str]]:
    contributions = scorer.contributions(sample)
    names = [field.name for field in scorer.schema.features]
    order = np.argsort(-contributions, axis=1)[:, :REASONS_SHOWN]
    return [
        {names[place] for place in places if row[place] > 0} for row, places in zip(contributions, order, strict=True)
    ]
