"""kill -9 at any point of a training: the champion stays valid, and the next training cleans up."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import polars as pl
import psutil
import pytest

from creditrisk.datasets import load_schema
from creditrisk.encoding import fit_encoder
from creditrisk.learners import logistic_regression
from creditrisk.registry import Registry, Version
from creditrisk.registry.versions import FINGERPRINT_TAG
from creditrisk.scoring import Scorer
from creditrisk.settings import Settings
from creditrisk.simulator import simulate
from flows.local_run import Server, start_server, wait_until_it_answers
from riskometer.cli import ENVIRONMENT
from tests.conftest import assemble

# `riskometer` as it stands, but for two families that are fitted at once, where it is not killed while fitting, and for
# a Prefect server that is there already: the test's own, whose address and password come first.
QUICK = """
import sys
from types import SimpleNamespace
from creditrisk.training import choosing, scores
from flows import local_run
assert {"decision_tree", "logistic_regression"} < {*scores.FAMILIES} == {*choosing.FAMILIES}
scores.FAMILIES = choosing.FAMILIES = ("decision_tree", "logistic_regression")
assert local_run.start_server
local_run.start_server = lambda: local_run.Server(SimpleNamespace(poll=lambda: None), *sys.argv[1:3])
from riskometer.cli import main
main(sys.argv[3:])
"""


@contextmanager
def _server(home: Path) -> Iterator[Server]:
    """A Prefect server of the test's own, on what stands in a home."""
    with pytest.MonkeyPatch.context() as patched:
        for name, value in {**ENVIRONMENT, "PREFECT_HOME": str(home / "prefect")}.items():
            patched.setenv(name, value)
        server = start_server()
    try:
        wait_until_it_answers(server, Settings(home=home))
        yield server
    finally:
        server.process.kill()
        server.process.wait()


def _start(home: Path, source: Path, log: Path, *program: str) -> subprocess.Popen[bytes]:
    environment = {
        **os.environ,
        "CREDITRISK_HOME": str(home),
        "CREDITRISK_PREFECT_PORT": "1",
        "CREDITRISK_SEARCH_TRIALS": "1",
    }
    command = [sys.executable, *program, "train", "--dataset", "simulated", "--source", str(source)]
    with log.open("wb") as said:
        return subprocess.Popen(command, env=environment, stdout=said, stderr=said, start_new_session=True)


def _rows(home: Path, query: str) -> list[tuple[str, ...]]:
    """Ask MLflow's own database, as it is at this moment, without waiting for whoever writes to it."""
    with sqlite3.connect(f"file:{home / 'mlflow' / 'mlflow.db'}?mode=ro", uri=True, timeout=5) as database:
        return database.execute(query).fetchall()


def _first_champion(registry: Registry, frame: pl.DataFrame) -> tuple[Scorer, Version]:
    schema = load_schema("simulated")
    encoder = fit_encoder(frame, schema)
    target = frame["default"].to_numpy().astype(np.int64)
    model = logistic_regression.fit(encoder.matrix(frame), target, encoder, {"inverse_penalty": 0.1}, seed=1)
    scorer = assemble(model, encoder, frame, schema, card="The first champion.")
    features = frame.select(field.name for field in schema.features)
    reference = features.with_columns(prob_default=scorer.prob_default(frame))
    version = registry.register(scorer, reference, params={}, metrics={})
    registry.promote(version, by="a test", why="there was no champion yet", evidence="none")
    return registry.load(version), registry.champion("simulated")


@pytest.mark.timeout(600)
def test_killed_while_fitting_logging_or_registering_a_training_leaves_a_valid_champion(
    tmp_path, lay_prefect, lay_registry
):
    home, source, log = tmp_path / "home", tmp_path / "loans.csv", tmp_path / "said.txt"
    lay_prefect(home)
    lay_registry(home)
    frame = simulate(900, seed=5)
    frame.write_csv(source)
    registry = Registry(Settings(home=home).stores)
    scorer, champion = _first_champion(registry, frame)

    moments: dict[str, Callable[[], bool]] = {
        "while fitting": lambda: "fitting: " in log.read_text(),
        "while a run is logged": lambda: bool(_rows(home, "SELECT 1 FROM runs WHERE status = 'RUNNING'")),
        "while a version is half registered": lambda: bool(
            _rows(
                home,
                "SELECT 1 FROM model_versions v WHERE NOT EXISTS (SELECT 1 FROM model_version_tags t"
                f" WHERE t.name = v.name AND t.version = v.version AND t.key = '{FINGERPRINT_TAG}')",
            )
        ),
    }
    names = list(moments)

    def kill(moment: str, *program: str) -> None:
        training = _start(home, source, log, *program)
        # The moments follow each other; only the last is over soon.
        for earlier in names[: names.index(moment) + 1]:
            while not moments[earlier]():
                assert training.poll() is None, f"it ended before it was killed {moment}: {log.read_text()[-2000:]}"
                time.sleep(0.002 if earlier == names[-1] else 0.03)
        children = psutil.Process(training.pid).children(recursive=True)
        os.killpg(training.pid, signal.SIGKILL)
        training.wait()
        assert psutil.wait_procs(children, timeout=10)[1] == [], moment
        assert registry.champion("simulated").version == champion.version, moment
        assert registry.load(registry.champion("simulated")).sha256 == scorer.sha256, moment

    first, *later = names
    kill(first, "-m", "riskometer")
    with _server(home) as server:
        quick = ("-c", QUICK, server.api_url, server.password)
        for moment in later:
            kill(moment, *quick)
        assert _start(home, source, log, *quick).wait() == 0, log.read_text()[-3000:]
    assert "cleaned up after an interrupted training" in log.read_text()
    assert _rows(home, "SELECT run_uuid FROM runs WHERE status = 'RUNNING'") == []
    unfinished = [
        version.version
        for version in registry.client.search_model_versions("name = 'simulated'")
        if FINGERPRINT_TAG not in version.tags
    ]
    assert unfinished == []
    assert registry.at("simulated", "challenger") is not None
