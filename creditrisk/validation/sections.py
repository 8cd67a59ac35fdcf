"""The sections of the pack that come straight from the judged rows and the schema."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import polars as pl
from scipy.special import expit, logit
from scipy.stats import chi2, norm

from creditrisk.arrays import FloatArray, IntArray
from creditrisk.columns import is_post_outcome, key
from creditrisk.comparison import Comparison, held_out_coverage
from creditrisk.metrics import (
    Estimate,
    auc,
    auc_standard_error,
    audit,
    bin_counts,
    by_group,
    calibration_error,
    calibration_error_floor,
    deciles,
    decision_costs,
    groups_of,
    mean_estimate,
    periods,
    rate,
    recalibrate,
    reference_counts,
)
from creditrisk.schema import Field, Schema
from creditrisk.scoring import shifted
from creditrisk.training import Training
from creditrisk.validation.case import SEED, Case, verdicts_of

ALPHAS = (0.1, 0.2)
SEGMENT_FIELDS = 3
# A group with fewer rows than this says nothing about a segment.
MIN_SEGMENT_ROWS = 30
NOT_GIVEN = "not given"
BOOTSTRAP_DRAWS = 500
# Thresholds of a shift (PSI), as in monitoring; below so many rows it is mostly chance.
WATCH_PSI, ACT_PSI, MIN_PSI_ROWS = 0.10, 0.25, 300
ROLES = ("Model owner", "Independent validator", "Business owner", "Risk committee")


def purpose_section(case: Case) -> dict[str, Any]:
    """What the model is for, what its decisions cost, and what it decides."""
    schema, rule = case.schema, case.scorer.rule
    counts = Counter(case.verdicts.tolist())
    return {
        "outcome": schema.target.label,
        "bad_happened": schema.target.bad_happened,
        "horizon_months": schema.horizon_months,
        "notes": schema.notes,
        "costs": asdict(schema.costs),
        "approve_below": rule.approve_below,
        "decline_from": rule.decline_from,
        "verdicts": {name: rate(counts[name], len(case.verdicts)) for name in ("approve", "refer", "decline")},
        "bad_rate_by_verdict": {
            name: rate(int(case.target[case.verdicts == name].sum()), counts[name])
            for name in ("approve", "refer", "decline")
        },
        "portfolio_bad_rate": schema.portfolio_bad_rate,
    }


def data_section(case: Case, facts: Mapping[str, Any]) -> dict[str, Any]:
    """The table: where it came from, what was set aside, which fields there are."""
    schema = case.schema
    rejected = dict(facts.get("rejected", {}))
    # Where time divides the table, all rows but the judged and those that chose are only counted in the protocol.
    seen = case.test.frame
    n_read, n_accepted, n_bad = (facts.get(name) for name in ("n_read", "n_accepted", "n_bad"))
    return {
        "source": facts.get("source"),
        "sha256": facts.get("sha256"),
        "scorer_sha256": case.scorer.sha256 or None,
        "n_read": n_read,
        "n_accepted": n_accepted,
        "n_bad": n_bad,
        "bad_rate": n_bad / n_accepted if n_accepted and n_bad is not None else None,
        "rejected": dict(sorted(rejected.items(), key=lambda item: (-item[1], item[0]))),
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
        "not_in_schema": _not_in_schema(facts.get("columns", ()), schema),
        "odd_share": _odd_share(seen, schema),
    }


def _why_excluded(field: Field) -> str:
    if any(map(is_post_outcome, (field.name, field.label, *field.aliases))):
        return "known only after the decision"
    return field.description.rstrip(".") or ("free text" if field.type == "text" else "by the schema")


def _not_in_schema(columns: Sequence[str], schema: Schema) -> dict[str, list[str]]:
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


def candidates_section(training: Training) -> dict[str, Any]:
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


def performance_section(case: Case) -> dict[str, Any]:
    """How good the whole path is, in all and in parts."""
    costs, target = case.schema.costs, case.target
    declined = case.prob_default >= costs.cutoff_prob_default
    n_caught, n_declined, n_bad = int(target[declined].sum()), int(declined.sum()), int(target.sum())
    n_good = len(target) - n_bad
    n_right = n_caught + n_good - (n_declined - n_caught)
    repeats = case.test.prob_default
    base = min(costs.accept_bad * n_bad, costs.decline_good * n_good) / len(target)
    return {
        "n_rows": len(target),
        "n_bad": n_bad,
        "n_repeats": len(repeats),
        "auc": _auc(case),
        "ks_good_bad": _ks(case),
        "brier": mean_estimate(np.mean((repeats - target) ** 2, axis=0)),
        "log_loss": mean_estimate(np.mean([_log_losses(repeat, target) for repeat in repeats], axis=0)),
        "cost": mean_estimate(np.mean([decision_costs(repeat, target, costs) for repeat in repeats], axis=0)),
        "cost_without_model": base,
        "cutoff": costs.cutoff_prob_default,
        "accuracy": rate(n_right, len(target)),
        "precision": rate(n_caught, n_declined),
        "recall": rate(n_caught, n_bad),
        "specificity": rate(n_right - n_caught, n_good),
        "deciles": deciles(case.prob_default, target)[::-1],
        "by_time": _by_time(case),
        "by_segment": _by_segment(case),
    }


def _log_losses(prob_default: FloatArray, target: IntArray) -> FloatArray:
    clipped = np.clip(prob_default, 1e-12, 1 - 1e-12)
    return np.asarray(-np.log(np.where(target == 1, clipped, 1 - clipped)), dtype=np.float64)


def _auc(case: Case) -> Estimate:
    """The AUC as the training gives it (over folds, their mean), with DeLong's interval on the log-odds."""
    area = case.training.performance.auc
    errors = [auc_standard_error(repeat, case.target) for repeat in case.test.prob_default]
    # Judging the same rows again makes the figure no surer.
    reach = norm.ppf(0.975) * float(np.mean(errors)) / (area * (1 - area)) if 0 < area < 1 else 0.0
    return Estimate(area, float(expit(logit(area) - reach)), float(expit(logit(area) + reach)))


def _ks(case: Case) -> Estimate:
    """KS of the training, with the reach of a bootstrap over goods and over bads."""
    order = np.argsort(case.prob_default)
    target = case.target[order]
    last = np.flatnonzero(np.diff(case.prob_default[order], append=np.inf) > 0)
    places = [np.flatnonzero(target == outcome) for outcome in (0, 1)]
    rng = np.random.default_rng(SEED)
    drawn = []
    for _ in range(BOOTSTRAP_DRAWS):
        passed = []
        for rows in places:
            counts = np.bincount(rows[rng.integers(0, len(rows), len(rows))], minlength=len(target))
            passed.append(np.cumsum(counts)[last] / len(rows))
        drawn.append(float(np.abs(passed[0] - passed[1]).max()))
    value, reach = case.training.performance.ks_good_bad, norm.ppf(0.975) * float(np.std(drawn))
    return Estimate(value, max(0.0, value - reach), min(1.0, value + reach))


def _by_time(case: Case) -> list[Any]:
    field = case.schema.time_field
    if field is None:
        return []
    groups = periods(case.test.frame[field.name].to_list())
    return list(by_group(case.prob_default, case.target, groups, case.schema.costs))


def _by_segment(case: Case) -> list[dict[str, Any]]:
    """By the amount lent and by the fields that weigh most."""
    names = [case.schema.amount_field] if case.schema.amount_field in case.test.frame.columns else []
    features = case.schema.features
    names += [features[place].name for place in case.strongest if features[place].name not in names]
    found = []
    for name in names:
        field = case.schema.field(name)
        labels, groups = groups_of(case.test.frame[name], field)
        groups = np.where(groups == "", NOT_GIVEN, groups)
        rows = [
            group
            for group in by_group(case.prob_default, case.target, groups, case.schema.costs, [*labels, NOT_GIVEN])
            if group.n_rows >= MIN_SEGMENT_ROWS
        ]
        if len(rows) > 1:
            n_left_out = len(groups) - sum(group.n_rows for group in rows)
            found.append({"label": field.label, "groups": rows, "n_left_out": n_left_out})
        if len(found) == SEGMENT_FIELDS:
            break
    return found


def calibration_section(case: Case) -> dict[str, Any]:
    """Whether PDs are what comes true, and confidence what is kept."""
    target = case.target
    lines = [recalibrate(repeat, target) for repeat in case.test.prob_default]
    slope, error = (float(np.mean([getattr(line, name) for line in lines])) for name in ("slope", "slope_se"))
    floor_mean, floor_bound = calibration_error_floor(case.prob_default, seed=SEED)
    observed, expected = rate(int(target.sum()), len(target)), float(case.prob_default.mean())
    rule = case.scorer.rule
    return {
        "method": case.scorer.calibration.method,
        "n_rows": rule.n_good + rule.n_bad,
        "sample_bad_rate": rule.n_bad / (rule.n_good + rule.n_bad),
        "portfolio_bad_rate": case.schema.portfolio_bad_rate,
        "slope": Estimate(slope, slope - 1.96 * error, slope + 1.96 * error),
        "observed": observed,
        "expected": expected,
        "observed_to_expected": Estimate(observed.value / expected, observed.low / expected, observed.high / expected),
        "error": calibration_error(case.prob_default, target),
        "error_by_chance": floor_mean,
        "error_bound": floor_bound,
        "coverage": [
            asdict(held_out_coverage(rule, case.prob_default, target, case.test.folds[0], alpha=alpha))
            for alpha in ALPHAS
        ],
    }


def stability_section(case: Case) -> dict[str, Any]:
    """How much the figures vary from fold to fold, and what shifted over time."""
    training, judged = case.training, case.test
    areas = [
        auc(repeat[fold_of == number], judged.target[fold_of == number])
        for repeat, fold_of in zip(judged.prob_default, judged.folds, strict=True)
        for number in np.unique(fold_of)
    ]
    found: dict[str, Any] = {"by_time": case.is_by_time, "shifts": [], "auc_sd": training.auc_sd}
    if case.is_by_time:
        found["shifts"] = _shifts(case)
    if len(areas) > 1:
        found["folds"] = {"n": len(areas), "low": min(areas), "high": max(areas)}
    if len(judged.prob_default) > 1:
        # Every applicant was scored by several models, fitted on other rows: how much hangs on which?
        shown = shifted(judged.prob_default, case.scorer.shift)
        verdicts = np.array([verdicts_of(case.scorer.rule, repeat) for repeat in shown])
        found["refits"] = {
            "n": len(shown),
            "prob_default_sd": float(shown.std(axis=0, ddof=1).mean()),
            "same_verdict": float((verdicts == verdicts[0]).all(axis=0).mean()),
        }
    return found


def _shifts(case: Case) -> list[dict[str, Any]]:
    """How far the judged rows have moved from the reference, score and fields, the largest shift first."""
    profile, frame = case.scorer.profile, case.test.frame
    columns: list[tuple[str, dict[str, Any], pl.Series]] = [
        (field.label, profile["fields"][field.name], frame[field.name]) for field in case.schema.features
    ]
    fields = [_shift(label, entry, column) for label, entry, column in columns]
    score = _shift("Predicted risk", profile["prob_default"], pl.Series(case.shown))
    return [score, *sorted(fields, key=lambda shift: -shift["psi"])]


def _shift(label: str, entry: dict[str, Any], column: pl.Series) -> dict[str, Any]:
    then, now = reference_counts(entry), bin_counts(entry, column)
    filled = (then + now) > 0
    then, now = then[filled], now[filled]
    shares = [np.maximum(part / part.sum(), max(1e-4, 0.5 / part.sum())) for part in (then, now)]
    psi = float(np.sum((shares[1] - shares[0]) * np.log(shares[1] / shares[0])))
    bound = float(chi2.ppf(0.95, len(then) - 1) * (1 / then.sum() + 1 / now.sum())) if len(then) > 1 else 0.0
    if min(then.sum(), now.sum()) < MIN_PSI_ROWS:
        words = "too few rows"
    elif psi <= max(bound, WATCH_PSI):
        words = "stable"
    else:
        words = "act" if psi > ACT_PSI else "watch"
    return {"label": label, "psi": psi, "bound": bound, "status": words}


def fairness_section(case: Case) -> list[dict[str, Any]]:
    """How the groups of each protected field fare."""
    found = []
    for field in case.schema.protected:
        held = case.test.frame[field.name] if field.name in case.test.frame.columns else None
        if held is None or held.null_count() == len(held) or not (field.is_numeric or field.type == "category"):
            found.append({"label": field.label, "groups": [], "missing": 1.0})
            continue
        labels, groups = groups_of(held, field)
        treatments = audit(case.verdicts == "approve", case.target, case.prob_default, groups, labels)
        found.append({"label": field.label, "groups": treatments, "missing": float((groups == "").mean())})
    return found


def comparison_section(comparison: Comparison | None) -> dict[str, Any] | None:
    """What came of comparing it with the champion; None if there is none."""
    if comparison is None:
        return None
    return {
        "verdict": comparison.verdict,
        "sentence": comparison.sentence,
        "method": comparison.method,
        "n_looks": comparison.n_looks,
        "figures": [asdict(figure) for figure in comparison.figures],
        "guardrails": [asdict(guardrail) for guardrail in comparison.guardrails],
        "n_swapped": comparison.n_swapped,
        "n_rows": comparison.n_rows,
    }


def approvals_section(signed: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    """Who has signed, and an empty line for every role that has not."""
    lines = [{key: str(line.get(key, "")) for key in ("role", "name", "decision", "date")} for line in signed]
    open_roles = [role for role in ROLES if role not in {line["role"] for line in lines}]
    return lines + [{"role": role, "name": "", "decision": "", "date": ""} for role in open_roles]
