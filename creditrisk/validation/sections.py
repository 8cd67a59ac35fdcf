"""The sections of the pack that come straight from the judged rows and the schema."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
import polars as pl
from scipy.special import expit, logit, ndtri

from creditrisk.columns import is_post_outcome, key
from creditrisk.comparison import Comparison, held_out_coverage, mean_slope
from creditrisk.metrics import (
    Estimate,
    Group,
    Shift,
    auc,
    auc_standard_error,
    audit,
    by_group,
    calibration_error,
    calibration_error_floor,
    count_profile,
    deciles,
    decision_costs,
    groups_of,
    judged,
    log_losses,
    mean_estimate,
    periods,
    rate,
    shift_of,
)
from creditrisk.schema import Field, Schema
from creditrisk.scoring import shifted
from creditrisk.training import Training
from creditrisk.validation.case import SEED, PackInputs, verdicts_of
from creditrisk.validation.contents import (
    Approval,
    CalibrationSection,
    CandidatesSection,
    ComparisonSection,
    DataFacts,
    DataSection,
    DoubtLine,
    FairnessLine,
    NotInSchema,
    PerformanceSection,
    PurposeSection,
    Segment,
    ShiftLine,
    StabilitySection,
)

ALPHAS = (0.1, 0.2)
# Bounds of confidence below which a colleague could be asked, shown beside the one that is set.
ASKED = (0.0, 0.7, 0.8, 0.9)
SEGMENT_FIELDS = 3
# A group with fewer rows than this says nothing about a segment.
MIN_SEGMENT_ROWS = 30
NOT_GIVEN = "not given"
BOOTSTRAP_DRAWS = 500
ROLES = ("Model owner", "Independent validator", "Business owner", "Risk committee")


def purpose_section(inputs: PackInputs) -> PurposeSection:
    """What the model is for, what its decisions cost, and what it decides."""
    schema, rule = inputs.schema, inputs.scorer.rule
    counts = Counter(inputs.verdicts.tolist())
    return {
        "outcome": schema.target.label,
        "bad_happened": schema.target.bad_happened,
        "horizon_months": schema.horizon_months,
        "notes": schema.notes,
        "costs": schema.costs,
        "approve_below": rule.approve_below,
        "decline_from": rule.decline_from,
        "verdicts": {name: rate(counts[name], len(inputs.verdicts)) for name in ("approve", "refer", "decline")},
        "bad_rate_by_verdict": {
            name: rate(int(inputs.target[inputs.verdicts == name].sum()), counts[name])
            for name in ("approve", "refer", "decline")
        },
        "portfolio_bad_rate": schema.portfolio_bad_rate,
    }


def data_section(inputs: PackInputs, facts: DataFacts) -> DataSection:
    """The table: where it came from, what was set aside, which fields there are."""
    schema = inputs.schema
    # Where time divides the table, all rows but the judged and those that chose are only counted in the protocol.
    seen = inputs.test.frame
    n_read, n_accepted, n_bad = facts.n_read, facts.n_accepted, facts.n_bad
    return {
        "source": facts.source,
        "sha256": facts.sha256,
        "scorer_sha256": inputs.scorer.sha256 or None,
        "n_read": n_read,
        "n_accepted": n_accepted,
        "n_bad": n_bad,
        "bad_rate": n_bad / n_accepted if n_accepted and n_bad is not None else None,
        "rejected": dict(sorted(facts.rejected.items(), key=lambda item: (-item[1], item[0]))),
        "rejected_share": (n_read - n_accepted) / n_read if n_read and n_accepted is not None else None,
        "target": {"label": schema.target.label, "bad": list(schema.target.bad), "good": list(schema.target.good)},
        "period": _period(seen, schema),
        "fields": [
            {
                "label": field.label,
                "unit": field.unit,
                "type": field.type,
                "role": field.role,
                "missing": float(seen[field.name].null_count() / seen.height) if field.name in seen.columns else None,
                "why_excluded": _why_excluded(field) if field.role == "excluded" else None,
            }
            for field in schema.fields
            if field.role in ("feature", "protected", "excluded")
        ],
        "not_in_schema": not_in_schema(facts.columns, schema),
        "odd_share": _odd_share(seen, schema),
    }


def _why_excluded(field: Field) -> str:
    if any(map(is_post_outcome, (field.name, field.label, *field.aliases))):
        return "known only after the decision"
    return field.description.rstrip(".") or ("free text" if field.type == "text" else "by the schema")


def not_in_schema(columns: Sequence[str], schema: Schema) -> NotInSchema:
    """Columns of the file that are no field of the schema; a dataset's reader may work fields out of some of them."""
    fields = [(item.name, item.label, *item.aliases) for item in schema.fields]
    target = (schema.target.name, schema.target.label, *schema.target.aliases)
    named = {key(name) for names in (*fields, target) for name in names}
    unnamed = sorted(name for name in columns if key(name) not in named)
    return {
        "known_later": [name for name in unnamed if is_post_outcome(name)],
        "others": [name for name in unnamed if not is_post_outcome(name)],
    }


def _odd_share(frame: pl.DataFrame, schema: Schema) -> float:
    """Share of applications with a value that the schema does not expect; they go to a person whatever their PD."""
    odd = [pl.lit(False)]
    for field in schema.features:
        column = pl.col(field.name)
        if field.type == "category":
            odd.append(~column.is_in([category.value for category in field.categories]))
        if field.minimum is not None:
            odd.append(column < field.minimum)
        if field.maximum is not None:
            odd.append(column > field.maximum)
    return float(frame.select(pl.any_horizontal(item.fill_null(False) for item in odd).mean()).item())


def _period(frame: pl.DataFrame, schema: Schema) -> list[str] | None:
    if schema.time_field is None:
        return None
    days = frame[schema.time_field.name]
    return [str(days.min()), str(days.max())]


def candidates_section(training: Training) -> CandidatesSection:
    """What was tried, and what was chosen."""
    return {
        "chosen": training.recipe.family,
        "parameters": training.recipe.parameters,
        "tried": [
            {"family": item.family, "seconds": item.seconds, **asdict(item.test)}
            for item in sorted(training.candidates, key=lambda item: item.test.log_loss)
        ],
        "failures": dict(training.failures),
        "n_settings": len(training.results),
    }


def performance_section(inputs: PackInputs) -> PerformanceSection:
    """How good the whole path is, in all and in parts."""
    costs, target = inputs.schema.costs, inputs.target
    declined = inputs.prob_default >= costs.cutoff_prob_default
    n_caught, n_declined, n_bad = int(target[declined].sum()), int(declined.sum()), int(target.sum())
    n_good = len(target) - n_bad
    n_right = n_caught + n_good - (n_declined - n_caught)
    repeats = inputs.test.prob_default
    base = min(costs.accept_bad * n_bad, costs.decline_good * n_good) / len(target)
    return {
        "n_rows": len(target),
        "n_bad": n_bad,
        "n_repeats": len(repeats),
        "auc": _auc(inputs),
        "ks_good_bad": _ks(inputs),
        "brier": mean_estimate(np.mean((repeats - target) ** 2, axis=0)),
        "log_loss": mean_estimate(np.mean([log_losses(repeat, target) for repeat in repeats], axis=0)),
        "cost": mean_estimate(np.mean([decision_costs(repeat, target, costs) for repeat in repeats], axis=0)),
        "cost_without_model": base,
        "cutoff": costs.cutoff_prob_default,
        "accuracy": rate(n_right, len(target)),
        "precision": rate(n_caught, n_declined),
        "recall": rate(n_caught, n_bad),
        "specificity": rate(n_right - n_caught, n_good),
        "deciles": deciles(inputs.prob_default, target)[::-1],
        "by_time": _by_time(inputs),
        "by_segment": _by_segment(inputs),
    }


def _auc(inputs: PackInputs) -> Estimate:
    """The AUC as the training gives it (over folds, their mean), with DeLong's interval on the log-odds."""
    area = inputs.training.performance.auc
    errors = [auc_standard_error(repeat, inputs.target) for repeat in inputs.test.prob_default]
    # Judging the same rows again makes the figure no surer.
    reach = ndtri(0.975) * float(np.mean(errors)) / (area * (1 - area)) if 0 < area < 1 else 0.0
    return Estimate(area, float(expit(logit(area) - reach)), float(expit(logit(area) + reach)))


def _ks(inputs: PackInputs) -> Estimate:
    """KS of the training, with the reach of a bootstrap over goods and over bads."""
    order = np.argsort(inputs.prob_default)
    target = inputs.target[order]
    last = np.flatnonzero(np.diff(inputs.prob_default[order], append=np.inf) > 0)
    places = [np.flatnonzero(target == outcome) for outcome in (0, 1)]
    rng = np.random.default_rng(SEED)
    drawn = []
    for _ in range(BOOTSTRAP_DRAWS):
        passed = []
        for rows in places:
            counts = np.bincount(rows[rng.integers(0, len(rows), len(rows))], minlength=len(target))
            passed.append(np.cumsum(counts)[last] / len(rows))
        drawn.append(float(np.abs(passed[0] - passed[1]).max()))
    value, reach = inputs.training.performance.ks_good_bad, ndtri(0.975) * float(np.std(drawn))
    return Estimate(value, max(0.0, value - reach), min(1.0, value + reach))


def _by_time(inputs: PackInputs) -> list[Group]:
    field = inputs.schema.time_field
    if field is None:
        return []
    groups = periods(inputs.test.frame[field.name].to_list())
    return by_group(inputs.prob_default, inputs.target, groups, inputs.schema.costs)


def _by_segment(inputs: PackInputs) -> list[Segment]:
    """By the amount lent and by the fields that weigh most."""
    names = [inputs.schema.amount_field] if inputs.schema.amount_field in inputs.test.frame.columns else []
    features = inputs.schema.features
    names += [features[place].name for place in inputs.strongest if features[place].name not in names]
    found: list[Segment] = []
    for name in names:
        field = inputs.schema.field(name)
        labels, groups = groups_of(inputs.test.frame[name], field)
        groups = np.where(groups == "", NOT_GIVEN, groups)
        rows = [
            group
            for group in by_group(inputs.prob_default, inputs.target, groups, inputs.schema.costs, [*labels, NOT_GIVEN])
            if group.n_rows >= MIN_SEGMENT_ROWS
        ]
        if len(rows) > 1:
            n_left_out = len(groups) - sum(group.n_rows for group in rows)
            found.append({"label": field.label, "groups": rows, "n_left_out": n_left_out})
        if len(found) == SEGMENT_FIELDS:
            break
    return found


def calibration_section(inputs: PackInputs) -> CalibrationSection:
    """Whether PDs are what comes true, conformal sets what is kept, and what asking in doubt costs."""
    target = inputs.target
    floor_mean, floor_bound = calibration_error_floor(inputs.prob_default, seed=SEED)
    observed, expected = rate(int(target.sum()), len(target)), float(inputs.prob_default.mean())
    rule = inputs.scorer.rule
    return {
        "method": inputs.scorer.calibration.method,
        "n_rows": rule.n_good + rule.n_bad,
        "sample_bad_rate": rule.n_bad / (rule.n_good + rule.n_bad),
        "portfolio_bad_rate": inputs.schema.portfolio_bad_rate,
        "slope": mean_slope(inputs.test.prob_default, target),
        "observed": observed,
        "expected": expected,
        "observed_to_expected": Estimate(observed.value / expected, observed.low / expected, observed.high / expected),
        "error": calibration_error(inputs.prob_default, target),
        "error_by_chance": floor_mean,
        "error_bound": floor_bound,
        "coverage": [
            held_out_coverage(rule, inputs.prob_default, target, inputs.test.folds[0], alpha=alpha) for alpha in ALPHAS
        ],
        "ask_below": rule.ask_below,
        "doubt": _doubt(inputs),
    }


def _doubt(inputs: PackInputs) -> list[DoubtLine]:
    """The price of asking a colleague in doubt: as it is set, and at a few other bounds; the judged rows' outcomes."""
    rule, costs, is_bad = inputs.scorer.rule, inputs.schema.costs, inputs.target == 1
    confidence = inputs.scorer.confidence(inputs.test.frame, inputs.prob_default)
    wrong = np.where(is_bad, costs.accept_bad, 0.0)
    declined = np.where(is_bad, 0.0, costs.decline_good)
    by_pd = np.select([inputs.verdicts == "approve", inputs.verdicts == "decline"], [wrong, declined], costs.review)
    lines: list[DoubtLine] = []
    for ask_below in sorted({*ASKED, rule.ask_below}):
        is_asked = (inputs.verdicts != "refer") & (confidence < ask_below)
        paid = np.where(is_asked, costs.review, by_pd)
        lines.append(
            {
                "ask_below": ask_below,
                "asked": rate(int(is_asked.sum()), len(is_asked)),
                "cost": mean_estimate(paid),
                "saved": mean_estimate(by_pd - paid),
            }
        )
    return lines


def stability_section(inputs: PackInputs) -> StabilitySection:
    """How much the figures vary from fold to fold, and what shifted over time."""
    training, judged = inputs.training, inputs.test
    areas = [
        auc(repeat[fold_of == number], judged.target[fold_of == number])
        for repeat, fold_of in zip(judged.prob_default, judged.folds, strict=True)
        for number in np.unique(fold_of)
    ]
    found: StabilitySection = {"by_time": inputs.is_by_time, "shifts": [], "auc_sd": training.auc_sd}
    if inputs.is_by_time:
        found["shifts"] = _shifts(inputs)
    if len(areas) > 1:
        found["folds"] = {"n": len(areas), "low": min(areas), "high": max(areas)}
    if len(judged.prob_default) > 1:
        # Every applicant was scored by several models, fitted on other rows: how much hangs on which?
        shown = shifted(judged.prob_default, inputs.scorer.shift)
        verdicts = np.array([verdicts_of(inputs.scorer.rule, repeat) for repeat in shown])
        found["refits"] = {
            "n": len(shown),
            "prob_default_sd": float(shown.std(axis=0, ddof=1).mean()),
            "same_verdict": float((verdicts == verdicts[0]).all(axis=0).mean()),
        }
    return found


def _shifts(inputs: PackInputs) -> list[ShiftLine]:
    """How far the judged rows have moved from the reference, score and fields, the largest shift first."""
    profile, frame = inputs.scorer.profile, inputs.test.frame
    now = count_profile(profile, frame, pl.Series(inputs.shown))
    labels = ["Predicted risk", *(field.label for field in inputs.schema.features)]
    shifts = [
        shift_of(profile["prob_default"], now["prob_default"]),
        *(shift_of(profile["fields"][field.name], now["fields"][field.name]) for field in inputs.schema.features),
    ]
    score, *fields = [_shift(label, shift) for label, shift in zip(labels, judged(shifts), strict=True)]
    return [score, *sorted(fields, key=lambda shift: -shift["psi"])]


def _shift(label: str, found: Shift) -> ShiftLine:
    return {"label": label, "psi": found.psi or 0.0, "bound": found.bound or 0.0, "status": found.status}


def fairness_section(inputs: PackInputs) -> list[FairnessLine]:
    """How the groups of each protected field fare."""
    found: list[FairnessLine] = []
    for field in inputs.schema.protected:
        held = inputs.test.frame[field.name] if field.name in inputs.test.frame.columns else None
        if held is None or held.null_count() == len(held) or not (field.is_numeric or field.type == "category"):
            found.append({"label": field.label, "groups": [], "missing": 1.0})
            continue
        labels, groups = groups_of(held, field)
        treatments = audit(inputs.verdicts == "approve", inputs.target, inputs.prob_default, groups, labels)
        found.append({"label": field.label, "groups": treatments, "missing": float((groups == "").mean())})
    return found


def comparison_section(comparison: Comparison | None) -> ComparisonSection | None:
    """What came of comparing it with the champion; None if there is none."""
    if comparison is None:
        return None
    return {
        "verdict": comparison.verdict,
        "sentence": comparison.sentence,
        "method": comparison.method,
        "n_looks": comparison.n_looks,
        "figures": list(comparison.figures),
        "guardrails": list(comparison.guardrails),
        "n_swapped": comparison.n_swapped,
        "n_rows": comparison.n_rows,
    }


def approvals_section(signed: Sequence[Approval]) -> list[Approval]:
    """Who has signed, and an empty line for every role that has not."""
    open_roles = [role for role in ROLES if role not in {line["role"] for line in signed}]
    return [*signed, *(Approval(role=role, name="", decision="", date="") for role in open_roles)]
