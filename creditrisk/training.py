"""The training path: try every family, choose and calibrate, and say honestly how good the whole path is.

Where the table has dates, the newest rows judge and nothing newer than the fitted rows teaches. Where it has none, rows
are judged fold by fold: what scores a fold was fitted, chosen and calibrated without that fold's rows. What to try and
the trying are in tuning.py; called by flows/model_train.py; reads and writes nothing.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, fields, replace
from datetime import date
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from creditrisk import learners
from creditrisk.arrays import FloatArray, IntArray
from creditrisk.card import write_card
from creditrisk.encoding import Encoder, fit_encoder
from creditrisk.errors import TrainingError
from creditrisk.learners import FAMILIES, Model, Parameters, is_blend, members_of
from creditrisk.metrics.losses import log_loss
from creditrisk.metrics.performance import Performance, evaluate
from creditrisk.metrics.profile import build_profile
from creditrisk.metrics.ranking import auc
from creditrisk.schema import Schema
from creditrisk.scoring.calibration import Calibration, fit_calibration, fit_platt, prior_shift, shifted
from creditrisk.scoring.decision import ScoreScale, fit_rule, typical_rows
from creditrisk.scoring.scorer import OTHER_FIELDS, Scorer
from creditrisk.splits import stratified_folds, time_split
from creditrisk.tuning import Budget, Job, Told, Trial, Tried, calibrated_log_loss, propose, work

MIN_ROWS = 200
MIN_BADS = 20
CALIBRATION_FOLDS = 5
# A fold's AUC on a thousand rows varies by 0.045, so small tables are judged three times over; large ones need it not.
SMALL_TABLE_ROWS = 5_000
SMALL_TABLE_FOLDS = (3, 10)
LARGE_TABLE_FOLDS = (1, 5)
# So many settings of each family are kept with all their figures.
KEPT_TRIALS = 5
DEFAULT_BUDGET = Budget()

# What has been done, how many steps there are in all, what is being worked on, and about how many seconds are left.
Progress = Callable[[int, int, str, float], None]
# Does jobs, in any order and anywhere, and gives each one's place in the list with what became of it.
Runner = Callable[[list[Job], Told], Iterable[tuple[int, Tried]]]


@dataclass(frozen=True)
class Recipe:
    """What is fitted: a family and the settings of each of its members (of itself, if it has none)."""

    family: str
    parameters: dict[str, Parameters]


@dataclass(frozen=True)
class Plan:
    """What stays the same throughout one training."""

    schema: Schema
    scale: ScoreScale
    seed: int
    budget: Budget
    run: Runner
    progress: Progress


@dataclass(frozen=True)
class Result:
    """One setting tried; the best few of each family with figures on the rows that chose and on the rows that judge.

    `loss` is the log loss on the rows that chose once calibrated, by which settings of one family are compared.
    """

    family: str
    number: int
    parameters: Parameters
    seconds: float
    loss: float
    validation: Performance | None = None
    test: Performance | None = None


@dataclass(frozen=True)
class Candidate:
    """The best of a family, with its calibration, as it did on the rows that chose and on the rows that judge."""

    family: str
    recipe: Recipe
    seconds: float
    validation: Performance
    test: Performance


@dataclass(frozen=True)
class Judged:
    """Rows that nothing was fitted, chosen or calibrated on, and the PDs they got.

    `prob_default` and `folds` have the shape (n_repeats, n_rows): one repeat and fold 0 where time divides the table.
    PDs are on the scale of the sample.
    """

    frame: pl.DataFrame
    target: IntArray
    prob_default: FloatArray
    folds: IntArray


@dataclass(frozen=True)
class Training:
    """What a training gave.

    `performance` is that of the whole path on the `judged` rows; `champion_prob_default` the champion's PDs for the
    same rows, None if there is no champion or it cannot score them. `reference` holds the rows that later windows are
    compared with. `results` are all settings tried, `failures` say why a family is missing.
    """

    scorer: Scorer
    recipe: Recipe
    candidates: list[Candidate]
    results: list[Result]
    failures: dict[str, str]
    performance: Performance
    protocol: str
    auc_sd: float | None
    judged: Judged
    champion_prob_default: FloatArray | None
    reference: pl.DataFrame


@dataclass(frozen=True)
class _Pool:
    """Scores to choose by: for each family the log-odds of its trials, shape (n_trials, n_rows), and the outcomes.

    `n_taught` is how many rows the models were fitted on, by which blends choose their members.
    """

    target: IntArray
    log_odds: dict[str, FloatArray]
    n_taught: int

    def members(self, name: str) -> tuple[str, ...]:
        """The families a family is fitted as: itself, or those it is blended of."""
        return members_of(name, self.n_taught)


@dataclass(frozen=True)
class _Choice:
    """The family that decides best on some rows, the trial taken of each family, and the winner's calibration."""

    family: str
    picks: dict[str, int]
    calibration: Calibration


def train(
    frame: pl.DataFrame,
    schema: Schema,
    *,
    scale: ScoreScale,
    seed: int = 7,
    budget: Budget = DEFAULT_BUDGET,
    run: Runner | None = None,
    champion: Scorer | None = None,
    test_from: date | None = None,
    progress: Progress = lambda *_: None,
) -> Training:
    """Train a scorer on checked rows.

    Parameters
    ----------
    frame
        Accepted rows as `quality.check` gives them with the target: features and `default` (1 = bad).
    scale
        Scorecard points.
    budget
        How many settings of each family are tried.
    run
        Does the fits; None for threads of this process.
    champion
        The version to compare with: it scores the judged rows, or its recipe is fitted again in every fold.
    test_from
        First day of the rows that judge, for a table with dates; None for its newest fifth.

    Raises
    ------
    TrainingError
        If there are too few rows or bads to train and judge on, or no family ranks unseen rows the right way round.
    """
    n_bad = int(frame["default"].sum())
    if frame.height < MIN_ROWS or not MIN_BADS <= n_bad <= frame.height - MIN_BADS:
        raise TrainingError(
            f"{frame.height:,} usable rows with {n_bad:,} bads are too few to train and judge a model: at least "
            f"{MIN_ROWS} rows with {MIN_BADS} bads and {MIN_BADS} goods are needed."
        )
    plan = Plan(schema, scale, seed, budget, run or in_threads(os.cpu_count() or 1), progress)
    if schema.time_field is not None:
        return _train_by_time(frame, frame[schema.time_field.name], plan, champion, test_from)
    if test_from is not None:
        raise TrainingError(
            f"schema '{schema.name}' has no time field, so no first day to judge can be given. Leave it out, or give "
            "a field the role 'time'."
        )
    return _train_by_folds(frame, plan, champion)


def in_threads(n_threads: int) -> Runner:
    """Do jobs in threads of this process: the libraries leave Python's lock while they fit."""

    def run(jobs: list[Job], told: Told) -> Iterable[tuple[int, Tried]]:
        with ThreadPoolExecutor(n_threads) as pool:
            futures = {pool.submit(work, job, told): place for place, job in enumerate(jobs)}
            for future in as_completed(futures):
                yield futures[future], future.result()

    return run


# By time


def _train_by_time(
    frame: pl.DataFrame, times: pl.Series, plan: Plan, champion: Scorer | None, test_from: date | None
) -> Training:
    split = time_split(times, test_from)
    target = _target(frame)
    encoder = fit_encoder(frame[split.train], plan.schema)
    judge = np.concatenate([split.validation, split.test])
    n_choosing = len(split.validation)
    matrix = encoder.matrix(frame)
    jobs = [
        Job(name, matrix, target, split.train, judge, encoder, plan.seed, plan.budget, n_choosing=n_choosing)
        for name in _slowest_first(_simple_families())
    ]
    tried = dict(zip((job.family for job in jobs), _run(jobs, plan, "fitting"), strict=True))
    trials, failures = _sort_out(tried)

    log_odds = {name: np.array([trial.log_odds for trial in of_family]) for name, of_family in trials.items()}
    pool = _Pool(
        target[split.validation],
        {name: scores[:, :n_choosing] for name, scores in log_odds.items()},
        len(split.train),
    )
    everything = np.arange(n_choosing)
    choice = _choose(pool, everything, plan)

    def judged_log_odds(name: str) -> FloatArray:
        members = [log_odds[member][choice.picks[member], n_choosing:] for member in pool.members(name)]
        mean: FloatArray = np.mean(members, axis=0)
        return mean

    newest = target[split.test]
    recipe = _recipe(choice.family, choice.picks, trials, pool)
    validation = frame[split.validation]
    # The rows that chose are the newest that may teach: the winner is fitted again with them.
    older = frame[np.concatenate([split.train, split.validation])]
    plan.progress(0, 1, f"fitting {choice.family} on {older.height:,} applications", 0.0)
    with ThreadPoolExecutor(1) as beside:
        fitting = beside.submit(_fit_recipe, recipe, encoder, older, plan)
        candidates = [
            Candidate(
                name,
                _recipe(name, choice.picks, trials, pool),
                sum(trials[member][choice.picks[member]].seconds for member in pool.members(name)),
                evaluate(_cross_calibrated(pooled, pool.target, plan.seed), pool.target, plan.schema.costs),
                evaluate(fit_platt(pooled, pool.target).prob_default(judged_log_odds(name)), newest, plan.schema.costs),
            )
            for name, pooled in _candidates(pool, choice.picks).items()
        ]
        results = _results(
            trials,
            pool,
            lambda trial, scale: evaluate(
                scale.prob_default(trial.log_odds[:n_choosing]), pool.target, plan.schema.costs
            ),
            lambda trial, scale: evaluate(scale.prob_default(trial.log_odds[n_choosing:]), newest, plan.schema.costs),
        )
        model = fitting.result()
    pooled = _candidates(pool, choice.picks)[choice.family]
    scorer = _assemble(plan, encoder, model, choice.calibration, log_odds=pooled, held_out=validation)
    judged_frame = frame[split.test]
    prob_default = scorer.sample_prob_default(judged_frame)
    performance = evaluate(prob_default, newest, plan.schema.costs)
    ordered = times.gather(split.test)
    protocol = (
        f"time-ordered: fitted on the oldest {len(split.train):,} applications, chosen and calibrated on the next "
        f"{len(split.validation):,}, fitted again on both, judged on the newest {len(split.test):,} "
        f"({ordered.item(0)} to {ordered.item(-1)})"
    )
    return Training(
        scorer=_documented(scorer, recipe, candidates, failures, performance=performance, protocol=protocol),
        recipe=recipe,
        candidates=candidates,
        results=results,
        failures=failures,
        performance=performance,
        protocol=protocol,
        auc_sd=None,
        judged=Judged(judged_frame, newest, prob_default[np.newaxis], np.zeros((1, len(newest)), dtype=np.int64)),
        champion_prob_default=_scored_by(champion, judged_frame),
        reference=validation,
    )


def _scored_by(champion: Scorer | None, judged: pl.DataFrame) -> FloatArray | None:
    if champion is None:
        return None
    try:
        return champion.sample_prob_default(judged)[np.newaxis]
    except OTHER_FIELDS:
        return None


# By folds


@dataclass(frozen=True)
class _Fold:
    """One fold of one repeat: the rows that teach, the rows judged, and the encoder fitted on the former."""

    repeat: int
    number: int
    teach: IntArray
    judge: IntArray
    encoder: Encoder


def _train_by_folds(frame: pl.DataFrame, plan: Plan, champion: Scorer | None) -> Training:
    target = _target(frame)
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
    proposals = {name: propose(name, n_teach, trials=plan.budget.trials, seed=plan.seed) for name in _simple_families()}
    first = [fold for fold in folds if fold.repeat == 0]
    jobs = [job(fold, name, proposals[name]) for name in _slowest_first(proposals) for fold in first]
    pool, trials, failures = _out_of_fold(jobs, _run(jobs, plan, "fitting"), target)

    # For each fold of each repeat, what would be chosen and how calibrated by all other rows.
    others = [np.setdiff1d(np.arange(frame.height), fold.judge) for fold in folds]
    choices = [_choose(pool, rows, plan) for rows in others]
    choice = _choose(pool, np.arange(frame.height), plan)
    recipe = _recipe(choice.family, choice.picks, trials, pool)
    recipes = [_recipe(made.family, made.picks, trials, pool) for made in choices]
    defended = _recipe_of(champion) if champion is not None else None

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
    for key, tried in zip(wanted, _run(list(wanted.values()), plan, "judging"), strict=True):
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
    judged = Judged(frame, target, prob_default, fold_of)
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
        champion_prob_default = judged_by([(defended, _calibrated(out_of_fold[rows], target[rows])) for rows in others])

    pooled = _candidates(pool, choice.picks)
    candidates = [
        Candidate(
            name,
            _recipe(name, choice.picks, trials, pool),
            sum(trials[member][choice.picks[member]].seconds for member in pool.members(name)),
            evaluate(fit_platt(scores, target).prob_default(scores), target, plan.schema.costs),
            evaluate(_by_other_folds(scores, target, first), target, plan.schema.costs),
        )
        for name, scores in pooled.items()
    ]
    results = _results(
        trials,
        pool,
        lambda trial, scale: evaluate(scale.prob_default(trial.log_odds), target, plan.schema.costs),
        lambda trial, _: evaluate(_by_other_folds(trial.log_odds, target, first), target, plan.schema.costs),
    )
    encoder = fit_encoder(frame, plan.schema)
    plan.progress(0, 1, f"fitting {choice.family} on all {frame.height:,} applications", 0.0)
    model = _fit_recipe(recipe, encoder, frame, plan)
    scorer = _assemble(plan, encoder, model, choice.calibration, log_odds=pooled[choice.family], held_out=frame)
    repeats = f"{n_repeats} x {n_folds}" if n_repeats > 1 else str(n_folds)
    protocol = (
        f"{repeats}-fold cross-validation of the whole path, choosing and calibrating included, over {frame.height:,} "
        "applications"
    )
    return Training(
        scorer=_documented(scorer, recipe, candidates, failures, performance=performance, protocol=protocol),
        recipe=recipe,
        candidates=candidates,
        results=results,
        failures=failures,
        performance=performance,
        protocol=protocol,
        auc_sd=auc_sd,
        judged=judged,
        champion_prob_default=champion_prob_default,
        reference=frame,
    )


def _out_of_fold(
    jobs: list[Job], done: list[Tried], target: IntArray
) -> tuple[_Pool, dict[str, list[Trial]], dict[str, str]]:
    """Put the folds of each trial together; a trial that failed, or ran out of time, in any fold is left out."""
    log_odds: dict[str, FloatArray] = {}
    trials: dict[str, list[Trial]] = {}
    failures: dict[str, str] = {}
    for name in _simple_families():
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
    return _Pool(target, log_odds, len(jobs[0].teach)), trials, failures


def _by_other_folds(log_odds: FloatArray, target: IntArray, folds: list[_Fold]) -> FloatArray:
    """PDs of each fold's rows by a calibration fitted on the others'."""
    prob_default = np.empty(len(target))
    for fold in folds:
        prob_default[fold.judge] = _calibrated(log_odds[fold.teach], target[fold.teach]).prob_default(
            log_odds[fold.judge]
        )
    return prob_default


def _performance_by_folds(judged: Judged, plan: Plan) -> tuple[Performance, float]:
    """The mean over repeats, its AUC the mean over folds, and how much AUC varies from fold to fold."""
    areas = [
        auc(prob_default[fold_of == number], judged.target[fold_of == number])
        for prob_default, fold_of in zip(judged.prob_default, judged.folds, strict=True)
        for number in range(fold_of.max() + 1)
    ]
    mean = _mean([evaluate(prob_default, judged.target, plan.schema.costs) for prob_default in judged.prob_default])
    area = float(np.mean(areas))
    return replace(mean, auc=area, gini=2 * area - 1), float(np.std(areas))


def _recipe_of(champion: Scorer) -> Recipe | None:
    """The recipe noted with a champion, if every family it takes is known here."""
    noted = champion.metrics.get("recipe")
    if noted is None or not set(noted["parameters"]) <= set(_simple_families()):
        return None
    return Recipe(noted["family"], noted["parameters"])


def _frozen(parameters: Parameters) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted(parameters.items()))


# Both ways


def _simple_families() -> list[str]:
    return [name for name in FAMILIES if not is_blend(name)]


def _slowest_first(names: Iterable[str]) -> list[str]:
    """The more complex a family, the longer its fits: started first, they do not stand alone at the end."""
    return sorted(names, key=FAMILIES.index, reverse=True)


def _run(jobs: list[Job], plan: Plan, what: str) -> list[Tried]:
    """Do the jobs and tell how far they are; what became of each, in their order."""
    pace = _Pace(jobs)

    def told(name: str, seconds: float) -> None:
        pace.note(name, seconds)
        plan.progress(pace.n_done, pace.n_fits, what, pace.seconds_left())

    done: dict[int, Tried] = {}
    if jobs:
        plan.progress(0, pace.n_fits, what, 0.0)
    for place, tried in plan.run(jobs, told):
        done[place] = tried
    return [done[place] for place in range(len(jobs))]


class _Pace:
    """How long the rest will take, by how long each family's fits took so far."""

    def __init__(self, jobs: list[Job]) -> None:
        self._left: dict[str, int] = {}
        for job in jobs:
            self._left[job.family] = self._left.get(job.family, 0) + job.n_fits
        self._took: dict[str, list[float]] = {}
        self._started = time.monotonic()
        self.n_fits = sum(self._left.values())

    @property
    def n_done(self) -> int:
        """Fits that have ended."""
        return sum(map(len, self._took.values()))

    def note(self, name: str, seconds: float) -> None:
        """A fit has ended."""
        self._took.setdefault(name, []).append(seconds)
        self._left[name] -= 1

    def seconds_left(self) -> float:
        """Seconds of fitting still to do, a family not met yet taken as the slowest met, at the speed so far."""
        mean = {name: sum(took) / len(took) for name, took in self._took.items()}
        todo = sum(left * mean.get(name, max(mean.values())) for name, left in self._left.items())
        speed = sum(map(sum, self._took.values())) / (time.monotonic() - self._started)
        return todo / speed if speed else 0.0


def _sort_out(tried: Mapping[str, Tried]) -> tuple[dict[str, list[Trial]], dict[str, str]]:
    """The trials of the families that could be fitted, simple ones first, and why the others could not."""
    trials = {name: tried[name].trials for name in FAMILIES if name in tried and tried[name].trials}
    failures = {name: found.failures[0] for name, found in tried.items() if not found.trials}
    if not trials:
        raise TrainingError(f"no family could be fitted: {'; '.join(f'{k}: {why}' for k, why in failures.items())}")
    return trials, failures


def _candidates(pool: _Pool, picks: Mapping[str, int]) -> dict[str, FloatArray]:
    """The log-odds of each family's picked trial, and of each blend whose members all have one."""
    return {
        name: np.mean([pool.log_odds[member][picks[member]] for member in pool.members(name)], axis=0)
        for name in FAMILIES
        if all(member in picks for member in pool.members(name))
    }


def _choose(pool: _Pool, rows: IntArray, plan: Plan) -> _Choice:
    """Choose by some rows of the pool: of each family the trial, of the candidates the one, and its calibration."""
    target = pool.target[rows]
    picks = {}
    for name, log_odds in pool.log_odds.items():
        losses = [calibrated_log_loss(scores[rows], target) for scores in log_odds]
        picks[name] = int(np.argmin(losses))
    losses_of: dict[str, float] = {}
    seen = {name: scores[rows] for name, scores in _candidates(pool, picks).items()}
    for name, scores in seen.items():
        try:
            losses_of[name] = log_loss(_cross_calibrated(scores, target, plan.seed), target)
        except TrainingError:
            continue  # a family that ranks the wrong way round is no candidate; that all do so is said below
    if not losses_of:
        raise TrainingError(
            f"every model ranks {len(target):,} unseen rows the wrong way round: nothing was learned that "
            "holds. Check the target's coding and the features."
        )
    # The first of several that are alike is the simplest.
    best = min(losses_of, key=lambda name: losses_of[name])
    return _Choice(best, picks, _calibrated(seen[best], target))


def _calibrated(log_odds: FloatArray, target: IntArray) -> Calibration:
    return fit_calibration(log_odds, target)


def _cross_calibrated(log_odds: FloatArray, target: IntArray, seed: int) -> FloatArray:
    """PDs whose calibration did not see their own row."""
    prob_default = np.empty(len(log_odds))
    for teach, judge in stratified_folds(target, CALIBRATION_FOLDS, seed=seed):
        prob_default[judge] = fit_platt(log_odds[teach], target[teach]).prob_default(log_odds[judge])
    return prob_default


Judge = Callable[[Trial, Calibration], Performance]


def _results(trials: Mapping[str, list[Trial]], pool: _Pool, validation: Judge, test: Judge) -> list[Result]:
    """Every setting tried, the best few of each family with their figures."""
    results = []
    for name, of_family in trials.items():
        losses = [calibrated_log_loss(scores, pool.target) for scores in pool.log_odds[name]]
        best = set(np.argsort(losses, kind="stable")[:KEPT_TRIALS].tolist())
        for place, (trial, loss) in enumerate(zip(of_family, losses, strict=True)):
            figures: dict[str, Performance] = {}
            if place in best:
                try:
                    scale = fit_platt(pool.log_odds[name][place], pool.target)
                    figures = {"validation": validation(trial, scale), "test": test(trial, scale)}
                except TrainingError:
                    pass  # it ranks the wrong way round: its loss says so
            results.append(Result(name, trial.number, trial.parameters, trial.seconds, loss, **figures))
    return results


def _recipe(name: str, picks: Mapping[str, int], trials: Mapping[str, list[Trial]], pool: _Pool) -> Recipe:
    return Recipe(name, {member: trials[member][picks[member]].parameters for member in pool.members(name)})


def _fit_recipe(recipe: Recipe, encoder: Encoder, frame: pl.DataFrame, plan: Plan) -> Model:
    return learners.fit(
        recipe.family,
        recipe.parameters,
        encoder.matrix(frame),
        _target(frame),
        encoder,
        seed=plan.seed,
    )


def _assemble(
    plan: Plan,
    encoder: Encoder,
    model: Model,
    calibration: Calibration,
    *,
    log_odds: FloatArray,
    held_out: pl.DataFrame,
) -> Scorer:
    """The scorer, its rule fitted on rows whose `log_odds` come from models that did not see them."""
    target = _target(held_out)
    prob_default = calibration.prob_default(log_odds)
    shown = shifted(prob_default, prior_shift(float(target.mean()), plan.schema.portfolio_bad_rate))
    typical = encoder.matrix(held_out[typical_rows(shown, plan.schema.costs)])
    contributions, medians = model.contributions(typical)[:, :-1], encoder.medians(typical)
    return Scorer(
        schema=plan.schema,
        encoder=encoder,
        model=model,
        calibration=calibration,
        rule=fit_rule(
            prob_default, target, contributions, plan.schema.costs, plan.scale, typical_values=medians.tolist()
        ),
        profile=build_profile(held_out, plan.schema, shown),
        metrics={},
        card="",
    )


def _documented(
    scorer: Scorer,
    recipe: Recipe,
    candidates: list[Candidate],
    failures: dict[str, str],
    *,
    performance: Performance,
    protocol: str,
) -> Scorer:
    """The scorer with every figure behind it and its card."""
    metrics = {
        "family": scorer.model.family,
        "recipe": asdict(recipe),
        "protocol": protocol,
        "performance": asdict(performance),
        "candidates": {item.family: asdict(item.test) for item in candidates},
    }
    return replace(scorer, metrics=metrics, card=write_card(scorer, candidates, failures, performance, protocol))


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
