"""A home that was copied to another place, the original gone: it trains, scores and promotes there, and only there."""

from __future__ import annotations

import shutil
import sqlite3
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from creditrisk.decision_log import DecisionLog
from creditrisk.registry import Registry, settle_in
from creditrisk.settings import Settings, configure_mlflow
from riskometer.bench import free_port
from tests.conftest import poll
from tests.mlflow_server import mlflow_server
from webapp.app import create_app

MODEL = "corner_lender"
GOOD = {"client": "A7", "age_years": 61, "amount_eur": 2000, "income_eur": 52000, "housing": "own"}


@pytest.fixture(scope="module")
def moved(corner_scorer, corner_reference, prove_corner, tmp_path_factory) -> Path:
    """A home with a champion, copied elsewhere without the saved copy of the scorer, so that it must be fetched."""
    place = tmp_path_factory.mktemp("moving")
    first = place / "the first home"
    prove_corner(first)
    registry = Registry(Settings(home=first).stores)
    version = registry.register(corner_scorer, corner_reference, params={}, metrics={}, pages={"p.html": "<p>"})
    registry.promote(version, by="a tester", why="to serve", evidence="none")
    second = place / "second"
    shutil.copytree(first, second)
    shutil.rmtree(first)
    shutil.rmtree(second / "serving" / MODEL)
    return second


def train_promote_and_score(settings: Settings, scorer, reference) -> str:
    """Do all of it; return the version that answers then."""
    registry = Registry(settings.stores)
    before = registry.champion(MODEL)
    assert registry.reference_sample(before).equals(reference)
    registry.fetch(before)
    version = registry.register(scorer, reference, params={}, metrics={})
    registry.promote(version, by="a tester", why="it is newer", evidence="none")
    assert registry.at(MODEL, "previous").version == before.version
    app = create_app(settings)
    poll(app.extensions["creditrisk"].champion)
    answer = app.test_client().post("/api/v1/score", json=GOOD)
    assert answer.status_code == 200, answer.text
    return answer.json["model_version"]


def assert_nothing_points_elsewhere(home: Path, *others: Path) -> None:
    assert not [other for other in others if other.exists()]
    with sqlite3.connect(home / "mlflow" / "mlflow.db") as connection:
        dump = "\n".join(connection.iterdump())
    for other in others:
        assert other.as_uri() not in dump


def test_a_copied_home_trains_scores_and_promotes_without_the_original(moved, corner_scorer, corner_reference):
    settings = Settings(home=moved)
    assert train_promote_and_score(settings, corner_scorer, corner_reference) == "2"
    assert DecisionLog(settings.decision_log).verify().n_decisions == 1
    assert_nothing_points_elsewhere(moved, moved.parent / "the first home")


@pytest.fixture
def served(moved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """The home moved once more, with MLflow's server on it as `make up` starts it."""
    third = tmp_path / "third"
    moved.rename(third)
    settings = Settings(home=third, mlflow_uri=f"http://127.0.0.1:{free_port()}", registry_timeout_seconds=20.0)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "")  # put back after the test
    configure_mlflow(settings)
    with mlflow_server(settings):
        yield settings


def test_a_moved_home_does_so_through_the_mlflow_server_too(served, corner_scorer, corner_reference):
    assert train_promote_and_score(served, corner_scorer, corner_reference) == "3"
    assert_nothing_points_elsewhere(served.home, served.home.parents[1] / "second")
    # MLflow's page shows the files of the very first run.
    run_id = Registry(served.stores).version(MODEL, "1").run_id
    asked = urllib.parse.urlencode({"path": "p.html", "run_uuid": run_id})
    with urllib.request.urlopen(f"{served.mlflow_uri}/get-artifact?{asked}", timeout=20) as answer:
        assert answer.read() == b"<p>"


def test_a_home_that_stayed_or_has_no_registry_is_left_as_it_is(tmp_path):
    settle_in(tmp_path)
    assert list(tmp_path.iterdir()) == []
