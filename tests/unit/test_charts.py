"""Evidently's part of a report: what it is given, and that its figures are those of the counts."""

from __future__ import annotations

import re

import numpy as np
import polars as pl
import pytest

from creditrisk.metrics import auc, build_profile
from monitoring import charts, drift, report
from monitoring.deciles import realised_deciles
from monitoring.windows import profile_of
from tests.unit import test_drift

CUTOFF = 1 / 6


def test_evidently_draws_missing_values_and_how_the_classification_turned_out():
    rng = np.random.default_rng(4)
    then, now = test_drift.REFERENCE, test_drift.sample(2_000, seed=3)
    came_true = (rng.random(then.height) < then["prob_default"].to_numpy()).astype(np.int64)
    profile = build_profile(then.with_columns(default=came_true), test_drift.SCHEMA, then["prob_default"].to_numpy())
    gaps = now.with_columns(income_eur=pl.when(pl.int_range(now.height) % 10 > 0).then("income_eur"))
    found = drift.compare(profile, test_drift.SCHEMA, profile_of(profile, gaps, "7"))
    risk = now["prob_default"].to_numpy()
    target = (rng.random(now.height) < 2 * risk).astype(np.int64)
    edges = profile["prob_default"]["edges"]
    result = report.make_result(found, test_drift.window_of(now), **test_drift.MADE)
    result["performance"] = {"realised": {"deciles": realised_deciles(risk, target, edges)}}

    drawn = charts.evidently_charts(found, [found.score, *found.fields], result, CUTOFF)

    by_decile = np.searchsorted(edges, risk, side="left")
    told = re.findall(r'"value": "([\d.]+)", "label": "ROC AUC"', drawn.html)
    assert float(told[0]) == pytest.approx(auc(by_decile, target), abs=2e-3)
    assert "AUC comes out a little lower than ours" in drawn.note
    # Of four fields one has gaps, in every tenth row.
    [gap] = set(re.findall(r"Column '(\w+)' categories 'no value, an unseen value': Current", drawn.html))
    assert gap == "Income"

    del result["performance"]
    without = charts.evidently_charts(found, [found.score], result, CUTOFF)
    assert "ROC AUC" not in without.html
    assert without.note == ""
