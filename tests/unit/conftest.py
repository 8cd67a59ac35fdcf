"""A small lender for tests that need a real scorer but no real data: five fields, two hundred loans."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from flask import Flask

from creditrisk import profile
from creditrisk.calibration import fit_platt
from creditrisk.decision import ScoreScale, fit_rule
from creditrisk.encoding import fit_encoder
from creditrisk.learners import logistic_regression
from creditrisk.schema import Category, Field, Schema, Target
from creditrisk.scorer import Scorer, fingerprint
from creditrisk.settings import Settings
from webapp import create_app

SCHEMA = Schema(
    name="corner_lender",
    title="Corner lender",
    currency="EUR",
    amount_field="amount_eur",
    fields=(
        Field("client", "text", "Client number", role="id", is_required=False),
        Field("age_years", "integer", "Age", unit="years", minimum=18, maximum=100),
        Field("amount_eur", "number", "Loan amount", unit="EUR", minimum=0, maximum=50_000),
        Field("income_eur", "number", "Income", unit="EUR", minimum=0, is_required=False),
        Field("housing", "category", "Housing", categories=(Category("own", "Own home"), Category("rent", "Rents"))),
    ),
    target=Target("default", "Default", bad=("1",), good=("0",)),
)


@pytest.fixture(scope="session")
def corner_scorer() -> Scorer:
    """A scorer fitted on two hundred made-up loans; who is older, earns more and borrows less repays more often."""
    rng = np.random.default_rng(20)
    n = 200
    age, amount = rng.integers(18, 80, n), rng.integers(1, 20, n) * 1000.0
    income, owns = rng.integers(10, 60, n) * 1000.0, rng.random(n) < 0.5
    log_odds = -1.5 + amount / 6000 - income / 20000 - age / 60 + 0.8 * ~owns + 0.6
    bad = (rng.random(n) < 1 / (1 + np.exp(-log_odds))).astype(np.int64)
    frame = pl.DataFrame(
        {
            "row_number": np.arange(1, n + 1),
            "client": [str(number) for number in range(n)],
            "age_years": age,
            "amount_eur": amount,
            "income_eur": income,
            "housing": np.where(owns, "own", "rent"),
        }
    )
    encoder = fit_encoder(frame, SCHEMA)
    matrix = encoder.matrix(frame)
    model = logistic_regression.fit(matrix, bad, encoder, seed=1, threads=1)
    calibration = fit_platt(model.log_odds(matrix), bad)
    prob_default = calibration.prob_default(model.log_odds(matrix))
    rule = fit_rule(prob_default, bad, model.contributions(matrix)[:, :-1], SCHEMA.costs, ScoreScale())
    reference = profile.build(frame, SCHEMA, prob_default)
    return Scorer(SCHEMA, encoder, model, calibration, rule, reference, {}, "A corner lender.")


@pytest.fixture
def corner_settings(corner_scorer: Scorer, tmp_path: Path) -> Settings:
    """Settings of a home whose saved champion is the corner lender's, and whose registry does not exist."""
    folder = tmp_path / "serving" / "corner_lender" / "3"
    corner_scorer.save(folder)
    note = {
        "model": "corner_lender",
        "version": "3",
        "sha256": fingerprint(folder),
        "since": "2026-10-12T08:00:00+00:00",
    }
    (tmp_path / "serving" / "current.json").write_text(json.dumps(note))
    return Settings(home=tmp_path, mlflow_uri="http://127.0.0.1:9", upload_max_mb=2)


@pytest.fixture
def corner_app(corner_settings: Settings) -> Flask:
    """The web app, serving the corner lender's saved model."""
    app = create_app(corner_settings)
    app.extensions["creditrisk"].champion.load_saved()
    return app
