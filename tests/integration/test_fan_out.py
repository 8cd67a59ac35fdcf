"""Where the fits are done must not matter: threads and the workers of a Dask cluster give the same scorer."""

from __future__ import annotations

import os
import subprocess
import sys
from types import SimpleNamespace

import dask
import pytest
from distributed import LocalCluster

from creditrisk.errors import TrainingError
from creditrisk.scoring import fingerprint
from flows.fan_out import spread
from riskometer.cli import ENVIRONMENT

# Trains on 800 simulated applicants through the tasks of the flow: in threads, then on the cluster. As under
# `riskometer train`, with a lean Prefect server. Of the families the blend and its members, one of each library that
# trees, boosting and the network come from, each fitted on two pairs of halves in place of three; two settings of each,
# so that there is something to choose.
TRAIN = """
import sys
from pathlib import Path
from prefect import flow
from creditrisk.datasets import load_schema
from creditrisk.scoring import ScoreScale
from creditrisk.settings import read_settings
from creditrisk.simulator import simulate
from creditrisk.training import Budget, choosing, scores, train
from flows.fan_out import spread
from flows.local_run import asking, start_server, wait_until_it_answers

assert {"random_forest", "lightgbm", "dnn", "blend"} < {*scores.FAMILIES} == {*choosing.FAMILIES}
scores.FAMILIES = choosing.FAMILIES = ("random_forest", "lightgbm", "dnn", "blend")
assert scores.HALVINGS > 2
scores.HALVINGS = 2  # no training takes fewer

@flow
def small_training(dask_address: str, folder: str) -> None:
    frame = simulate(800, seed=5).with_row_index("row_number", offset=1)
    training = train(
        frame, load_schema("simulated"), scale=ScoreScale(), seed=3, budget=Budget(2), run=spread(dask_address)
    )
    assert not training.failures, training.failures
    training.scorer.save(Path(folder))

@flow
def both(dask_address: str, by_threads: str, by_dask: str) -> None:
    small_training("", by_threads)
    small_training(dask_address, by_dask)

with asking(server := start_server()):
    wait_until_it_answers(server, read_settings())
    both(*sys.argv[1:])
"""


@pytest.mark.timeout(600)
def test_a_dask_cluster_of_two_processes_gives_the_same_scorer_as_threads(tmp_path, lay_prefect, monkeypatch):
    lay_prefect(tmp_path)
    monkeypatch.setenv("CREDITRISK_HOME", str(tmp_path))
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "prefect"))
    for name, value in ENVIRONMENT.items():  # threads that wait, for one, sleep
        monkeypatch.setenv(name, value)
    by_threads, by_dask = tmp_path / "threads", tmp_path / "dask"
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        processes = {worker.pid for worker in cluster.workers.values()}
        assert len(processes) == 2
        assert os.getpid() not in processes
        command = [sys.executable, "-c", TRAIN, cluster.scheduler_address, str(by_threads), str(by_dask)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert fingerprint(by_dask) == fingerprint(by_threads)


def test_a_cluster_that_is_not_there_is_named():
    with dask.config.set({"distributed.comm.timeouts.connect": "1s"}):
        fits = spread("tcp://127.0.0.1:1")([SimpleNamespace(family="lightgbm")], lambda *_: None)
        with pytest.raises(TrainingError, match=r"the Dask cluster at tcp://127\.0\.0\.1:1 does not answer"):
            list(fits)
