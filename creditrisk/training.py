"""The training path: fit every family, calibrate it, pick the cheapest, and say honestly how good the whole path is.

Where the table has dates, the newest rows judge and nothing newer than the fitted rows teaches. Where it has none, the
whole path, with its choosing and calibrating, is repeated inside each of 3 x 10 folds, so that no row is judged by a
choice it had a part in. Called by flows/model_train.py; reads and writes nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from creditrisk.calibration import Calibration, fit_platt
from creditrisk.decision import ScoreScale, fit_rule
from creditrisk.encoding import Encoder, FloatArray, IntArray, fit_encoder
from creditrisk.errors import TrainingError
from creditrisk.evaluation import Performance, auc, evaluate
from creditrisk.learners import FAMILIES, Model, blend, family
from creditrisk.profile import build as build_profile
from creditrisk.schema import Schema
from creditrisk.scorer import Scorer
from creditrisk.splits import stratified_folds, time_split

MIN_ROWS = 200
MIN_BADS = 20
CHOOSING_FOLDS = 5
JUDGING_FOLDS = 10
JUDGING_REPEATS = 3

# What has been done, how many steps there are in all, and what is being worked on.
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Plan:
    """What stays the same throughout one training."""

    schema: Schema
    scale: ScoreScale
    seed: int
    threads: int


@dataclass(frozen=True)
class Candidate:
    """One family as it did on rows it was not fitted on, calibrated across folds of those rows."""

    family: str
    performance: Performance
    seconds: float


@dataclass(frozen=True)
class Fitted:
    """Every family fitted on the same rows, behind the same encoder, and how long each took."""

    encoder: Encoder
    models: dict[str, Model]
    seconds: dict[str, float]


@dataclass(frozen=True)
class HeldOut:
    """Rows no candidate was fitted on, their outcomes, and each family's log-odds for them."""

    judged: pl.DataFrame
    target: IntArray
    log_odds: dict[str, FloatArray]
    seconds: dict[str, float]


@dataclass(frozen=True)
class Training:
    """What a training gave: the scorer, every candidate, and the figures of the whole path on rows it never used.

    `judged` holds those rows, `reference` the rows that later windows are compared with.
    """

    scorer: Scorer
    candidates: list[Candidate]
    performance: Performance
    protocol: str
    auc_sd: float | None
    judged: pl.DataFrame
    reference: pl.DataFrame


def train(
    frame: pl.DataFrame, schema: Schema, *, scale: ScoreScale, seed: int = 7, threads: int = 1, progress: Progress
) -> Training:
    """Train a scorer on checked rows.

    Parameters
    ----------
    frame
        Accepted rows as `quality.check` gives them with the target: features and `default` (1 = bad).
    scale
        Scorecard points.
    threads
        How many processes judge folds at once, or threads fit one model.

    Raises
    ------
    TrainingError
        If there are too few rows or bads to train and judge on, or every model ranks unseen rows the wrong way round.
    """
    n_bad = int(frame["default"].sum())
    if frame.height < MIN_ROWS or not MIN_BADS <= n_bad <= frame.height - MIN_BADS:
        raise TrainingError(
            f"{frame.height:,} usable rows with {n_bad:,} bads are too few to train and judge a model: at least "
            f"{MIN_ROWS} rows with {MIN_BADS} bads and {MIN_BADS} goods are needed."
        )
    plan = Plan(schema, scale, seed, threads)
    if schema.time_field is None:
        return _train_by_folds(frame, plan, progress)
    return _train_by_time(frame, frame[schema.time_field.name], plan, progress)


def _train_by_time(frame: pl.DataFrame, times: pl.Series, plan: Plan, progress: Progress) -> Training:
    split = time_split(times)
    target = _target(frame)
    fitted = _fit_all(frame[split.train], plan, progress)
    held_out = _score_all(fitted, frame[split.validation])
    candidates, calibrations = _calibrate(held_out, plan)
    chosen = _cheapest(candidates)
    progress(len(FAMILIES), len(FAMILIES) + 1, f"judging {chosen} on the {len(split.test):,} newest applications")
    scorer = _assemble(plan, fitted.encoder, fitted.models[chosen], calibrations[chosen], held_out)
    newest = frame[split.test]
    performance = evaluate(scorer.prob_default(newest), target[split.test], plan.schema.costs)
    ordered = times.gather(split.test)
    protocol = (
        f"time-ordered: fitted on the oldest {len(split.train):,} applications, chosen and calibrated on the next "
        f"{len(split.validation):,}, judged on the newest {len(split.test):,} ({ordered.item(0)} to {ordered.item(-1)})"
    )
    scorer = _documented(scorer, candidates, performance, protocol)
    return Training(scorer, candidates, performance, protocol, None, judged=newest, reference=held_out.judged)


def _train_by_folds(frame: pl.DataFrame, plan: Plan, progress: Progress) -> Training:
    from joblib import Parallel, delayed

    target = _target(frame)
    jobs = [
        (repeat, teach, judge)
        for repeat in range(JUDGING_REPEATS)
        for teach, judge in stratified_folds(target, JUDGING_FOLDS, seed=plan.seed + 1 + repeat)
    ]
    steps = len(jobs) + 1
    prob_default = np.full((JUDGING_REPEATS, frame.height), np.nan)
    areas = []
    work = (delayed(_judge_fold)(frame[teach], frame[judge], replace(plan, threads=1)) for _, teach, judge in jobs)
    progress(0, steps, f"the whole path in {JUDGING_REPEATS} x {JUDGING_FOLDS} folds")
    for done, ((repeat, _, judge), judged) in enumerate(
        zip(jobs, Parallel(n_jobs=plan.threads, return_as="generator")(work), strict=True), start=1
    ):
        prob_default[repeat, judge] = judged
        areas.append(auc(judged, target[judge]))
        progress(done, steps, f"the whole path in {JUDGING_REPEATS} x {JUDGING_FOLDS} folds")
    performance = _mean([evaluate(repeat, target, plan.schema.costs) for repeat in prob_default])
    performance = replace(performance, auc=float(np.mean(areas)), gini=float(2 * np.mean(areas) - 1))

    scorer, candidates = _develop_by_folds(frame, replace(plan, threads=1))  # small tables gain nothing from more
    progress(steps, steps, f"fitted {scorer.model.family} on all rows")
    protocol = (
        f"{JUDGING_REPEATS} x {JUDGING_FOLDS}-fold cross-validation of the whole path, choosing and calibrating "
        f"included, over {frame.height:,} applications"
    )
    scorer = _documented(scorer, candidates, performance, protocol)
    auc_sd = float(np.std(areas))
    return Training(scorer, candidates, performance, protocol, auc_sd, judged=frame, reference=frame)


def _judge_fold(teach: pl.DataFrame, judge: pl.DataFrame, plan: Plan) -> FloatArray:
    scorer, _ = _develop_by_folds(teach, plan)
    return scorer.prob_default(judge)


def _develop_by_folds(frame: pl.DataFrame, plan: Plan) -> tuple[Scorer, list[Candidate]]:
    """Choose and calibrate on out-of-fold scores, then fit the chosen family on every row."""
    target = _target(frame)
    parts = [
        _score_all(_fit_all(frame[teach], plan), frame[judge])
        for teach, judge in stratified_folds(target, CHOOSING_FOLDS, seed=plan.seed)
    ]
    held_out = HeldOut(
        judged=pl.concat([part.judged for part in parts]),
        target=np.concatenate([part.target for part in parts]),
        log_odds={name: np.concatenate([part.log_odds[name] for part in parts]) for name in FAMILIES},
        seconds={name: sum(part.seconds[name] for part in parts) for name in FAMILIES},
    )
    candidates, calibrations = _calibrate(held_out, plan)
    chosen = _cheapest(candidates)
    encoder = fit_encoder(frame, plan.schema)
    model = family(chosen).fit(encoder.matrix(frame), target, encoder, seed=plan.seed, threads=plan.threads)
    return _assemble(plan, encoder, model, calibrations[chosen], held_out), candidates


def _fit_all(teach: pl.DataFrame, plan: Plan, progress: Progress | None = None) -> Fitted:
    """Fit the encoder and every family on the same rows."""
    target = _target(teach)
    encoder = fit_encoder(teach, plan.schema)
    matrix = encoder.matrix(teach)
    models: dict[str, Model] = {}
    seconds: dict[str, float] = {}
    for done, name in enumerate(FAMILIES):
        if progress is not None:
            progress(done, len(FAMILIES) + 1, f"fitting {name} on {teach.height:,} applications")
        started = time.perf_counter()
        if name == "blend":  # its members are fitted already, and come before it
            models[name] = blend.combine(models)
            seconds[name] = sum(seconds[member] for member in blend.MEMBERS)
        else:
            models[name] = family(name).fit(matrix, target, encoder, seed=plan.seed, threads=plan.threads)
            seconds[name] = time.perf_counter() - started
    return Fitted(encoder, models, seconds)


def _score_all(fitted: Fitted, judge: pl.DataFrame) -> HeldOut:
    """Score rows that none of the models was fitted on."""
    matrix = fitted.encoder.matrix(judge)
    log_odds = {name: model.log_odds(matrix) for name, model in fitted.models.items()}
    return HeldOut(judge, _target(judge), log_odds, fitted.seconds)


def _calibrate(held_out: HeldOut, plan: Plan) -> tuple[list[Candidate], dict[str, Calibration]]:
    """Calibrate each family on the held-out rows; judge it by PDs whose calibration did not see their own row."""
    candidates, calibrations = [], {}
    for name, log_odds in held_out.log_odds.items():
        prob_default = np.empty(len(log_odds))
        try:
            for teach, judge in stratified_folds(held_out.target, CHOOSING_FOLDS, seed=plan.seed):
                prob_default[judge] = fit_platt(log_odds[teach], held_out.target[teach]).prob_default(log_odds[judge])
            calibrations[name] = fit_platt(log_odds, held_out.target)
        except TrainingError:
            continue  # a family that ranks the wrong way round is no candidate; that all do so is said below
        performance = evaluate(prob_default, held_out.target, plan.schema.costs)
        candidates.append(Candidate(name, performance, held_out.seconds[name]))
    if not candidates:
        raise TrainingError(
            f"every model ranks {len(held_out.target):,} unseen rows the wrong way round: nothing was learned that "
            "holds. Check the target's coding and the features."
        )
    return candidates, calibrations


def _cheapest(candidates: list[Candidate]) -> str:
    """The family whose decisions cost least at the cost-optimal cut-off; the simpler one if two cost the same."""
    return min(candidates, key=lambda candidate: candidate.performance.cost).family


def _assemble(
    plan: Plan,
    encoder: Encoder,
    model: Model,
    calibration: Calibration,
    held_out: HeldOut,
) -> Scorer:
    prob_default = calibration.prob_default(held_out.log_odds[model.family])
    contributions = model.contributions(encoder.matrix(held_out.judged))[:, :-1]
    return Scorer(
        schema=plan.schema,
        encoder=encoder,
        model=model,
        calibration=calibration,
        rule=fit_rule(prob_default, held_out.target, contributions, plan.schema.costs, plan.scale),
        profile=build_profile(held_out.judged, plan.schema, prob_default),
        metrics={},
        card="",
    )


def _documented(scorer: Scorer, candidates: list[Candidate], performance: Performance, protocol: str) -> Scorer:
    """The scorer with every figure behind it and its card."""
    metrics = {
        "family": scorer.model.family,
        "protocol": protocol,
        "performance": asdict(performance),
        "candidates": {item.family: asdict(item.performance) for item in candidates},
    }
    return replace(scorer, metrics=metrics, card=_card(scorer, candidates, performance, protocol))


def _card(scorer: Scorer, candidates: list[Candidate], performance: Performance, protocol: str) -> str:
    """The model card: what it is for, how good it is, what it leaves out."""
    schema, rule = scorer.schema, scorer.rule
    rows = "\n".join(
        f"| {item.family} | {item.performance.auc:.4f} | {item.performance.brier:.4f} | {item.performance.cost:.4f} |"
        for item in candidates
    )
    protected = ", ".join(field.label for field in schema.protected) or "none known"
    return f"""# {schema.title}: {scorer.model.family}

Estimates the probability that an applicant defaults within {schema.horizon_months} months ({schema.target.label}).
{schema.notes}

## How good it is

{protocol[0].upper()}{protocol[1:]}: {performance}.

| candidate, on rows it was not fitted on | AUC | Brier | cost per applicant |
| --- | --- | --- | --- |
{rows}

## How it decides

Costs, in units of one good applicant declined: a bad one accepted {schema.costs.accept_bad:g}, a look by a person
{schema.costs.review:g}. It approves up to a PD of {rule.approve_below:.3f} and declines from
{rule.decline_from:.3f} on.
PDs are calibrated by {scorer.calibration.method} (slope {scorer.calibration.slope:.3f}) to a sample in which
{rule.n_bad / (rule.n_bad + rule.n_good):.1%} were bad.

## What it does not use

Protected fields, kept for the audit only: {protected}.
"""


def _mean(performances: list[Performance]) -> Performance:
    """Average each figure over repeats of the same rows; counts stay what they are."""
    averaged: dict[str, Any] = {
        item.name: float(np.mean([getattr(performance, item.name) for performance in performances]))
        for item in fields(Performance)
        if item.type == "float"
    }
    return replace(performances[0], **averaged)


def _target(frame: pl.DataFrame) -> NDArray[np.int64]:
    return frame["default"].to_numpy().astype(np.int64)
