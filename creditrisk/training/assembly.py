"""The end of every training: figures of all that was tried, the final fit, and the scorer put together of it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import polars as pl

from creditrisk import learners
from creditrisk.arrays import FloatArray, IntArray
from creditrisk.encoding import Encoder
from creditrisk.errors import TrainingError
from creditrisk.learners import Model
from creditrisk.metrics import (
    ExpectedSlope,
    Performance,
    auc,
    auc_estimate,
    build_profile,
    evaluate,
    protected_groups,
    with_pushes,
)
from creditrisk.schema import Costs
from creditrisk.scoring import (
    Calibration,
    Evaluation,
    Scorer,
    approved_rows,
    evaluation_of,
    fit_platt,
    fit_rule,
    fit_spread,
    prior_shift,
    shifted,
)
from creditrisk.training.card import write_card
from creditrisk.training.choosing import Choice, candidate_recipes, choose
from creditrisk.training.halves import ByHalves, scores_by_halves
from creditrisk.training.plan import Plan
from creditrisk.training.results import Candidate, HeldOut, Recipe, Result, Training, metrics_of
from creditrisk.training.scores import OutOfSampleScores, target_of
from creditrisk.training.tuning import calibrated_log_loss

# So many settings of each family are kept with all their figures.
KEPT_TRIALS = 5
# About so many rows tell what the values of each field add to the risk.
PUSH_ROWS = 10_000


@dataclass(frozen=True)
class Resampling:
    """Which rows of a table are train, validation and test: all that the two ways of training differ in.

    Parameters
    ----------
    train, train_rows, encoder
        What the deployed model is fitted on: the rows, the validation rows among them; their positions in the table;
        and the encoder of its matrix.
    validation, validation_rows
        The rows that choose and calibrate, by models that were not fitted on them; and their positions in the table.
    validation_prob_default
        PDs of the validation rows by a recipe, for the figures of a candidate.
    test, test_folds
        The rows that test and nothing else, and the fold each is tested in, shape (n_repeats, n_rows).
    test_prob_default
        PDs of the test rows by a recipe, calibrated on validation rows; for the figures of settings and candidates.
    path_prob_default
        PDs of the test rows by the whole path, shape of `test_folds`; None where the deployed scorer gives them.
    champion_prob_default
        Those of the champion, None if there is none or it cannot score them.
    protocol
        All this in a sentence.
    """

    train: pl.DataFrame
    train_rows: IntArray
    encoder: Encoder
    validation: pl.DataFrame
    validation_rows: IntArray
    validation_prob_default: Callable[[Recipe], FloatArray]
    test: pl.DataFrame
    test_folds: IntArray
    test_prob_default: Callable[[Recipe], FloatArray]
    path_prob_default: FloatArray | None
    champion_prob_default: FloatArray | None
    protocol: str


def finish(scores: OutOfSampleScores, resampling: Resampling, plan: Plan) -> Training:
    """Choose, work out all figures, fit the chosen recipe for good and put the scorer together."""
    choice = choose(scores, resampling.validation_rows, plan)
    by_halves = scores_by_halves(scores, choice.recipe, resampling.train_rows, resampling.train, plan)
    n_train = resampling.train.height
    all_or_some = "all " if n_train == len(scores.target) else ""
    what = f"fitting {choice.recipe.family} on {all_or_some}{n_train:,} applications"
    plan.progress(0, 1, what, scores.seconds_for_good(choice.recipe, n_train))
    with ThreadPoolExecutor() as beside:
        fitting = {
            name: beside.submit(_fit, name, choice.recipe, resampling, plan) for name in choice.recipe.parameters
        }
        candidates = _candidates(scores, choice, resampling, plan.schema.costs)
        results = _results(scores, resampling, plan.schema.costs)
        members = {name: fit.result() for name, fit in fitting.items()}
    module: Any = learners.family(choice.recipe.family)
    model = module.combine(members) if learners.is_blend(choice.recipe.family) else members[choice.recipe.family]
    log_odds = scores.log_odds(choice.recipe, resampling.validation_rows)
    scorer = _scorer(model, choice.calibration, log_odds, by_halves=by_halves, resampling=resampling, plan=plan)
    prob_default = resampling.path_prob_default
    if prob_default is None:
        prob_default = scorer.sample_prob_default(resampling.test)[np.newaxis]
    test = HeldOut(resampling.test, target_of(resampling.test), prob_default, resampling.test_folds)
    performance, auc_sd = _performance(test, plan.schema.costs)
    protocol = resampling.protocol
    return Training(
        scorer=replace(
            scorer,
            metrics=metrics_of(choice.recipe, candidates, performance, protocol, _evaluation(scorer, test)),
            card=write_card(scorer, candidates, scores.failures, performance, protocol),
        ),
        recipe=choice.recipe,
        candidates=candidates,
        results=results,
        failures=scores.failures,
        performance=performance,
        protocol=protocol,
        auc_sd=auc_sd,
        test=test,
        champion_prob_default=resampling.champion_prob_default,
        reference=resampling.validation,
        n_train=scores.n_train,
    )


def _fit(name: str, recipe: Recipe, resampling: Resampling, plan: Plan) -> Model:
    """One member of the chosen recipe, or the only one."""
    matrix, target = resampling.encoder.matrix(resampling.train), target_of(resampling.train)
    settings = {name: recipe.parameters[name]}
    return learners.fit(name, settings, matrix, target, resampling.encoder, seed=plan.seed)


def _candidates(scores: OutOfSampleScores, choice: Choice, resampling: Resampling, costs: Costs) -> list[Candidate]:
    """The best of each family, and each blend, with its figures."""
    on_validation, on_test = target_of(resampling.validation), target_of(resampling.test)
    return [
        Candidate(
            recipe.family,
            recipe,
            sum(choice.picks[member].seconds for member in recipe.parameters),
            sum(choice.picks[member].microseconds_per_client for member in recipe.parameters),
            evaluate(resampling.validation_prob_default(recipe), on_validation, costs),
            evaluate(resampling.test_prob_default(recipe), on_test, costs),
        )
        for recipe in candidate_recipes(choice.picks, scores.n_train)
    ]


def _results(scores: OutOfSampleScores, resampling: Resampling, costs: Costs) -> list[Result]:
    """Every setting tried, the best few of each family with their figures."""
    on_validation, on_test = target_of(resampling.validation), target_of(resampling.test)
    results = []
    for name, trials in scores.trials.items():
        log_odds = [trial.log_odds[resampling.validation_rows] for trial in trials]
        losses = [calibrated_log_loss(of_trial, on_validation) for of_trial in log_odds]
        best = set(np.argsort(losses, kind="stable")[:KEPT_TRIALS].tolist())
        for index, (trial, loss) in enumerate(zip(trials, losses, strict=True)):
            figures: dict[str, Performance] = {}
            if index in best:
                try:
                    fitted = fit_platt(log_odds[index], on_validation).prob_default(log_odds[index])
                    tested = resampling.test_prob_default(trial.recipe)
                    figures = {
                        "validation": evaluate(fitted, on_validation, costs),
                        "test": evaluate(tested, on_test, costs),
                    }
                except TrainingError:
                    pass  # it ranks the wrong way round, as its loss says, or was dropped after the screening
            results.append(Result(name, trial.number, trial.parameters, trial.seconds, loss, **figures))
    return results


def _scorer(
    model: Model,
    calibration: Calibration,
    log_odds: FloatArray,
    *,
    by_halves: ByHalves,
    resampling: Resampling,
    plan: Plan,
) -> Scorer:
    """The scorer, its rule fitted on the validation rows; their `log_odds` come from models that did not see them."""
    schema, validation = plan.schema, resampling.validation
    target = target_of(validation)
    calibration, expected = _steadied(calibration, log_odds, target, by_halves)
    prob_default = calibration.prob_default(log_odds)
    shown = shifted(prob_default, prior_shift(float(target.mean()), schema.portfolio_bad_rate))
    approved = resampling.encoder.matrix(validation[approved_rows(shown, schema.costs)])
    encoder, costs = resampling.encoder, schema.costs
    scorer = Scorer(
        schema=schema,
        encoder=encoder,
        model=model,
        calibration=calibration,
        spread=fit_spread(
            encoder.matrix(resampling.train),
            by_halves.log_odds,
            encoder,
            prob_default,
            target,
            expected=expected,
            seed=plan.seed,
        ),
        rule=fit_rule(prob_default, target, encoder.typical(approved), costs, plan.scale, ask_below=plan.ask_below),
        profile=build_profile(validation, schema, shown),
        yardsticks=(),
        metrics={},
        card="",
    )
    # What each bin adds to the risk is a mean: every so many rows tell it as well as all.
    some = validation.gather_every(1 + validation.height // PUSH_ROWS)
    scorer = scorer.measured(resampling.train, some)
    return replace(scorer, profile=with_pushes(scorer.profile, some, scorer.contributions(some)))


def _steadied(
    calibration: Calibration, log_odds: FloatArray, target: IntArray, by_halves: ByHalves
) -> tuple[Calibration, ExpectedSlope | None]:
    """The calibration, a line whose slope heeds the halves, and what they say of it as a multiple of what it became.

    A curve, from enough rows, stays as it is; and so does a line by all the rows that the halves have, or beside halves
    that are ranked the wrong way round, as those of a tiny table may be.
    """
    if calibration.method != "platt" or by_halves.slope.slope <= 0:
        return calibration, None
    expected = by_halves.slope_for(len(target))
    line = fit_platt(log_odds, target, expected)
    return line, expected.divided(line.slope)


def _evaluation(scorer: Scorer, test: HeldOut) -> Evaluation:
    """The test rows counted up by risk; of several repeats the first, so that each row counts once."""
    prob_default, schema = test.prob_default[0], scorer.schema
    area = auc_estimate(prob_default, test.target)
    sd = scorer.spread.sd(scorer.encoder.matrix(test.frame), prob_default)
    interval = (area.value, area.low, area.high)
    return evaluation_of(prob_default, sd, test.target, protected_groups(test.frame, schema), interval)


def _performance(test: HeldOut, costs: Costs) -> tuple[Performance, float | None]:
    """The mean over repeats, its AUC the mean over folds; and how much AUC varies over folds, None if there is one."""
    mean = _mean([evaluate(prob_default, test.target, costs) for prob_default in test.prob_default])
    areas = [
        auc(prob_default[fold_of == fold], test.target[fold_of == fold])
        for prob_default, fold_of in zip(test.prob_default, test.folds, strict=True)
        for fold in range(fold_of.max() + 1)
    ]
    area = float(np.mean(areas))
    return replace(mean, auc=area, gini=2 * area - 1), float(np.std(areas)) if len(areas) > 1 else None


def _mean(performances: list[Performance]) -> Performance:
    """Average each figure over repeats of the same rows; counts stay what they are."""
    averaged: dict[str, Any] = {
        item.name: float(np.mean([getattr(performance, item.name) for performance in performances]))
        for item in fields(Performance)
        if item.type == "float"
    }
    return replace(performances[0], **averaged)
