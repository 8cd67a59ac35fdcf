"""What a challenger must keep to however much better it is: calibration, coverage, fairness, a lender's own floors.

Each guardrail is a check with a bar; what it found stands in a `Guardrail`, which says what was found, what was asked,
and whether it holds. The rules that the validation pack asks too are in checks.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from math import inf
from typing import TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from creditrisk.arrays import FloatArray, IntArray
from creditrisk.comparison.checks import (
    COVERAGE_RULES,
    PLAUSIBLE_RULE,
    PROTECTED_RULE,
    SLOPE_RULE,
    Answer,
    Check,
    Subject,
    mean_auc,
    mean_slope,
    plausibility,
    protected_used,
    status_of,
    within,
)
from creditrisk.comparison.coverage import COVERAGE_ALPHA, Coverage, held_out_coverage
from creditrisk.comparison.paired import N_DRAWS
from creditrisk.errors import ComparisonError
from creditrisk.metrics import MIN_GROUP_ROWS, Estimate, may_be_basis, protected_groups
from creditrisk.scoring import OTHER_FIELDS, Scorer
from creditrisk.text import per_cent, signed

T = TypeVar("T")

LEFT_TO_CHANCE = 0.05
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


def guardrail_of(check: Check[Subject], subject: Subject) -> Guardrail:
    """What a check finds in a subject."""
    answer = check.ask(subject)
    is_passed = {"holds": True, "look": False, "unknown": None}[answer.status]
    return Guardrail(check.label, is_passed, answer.finding, answer.limits)


@dataclass(frozen=True, slots=True)
class Floors:
    """Figures a version must reach whatever the champion does; None asks for nothing."""

    auc: float | None = None
    f1: float | None = None
    cost: float | None = None

    @property
    def checks(self) -> tuple[Check[Mapping[str, float]], ...]:
        """The floors that are set, as questions to a version's own figures (`auc`, `f1`, `cost`)."""
        how = "The figure of the whole path on the judged rows."
        asked = [
            Check(f"floor-{name}", "performance", f"{label} floor", how, partial(_reaches, name=name, floor=floor))
            for label, name, floor in (("AUC", "auc", self.auc), ("F1", "f1", self.f1))
            if floor is not None
        ]
        if self.cost is not None:
            ask = partial(_costs_no_more, ceiling=self.cost)
            asked.append(Check("ceiling-cost", "performance", "Cost ceiling", how, ask))
        return tuple(asked)

    def guardrails(self, performance: Mapping[str, float]) -> tuple[Guardrail, ...]:
        """The floors that are set, against a version's own figures (`auc`, `f1`, `cost`).

        Examples
        --------
        >>> [floor] = Floors(auc=0.75).guardrails({"auc": 0.71, "f1": 0.4, "cost": 0.5})
        >>> floor.label, floor.is_passed, floor.finding, floor.bar
        ('AUC floor', False, '0.7100', 'at least 0.75')
        """
        return tuple(guardrail_of(check, performance) for check in self.checks)


def _reaches(performance: Mapping[str, float], *, name: str, floor: float) -> Answer:
    return Answer(status_of(performance[name] >= floor), f"{performance[name]:.4f}", f"at least {floor:g}")


def _costs_no_more(performance: Mapping[str, float], *, ceiling: float) -> Answer:
    return Answer(status_of(performance["cost"] <= ceiling), f"{performance['cost']:.4f}", f"at most {ceiling:g}")


@dataclass(frozen=True)
class GuardrailInputs:
    """What the guardrails of a comparison are asked of.

    `prob_default` are the challenger's, shape (n_repeats, n_rows), as are `folds`; `verdicts` are those of the champion
    and of the challenger, each of shape (n_rows,). Without scorers or frame fewer guardrails are asked.
    """

    prob_default: FloatArray
    target: IntArray
    folds: IntArray
    challenger: Scorer | None = None
    champion: Scorer | None = None
    frame: pl.DataFrame | None = None
    verdicts: tuple[NDArray[np.str_], NDArray[np.str_]] | None = None
    microseconds_per_client: tuple[float, float] | None = None
    seed: int = 7

    @cached_property
    def coverage(self) -> Coverage | None:
        """Coverage of the first repeat's conformal sets; None without a challenger."""
        if self.challenger is None:
            return None
        return held_out_coverage(
            self.challenger.rule, self.prob_default[0], self.target, self.folds[0], alpha=COVERAGE_ALPHA
        )

    @cached_property
    def gaps(self) -> tuple[Gap, ...]:
        """How the gaps of each protected field's groups change."""
        if self.challenger is None or self.frame is None or self.verdicts is None:
            return ()
        groups = protected_groups(self.frame, self.challenger.schema)
        before, after = (verdicts == "approve" for verdicts in self.verdicts)
        return group_gaps(groups, before, after, self.target, seed=self.seed)

    @cached_property
    def common_reasons(self) -> Answer | None:
        """How many reasons champion and challenger share; None if there are not both, or neither gives any."""
        if self.champion is None or self.challenger is None or self.frame is None:
            return None
        return reasons_in_common(self.champion, self.challenger, self.frame, seed=self.seed)


def guardrails_of(inputs: GuardrailInputs) -> list[Guardrail]:
    """All that can be asked of these inputs, in the order of the page."""
    return [guardrail_of(check, inputs) for check in guardrail_checks(inputs)]


def guardrail_checks(inputs: GuardrailInputs) -> list[Check[GuardrailInputs]]:
    """The guardrails that can be asked of these inputs."""
    checks = [PLAUSIBLE, SLOPE]
    if inputs.challenger is not None:
        names = {field.label: field.name for field in inputs.challenger.schema.protected}
        checks += [*COVERAGE, PROTECTED]
        checks += [gap_check(index, gap, names[gap.field]) for index, gap in enumerate(inputs.gaps)]
    if inputs.common_reasons is not None:
        checks.append(REASONS)
    if inputs.microseconds_per_client is not None:
        checks.append(SECONDS)
    return checks


def _known(value: T | None) -> T:
    """What these inputs must have for the guardrail to be asked; `guardrail_checks` sees to it."""
    if value is None:
        raise ComparisonError("a guardrail was asked of inputs that do not hold what it looks at")
    return value


def _plausible(inputs: GuardrailInputs) -> Answer:
    horizon_months = inputs.challenger.schema.horizon_months if inputs.challenger is not None else None
    return plausibility(mean_auc(inputs.prob_default, inputs.target), horizon_months)


def _slope(inputs: GuardrailInputs) -> Answer:
    slope = mean_slope(inputs.prob_default, inputs.target)
    finding = f"{slope.value:.2f}, give or take {slope.high - slope.value:.2f}"
    return Answer(SLOPE_RULE.judge(slope), finding, f"{SLOPE_RULE.low} to {SLOPE_RULE.high}")


def _coverage(inputs: GuardrailInputs, *, outcome: str) -> Answer:
    found, rule = _known(inputs.coverage), COVERAGE_RULES[outcome]
    is_bad = outcome == "bads"
    share, n_rows = found.bads if is_bad else found.goods, ((inputs.target == 1) == is_bad).sum()
    finding = f"{per_cent(share.value)} of {n_rows:,} at 90 %, {per_cent(share.low)} to {per_cent(share.high)}"
    return Answer(rule.judge(share), finding, f"{per_cent(rule.low, 0)} to {per_cent(rule.high, 0)}")


def _protected(inputs: GuardrailInputs) -> Answer:
    return protected_fields(_known(inputs.challenger))


def protected_fields(challenger: Scorer) -> Answer:
    """Whether a model sees a field it must not see."""
    used = protected_used(challenger)
    known = ", ".join(field.label for field in challenger.schema.protected) or "none known"
    return Answer(status_of(not used), f"uses {', '.join(used)}" if used else "uses none", f"none of: {known}")


@dataclass(frozen=True, slots=True)
class Gap:
    """How far the group approved least lies behind the basis, before and after, as shares of applicants.

    `change` is after less before, with its interval; `n_left_out` are the rows in no group or a small one.
    """

    field: str
    of: str
    before: float
    after: float
    change: Estimate
    n_left_out: int


def group_gaps(
    groups: Mapping[str, NDArray[np.str_]],
    approved_before: NDArray[np.bool_],
    approved_after: NDArray[np.bool_],
    target: IntArray,
    *,
    seed: int,
) -> tuple[Gap, ...]:
    """For each field a group's distance from the one approved most often, in approvals and in those of who repays.

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
            found.append(_gap(label, words, *gaps, n_left_out=int((~is_in).sum())))
    return tuple(found)


def gap_check(index: int, gap: Gap, name: str) -> Check[GuardrailInputs]:
    """The guardrail of one gap, the `index`-th of its inputs, of the field called `name`."""
    code = f"gap-{name}" if gap.of == "approvals" else f"gap-{name}-goods"
    how = (
        "Share approved in the basis, the large group approved most often, less that of the group approved least, "
        "before and after; a stratified bootstrap over rows."
    )
    return Check(code, "fairness", f"{gap.field}: {gap.of}", how, lambda inputs: gap_answer(inputs.gaps[index]))


def gap_answer(gap: Gap) -> Answer:
    """Whether a gap does not widen by more than the margin."""
    left_out = f", leaving out {gap.n_left_out:,} in no group or a small one" if gap.n_left_out else ""
    before, after, low, high = (100 * value for value in (gap.before, gap.after, gap.change.low, gap.change.high))
    change = Estimate(after - before, low, high)
    return Answer(
        within(change, -inf, 100 * GAP_MARGIN),
        f"gap of {after:.1f} points instead of {before:.1f} (change {signed(low, 1)} to {signed(high, 1)}){left_out}",
        f"wider by {100 * GAP_MARGIN:.0f} points at most",
    )


def reasons_in_common(champion: Scorer, challenger: Scorer, frame: pl.DataFrame, *, seed: int) -> Answer | None:
    """How many of the strongest reasons both give; reported only, as a better model may well have better reasons.

    None where neither gives any reason.
    """
    sample = frame.sample(min(REASON_ROWS, frame.height), seed=seed)
    try:
        before = _strongest(champion, sample)
    except OTHER_FIELDS:
        return Answer("unknown", "cannot be told: the champion reads other fields")
    pairs = zip(before, _strongest(challenger, sample), strict=True)
    shares = [len(old & new) / max(len(old), len(new)) for old, new in pairs if old or new]
    if not shares:
        return None
    return Answer("unknown", f"{per_cent(float(np.mean(shares)), 0)} of a client's strongest {REASONS_SHOWN}")


def _seconds(inputs: GuardrailInputs) -> Answer:
    before, after = _known(inputs.microseconds_per_client)
    return Answer("unknown", f"{after:,.0f} µs a client instead of {before:,.0f} µs")


def _gap(field: str, of: str, counted: FloatArray, drawn: FloatArray, *, n_left_out: int) -> Gap:
    before, after = (float(gap) for gap in counted)
    low, high = (float(edge) for edge in np.quantile(drawn[1] - drawn[0], [0.025, 0.975]))
    return Gap(field, of, before, after, Estimate(after - before, low, high), n_left_out)


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


# The guardrails


PLAUSIBLE: Check[GuardrailInputs] = PLAUSIBLE_RULE.check("Not too good to be true", _plausible)
SLOPE: Check[GuardrailInputs] = SLOPE_RULE.check("Calibration slope", _slope)
COVERAGE: tuple[Check[GuardrailInputs], ...] = tuple(
    rule.check(f"Coverage of {outcome}", partial(_coverage, outcome=outcome))
    for outcome, rule in COVERAGE_RULES.items()
)
PROTECTED: Check[GuardrailInputs] = PROTECTED_RULE.check("Protected fields", _protected)
REASONS: Check[GuardrailInputs] = Check(
    "reasons-in-common",
    "reasons",
    "Reasons in common",
    f"Overlap of the {REASONS_SHOWN} strongest reasons of both models, averaged over a sample of applicants.",
    lambda inputs: _known(inputs.common_reasons),
)
SECONDS: Check[GuardrailInputs] = Check(
    "scoring-time",
    "performance",
    "Scoring time",
    "Scoring with reasons, timed on the same judged rows on one machine.",
    _seconds,
)
