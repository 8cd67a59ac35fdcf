"""What calls for a retraining and what does not, and when one may be called for again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, cast

import numpy as np
import polars as pl
import pytest

from creditrisk.metrics import build_profile, count_profile
from monitoring.acting_metrics import metrics_of_acting
from monitoring.drift import SMALL_IMPACT
from monitoring.results import Interval, Result
from monitoring.retraining import AucDrop, auc_drop, reason_to_retrain, trained_lately, with_retraining
from tests.conftest import CORNER_SCHEMA

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def field(label: str, status: str = "stable", *, impact: float | None = None, **more: Any) -> dict[str, Any]:
    level = {"stable": 0, "watch": 1, "act": 2}.get(status, 2)
    return {"label": label, "status": status, "level": level, "impact": impact, **more}


def result(
    *fields: dict[str, Any], score: dict[str, Any] | None = None, ratio: Interval | None = None, is_intact: bool = True
) -> Result:
    """What `reason_to_retrain` reads of a result."""
    found = {
        "score": score or field("Predicted risk"),
        "fields": {item["label"]: item for item in fields},
        "performance": {"realised": None if ratio is None else {"observed_to_expected": ratio}},
        "log": {"is_intact": is_intact},
        "findings": ["Something has shifted."] if is_intact else ["The log is broken.", "Something has shifted."],
    }
    return cast(Result, found)


def interval(value: float, reach: float) -> Interval:
    return {"value": value, "low": value - reach, "high": value + reach}


def test_a_strong_shift_that_moves_the_risk_calls_for_a_retraining():
    shifted = result(field("Income", "act", impact=1.23), field("Age", impact=5.0))
    assert reason_to_retrain(shifted, None) == (
        "Income has shifted strongly, which raises the average risk by about 1.2 of 100."
    )
    score = field("Predicted risk", "act", mean=0.10, mean_reference=0.14)
    assert reason_to_retrain(result(score=score), None) == (
        "Predicted risk has shifted strongly, which lowers the average risk by about 4.0 of 100."
    )


@pytest.mark.parametrize(
    "harmless",
    [
        field("Income", "act", impact=SMALL_IMPACT / 2),
        field("Income", "act"),
        field("Income", "watch", impact=3.0),
        # A source that broke: no model mends that.
        field("Income", "all missing", impact=3.0),
        field("Income", "constant", impact=3.0),
    ],
)
def test_a_shift_without_effect_or_of_a_broken_source_calls_for_none(harmless):
    assert reason_to_retrain(result(harmless), None) == ""


def test_outcomes_call_for_a_retraining_when_they_differ_twice_to_the_same_side():
    high = result(ratio=interval(1.3, 0.2))
    assert reason_to_retrain(high, result(ratio=interval(1.4, 0.1))) == (
        "In two reports one after the other more clients turned out bad than was expected: observed over expected 1.30 "
        "(1.10 to 1.50)."
    )
    once = [None, result(), result(ratio=interval(1.3, 0.4)), result(ratio=interval(0.7, 0.2))]
    assert [reason_to_retrain(high, before) for before in once] == [""] * 4
    # Certain, and too little to matter.
    slight = result(ratio=interval(1.05, 0.01))
    assert reason_to_retrain(slight, slight) == ""


def profiles(n_now: int, spread_now: float) -> tuple[Any, Any]:
    """The reference's predicted risks, and those of a window whose log-odds spread otherwise."""
    draw = np.random.default_rng(3)
    risks = [1 / (1 + np.exp(-draw.normal(-1.5, spread, n))) for n, spread in ((5_000, 1.0), (n_now, spread_now))]
    frames = [pl.DataFrame({item.name: [None] * len(risk) for item in CORNER_SCHEMA.features}) for risk in risks]
    reference = build_profile(frames[0].cast(pl.String), CORNER_SCHEMA, risks[0])
    return reference["prob_default"], count_profile(reference, frames[1], pl.Series(risks[1]))["prob_default"]


def test_an_estimate_that_falls_beyond_chance_calls_for_a_retraining():
    found = auc_drop(*profiles(2_000, 0.5))
    assert found is not None
    assert found.is_alarm
    # The log-odds of goods and bads lie about one variance apart: of sd 1, that makes an AUC near 0.75.
    assert found.promised == pytest.approx(0.75, abs=0.03)
    assert found.now < found.promised - 3 * found.sd
    said = reason_to_retrain(result(), None, found)
    assert said.startswith(
        f"The AUC to be expected fell to {found.now:.3f}, where the reference promises {found.promised:.3f}"
    )
    assert reason_to_retrain(result(), None, AucDrop(now=0.745, promised=0.76, sd=0.004)) == "", (
        "certain, but too little"
    )


def test_an_estimate_as_the_reference_promised_calls_for_none():
    drops = [auc_drop(*profiles(n, 1.0)) for n in (500, 2_000)]
    assert [drop is not None and drop.is_alarm for drop in drops] == [False, False]
    assert drops[0].sd > drops[1].sd > 0
    assert auc_drop(*profiles(299, 0.2)) is None


def test_a_met_trigger_calls_for_a_retraining_where_its_author_says_so():
    assert (
        reason_to_retrain(result(), None, None, ["Income: average Income 1,420 EUR."])
        == "Income: average Income 1,420 EUR."
    )
    many = reason_to_retrain(result(), None, None, [f"Limit {number}." for number in range(9)])
    assert many == "Limit 0. Limit 1. Limit 2. Limit 3. Limit 4. And 4 more reasons."
    assert len(reason_to_retrain(result(), None, None, ["x" * 5_000])) == 1_000


def test_within_the_cool_down_nothing_is_called_for_and_that_is_said():
    resting = trained_lately(NOW - timedelta(days=2, hours=3), NOW, 7)
    assert resting == "the model was trained 2 days ago, and 7 days are waited after a training"
    found = with_retraining(result(is_intact=False), "Income has shifted.", resting=resting)
    assert "retraining" not in found
    assert found["findings"][0] == "The log is broken."
    assert found["findings"][-1] == f"Retraining would be called for, but {resting}. Income has shifted."
    assert trained_lately(NOW - timedelta(days=7), NOW, 7) == trained_lately(None, NOW, 7) == ""
    assert trained_lately(NOW, NOW, 0) == ""


def test_what_is_called_for_is_the_first_finding_and_a_metric():
    before = result()
    found = with_retraining(before, "Income has shifted.", how="Type it.")
    assert found["retraining"] == "Income has shifted."
    assert found["findings"] == ["Retraining is called for. Income has shifted. Type it.", "Something has shifted."]
    assert with_retraining(before, "") == before
    found["triggers"] = [
        {"name": name, "sentence": "", "value": value, "is_met": is_met}
        for name, value, is_met in (("Low", 1.0, True), ("Kept", 2.0, False), ("Few", None, False))
    ]
    model = {"model": "m", "model_version": "1"}
    called, met = metrics_of_acting(found, model)
    assert [sample.value for sample in called.samples] == [1.0]
    assert {sample.labels["trigger"]: sample.value for sample in met.samples} == {"Low": 1.0, "Kept": 0.0}
    assert [sample.value for sample in metrics_of_acting(before, model)[0].samples] == [0.0]
