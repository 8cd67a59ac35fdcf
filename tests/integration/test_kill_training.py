"""kill -9 at any point of a training: the champion stays valid, and the next training cleans up."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from creditrisk.registry import Registry
from creditrisk.registry.versions import FINGERPRINT_TAG
from creditrisk.settings import Settings
from creditrisk.simulator import simulate


def _start(home: Path, source: Path, log: Path) -> subprocess.Popen[bytes]:
    environment = {
        **os.environ,
        "CREDITRISK_HOME": str(home),
        "CREDITRISK_PREFECT_PORT": "1",
        "CREDITRISK_SEARCH_TRIALS": "1",
    }
    command = [sys.executable, "-m", "riskometer", "train", "--dataset", "simulated", "--source", str(source)]
    with log.open("wb") as said:
        return subprocess.Popen(command, env=environment, stdout=said, stderr=said, start_new_session=True)


def _rows(home: Path, query: str) -> list[tuple[str, ...]]:
    """Ask MLflow's own database, as it is at this moment, without waiting for whoever writes to it."""
    with sqlite3.connect(f"file:{home / 'mlflow' / 'mlflow.db'}?mode=ro", uri=True, timeout=5) as database:
        return database.execute(query).fetchall()


@pytest.mark.timeout(600)
def test_killed_while_fitting_logging_or_registering_a_training_leaves_a_valid_champion(tmp_path):
    home, source, log = tmp_path / "home", tmp_path / "loans.csv", tmp_path / "said.txt"
    simulate(600, seed=5).write_csv(source)
    assert _start(home, source, log).wait() == 0, log.read_text()[-3000:]
    registry = Registry(Settings(home=home).stores)
    champion = registry.champion("simulated")
    scorer = registry.load(champion)

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
    for moment, has_come in moments.items():
        training = _start(home, source, log)
        while not has_come():
            assert training.poll() is None, f"it ended before it could be killed {moment}: {log.read_text()[-2000:]}"
            time.sleep(0.002)
        children = psutil.Process(training.pid).children(recursive=True)
        os.killpg(training.pid, signal.SIGKILL)
        training.wait()
        assert psutil.wait_procs(children, timeout=10)[1] == [], moment
        assert registry.champion("simulated").version == champion.version, moment
        assert registry.load(registry.champion("simulated")).sha256 == scorer.sha256, moment

    assert _start(home, source, log).wait() == 0, log.read_text()[-3000:]
    assert "cleaned up after an interrupted training" in log.read_text()
    assert _rows(home, "SELECT run_uuid FROM runs WHERE status = 'RUNNING'") == []
    unfinished = [
        version.version
        for version in registry.client.search_model_versions("name = 'simulated'")
        if FINGERPRINT_TAG not in version.tags
    ]
    assert unfinished == []
    assert registry.at("simulated", "challenger") is not None
