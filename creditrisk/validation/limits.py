"""What the model must not be used for, and what to watch from now on."""

from __future__ import annotations

from collections.abc import Iterator
from math import sqrt

from creditrisk.comparison import SLOPE_RULE
from creditrisk.metrics import ACT_PSI, MIN_GROUP_ROWS, WATCH_PSI, auc_standard_error, with_interval
from creditrisk.text import counted, per_cent
from creditrisk.validation.case import PackInputs
from creditrisk.validation.checks import FOUR_FIFTHS, compared
from creditrisk.validation.contents import FairnessLine, Figures, MonitoringLine

# At least so many bads are needed before intervals are of any use to a decision.
FEW_BADS = 200
# The monitoring plan speaks of the next thousand applications, or outcomes.
WATCHED_ROWS = 1_000

# What is watched, where, how it stands today, and what calls for a look.
_Watched = tuple[str, str, str, str]


def monitoring_plan(inputs: PackInputs, figures: Figures) -> list[MonitoringLine]:
    """What to watch, how it stands today, and what calls for a look in so many applications as the plan speaks of.

    Ranges are where chance stays 95 times in 100, that of the judged rows included.
    """
    months = inputs.schema.horizon_months
    known = (
        "with the decisions" if months == 0 else f"after {counted(months, 'month')}" if months else "with the outcomes"
    )
    return [
        {"known": when, "what": what, "where": where, "today": today, "look": look}
        for when, lines in (("at once", _at_once(inputs, figures)), (known, _with_outcomes(inputs, figures)))
        for what, where, today, look in lines
    ]


def _at_once(inputs: PackInputs, figures: Figures) -> Iterator[_Watched]:
    """What applications and decisions alone tell."""
    shifts = figures["stability"]["shifts"]
    strongest = ", ".join(inputs.schema.features[place].label for place in inputs.strongest[:3])
    yield (
        "Shift of the predicted risk (PSI)",
        "drift report",
        f"{shifts[0]['psi']:.3f}" if shifts else "–",
        f"beyond chance and above {WATCH_PSI:g}; above {ACT_PSI:g} it calls for action",
    )
    yield f"Shift of each field (PSI); {strongest} weigh most", "drift report", "–", "the same"
    odd = figures["data"]["odd_share"]
    yield (
        "Values the schema does not expect",
        "decision log",
        per_cent(odd),
        f"above {per_cent(odd + 1.96 * sqrt((odd + 1 / WATCHED_ROWS) / WATCHED_ROWS))} of applications",
    )
    spread = 1.96 * sqrt(1 / len(inputs.prob_default) + 1 / WATCHED_ROWS)
    mean, sd = float(inputs.shown.mean()), float(inputs.shown.std(ddof=1))
    yield "Mean PD", "decision log", per_cent(mean), _outside(mean, spread * sd)
    for verdict, words in (("approve", "Offers"), ("refer", "Referrals"), ("decline", "Declines")):
        share = float((inputs.verdicts == verdict).mean())
        yield words, "metrics", per_cent(share), _outside(share, spread * sqrt(share * (1 - share)))
    for field in figures["fairness"]:
        if ratios := [ratio.value for _, ratio in compared(field)]:
            yield (
                f"{field['label']}: offers over the basis, lowest",
                "decision log",
                f"{min(ratios):.2f}",
                f"below {FOUR_FIFTHS:g} by more than chance, where the field is given",
            )


def _with_outcomes(inputs: PackInputs, figures: Figures) -> Iterator[_Watched]:
    """What is known once it is known who went bad."""
    prob_default, where = inputs.prob_default, "decision log, outcomes"
    calibration, area = figures["calibration"], figures["performance"]["auc"].value
    # How far bads over expected bads stray by chance where every PD is true.
    stray = 1.96 * sqrt(float((prob_default * (1 - prob_default)).mean()) / WATCHED_ROWS) / float(prob_default.mean())
    yield (
        "Went bad / predicted",
        where,
        f"{calibration['observed_to_expected'].value:.2f}",
        f"outside {max(0.0, 1 - stray):.2f} to {1 + stray:.2f}; twice running, it calls for a new model",
    )
    error = auc_standard_error(prob_default, inputs.target) * sqrt(1 + len(prob_default) / WATCHED_ROWS)
    yield "AUC", where, f"{area:.3f}", f"below {area - 1.96 * error:.3f}"
    slopes = f"beyond {SLOPE_RULE.low:g} to {SLOPE_RULE.high:g} by more than chance"
    yield "Calibration slope", where, f"{calibration['slope'].value:.2f}", slopes


def _outside(middle: float, reach: float) -> str:
    return f"outside {per_cent(max(0.0, middle - reach))} to {per_cent(min(1.0, middle + reach))}"


def limits_of(inputs: PackInputs, figures: Figures) -> list[str]:
    """What must not be expected of the model, in sentences."""
    return [
        *_limits_of_outcomes(inputs),
        "The decision log holds what was advised, not what a person decided instead: how often, and why, people decide "
        "otherwise has to be recorded elsewhere.",
        "Values outside the ranges and categories of the schema are no part of what it learnt: such applications go to "
        f"a person whatever their PD ({per_cent(figures['data']['odd_share'])} of those judged).",
        *_limits_of_rows(inputs, figures),
        *_limits_of_groups(inputs, figures["fairness"]),
        _limit_of_scale(inputs, figures),
        *(f"{name} could not be fitted and was not compared: {why}" for name, why in inputs.training.failures.items()),
    ]


def _limits_of_outcomes(inputs: PackInputs) -> Iterator[str]:
    schema = inputs.schema
    if schema.horizon_months == 0:
        yield (
            f"It tells who {schema.target.bad_happened}. That was a decision, not what became of a loan: nothing here "
            "says who repays."
        )
        return
    yield (
        "Only applicants whose outcome is known could teach and judge. Who was declined in the past is not among "
        "them, so for applicants unlike those once accepted the PDs are extrapolated."
    )
    if schema.horizon_months:
        yield f"It speaks of {counted(schema.horizon_months, 'month')} after the application and of nothing later."
    else:
        yield (
            "Nothing says how long after the application the outcomes were taken: what the PDs say of one year, "
            "or of a loan's whole life, is not known."
        )


def _limits_of_rows(inputs: PackInputs, figures: Figures) -> Iterator[str]:
    performance, ratio = figures["performance"], figures["calibration"]["observed_to_expected"]
    area = performance["auc"]
    if not inputs.is_by_time:
        yield (
            "The table has no dates: how well the model lasts is not known. Cross-validation judges it on applicants "
            "of the same time as those it learnt from."
        )
    if performance["n_bad"] < FEW_BADS or area.high - area.low > 0.05:
        yield (
            f"It was judged on {performance['n_rows']:,} applications with {performance['n_bad']:,} bads: its AUC is "
            f"known only to lie between {area.low:.3f} and {area.high:.3f}."
        )
    if not ratio.low <= 1 <= ratio.high:
        yield (
            f"Of the judged applicants {'more' if ratio.value > 1 else 'fewer'} went bad than predicted: "
            f"{with_interval(ratio, 2)} times as many. Its PDs are that far off at the level of the portfolio."
        )


def _limits_of_groups(inputs: PackInputs, fairness: list[FairnessLine]) -> Iterator[str]:
    for field in fairness:
        if small := [group.label for group in field["groups"] if group.is_small]:
            yield (
                f"{field['label']}: {', '.join(small)} {'has' if len(small) == 1 else 'have'} fewer than "
                f"{MIN_GROUP_ROWS} applicants; nothing can be said of how they fare."
            )
    for field in fairness:
        if not field["groups"]:
            yield f"{field['label']} is protected, but the table does not hold it: fairness by it was not judged."
    if not inputs.schema.protected:
        yield "The schema names no protected field: fairness was not judged."


def _limit_of_scale(inputs: PackInputs, figures: Figures) -> str:
    schema, calibration, of_all = inputs.schema, figures["calibration"], figures["data"]["bad_rate"]
    if schema.portfolio_bad_rate is not None:
        return (
            f"PDs are moved to a portfolio with a bad rate of {per_cent(schema.portfolio_bad_rate)}; that rate is "
            "taken on trust, and judged rows cannot test it."
        )
    return (
        f"PDs are on the scale of the {calibration['n_rows']:,} applications they were calibrated on, of which "
        f"{per_cent(calibration['sample_bad_rate'])} {schema.target.bad_happened}"
        f"{'' if of_all is None else f' (of the whole table {per_cent(of_all)})'}. "
        "Where another share of the applicants to be scored does, PDs are too high or too low for all of them, and "
        "the advice too strict or too lenient, until the schema states that share (portfolio_bad_rate)."
    )
