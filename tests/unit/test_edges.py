"""Importing our rooms installs nothing; what a process is to be set up with, its entry point sets."""

from __future__ import annotations

import logging
import os
import subprocess
import sys

from creditrisk.errors import CreditRiskError
from creditrisk.settings import Settings, configure_mlflow
from flows.logs import log_sentences_only

# Prefect and MLflow set up their own logs; ours is looked at before and after.
IMPORTS = """
import logging, os, signal
import mlflow, prefect
before = dict(os.environ), [signal.getsignal(number) for number in (1, 2, 15)]
import flows.engine, flows.evidently_report, flows.local_run, flows.model_train, flows.promote, flows.worker
import creditrisk.registry, riskometer.cli
from creditrisk.errors import CreditRiskError
assert before == (dict(os.environ), [signal.getsignal(number) for number in (1, 2, 15)])
assert not logging.getLogger("prefect.flow_runs").filters
assert not logging.getLogger("prefect.task_runs").filters
"""


def test_importing_flows_and_the_command_line_changes_neither_environment_nor_signals_nor_logs():
    done = subprocess.run([sys.executable, "-c", IMPORTS], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_mlflow_is_told_how_long_to_wait_in_whole_seconds(monkeypatch, tmp_path):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "120")
    configure_mlflow(Settings(home=tmp_path, registry_timeout_seconds=0.2))
    assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "1"
    configure_mlflow(Settings(home=tmp_path, registry_timeout_seconds=7.4))
    assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "7"


def test_our_own_errors_are_logged_without_a_traceback_and_others_with_one():
    log = logging.getLogger("prefect.task_runs")
    kept = list(log.filters)
    try:
        log_sentences_only()
        log_sentences_only()
        assert len(log.filters) <= len(kept) + 1
        records = []
        for error in (CreditRiskError("a sentence"), KeyError("a defect")):
            record = log.makeRecord(log.name, logging.ERROR, "", 0, "it failed", (), (type(error), error, None))
            assert log.filter(record)
            records.append(record)
    finally:
        log.filters[:] = kept
    assert records[0].exc_info is None
    assert records[1].exc_info is not None
