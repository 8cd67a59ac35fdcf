"""A small training, scored, compared, validated and watched, held to what it gave when it was recorded.

Whoever moves code finds here that nothing else moved. A figure that changes on purpose is recorded anew by
`.venv/bin/python tests/unit/test_record.py`, and the difference is looked at. Figures are held to four digits: on
another processor the libraries add up in another order, and a fit that ends where it is near enough ends elsewhere (by
5e-5 at most so far).
"""

from __future__ import annotations

import json
import math
import tempfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from creditrisk.comparison import compare
from creditrisk.datasets import load_schema
from creditrisk.decision_log import decisions_from
from creditrisk.quality import check
from creditrisk.scoring import Scorer, ScoreScale, load
from creditrisk.simulator import simulate
from creditrisk.sources import RawTable
from creditrisk.training import Budget, Training, train
from creditrisk.validation import DataFacts, pack_json, validate
from monitoring import drift
from monitoring.windows import profile_of

FOLDER = Path(__file__).resolve().parent / "record"
# Enough for every kind of field, and few enough to be read.
FIELDS = (
    "application_id",
    "application_date",
    "loan_amount_eur",
    "income_eur",
    "housing",
    "existing_debt_eur",
    "arrears_24_months_count",
    "age_years",
    "sex",
)
N_ROWS = 900
# What takes as long as it takes.
NOT_HELD = frozenset({"seconds", "decided_at", "scorer_sha256"})
RELATIVE, ABSOLUTE = 1e-4, 1e-6


def record(folder: Path) -> dict[str, Any]:
    """Everything that is held, by the name of its file; `folder` takes the scorer."""
    schema = load_schema("simulated")
    schema = replace(schema, fields=tuple(field for field in schema.fields if field.name in FIELDS))
    table = simulate(N_ROWS, seed=4).drop("true_prob_default", "outcome_date").cast(pl.String)
    checked = check(RawTable(table, list(range(2, N_ROWS + 2))), schema, with_target=True)
    champion = _train(checked.accepted, schema, seed=8)
    training = _train(checked.accepted, schema, seed=7, champion=champion.scorer)
    training.scorer.save(folder / "scorer")
    scorer = load(folder / "scorer", name="simulated", version="2")
    comparison = _compared(training, champion.scorer)
    scored = scorer.score(checked.accepted[:40])
    window = checked.accepted[:400].with_columns(
        prob_default=scorer.prob_default(checked.accepted[:400]), model_version=pl.lit("2")
    )
    moved = drift.compare(
        scorer.profile, schema, profile_of(scorer.profile, window.sort("prob_default").tail(320), "2")
    )
    columns = tuple(checked.raw.columns)
    facts = DataFacts(n_read=N_ROWS, n_accepted=checked.accepted.height, columns=columns, seed=7)
    return {
        **{path.name: json.loads(path.read_text()) for path in sorted((folder / "scorer").glob("*.json"))},
        "pack.json": json.loads(pack_json(validate(training, data=facts, comparison=comparison))),
        "comparison.json": json.loads(comparison.to_json()),
        "decisions.json": [asdict(item) for item in decisions_from(scored, checked.accepted[:40], scorer, "batch")],
        "drift.json": {**asdict(moved), "findings": drift.findings(moved)},
    }


def _train(accepted: pl.DataFrame, schema: Any, *, seed: int, champion: Scorer | None = None) -> Training:
    return train(accepted, schema, scale=ScoreScale(), seed=seed, budget=Budget(1), champion=champion)


def _compared(training: Training, champion: Scorer) -> Any:
    test = training.test
    assert training.champion_prob_default is not None
    return compare(
        training.champion_prob_default,
        test.prob_default,
        test.target,
        test.folds,
        training.scorer.schema.costs,
        seed=7,
        frame=test.frame,
        champion=champion,
        challenger=training.scorer,
    )


def plain(value: Any) -> Any:
    """A value as it stands in the record: JSON, numbers to ten digits, without what differs from run to run."""
    if isinstance(value, dict):
        return {str(name): plain(item) for name, item in value.items() if name not in NOT_HELD}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return float(f"{value:.10g}")
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def differences(recorded: Any, now: Any, place: str = "") -> list[str]:
    """Where two records differ, by the way that leads there."""
    if isinstance(recorded, dict) and isinstance(now, dict):
        names = sorted(recorded.keys() | now.keys())
        return [text for name in names for text in differences(recorded.get(name), now.get(name), f"{place}.{name}")]
    if isinstance(recorded, list) and isinstance(now, list) and len(recorded) == len(now):
        pairs = enumerate(zip(recorded, now, strict=True))
        return [text for number, (one, other) in pairs for text in differences(one, other, f"{place}[{number}]")]
    if isinstance(recorded, float) and isinstance(now, int | float):
        same = math.isclose(recorded, now, rel_tol=RELATIVE, abs_tol=ABSOLUTE)
    else:
        same = recorded == now
    return [] if same else [f"{place} was {recorded!r:.80}, is {now!r:.80}"]


@pytest.fixture(scope="module")
def now(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    recorded = record(tmp_path_factory.mktemp("record"))
    return {name: plain(value) for name, value in recorded.items()}


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.json")), ids=lambda path: path.name)
def test_it_is_as_it_was_recorded(path: Path, now: dict[str, Any]) -> None:
    assert differences(json.loads(path.read_text()), now[path.name], path.stem)[:20] == []


def test_everything_is_held(now: dict[str, Any]) -> None:
    assert {path.name for path in FOLDER.glob("*.json")} == now.keys()


def test_a_difference_is_told_with_its_place() -> None:
    assert differences({"a": [1.0, {"b": 2.0}]}, {"a": [1.0, {"b": 2.1}]}, "x") == ["x.a[1].b was 2.0, is 2.1"]
    assert differences({"a": 1.0}, {"a": 1.0 + 1e-12}) == []


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        for name, value in record(Path(scratch)).items():
            (FOLDER / name).write_text(json.dumps(plain(value), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
