"""What the model must not be used for, and what to watch from now on."""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt
from typing import Any

from creditrisk.comparison import SLOPES
from creditrisk.metrics import MIN_GROUP_ROWS, auc_standard_error, with_interval
from creditrisk.text import counted, per_cent
from creditrisk.validation.case import Case
from creditrisk.validation.checks import FOUR_FIFTHS, compared
from creditrisk.validation.sections import ACT_PSI, WATCH_PSI

# So many bads are needed before intervals are of any use to a decision.
FEW_BADS = 200
# What the monitoring plan speaks of: the next so many applications, or outcomes.
WATCHED_ROWS = 1_000


def monitoring_plan(case: Case, found: Mapping[str, Any]) -> list[dict[str, str]]:
    """What to watch, how it stands today, and what calls for a look in so many applications as the plan speaks of.

    Ranges are where chance stays 95 times in 100, that of the judged rows included.
    """
    prob_default, rows = case.prob_default, WATCHED_ROWS
    spread = 1.96 * sqrt(1 / len(prob_default) + 1 / rows)
    shifts = found["stability"]["shifts"]
    strongest = ", ".join(case.schema.features[place].label for place in case.strongest[:3])
    odd = found["data"]["odd_share"]
    at_once = [
        (
            "Shift of the predicted risk (PSI)",
            "drift report",
            f"{shifts[0]['psi']:.3f}" if shifts else "–",
            f"beyond chance and above {WATCH_PSI:g}; above {ACT_PSI:g} it calls for action",
        ),
        (f"Shift of each field (PSI); {strongest} weigh most", "drift report", "–", "the same"),
        (
            "Values the schema does not expect",
            "decision log",
            per_cent(odd),
            f"above {per_cent(odd + 1.96 * sqrt((odd + 1 / rows) / rows))} of applications",
        ),
        (
            "Mean PD",
            "decision log",
            per_cent(case.shown.mean()),
            _outside(case.shown.mean(), spread * case.shown.std(ddof=1)),
        ),
        *(
            (with_interval, "metrics", per_cent(share), _outside(share, spread * sqrt(share * (1 - share))))
            for verdict, with_interval in (("approve", "Offers"), ("refer", "Referrals"), ("decline", "Declines"))
            for share in [(case.verdicts == verdict).mean()]
        ),
        *(
            (
                f"{field['label']}: offers over the basis, lowest",
                "decision log",
                f"{min(ratios):.2f}",
                f"below {FOUR_FIFTHS:g} by more than chance, where the field is given",
            )
            for field in found["fairness"]
            if (ratios := [group.impact_ratio.value for group in compared(field)])
        ),
    ]
    area, slope = found["performance"]["auc"].value, found["calibration"]["slope"].value
    error = auc_standard_error(prob_default, case.target) * sqrt(1 + len(prob_default) / rows)
    # How far bads over expected bads stray by chance where every PD is true.
    stray = 1.96 * sqrt(float((prob_default * (1 - prob_default)).mean()) / rows) / float(prob_default.mean())
    outcomes = "decision log, outcomes"
    with_outcomes = [
        (
            "Went bad / predicted",
            outcomes,
            f"{found['calibration']['observed_to_expected'].value:.2f}",
            f"outside {max(0.0, 1 - stray):.2f} to {1 + stray:.2f}; twice running, it calls for a new model",
        ),
        ("AUC", outcomes, f"{area:.3f}", f"below {area - 1.96 * error:.3f}"),
        ("Calibration slope", outcomes, f"{slope:.2f}", f"beyond {SLOPES[0]:g} to {SLOPES[1]:g} by more than chance"),
    ]
    months = case.schema.horizon_months
    known = (
        "with the decisions" if months == 0 else f"after {counted(months, 'month')}" if months else "with the outcomes"
    )
    return [
        {"known": when, "what": what, "where": where, "today": today, "look": look}
        for when, figures in (("at once", at_once), (known, with_outcomes))
        for what, where, today, look in figures
    ]


def _outside(middle: float, reach: float) -> str:
    return f"outside {per_cent(max(0.0, middle - reach))} to {per_cent(min(1.0, middle + reach))}"


def limits_of(case: Case, found: Mapping[str, Any]) -> list[str]:
    """What must not be expected of the model, in sentences."""
    schema, performance = case.schema, found["performance"]
    area = performance["auc"]
    if schema.horizon_months == 0:
        limits = [
            f"It tells who {schema.target.bad_happened}. That was a decision, not what became of a loan: nothing here "
            "says who repays."
        ]
    else:
        limits = [
            "Only applicants whose outcome is known could teach and judge. Who was declined in the past is not among "
            "them, so for applicants unlike those once accepted the PDs are extrapolated.",
            f"It speaks of {counted(schema.horizon_months, 'month')} after the application and of nothing later."
            if schema.horizon_months
            else "Nothing says how long after the application the outcomes were taken: what the PDs say of one year, "
            "or of a loan's whole life, is not known.",
        ]
    limits.append(
        "The decision log holds what was advised, not what a person decided instead: how often, and why, people decide "
        "otherwise has to be recorded elsewhere."
    )
    limits.append(
        "Values outside the ranges and categories of the schema are no part of what it learnt: such applications go to "
        f"a person whatever their PD ({per_cent(found['data']['odd_share'])} of those judged)."
    )
    if not case.is_by_time:
        limits.append(
            "The table has no dates: how well the model lasts is not known. Cross-validation judges it on applicants "
            "of the same time as those it learnt from."
        )
    if performance["n_bad"] < FEW_BADS or area.high - area.low > 0.05:
        limits.append(
            f"It was judged on {performance['n_rows']:,} applications with {performance['n_bad']:,} bads: its AUC is "
            f"known only to lie between {area.low:.3f} and {area.high:.3f}."
        )
    ratio = found["calibration"]["observed_to_expected"]
    if not ratio.low <= 1 <= ratio.high:
        limits.append(
            f"Of the judged applicants {'more' if ratio.value > 1 else 'fewer'} went bad than predicted: "
            f"{with_interval(ratio, 2)} times as many. Its PDs are that far off at the level of the portfolio."
        )
    limits += [
        f"{field['label']}: {', '.join(small)} {'has' if len(small) == 1 else 'have'} fewer than {MIN_GROUP_ROWS} "
        "applicants; nothing can be said of how they fare."
        for field in found["fairness"]
        if (small := [group.label for group in field["groups"] if group.is_small])
    ]
    limits += [
        f"{field['label']} is protected, but the table does not hold it: fairness by it was not judged."
        for field in found["fairness"]
        if not field["groups"]
    ]
    if not schema.protected:
        limits.append("The schema names no protected field: fairness was not judged.")
    if schema.portfolio_bad_rate is None:
        calibration, of_all = found["calibration"], found["data"]["bad_rate"]
        limits.append(
            f"PDs are on the scale of the {calibration['n_rows']:,} applications they were calibrated on, of which "
            f"{per_cent(calibration['sample_bad_rate'])} {schema.target.bad_happened}"
            f"{'' if of_all is None else f' (of the whole table {per_cent(of_all)})'}. "
            "Where another share of the applicants to be scored does, PDs are too high or too low for all of them, and "
            "the advice too strict or too lenient, until the schema states that share (portfolio_bad_rate)."
        )
    else:
        limits.append(
            f"PDs are moved to a portfolio with a bad rate of {per_cent(schema.portfolio_bad_rate)}; that rate is "
            "taken on trust, and judged rows cannot test it."
        )
    limits += [
        f"{name} could not be fitted and was not compared: {why}" for name, why in case.training.failures.items()
    ]
    return limits
