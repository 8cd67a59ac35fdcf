"""The checks of the pack, each one object, and what they come to.

A check either holds, calls for a look, or cannot be told from these rows; how it is established stands with it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from creditrisk.comparison import (
    COVERAGE_RULES,
    PLAUSIBLE_RULE,
    PROTECTED_RULE,
    SLOPE_RULE,
    Answer,
    Check,
    plausibility,
    status_of,
    within,
)
from creditrisk.metrics import MIN_OF_EACH, WATCH_PSI, Estimate, Treatment, log_losses, mean_estimate, with_interval
from creditrisk.schema import Field, Schema
from creditrisk.text import counted, per_cent, plain_number
from creditrisk.validation.case import PackInputs
from creditrisk.validation.contents import CheckLine, FairnessLine, Figures
from creditrisk.validation.reason_tests import JITTER
from creditrisk.validation.search_ranges import HAIR, searched_families, settings_at_edge

FOUR_FIFTHS = 0.8
# Libraries that count in single precision add up to about 0.00001 log-odds; ten times that moves no PD anybody sees.
ADDS_UP = 1e-4
SAME_REASONS = 0.75
# Without its first reason a PD must be lower so often; a field that works together with others may be an exception.
LOWER_WITHOUT = 0.95


@dataclass(frozen=True, slots=True)
class PackFacts:
    """What the checks are asked of: the training with what was worked out of it, and the figures of the sections."""

    inputs: PackInputs
    figures: Figures


def checks_of(facts: PackFacts) -> list[CheckLine]:
    """What a reader in a hurry looks for: every check, asked."""
    return [_line(check, check.ask(facts)) for check in checks_for(facts.inputs.schema)]


def checks_for(schema: Schema) -> list[Check[PackFacts]]:
    """The checks of a model with such a schema, in the order of the page: one of them for each protected field."""
    fair = [fairness_check(index, field) for index, field in enumerate(schema.protected)]
    return [*PERFORMANCE, *CALIBRATION, STABILITY, PROTECTED, *fair, *REASONS]


def headline_of(checks: Sequence[CheckLine]) -> str:
    """How many checks hold, in a sentence."""
    counts = Counter(check["status"] for check in checks)
    n_hold, n_look, n_unknown = (counts[status] for status in ("holds", "look", "unknown"))
    parts = [f"All {n_hold} checks hold" if n_hold == len(checks) else f"{n_hold} of {len(checks)} checks hold"]
    parts += [counted(n_look, "calls for a look", "call for a look")] if n_look else []
    parts += [f"{n_unknown} cannot be told"] if n_unknown else []
    return "; ".join(parts)


def compared(field: FairnessLine) -> list[tuple[Treatment, Estimate]]:
    """The groups held against another and large enough to say anything of, each with its impact ratio."""
    return [
        (group, group.impact_ratio)
        for group in field["groups"]
        if group.impact_ratio is not None and not group.is_small
    ]


def _line(check: Check[PackFacts], answer: Answer) -> CheckLine:
    return {
        "code": check.code,
        "section": check.section,
        "label": check.label,
        "how": check.how,
        "status": answer.status,
        "finding": answer.finding,
        "limits": answer.limits,
    }


# Performance


def _ranks(facts: PackFacts) -> Answer:
    area = facts.figures["performance"]["auc"]
    return Answer(status_of(area.low > 0.5), f"AUC {with_interval(area)}", "interval above 0.5")


def _plausible(facts: PackFacts) -> Answer:
    return plausibility(facts.figures["performance"]["auc"], facts.inputs.schema.horizon_months)


def _beats_constant(facts: PackFacts) -> Answer:
    limits = "saving beyond chance"
    n_bad = int(facts.inputs.target.sum())
    if min(n_bad, len(facts.inputs.target) - n_bad) < MIN_OF_EACH:
        return Answer("unknown", f"fewer than {MIN_OF_EACH} judged bads or goods", limits)
    saved = saved_log_loss(facts.inputs)
    return Answer(status_of(saved.low > 0), f"log loss lower by {with_interval(saved)}", limits)


def saved_log_loss(inputs: PackInputs) -> Estimate:
    """What the PDs save of the log loss that the bad rate for everybody has, by pairs on the judged rows.

    The rate is the one known before the rows were judged: of the rows the rule was made of where time divides the
    table, of the other folds where rows are judged by folds.
    """
    test, rule, target = inputs.test, inputs.scorer.rule, inputs.target
    constant = np.full(test.prob_default.shape, rule.n_bad / (rule.n_good + rule.n_bad))
    for rates, fold_of in zip(constant, test.folds, strict=True):
        numbers = np.unique(fold_of)
        for number in numbers if len(numbers) > 1 else ():
            rates[fold_of == number] = target[fold_of != number].mean()
    saved = [log_losses(rates, target) - log_losses(own, target)
             for rates, own in zip(constant, test.prob_default, strict=True)]  # fmt: skip
    return mean_estimate(np.mean(saved, axis=0))


def _is_cheaper(facts: PackFacts) -> Answer:
    performance = facts.figures["performance"]
    cost, without = performance["cost"], performance["cost_without_model"]
    return Answer(
        status_of(cost.high < without),
        f"{with_interval(cost)} per applicant instead of {without:.3f}",
        "interval below the cost without a model",
    )


def _inside_ranges(facts: PackFacts) -> Answer:
    training = facts.inputs.training
    limits = f"more than {per_cent(HAIR)} of its range away from either end"
    if not searched_families(training):
        return Answer("unknown", "one setting of each family was tried: nothing was searched", limits)
    at_edge = [
        f"{item.family.replace('_', ' ')}, {item.name} {plain_number(item.value)} at the {item.end} end of "
        f"{plain_number(item.within.low)} to {plain_number(item.within.high)}"
        for item in settings_at_edge(training)
    ]
    return Answer(status_of(not at_edge), "; ".join(at_edge) or "none at an end of its range", limits)


PERFORMANCE: tuple[Check[PackFacts], ...] = (
    Check("ranking", "performance", "Ranks better than guessing", "DeLong's interval of the AUC.", _ranks),
    PLAUSIBLE_RULE.check("Not too good to be true", _plausible),
    Check(
        "better-than-constant",
        "performance",
        "Predicts better than the bad rate alone",
        "Log loss of each judged row under the bad rate known before, less that under its PD; a normal interval of the "
        "mean.",
        _beats_constant,
    ),
    Check(
        "cost",
        "performance",
        "Decides more cheaply than without a model",
        "Cost per applicant at the cost-optimal cut-off, with its normal interval, against approving or declining all.",
        _is_cheaper,
    ),
    Check(
        "settings-inside-ranges",
        "candidates",
        "No chosen setting at an end of its range",
        "Each number of the chosen recipe is held against the range that its family searches, on the logarithm where "
        "that is searched so.",
        _inside_ranges,
    ),
)


# Calibration


def _slope(facts: PackFacts) -> Answer:
    slope = facts.figures["calibration"]["slope"]
    return Answer(SLOPE_RULE.judge(slope), f"slope {with_interval(slope, 2)}", f"{SLOPE_RULE.low} to {SLOPE_RULE.high}")


def _error(facts: PackFacts) -> Answer:
    error, bound = (facts.figures["calibration"][name] for name in ("error", "error_bound"))
    return Answer(
        status_of(error <= bound),
        f"calibration error {error:.3f}; true PDs stay below {bound:.3f} 95 times in 100",
        "at most what true PDs show 95 times in 100",
    )


def _coverage(facts: PackFacts, *, outcome: str) -> Answer:
    kept, rule = facts.figures["calibration"]["coverage"][0], COVERAGE_RULES[outcome]
    share = kept.bads if outcome == "bads" else kept.goods
    return Answer(
        rule.judge(share),
        f"{100 * share.value:.1f} % ({100 * share.low:.1f} to {100 * share.high:.1f})",
        f"{per_cent(rule.low)} to {per_cent(rule.high)}",
    )


CALIBRATION: tuple[Check[PackFacts], ...] = (
    SLOPE_RULE.check(f"Neither over- nor under-confident: slope {SLOPE_RULE.low} to {SLOPE_RULE.high}", _slope),
    Check(
        "calibration-error",
        "calibration",
        "Calibration error within chance",
        "Gap of PDs and bad rates over ten groups, against the 95 % point of outcomes drawn from the PDs themselves.",
        _error,
    ),
    *(
        rule.check(f"Conformal sets hold for {outcome}: 90 %, give or take 4", partial(_coverage, outcome=outcome))
        for outcome, rule in COVERAGE_RULES.items()
    ),
)


# Stability


def _has_not_moved(facts: PackFacts) -> Answer:
    limits = f"no shift beyond chance and above {WATCH_PSI:g}"
    shifts = facts.figures["stability"]["shifts"]
    if not shifts:
        return Answer("unknown", "no dates to tell by", limits)
    if all(shift["status"] == "too few rows" for shift in shifts):
        return Answer("unknown", "too few rows to tell", limits)
    moved = [shift["label"] for shift in shifts if shift["status"] in ("watch", "act")]
    finding = f"shifted: {', '.join(moved)}" if moved else f"PSI of the score {shifts[0]['psi']:.3f}"
    return Answer(status_of(not moved), finding, limits)


STABILITY: Check[PackFacts] = Check(
    "population-shift",
    "stability",
    "Applicants are like those it learnt from",
    "PSI of the score and of every field between reference and judged rows, beyond what chance makes and above the "
    "usual line.",
    _has_not_moved,
)


# Fairness


def _uses_no_protected(facts: PackFacts) -> Answer:
    used = facts.figures["reasons"]["protected_used"]
    return Answer(status_of(not used), f"uses {', '.join(used) or 'none'}", "none")


PROTECTED: Check[PackFacts] = PROTECTED_RULE.check("Uses no protected field", _uses_no_protected)


def fairness_check(index: int, field: Field) -> Check[PackFacts]:
    """The four-fifths rule of a protected field, the `index`-th of its schema."""
    return Check(
        f"four-fifths-{field.name}",
        "fairness",
        f"{field.label}: four-fifths rule",
        "Approval rate of each group over that of the basis, with Katz's interval; a ratio that chance explains cannot "
        "be told.",
        partial(_four_fifths, index=index),
    )


def _four_fifths(facts: PackFacts, *, index: int) -> Answer:
    """Whether no group is offered less than four fifths as often; a gap that chance explains cannot be told."""
    limits = f"at least {FOUR_FIFTHS:g}"
    field = facts.figures["fairness"][index]
    groups = compared(field)
    if not groups:
        return Answer("unknown", "groups too small" if field["groups"] else "not held in the table", limits)
    below = [(group, ratio) for group, ratio in groups if ratio.value < FOUR_FIFTHS]
    beyond_chance = [(group, ratio) for group, ratio in below if ratio.high < 1]
    worst, worst_ratio = min(beyond_chance or groups, key=lambda pair: pair[1].value)
    holds = None if below and not beyond_chance else not below
    return Answer(status_of(holds), f"{worst.label}: {with_interval(worst_ratio, 2)}", limits)


# Reasons

NOBODY = "nobody was referred or declined"


def _are_faithful(facts: PackFacts) -> Answer:
    reasons = facts.figures["reasons"]
    deletion, limits = reasons["deletion"], f"lower in {per_cent(LOWER_WITHOUT)} or more"
    if not deletion["n"]:
        return Answer("unknown", NOBODY, limits)
    fell = deletion["fell"]
    status = within(fell, LOWER_WITHOUT, 1.0) if reasons["additivity_error"] < ADDS_UP else "look"
    return Answer(status, f"lower in {100 * fell.value:.0f} % of {deletion['n']:,} cases", limits)


def _are_stable(facts: PackFacts) -> Answer:
    found, limits = facts.figures["reasons"]["reason_stability"], f"{per_cent(SAME_REASONS)} or more stay"
    kept = found["reasons_kept"]
    if kept is None:
        return Answer("unknown", NOBODY, limits)
    finding = f"{per_cent(kept)} of them stay; {per_cent(found['same_verdict'])} get the same advice"
    return Answer(status_of(kept >= SAME_REASONS), finding, limits)


REASONS: tuple[Check[PackFacts], ...] = (
    Check(
        "reasons-faithful",
        "reasons",
        "Reasons add up, and without the first the risk is lower",
        "Contributions are added up, and the field behind the first reason is set to what is usual among the approved.",
        _are_faithful,
    ),
    Check(
        "reasons-stable",
        "reasons",
        f"Reasons stay when numbers move by {100 * JITTER:.0f} %",
        "A sample is scored again with every number moved at random by as much.",
        _are_stable,
    ),
)
