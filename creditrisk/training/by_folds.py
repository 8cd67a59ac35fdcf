"""The training path of a table without dates: every row is tested by models that did not see its fold."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import polars as pl

from creditrisk.arrays import FloatArray, IntArray
from creditrisk.encoding import Encoder, fit_encoder
from creditrisk.errors import TrainingError
from creditrisk.learners import Parameters
from creditrisk.metrics import Performance, auc, evaluate
from creditrisk.scoring import Calibration, Scorer, fit_platt
from creditrisk.splits import stratified_folds
from creditrisk.training.assembly import assemble, documented, fit_recipe, target_of
from creditrisk.training.choosing import (
    Pool,
    calibrated,
    candidates_of,
    choose,
    recipe_of,
    results_of,
    simple_families,
    slowest_first,
)
from creditrisk.training.plan import Plan
from creditrisk.training.progress import run_jobs
from creditrisk.training.results import Candidate, HeldOut, Recipe, Training
from creditrisk.training.tuning import Job, JobResult, Trial, propose

# A fold's AUC on a thousand rows varies by 0.045, so small tables are judged three times over; large ones need it not.
SMALL_TABLE_ROWS = 5_000
SMALL_TABLE_FOLDS = (3, 10)
LARGE_TABLE_FOLDS = (1, 5)


@dataclass(frozen=True)
class _Fold:
    """One fold of one repeat: the rows that teach, the rows judged, and the encoder fitted on the former."""

    repeat: int
    number: int
    teach: IntArray
    judge: IntArray
    encoder: Encoder


def train_by_folds(frame: pl.DataFrame, plan: Plan, champion: Scorer | None) -> Training:
    """Train where nothing tells earlier rows from later ones."""
    target = target_of(frame)
    n_repeats, n_folds = SMALL_TABLE_FOLDS if frame.height < SMALL_TABLE_ROWS else LARGE_TABLE_FOLDS
    folds = [
        _Fold(repeat, number, teach, judge, fit_encoder(frame[teach], plan.schema))
        for repeat in range(n_repeats)
        for number, (teach, judge) in enumerate(stratified_folds(target, n_folds, seed=plan.seed + 1 + repeat))
    ]
    # Only vocabularies, which are the schema's, shape the matrix: it is the same whatever rows taught the encoder.
    matrix = folds[0].encoder.matrix(frame)

    def job(fold: _Fold, name: str, proposals: tuple[Parameters, ...]) -> Job:
        return Job(name, matrix, target, fold.teach, fold.judge, fold.encoder, plan.seed, plan.budget, proposals)

    # The settings to try are drawn blind: a search led by the outcomes of judged rows would have seen them.
    n_teach = len(folds[0].teach)
    proposals = {name: propose(name, n_teach, trials=plan.budget.trials, seed=plan.seed) for name in simple_families()}
    first = [fold for fold in folds if fold.repeat == 0]
    jobs = [job(fold, name, proposals[name]) for name in slowest_first(proposals) for fold in first]
    pool, trials, failures = _out_of_fold(jobs, run_jobs(jobs, plan, "fitting"), target)

    # For each fold of each repeat, what would be chosen and how calibrated by all other rows.
    others = [np.setdiff1d(np.arange(frame.height), fold.judge) for fold in folds]
    choices = [choose(pool, rows, plan) for rows in others]
    choice = choose(pool, np.arange(frame.height), plan)
    recipe = recipe_of(choice.family, choice.picks, trials, pool)
    recipes = [recipe_of(made.family, made.picks, trials, pool) for made in choices]
    defended = noted_recipe(champion) if champion is not None else None

    # What the first repeat did not fit already: the chosen ones in the other repeats, the champion's recipe in all.
    known = {
        (fold.repeat, fold.number, name, _frozen(trial.parameters)): pool.log_odds[name][place, fold.judge]
        for fold in first
        for name, of_family in trials.items()
        for place, trial in enumerate(of_family)
    }
    wanted = {}
    for fold, made in zip(folds, recipes, strict=True):
        for member, parameters in [*made.parameters.items(), *(defended.parameters.items() if defended else ())]:
            key = (fold.repeat, fold.number, member, _frozen(parameters))
            if key not in known:
                wanted[key] = job(fold, member, (parameters,))
    for key, tried in zip(wanted, run_jobs(list(wanted.values()), plan, "judging"), strict=True):
        if tried.trials:
            known[key] = tried.trials[0].log_odds

    def judged_by(of_fold: list[tuple[Recipe, Calibration]]) -> FloatArray:
        prob_default = np.full((n_repeats, frame.height), np.nan)
        for fold, (made, calibration) in zip(folds, of_fold, strict=True):
            scores = [
                known[fold.repeat, fold.number, member, _frozen(parameters)]
                for member, parameters in made.parameters.items()
            ]
            prob_default[fold.repeat, fold.judge] = calibration.prob_default(np.mean(scores, axis=0))
        return prob_default

    try:
        prob_default = judged_by([(made, one.calibration) for made, one in zip(recipes, choices, strict=True)])
    except KeyError as exc:
        raise TrainingError(f"{exc.args[0][2]} was chosen, but could not be fitted in every fold.") from exc
    fold_of = np.zeros(prob_default.shape, dtype=np.int64)
    for fold in folds:
        fold_of[fold.repeat, fold.judge] = fold.number
    judged = HeldOut(frame, target, prob_default, fold_of)
    performance, auc_sd = _performance_by_folds(judged, plan)

    champion_prob_default = None
    if defended is not None and all(
        (fold.repeat, fold.number, member, _frozen(parameters)) in known
        for fold in folds
        for member, parameters in defended.parameters.items()
    ):
        out_of_fold = np.empty(frame.height)
        for fold in first:
            scores = [known[0, fold.number, name, _frozen(made)] for name, made in defended.parameters.items()]
            out_of_fold[fold.judge] = np.mean(scores, axis=0)
        champion_prob_default = judged_by([(defended, calibrated(out_of_fold[rows], target[rows])) for rows in others])

    pooled = candidates_of(pool, choice.picks)
    candidates = [
        Candidate(
            name,
            recipe_of(name, choice.picks, trials, pool),
            sum(trials[member][choice.picks[member]].seconds for member in pool.members(name)),
            evaluate(fit_platt(scores, target).prob_default(scores), target, plan.schema.costs),
            evaluate(_by_other_folds(scores, target, first), target, plan.schema.costs),
        )
        for name, scores in pooled.items()
    ]
    results = results_of(
        trials,
        pool,
        lambda trial, scale: evaluate(scale.prob_default(trial.log_odds), target, plan.schema.costs),
        lambda trial, _: evaluate(_by_other_folds(trial.log_odds, target, first), target, plan.schema.costs),
    )
    encoder = fit_encoder(frame, plan.schema)
    plan.progress(0, 1, f"fitting {choice.family} on all {frame.height:,} applications", 0.0)
    model = fit_recipe(recipe, encoder, frame, plan)
    scorer = assemble(plan, encoder, model, choice.calibration, log_odds=pooled[choice.family], held_out=frame)
    repeats = f"{n_repeats} x {n_folds}" if n_repeats > 1 else str(n_folds)
    protocol = (
        f"{repeats}-fold cross-validation of the whole path, choosing and calibrating included, over {frame.height:,} "
        "applications"
    )
    return Training(
        scorer=documented(scorer, recipe, candidates, failures, performance=performance, protocol=protocol),
        recipe=recipe,
        candidates=candidates,
        results=results,
        failures=failures,
        performance=performance,
        protocol=protocol,
        auc_sd=auc_sd,
        test=judged,
        champion_prob_default=champion_prob_default,
        reference=frame,
        n_train=n_teach,
    )


def _out_of_fold(
    jobs: list[Job], done: list[JobResult], target: IntArray
) -> tuple[Pool, dict[str, list[Trial]], dict[str, str]]:
    """Put the folds of each trial together; a trial that failed, or ran out of time, in any fold is left out."""
    log_odds: dict[str, FloatArray] = {}
    trials: dict[str, list[Trial]] = {}
    failures: dict[str, str] = {}
    for name in simple_families():
        parts = [(job, tried) for job, tried in zip(jobs, done, strict=True) if job.family == name]
        whole = set.intersection(*({trial.number for trial in tried.trials} for _, tried in parts))
        if not whole:
            failures[name] = next(tried.failures[0] for _, tried in parts if tried.failures)
            continue
        trials[name] = []
        for number in sorted(whole):
            scores, seconds = np.empty(len(target)), 0.0
            for job, tried in parts:
                trial = next(trial for trial in tried.trials if trial.number == number)
                scores[job.judge] = trial.log_odds
                seconds += trial.seconds
            trials[name].append(Trial(name, number, trial.parameters, seconds, scores))
        log_odds[name] = np.array([trial.log_odds for trial in trials[name]])
    if not log_odds:
        raise TrainingError(f"no family could be fitted: {'; '.join(f'{k}: {why}' for k, why in failures.items())}")
    return Pool(target, log_odds, len(jobs[0].teach)), trials, failures


def _by_other_folds(log_odds: FloatArray, target: IntArray, folds: list[_Fold]) -> FloatArray:
    """PDs of each fold's rows by a calibration fitted on the others'."""
    prob_default = np.empty(len(target))
    for fold in folds:
        prob_default[fold.judge] = calibrated(log_odds[fold.teach], target[fold.teach]).prob_default(
            log_odds[fold.judge]
        )
    return prob_default


def _performance_by_folds(judged: HeldOut, plan: Plan) -> tuple[Performance, float]:
    """The mean over repeats, its AUC the mean over folds, and how much AUC varies from fold to fold."""
    areas = [
        auc(prob_default[fold_of == number], judged.target[fold_of == number])
        for prob_default, fold_of in zip(judged.prob_default, judged.folds, strict=True)
        for number in range(fold_of.max() + 1)
    ]
    mean = _mean([evaluate(prob_default, judged.target, plan.schema.costs) for prob_default in judged.prob_default])
    area = float(np.mean(areas))
    return replace(mean, auc=area, gini=2 * area - 1), float(np.std(areas))


def noted_recipe(champion: Scorer) -> Recipe | None:
    """The recipe noted with a champion, if every family it takes is known here."""
    noted = champion.metrics.get("recipe")
    if noted is None or not set(noted["parameters"]) <= set(simple_families()):
        return None
    return Recipe(noted["family"], noted["parameters"])


def _frozen(parameters: Parameters) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted(parameters.items()))


def _mean(performances: list[Performance]) -> Performance:
    """Average each figure over repeats of the same rows; counts stay what they are."""
    averaged: dict[str, Any] = {
        item.name: float(np.mean([getattr(performance, item.name) for performance in performances]))
        for item in fields(Performance)
        if item.type == "float"
    }
    return replace(performances[0], **averaged)
