"""The scorer put together: fitted model, rule, reference profile, figures and card."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from creditrisk import learners
from creditrisk.arrays import FloatArray
from creditrisk.encoding import Encoder
from creditrisk.learners import Model
from creditrisk.metrics import Performance, build_profile
from creditrisk.scoring import Calibration, Scorer, fit_rule, prior_shift, shifted, typical_rows
from creditrisk.training.card import write_card
from creditrisk.training.plan import Plan
from creditrisk.training.results import Candidate, Recipe


def fit_recipe(recipe: Recipe, encoder: Encoder, frame: pl.DataFrame, plan: Plan) -> Model:
    """Fit a recipe on all rows of a frame."""
    return learners.fit(
        recipe.family,
        recipe.parameters,
        encoder.matrix(frame),
        target_of(frame),
        encoder,
        seed=plan.seed,
    )


def assemble(
    plan: Plan,
    encoder: Encoder,
    model: Model,
    calibration: Calibration,
    *,
    log_odds: FloatArray,
    held_out: pl.DataFrame,
) -> Scorer:
    """The scorer, its rule fitted on rows whose `log_odds` come from models that did not see them."""
    target = target_of(held_out)
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


def documented(
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


def target_of(frame: pl.DataFrame) -> NDArray[np.int64]:
    """The outcomes of checked rows, 1 = bad, shape (n_rows,)."""
    return frame["default"].to_numpy().astype(np.int64)
