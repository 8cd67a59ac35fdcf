"""The training path of a table with dates: the newest rows are the test."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date

import numpy as np
import polars as pl

from creditrisk.arrays import FloatArray
from creditrisk.encoding import fit_encoder
from creditrisk.metrics import evaluate
from creditrisk.scoring import OTHER_FIELDS, Scorer, fit_platt
from creditrisk.splits import time_split
from creditrisk.training.assembly import assemble, documented, fit_recipe, target_of
from creditrisk.training.choosing import (
    Pool,
    candidates_of,
    choose,
    cross_calibrated,
    recipe_of,
    results_of,
    simple_families,
    slowest_first,
    sort_out,
)
from creditrisk.training.plan import Plan
from creditrisk.training.progress import run_jobs
from creditrisk.training.results import Candidate, HeldOut, Training
from creditrisk.training.tuning import Job


def train_by_time(
    frame: pl.DataFrame, times: pl.Series, plan: Plan, champion: Scorer | None, test_from: date | None
) -> Training:
    """Train where every row has a time."""
    split = time_split(times, test_from)
    target = target_of(frame)
    encoder = fit_encoder(frame[split.train], plan.schema)
    judge = np.concatenate([split.validation, split.test])
    n_choosing = len(split.validation)
    matrix = encoder.matrix(frame)
    jobs = [
        Job(name, matrix, target, split.train, judge, encoder, plan.seed, plan.budget, n_choosing=n_choosing)
        for name in slowest_first(simple_families())
    ]
    tried = dict(zip((job.family for job in jobs), run_jobs(jobs, plan, "fitting"), strict=True))
    trials, failures = sort_out(tried)

    log_odds = {name: np.array([trial.log_odds for trial in of_family]) for name, of_family in trials.items()}
    pool = Pool(
        target[split.validation],
        {name: scores[:, :n_choosing] for name, scores in log_odds.items()},
        len(split.train),
    )
    everything = np.arange(n_choosing)
    choice = choose(pool, everything, plan)

    def judged_log_odds(name: str) -> FloatArray:
        members = [log_odds[member][choice.picks[member], n_choosing:] for member in pool.members(name)]
        mean: FloatArray = np.mean(members, axis=0)
        return mean

    newest = target[split.test]
    recipe = recipe_of(choice.family, choice.picks, trials, pool)
    validation = frame[split.validation]
    # The rows that chose are the newest that may teach: the winner is fitted again with them.
    older = frame[np.concatenate([split.train, split.validation])]
    plan.progress(0, 1, f"fitting {choice.family} on {older.height:,} applications", 0.0)
    with ThreadPoolExecutor(1) as beside:
        fitting = beside.submit(fit_recipe, recipe, encoder, older, plan)
        candidates = [
            Candidate(
                name,
                recipe_of(name, choice.picks, trials, pool),
                sum(trials[member][choice.picks[member]].seconds for member in pool.members(name)),
                evaluate(cross_calibrated(pooled, pool.target, plan.seed), pool.target, plan.schema.costs),
                evaluate(fit_platt(pooled, pool.target).prob_default(judged_log_odds(name)), newest, plan.schema.costs),
            )
            for name, pooled in candidates_of(pool, choice.picks).items()
        ]
        results = results_of(
            trials,
            pool,
            lambda trial, scale: evaluate(
                scale.prob_default(trial.log_odds[:n_choosing]), pool.target, plan.schema.costs
            ),
            lambda trial, scale: evaluate(scale.prob_default(trial.log_odds[n_choosing:]), newest, plan.schema.costs),
        )
        model = fitting.result()
    pooled = candidates_of(pool, choice.picks)[choice.family]
    scorer = assemble(plan, encoder, model, choice.calibration, log_odds=pooled, held_out=validation)
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
        scorer=documented(scorer, recipe, candidates, failures, performance=performance, protocol=protocol),
        recipe=recipe,
        candidates=candidates,
        results=results,
        failures=failures,
        performance=performance,
        protocol=protocol,
        auc_sd=None,
        test=HeldOut(judged_frame, newest, prob_default[np.newaxis], np.zeros((1, len(newest)), dtype=np.int64)),
        champion_prob_default=_scored_by(champion, judged_frame),
        reference=validation,
        n_train=len(split.train),
    )


def _scored_by(champion: Scorer | None, judged: pl.DataFrame) -> FloatArray | None:
    if champion is None:
        return None
    try:
        return champion.sample_prob_default(judged)[np.newaxis]
    except OTHER_FIELDS:
        return None
