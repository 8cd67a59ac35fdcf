"""The page of a report holds nobody's values: neither those of the window nor those of the reference."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from creditrisk.metrics import build_profile
from creditrisk.schema import Category, Field, Schema, Target
from monitoring import drift, report
from monitoring.windows import Counted, Window, profile_of

SCHEMA = Schema(
    name="small",
    title="A small lender",
    fields=(
        Field("income_eur", "number", "Income", unit="EUR", is_required=False),
        Field("rate", "number", "Rate", unit="%"),
        Field("age_years", "number", "Age", unit="years"),
        Field("housing", "category", "Housing", categories=tuple(Category(x, x.title()) for x in ("own", "rent"))),
    ),
    target=Target("default", "Default", bad=("1",), good=("0",)),
)
NUMERIC = ("income_eur", "rate", "age_years", "prob_default")


def applicants(n: int, seed: int) -> pl.DataFrame:
    """Values with decimals that nothing else has, a field of few values, and one value far from all others."""
    rng = np.random.default_rng(seed)
    income = np.exp(rng.normal(8, 0.5, n)) + 0.000731
    income[n // 2] = 91_234_567.894321 + seed
    return pl.DataFrame(
        {
            "seq": np.arange(1, n + 1),
            "decided_at": [datetime(2024, 3, 31, tzinfo=UTC)] * n,
            "model_version": ["7"] * n,
            "prob_default": rng.beta(2, 20, n),
            "income_eur": income,
            "rate": rng.choice([3.141592, 7.271828, 9.161803], n) + seed * 0.010101,
            "age_years": rng.uniform(18, 80, n),
            "housing": ["boat of A. Person" if i == 0 else ("own", "rent")[i % 2] for i in range(n)],
        },
        schema_overrides={"decided_at": pl.Datetime("us", "UTC")},
    )


REFERENCE = applicants(3_000, seed=1)
PROFILE = build_profile(REFERENCE, SCHEMA, REFERENCE["prob_default"].to_numpy())


def written(frame: pl.DataFrame) -> set[str]:
    """Every number of some people as it might be written: whole, and cut to six digits or more."""
    numbers = [*(x for name in NUMERIC for x in frame[name].to_list()), *(100 * frame["prob_default"]).to_list()]
    texts = {f"{x:.{digits}g}" for x in numbers for digits in (6, 7, 9, 12, 17)} | {repr(x) for x in numbers}
    return {text for text in texts if sum(map(str.isdigit, text.lstrip("0."))) >= 6}


@pytest.mark.parametrize("n_rows", [1, 50, 300, 600, 5_000])
def test_no_value_of_an_applicant_is_in_the_page_or_the_result(n_rows):
    window = applicants(n_rows, seed=2)
    period = window["decided_at"][0], window["decided_at"][-1]
    counted = Counted(profile_of(PROFILE, window, "7"), 1, n_rows, period)
    found = drift.compare(PROFILE, SCHEMA, counted.profile)
    cut = Window(counted, after_seq=0, head_seq=n_rows, head_hash="0" * 64, judged=counted)
    result = report.make_result(found, cut, model="small", model_version="7", created_at=window["decided_at"][0])
    page = report.render(result, found, cut, SCHEMA).decode()
    assert "<iframe" in page
    # Plotly and Evidently bring programs of their own; what was computed for this page stands outside of them.
    text = page + json.dumps(result)
    numbers = set(re.findall(r"\d+\.\d+(?:e-?\d+)?|\d{6,}", text.replace(",", "")))
    assert numbers & (written(window) | written(REFERENCE)) == set()
    assert "A. Person" not in text
    assert "91234567" not in text.replace(",", "")
