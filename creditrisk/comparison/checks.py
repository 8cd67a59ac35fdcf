"""What a check is, and the rules that the validation pack and the guardrails of a comparison share.

A bar is missed when the 95 % interval of a figure lies wholly beyond it, so that few rows cannot fail a model by
themselves; a figure beyond it whose interval reaches into it cannot be told.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Generic, Literal, TypeVar

import numpy as np

from creditrisk.arrays import FloatArray, IntArray
from creditrisk.metrics import Estimate, auc, auc_standard_error, recalibrate, share_estimate, with_interval
from creditrisk.quality import TOO_GOOD_AUC
from creditrisk.scoring import Scorer

# "look" is for a person to look at; "unknown" cannot be told from these rows.
Status = Literal["holds", "look", "unknown"]
Subject = TypeVar("Subject")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a check found, in words, and the limits it was held to; without limits it is for information."""

    status: Status
    finding: str
    limits: str = ""


@dataclass(frozen=True, slots=True)
class Check(Generic[Subject]):
    """One question put to a model.

    `code` is short, stable and unique among the checks of a pack or a comparison; `section` is the pack's section it
    belongs to; `how` says in a sentence how it is established; `ask` answers it for a subject.
    """

    code: str
    section: str
    label: str
    how: str
    ask: Callable[[Subject], Answer]


@dataclass(frozen=True, slots=True)
class Rule:
    """What a check of the pack and a guardrail have in common; each puts it in words of its own.

    A figure keeps to the rule between `low` and `high`, both included.
    """

    code: str
    section: str
    how: str
    low: float = -inf
    high: float = inf

    def check(self, label: str, ask: Callable[[Subject], Answer]) -> Check[Subject]:
        """The rule as a check under a label."""
        return Check(self.code, self.section, label, self.how, ask)

    def judge(self, found: Estimate) -> Status:
        """Whether a figure keeps to the rule, beyond chance."""
        return within(found, self.low, self.high)


SLOPE_RULE = Rule(
    "calibration-slope",
    "calibration",
    "A logistic regression of the outcomes on the log-odds of the PDs, averaged over repeats; the interval is normal.",
    low=0.8,
    high=1.25,
)
PLAUSIBLE_RULE = Rule(
    "plausible-auc",
    "performance",
    "AUC on the judged rows against what tables of repayments ever gave; more has most probably read the outcome. "
    "Outcomes that are decisions are not held to it.",
    high=TOO_GOOD_AUC,
)
# Of conformal sets made at 90 %, by the outcome that came.
COVERAGE_RULES = {
    outcome: Rule(
        f"coverage-{outcome}",
        "calibration",
        "Share of the judged rows whose conformal set at 90 %, made of other rows, holds the outcome that came; "
        "Jeffreys' interval.",
        low=0.86,
        high=0.94,
    )
    for outcome in ("bads", "goods")
}
PROTECTED_RULE = Rule(
    "protected-fields", "fairness", "The fields of the encoder are held against those that the schema protects."
)


def status_of(holds: bool | None) -> Status:
    """The word for whether a bar is kept; None cannot be told."""
    return "unknown" if holds is None else "holds" if holds else "look"


def within(found: Estimate, low: float, high: float) -> Status:
    """Whether a figure keeps to its bar; unknown where it does not, but chance could explain that.

    Examples
    --------
    >>> [within(Estimate(value, value - 0.1, value + 0.1), 0.8, 1.2) for value in (1.15, 1.25, 1.35)]
    ['holds', 'unknown', 'look']
    """
    if low <= found.value <= high:
        return "holds"
    return "unknown" if found.high >= low and found.low <= high else "look"


def mean_slope(prob_default: FloatArray, target: IntArray) -> Estimate:
    """The slope of the outcomes on the log-odds of PDs of shape (n_repeats, n_rows), averaged over repeats."""
    lines = [recalibrate(repeat, target) for repeat in prob_default]
    # Repeats judge the same rows again, so they make the slope no surer.
    slope, error = float(np.mean([line.slope for line in lines])), float(np.mean([line.slope_se for line in lines]))
    return Estimate(slope, slope - 1.96 * error, slope + 1.96 * error)


def mean_auc(prob_default: FloatArray, target: IntArray) -> Estimate:
    """The AUC of PDs of shape (n_repeats, n_rows), averaged over repeats, with DeLong's interval."""
    repeats = np.atleast_2d(prob_default)
    # Repeats judge the same rows again, so they make the figure no surer.
    error = float(np.mean([auc_standard_error(repeat, target) for repeat in repeats]))
    return share_estimate(float(np.mean([auc(repeat, target) for repeat in repeats])), error)


def plausibility(area: Estimate, horizon_months: int | None) -> Answer:
    """Whether an AUC is one that honest fields can give; of a decision, with a horizon of 0, any is.

    Examples
    --------
    >>> plausibility(Estimate(0.96, 0.94, 0.97), 12).status, plausibility(Estimate(0.96, 0.94, 0.97), 0).status
    ('look', 'holds')
    """
    finding = f"AUC {with_interval(area)}"
    if horizon_months == 0:
        return Answer("holds", f"{finding}, of a decision, which may follow rules", "none for a decision")
    return Answer(PLAUSIBLE_RULE.judge(area), finding, f"up to {PLAUSIBLE_RULE.high:.2f}")


def doubt_about(prob_default: FloatArray, target: IntArray, horizon_months: int | None) -> str:
    """That a training looks too good to be true, in a sentence without its end; empty if it does not."""
    area = mean_auc(prob_default, target)
    if plausibility(area, horizon_months).status != "look":
        return ""
    return (
        f"it looks too good to be true: an AUC of {with_interval(area)} on applicants it has not seen, where honest "
        f"tables of repayments stay below {PLAUSIBLE_RULE.high:.2f}, so most probably a field, or several together, "
        "was written after the outcome was known"
    )


def protected_used(scorer: Scorer) -> list[str]:
    """Labels of the protected fields that a model sees, in the order of the schema; it may see none."""
    read = {field.name for field in scorer.encoder.fields}
    return [field.label for field in scorer.schema.protected if field.name in read]
