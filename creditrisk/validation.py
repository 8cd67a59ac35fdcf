"""The validation pack: what a person who signs for a model has to know, every figure of it computed.

`validate` gathers it from a training as plain JSON, `page` writes it as one HTML file. Called by flows/model_train.py
for every version. The figures come from evaluation.py, fairness.py and guardrails.py, the look from
pages/validation.html. Nothing here reads data or a clock, and no applicant stands in a pack: counts and rates only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isfinite, sqrt
from typing import Any, Literal, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import expit, logit
from scipy.stats import chi2, norm

from creditrisk.arrays import FloatArray, IntArray
from creditrisk.columns import is_post_outcome, key
from creditrisk.comparison.compare import Comparison
from creditrisk.comparison.coverage import COVERAGES, held_out_coverage
from creditrisk.comparison.guardrails import SLOPES, within
from creditrisk.metrics.breakdowns import by_group, deciles, periods
from creditrisk.metrics.calibration import calibration_error, calibration_error_floor, recalibrate
from creditrisk.metrics.fairness import MIN_GROUP_ROWS, audit, groups_of
from creditrisk.metrics.intervals import Estimate, mean_estimate, rate
from creditrisk.metrics.losses import decision_costs
from creditrisk.metrics.profile import bin_counts, reference_counts
from creditrisk.metrics.ranking import auc, auc_standard_error
from creditrisk.schema import Field, Schema
from creditrisk.scoring.calibration import shifted
from creditrisk.scoring.decision import DecisionRule
from creditrisk.scoring.scorer import Scorer
from creditrisk.text import counted
from creditrisk.training.results import Judged, Training

SEED = 11
ALPHAS = (0.1, 0.2)
# Enough rows to say how far PDs move to a tenth of a point, few enough to score them dozens of times over.
SAMPLE_ROWS = 250
SENSITIVE_FIELDS = 8
# A category as common as this may be the riskiest or the safest of its field.
COMMON = 0.05
SEGMENT_FIELDS = 3
# A group with fewer rows than this says nothing about a segment.
MIN_SEGMENT_ROWS = 30
NOT_GIVEN = "not given"
BOOTSTRAP_DRAWS = 500
# Thresholds of a shift (PSI), as in monitoring; below so many rows it is mostly chance.
WATCH_PSI, ACT_PSI, MIN_PSI_ROWS = 0.10, 0.25, 300
FOUR_FIFTHS = 0.8
# Libraries that count in single precision add up to about 0.00001 log-odds; ten times that moves no PD anybody sees.
ADDS_UP = 1e-4
# So many bads are needed before intervals are of any use to a decision.
FEW_BADS = 200
# A step of a tenth up or down; a breath of a hundredth, which should change no reason.
STEPS = (0.9, 1.1)
BREATH = 0.01
SAME_REASONS = 0.75
# Without its first reason a PD must be lower so often; a field that works together with others may be an exception.
LOWER_WITHOUT = 0.95
REASONS_SHOWN = 10
# What the monitoring plan speaks of: the next so many applications, or outcomes.
WATCHED_ROWS = 1_000

ROLES = ("Model owner", "Independent validator", "Business owner", "Risk committee")

SECTIONS = {
    "purpose": "What it is for",
    "data": "Data",
    "protocol": "How it was judged",
    "candidates": "Models tried",
    "performance": "Performance",
    "calibration": "Calibration",
    "stability": "Stability",
    "sensitivity": "Sensitivity",
    "fairness": "Fairness",
    "reasons": "Reasons",
    "comparison": "Against the champion",
    "limits": "Limits",
    "monitoring": "What to watch",
    "approvals": "Approvals",
}

# Which section answers to which theme. SR 26-2 asks for care in proportion to how much hangs on a model; the Act names
# what a high-risk system, such as one for creditworthiness, must have.
THEMES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("SR 26-2", "Purpose, exposure and materiality", ("purpose", "limits")),
    ("SR 26-2", "Development: data and conceptual soundness", ("data", "protocol", "candidates", "sensitivity")),
    ("SR 26-2", "Validation: testing and outcomes analysis", ("performance", "calibration", "comparison")),
    ("SR 26-2", "Ongoing monitoring", ("stability", "monitoring")),
    ("SR 26-2", "Effective challenge, governance and documentation", ("candidates", "comparison", "approvals")),
    ("EU AI Act, article 9", "Risk management system", ("purpose", "limits", "fairness", "monitoring")),
    ("EU AI Act, article 10", "Data and data governance", ("data", "fairness")),
    ("EU AI Act, article 11", "Technical documentation", ("protocol", "candidates", "performance")),
    ("EU AI Act, article 12", "Record-keeping", ("data", "approvals")),
    ("EU AI Act, article 13", "Transparency to those who use it", ("purpose", "reasons", "limits")),
    ("EU AI Act, article 14", "Human oversight", ("purpose", "approvals")),
    (
        "EU AI Act, article 15",
        "Accuracy, robustness, cybersecurity",
        ("performance", "stability", "sensitivity", "reasons"),
    ),
)


class _Move(NamedTuple):
    """A column to stand in for a field's own: an end of its values, named in words, a gap, or a small step."""

    field: Field
    kind: Literal["end", "missing", "step"]
    words: str
    column: pl.Series | pl.Expr


@dataclass(frozen=True)
class _Case:
    """A training with what every section needs of it, worked out once.

    `prob_default` are the PDs of the judged rows on the scale of the sample, by which they are judged; `shown` those
    that people would have seen, by which `verdicts` are made. Where rows were judged several times, of the first time.
    """

    training: Training
    scorer: Scorer
    schema: Schema
    judged: Judged
    prob_default: FloatArray
    shown: FloatArray
    verdicts: NDArray[np.str_]
    sample: pl.DataFrame
    contributions: FloatArray

    @property
    def target(self) -> IntArray:
        return self.judged.target

    @property
    def is_by_time(self) -> bool:
        return self.schema.time_field is not None

    @property
    def strongest(self) -> list[int]:
        """Places of the feature fields, the one that moves most first."""
        order = np.argsort(-np.abs(self.contributions).mean(axis=0), kind="stable")
        return [int(place) for place in order]


def validate(
    training: Training,
    *,
    data: Mapping[str, Any],
    comparison: Comparison | None = None,
    approvals: Sequence[Mapping[str, str]] = (),
) -> dict[str, Any]:
    """The pack of a training's scorer, ready for strict JSON: a figure that does not exist is None, never NaN.

    Parameters
    ----------
    data
        Facts about the table that only its reader knows, all optional: `source`, `sha256`, `n_read`, `n_accepted`,
        `n_bad`, `rejected` (reason to count), `columns` (the names in the file), `seed` and `written_at`.
    comparison
        What came of comparing it with the champion, if there is one.
    approvals
        Who has signed already: `role`, `name`, `decision`, `date`.
    """
    case = _case(training)
    sections: dict[str, Any] = {
        "purpose": _purpose(case),
        "data": _data(case, data),
        "protocol": {"words": training.protocol, "n_rows": len(case.target), "n_bad": int(case.target.sum())},
        "candidates": _candidates(training),
        "performance": _performance(case),
        "calibration": _calibration(case),
        "stability": _stability(case),
        "sensitivity": _sensitivity(case),
        "fairness": _fairness(case),
        "reasons": _reasons(case),
        "comparison": _comparison(comparison),
        "approvals": _approvals(approvals),
    }
    sections["limits"] = _limits(case, sections)
    sections["monitoring"] = _monitoring(case, sections)
    checks = _checks(sections)
    pack = {
        "title": case.schema.title,
        "model": case.schema.name,
        "family": case.scorer.model.family,
        "seed": data.get("seed"),
        "written_at": data.get("written_at"),
        "headline": _headline(checks),
        "checks": checks,
        **{name: sections[name] for name in SECTIONS},
        "bars": {
            "watch_psi": WATCH_PSI,
            "act_psi": ACT_PSI,
            "impact_ratio": FOUR_FIFTHS,
            "group_rows": MIN_GROUP_ROWS,
            "segment_rows": MIN_SEGMENT_ROWS,
            "bootstrap_draws": BOOTSTRAP_DRAWS,
            "breath": BREATH,
            "watched_rows": WATCHED_ROWS,
        },
        "themes": [{"source": source, "theme": theme, "sections": list(names)} for source, theme, names in THEMES],
    }
    plain: dict[str, Any] = _plain(pack)
    return plain


def page(pack: Mapping[str, Any], charts: Mapping[str, str] | None = None) -> str:
    """The pack as one self-contained HTML page.

    Parameters
    ----------
    charts
        SVG texts as `plots.winner_plots` draws them, by name; those given stand in their sections.
    """
    from creditrisk import pages

    return pages.render("validation.html", pack=pack, sections=SECTIONS, charts=charts or {})


def _case(training: Training) -> _Case:
    scorer, judged = training.scorer, training.judged
    prob_default = judged.prob_default[0]
    shown = shifted(prob_default, scorer.shift)
    sample = judged.frame.sample(min(SAMPLE_ROWS, judged.frame.height), seed=SEED)
    return _Case(
        training=training,
        scorer=scorer,
        schema=scorer.schema,
        judged=judged,
        prob_default=prob_default,
        shown=shown,
        verdicts=_verdicts(scorer.rule, shown),
        sample=sample,
        contributions=scorer.contributions(sample),
    )


def _verdicts(rule: DecisionRule, prob_default: FloatArray) -> NDArray[np.str_]:
    return rule.verdicts(prob_default, np.zeros(len(prob_default), dtype=bool))


# The sections


def _purpose(case: _Case) -> dict[str, Any]:
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


def _data(case: _Case, facts: Mapping[str, Any]) -> dict[str, Any]:
    schema = case.schema
    rejected = dict(facts.get("rejected", {}))
    # Where time divides the table, all rows but the judged and those that chose are only counted in the protocol.
    seen = case.judged.frame
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


def _candidates(training: Training) -> dict[str, Any]:
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


def _performance(case: _Case) -> dict[str, Any]:
    costs, target = case.schema.costs, case.target
    declined = case.prob_default >= costs.cutoff_prob_default
    n_caught, n_declined, n_bad = int(target[declined].sum()), int(declined.sum()), int(target.sum())
    n_good = len(target) - n_bad
    n_right = n_caught + n_good - (n_declined - n_caught)
    repeats = case.judged.prob_default
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


def _auc(case: _Case) -> Estimate:
    """The AUC as the training gives it (over folds, their mean), with DeLong's interval on the log-odds."""
    area = case.training.performance.auc
    errors = [auc_standard_error(repeat, case.target) for repeat in case.judged.prob_default]
    # Judging the same rows again makes the figure no surer.
    reach = norm.ppf(0.975) * float(np.mean(errors)) / (area * (1 - area)) if 0 < area < 1 else 0.0
    return Estimate(area, float(expit(logit(area) - reach)), float(expit(logit(area) + reach)))


def _ks(case: _Case) -> Estimate:
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


def _by_time(case: _Case) -> list[Any]:
    field = case.schema.time_field
    if field is None:
        return []
    groups = periods(case.judged.frame[field.name].to_list())
    return list(by_group(case.prob_default, case.target, groups, case.schema.costs))


def _by_segment(case: _Case) -> list[dict[str, Any]]:
    """By the amount lent and by the fields that weigh most."""
    names = [case.schema.amount_field] if case.schema.amount_field in case.judged.frame.columns else []
    features = case.schema.features
    names += [features[place].name for place in case.strongest if features[place].name not in names]
    found = []
    for name in names:
        field = case.schema.field(name)
        labels, groups = groups_of(case.judged.frame[name], field)
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


def _calibration(case: _Case) -> dict[str, Any]:
    target = case.target
    lines = [recalibrate(repeat, target) for repeat in case.judged.prob_default]
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
            asdict(held_out_coverage(rule, case.prob_default, target, case.judged.folds[0], alpha=alpha))
            for alpha in ALPHAS
        ],
    }


def _stability(case: _Case) -> dict[str, Any]:
    training, judged = case.training, case.judged
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
        verdicts = np.array([_verdicts(case.scorer.rule, repeat) for repeat in shown])
        found["refits"] = {
            "n": len(shown),
            "prob_default_sd": float(shown.std(axis=0, ddof=1).mean()),
            "same_verdict": float((verdicts == verdicts[0]).all(axis=0).mean()),
        }
    return found


def _shifts(case: _Case) -> list[dict[str, Any]]:
    """How far the judged rows have moved from the reference, score and fields, the largest shift first."""
    profile, frame = case.scorer.profile, case.judged.frame
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


def _sensitivity(case: _Case) -> dict[str, Any]:
    """What becomes of PDs when one field is moved and all else stays: to its low, its high, and by a small step."""
    scorer, sample = case.scorer, case.sample
    strongest = [case.schema.features[place] for place in case.strongest[:SENSITIVE_FIELDS]]
    moves = [move for field in strongest for move in _moves(field, case.judged.frame[field.name].drop_nulls(), sample)]
    # Scored in one go: one large prediction takes a fraction of the time of dozens of small ones.
    together = pl.concat([sample, *(sample.with_columns(move.column) for move in moves)])
    before, *after = scorer.prob_default(together).reshape(-1, sample.height)
    verdicts = _verdicts(scorer.rule, before)

    rows = []
    for field in strongest:
        of_field = [(move, way) for move, way in zip(moves, after, strict=True) if move.field == field]
        ends = [(move.words, float(way.mean())) for move, way in of_field if move.kind == "end"]
        missing = [float(way.mean()) for move, way in of_field if move.kind == "missing"]
        steps = np.array([way for move, way in of_field if move.kind == "step"])
        if not ends:
            continue
        if not field.is_numeric:
            ends.sort(key=lambda end: end[1])
        row: dict[str, Any] = {
            "label": field.label,
            "ends": [{"words": words, "prob_default": mean} for words, mean in (ends[0], ends[-1])],
            "missing": missing[0] if missing else None,
            "step_mean": None,
            "step_largest": None,
            "step_verdicts": None,
        }
        if field.is_numeric:
            row["step_mean"] = float(np.abs(steps - before).mean())
            row["step_largest"] = float(np.abs(steps - before).max())
            row["step_verdicts"] = float(np.mean([_verdicts(scorer.rule, way) != verdicts for way in steps]))
        rows.append(row)
    return {
        "n_rows": sample.height,
        "mean_prob_default": float(before.mean()),
        "fields": rows,
        "n_left_out": len(case.schema.features) - len(rows),
    }


def _moves(field: Field, known: pl.Series, sample: pl.DataFrame) -> list[_Move]:
    """Where a field is moved to: what is low and high or common among its known values, nothing, a step away."""
    if known.is_empty():
        return []
    ends: list[Any]
    if field.is_numeric:
        ends = [known.quantile(level, interpolation="nearest") for level in (0.1, 0.9)]
    else:
        counts = Counter(known.to_list())
        common = [category.value for category in field.categories if counts[category.value] >= COMMON * len(known)]
        ends = common or list(counts)[:1]
    moves = [_Move(field, "end", field.in_words(value), _constant(field, known, value)) for value in ends]
    if not field.is_required:  # a value that is required cannot be missing
        moves.append(_Move(field, "missing", "", _constant(field, known, None)))
    if field.is_numeric:
        moves += [_Move(field, "step", "", _times(sample[field.name], step)) for step in STEPS]
    return moves


def _times(column: pl.Series, factor: float | FloatArray) -> pl.Series:
    """A column of numbers times a factor; whole numbers stay whole, and a step of a tenth is one at least."""
    moved = column.cast(pl.Float64).to_numpy() * factor
    if column.dtype.is_integer():
        moved = np.ceil(moved) if np.all(factor > 1.0) else np.floor(moved) if np.all(factor < 1.0) else np.round(moved)
    values = pl.Series(column.name, moved)
    return pl.select(pl.when(column.is_not_null()).then(values).cast(column.dtype).alias(column.name)).to_series()


def _constant(field: Field, like: pl.Series, value: Any) -> pl.Expr:
    return pl.lit(value, dtype=like.dtype).alias(field.name)


def _fairness(case: _Case) -> list[dict[str, Any]]:
    found = []
    for field in case.schema.protected:
        held = case.judged.frame[field.name] if field.name in case.judged.frame.columns else None
        if held is None or held.null_count() == len(held) or not (field.is_numeric or field.type == "category"):
            found.append({"label": field.label, "groups": [], "missing": 1.0})
            continue
        labels, groups = groups_of(held, field)
        treatments = audit(case.verdicts == "approve", case.target, case.prob_default, groups, labels)
        found.append({"label": field.label, "groups": treatments, "missing": float((groups == "").mean())})
    return found


def _reasons(case: _Case) -> dict[str, Any]:
    scorer, sample = case.scorer, case.sample
    scored = scorer.score(sample, [[] for _ in range(sample.height)])
    adverse = scored.filter(pl.col("verdict") != "approve")
    given = Counter(item["text"] for reasons in adverse["reasons"].to_list() for item in reasons)
    log_odds = logit(scorer.sample_prob_default(sample))
    rest = log_odds - case.contributions.sum(axis=1)
    return {
        "n_rows": sample.height,
        "n_adverse": adverse.height,
        "without_reason": int((adverse["reasons"].list.len() == 0).sum()),
        # Whatever stands beside the pushes is the same for everybody.
        "additivity_error": float(np.abs(rest - np.median(rest)).max()),
        "deletion": _deletion(case, scored),
        "steadiness": _steadiness(case, scored),
        "most_given": [
            {"text": text, "share": count / max(adverse.height, 1)} for text, count in given.most_common(REASONS_SHOWN)
        ],
        "n_left_out": max(len(given) - REASONS_SHOWN, 0),
        "protected_used": [
            field.label
            for field in case.schema.protected
            if field.name in {encoded.name for encoded in scorer.encoder.fields}
        ],
    }


def _deletion(case: _Case, scored: pl.DataFrame) -> dict[str, Any]:
    """Whether a PD falls when the field behind the strongest reason is set to what is usual among the approved."""
    frame, features = case.judged.frame, case.schema.features
    approved = frame.filter(pl.Series(case.verdicts == "approve"))
    usual_of = approved if approved.height else frame
    rows = np.flatnonzero((scored["verdict"] != "approve").to_numpy())
    top = case.contributions.argmax(axis=1)
    n_tried = n_fell = 0
    for place in np.unique(top[rows]):
        field, here = features[place], rows[top[rows] == place]
        usual = _usual(usual_of[field.name], field)
        changed = [index for index in here if case.sample[field.name][int(index)] != usual]
        if usual is None or not changed:
            continue
        part = case.sample[changed]
        after = case.scorer.prob_default(part.with_columns(_constant(field, part[field.name], usual)))
        n_tried += len(changed)
        n_fell += int((after < case.scorer.prob_default(part)).sum())
    return {"n": n_tried, "fell": rate(n_fell, n_tried)}


def _steadiness(case: _Case, scored: pl.DataFrame) -> dict[str, Any]:
    """How many reasons, and how much of the advice, stay when every number is a hair higher or lower."""
    rng = np.random.default_rng(SEED)
    sample = case.sample
    breaths = [
        _times(sample[field.name], rng.uniform(1 - BREATH, 1 + BREATH, sample.height))
        for field in case.schema.features
        if field.is_numeric
    ]
    after = case.scorer.score(sample.with_columns(breaths), [[] for _ in range(sample.height)])
    named = [
        [{item["code"].split(":")[0] for item in reasons} for reasons in frame["reasons"].to_list()]
        for frame in (scored, after)
    ]
    kept = [
        len(old & new) / len(old)
        for old, new, verdict in zip(*named, scored["verdict"].to_list(), strict=True)
        if old and verdict != "approve"
    ]
    return {
        "n": len(kept),
        "reasons_kept": float(np.mean(kept)) if kept else None,
        "same_verdict": float((after["verdict"] == scored["verdict"]).mean()),  # type: ignore[arg-type]  # of booleans a float
    }


def _usual(column: pl.Series, field: Field) -> Any:
    known = column.drop_nulls()
    if known.is_empty():
        return None
    if field.is_numeric:
        return known.quantile(0.5, interpolation="nearest")
    return Counter(known.to_list()).most_common(1)[0][0]


def _comparison(comparison: Comparison | None) -> dict[str, Any] | None:
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


def _approvals(signed: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    """Who has signed, and an empty line for every role that has not."""
    lines = [{key: str(line.get(key, "")) for key in ("role", "name", "decision", "date")} for line in signed]
    open_roles = [role for role in ROLES if role not in {line["role"] for line in lines}]
    return lines + [{"role": role, "name": "", "decision": "", "date": ""} for role in open_roles]


# What follows from the figures


def _monitoring(case: _Case, found: Mapping[str, Any]) -> list[dict[str, str]]:
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
            _per_cent(odd),
            f"above {_per_cent(odd + 1.96 * sqrt((odd + 1 / rows) / rows))} of applications",
        ),
        (
            "Mean PD",
            "decision log",
            _per_cent(case.shown.mean()),
            _outside(case.shown.mean(), spread * case.shown.std(ddof=1)),
        ),
        *(
            (words, "metrics", _per_cent(share), _outside(share, spread * sqrt(share * (1 - share))))
            for verdict, words in (("approve", "Offers"), ("refer", "Referrals"), ("decline", "Declines"))
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
            if (ratios := [group.impact_ratio.value for group in _compared(field)])
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
    return f"outside {_per_cent(max(0.0, middle - reach))} to {_per_cent(min(1.0, middle + reach))}"


def _per_cent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _compared(field: Mapping[str, Any]) -> list[Any]:
    """The groups of a protected field that are held against another and large enough to say anything of."""
    return [group for group in field["groups"] if group.impact_ratio is not None and not group.is_small]


def _limits(case: _Case, found: Mapping[str, Any]) -> list[str]:
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
        f"a person whatever their PD ({_per_cent(found['data']['odd_share'])} of those judged)."
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
            f"{_words(ratio, 2)} times as many. Its PDs are that far off at the level of the portfolio."
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
            f"{_per_cent(calibration['sample_bad_rate'])} {schema.target.bad_happened}"
            f"{'' if of_all is None else f' (of the whole table {_per_cent(of_all)})'}. "
            "Where another share of the applicants to be scored does, PDs are too high or too low for all of them, and "
            "the advice too strict or too lenient, until the schema states that share (portfolio_bad_rate)."
        )
    else:
        limits.append(
            f"PDs are moved to a portfolio with a bad rate of {_per_cent(schema.portfolio_bad_rate)}; that rate is "
            "taken on trust, and judged rows cannot test it."
        )
    limits += [
        f"{name} could not be fitted and was not compared: {why}" for name, why in case.training.failures.items()
    ]
    return limits


def _checks(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What a reader in a hurry looks for: each either holds, calls for a look, or cannot be told from these rows."""
    performance, calibration, reasons = found["performance"], found["calibration"], found["reasons"]
    area, cost, slope = performance["auc"], performance["cost"], calibration["slope"]
    checks = [
        _check("performance", "Ranks better than guessing", area.low > 0.5, f"AUC {_words(area)}"),
        _check(
            "performance",
            "Decides more cheaply than without a model",
            cost.high < performance["cost_without_model"],
            f"{_words(cost)} per applicant instead of {performance['cost_without_model']:.3f}",
        ),
        _check(
            "calibration",
            f"Neither over- nor under-confident: slope {SLOPES[0]} to {SLOPES[1]}",
            within(slope, *SLOPES),
            f"slope {_words(slope, 2)}",
        ),
        _check(
            "calibration",
            "Calibration error within chance",
            calibration["error"] <= calibration["error_bound"],
            f"calibration error {calibration['error']:.3f}; true PDs stay below {calibration['error_bound']:.3f} "
            "95 times in 100",
        ),
    ]
    for outcome in ("bads", "goods"):
        share = Estimate(**calibration["coverage"][0][outcome])
        checks.append(
            _check(
                "calibration",
                f"Confidence holds for {outcome}: 90 %, give or take 4",
                within(share, *COVERAGES),
                f"{100 * share.value:.1f} % ({100 * share.low:.1f} to {100 * share.high:.1f})",
            )
        )
    shifts = found["stability"]["shifts"]
    moved = [shift["label"] for shift in shifts if shift["status"] in ("watch", "act")]
    judged = any(shift["status"] != "too few rows" for shift in shifts)
    checks.append(
        _check(
            "stability",
            "Applicants are like those it learnt from",
            not moved if judged else None,
            (f"shifted: {', '.join(moved)}" if moved else f"PSI of the score {shifts[0]['psi']:.3f}")
            if judged
            else "no dates to tell by"
            if not shifts
            else "too few rows to tell",
        )
    )
    used = reasons["protected_used"]
    checks.append(_check("fairness", "Uses no protected field", not used, f"uses {', '.join(used) or 'none'}"))
    checks += [_fair(field) for field in found["fairness"]]
    fell = reasons["deletion"]["fell"]
    checks.append(
        _check(
            "reasons",
            "Reasons add up, and without the first the risk is lower",
            None
            if not reasons["deletion"]["n"]
            else within(fell, LOWER_WITHOUT, 1.0)
            if reasons["additivity_error"] < ADDS_UP
            else False,
            f"lower in {100 * fell.value:.0f} % of {reasons['deletion']['n']:,} cases"
            if reasons["deletion"]["n"]
            else "nobody was referred or declined",
        )
    )
    steadiness = reasons["steadiness"]
    kept = steadiness["reasons_kept"]
    checks.append(
        _check(
            "reasons",
            f"Reasons stay when numbers move by {100 * BREATH:.0f} %",
            None if kept is None else kept >= SAME_REASONS,
            "nobody was referred or declined"
            if kept is None
            else f"{_per_cent(kept)} of them stay; {_per_cent(steadiness['same_verdict'])} get the same advice",
        )
    )
    return checks


def _fair(field: Mapping[str, Any]) -> dict[str, Any]:
    """Whether no group is offered less than four fifths as often; a gap that chance explains cannot be told."""
    label = f"{field['label']}: four-fifths rule"
    compared = _compared(field)
    if not compared:
        return _check("fairness", label, None, "not held in the table" if not field["groups"] else "groups too small")
    below = [group for group in compared if group.impact_ratio.value < FOUR_FIFTHS]
    beyond_chance = [group for group in below if group.impact_ratio.high < 1]
    worst = min(beyond_chance or compared, key=lambda group: group.impact_ratio.value)
    holds = None if below and not beyond_chance else not below
    return _check("fairness", label, holds, f"{worst.label}: {_words(worst.impact_ratio, 2)}")


def _check(section: str, label: str, holds: bool | None, finding: str) -> dict[str, Any]:
    status = "unknown" if holds is None else "holds" if holds else "look"
    return {"section": section, "label": label, "status": status, "finding": finding}


def _headline(checks: Sequence[Mapping[str, Any]]) -> str:
    counts = Counter(check["status"] for check in checks)
    n_hold, n_look, n_unknown = (counts[status] for status in ("holds", "look", "unknown"))
    words = [f"All {n_hold} checks hold" if n_hold == len(checks) else f"{n_hold} of {len(checks)} checks hold"]
    words += [counted(n_look, "calls for a look", "call for a look")] if n_look else []
    words += [f"{n_unknown} cannot be told"] if n_unknown else []
    return "; ".join(words)


def _words(estimate: Estimate, places: int = 3) -> str:
    return f"{estimate.value:.{places}f} ({estimate.low:.{places}f} to {estimate.high:.{places}f})"


def _plain(value: Any) -> Any:
    """Plain JSON of figures: dataclasses as objects, NumPy's numbers as Python's, what is not finite as None."""
    if hasattr(value, "__dataclass_fields__"):
        value = asdict(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not isfinite(value) else value
