"""One application over the API, reasons and decision log included, beside the same server's empty answer and MLflow.

MLflow serves a plain scikit-learn + LightGBM pipeline on the same columns, which gives neither reasons nor a log. The
client runs on the same machine and takes its share of it, the same for both.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector
from typing import cast

from creditrisk.errors import CreditRiskError
from creditrisk.settings import read_settings
from creditrisk.simulator import simulate
from creditrisk.sources import Record
from riskometer.bench import (
    JSON_HEADERS,
    ask,
    champion_to_measure,
    free_port,
    one_application,
    running_app,
    times_of,
    wait_until_answered,
)
from tests.bench.figure import Figure

CONNECTIONS = 4
WARM_UP_SECONDS = 1.0
SECONDS = 10.0


def figures(rows: int) -> list[Figure]:
    """At one connection against the empty answer, at four against MLflow; `rows` does not matter here."""
    settings = read_settings()
    champion = champion_to_measure(settings)
    with running_app(settings, champion) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        body = one_application(champion)
        empty = times_of(lambda: ask(connection, "GET", "/health"))
        alone = times_of(lambda: ask(connection, "POST", "/api/v1/score", body, JSON_HEADERS))
        ours = side_by_side(port, "/api/v1/score", body)
    with mlflow_serving() as (port, record):
        theirs = side_by_side(port, "/invocations", json.dumps({"dataframe_records": [record]}))
    ours_a_second, theirs_a_second = (len(times) / SECONDS for times in (ours, theirs))
    p99 = statistics.quantiles(ours, n=100)[-1]
    print(f"{ours_a_second:,.0f} requests a second (99 % under {p99:.1f} ms), MLflow {theirs_a_second:,.0f}")
    return [
        Figure("one application, one connection", statistics.median(alone), statistics.median(empty), "ms",
               "the same server's /health"),
        Figure("one application, four connections", 1e3 / ours_a_second, 1e3 / theirs_a_second, "ms",
               "mlflow models serve, no reasons, no log", at_most=0.2),
        Figure("the slowest of a hundred at four connections", p99, statistics.median(empty), "ms",
               "the same server's /health"),
    ]  # fmt: skip


def side_by_side(port: int, path: str, body: str) -> list[float]:
    """Milliseconds of all requests that several connections got answered in `SECONDS`, each sending one at a time.

    The client is one thread that sends the same bytes again and again: what it takes of the machine, servers lack.
    """
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
    request = f"{head}Content-Length: {len(body.encode())}\r\n\r\n{body}".encode()
    times: list[float] = []
    with ExitStack() as opened, DefaultSelector() as waiting:
        for _ in range(CONNECTIONS):
            connection = opened.enter_context(socket.create_connection(("127.0.0.1", port), timeout=30))
            waiting.register(connection, EVENT_READ, _Waiting())
            connection.sendall(request)
        begin = time.perf_counter() + WARM_UP_SECONDS
        while (now := time.perf_counter()) < begin + SECONDS:
            for key, _ in waiting.select(30):
                connection, state = cast(socket.socket, key.fileobj), key.data
                part = connection.recv(65_536)
                if not part:
                    raise CreditRiskError("the server broke off an answer")
                state.received += part
                if not _is_whole(state.received):
                    continue
                now = time.perf_counter()
                if state.sent_at >= begin:
                    times.append(1e3 * (now - state.sent_at))
                state.received, state.sent_at = b"", now
                connection.sendall(request)
    return times


@dataclass
class _Waiting:
    """What a connection waits for the rest of, and since when."""

    received: bytes = b""
    sent_at: float = 0.0


def _is_whole(answer: bytes) -> bool:
    """Whether an answer has arrived to its end; CreditRiskError if it is not the one that was asked for."""
    head, end, body = answer.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
    if end and (not head.startswith(b"HTTP/1.1 200 ") or length is None):
        raise CreditRiskError(f"the server answered {answer[:200]!r}")
    return length is not None and bool(end) and len(body) >= int(length[1])


@contextmanager
def mlflow_serving() -> Iterator[tuple[int, Record]]:
    """The port of `mlflow models serve` with a plain pipeline, with its own defaults, and an application for it."""
    with tempfile.TemporaryDirectory() as folder:
        record = _write_pipeline(f"{folder}/model")
        port = free_port()
        command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", f"{folder}/model", "-p", str(port),
                   "--env-manager", "local"]  # fmt: skip
        # It starts uvicorn by its name.
        environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
        quiet = subprocess.DEVNULL
        with subprocess.Popen(command, env=environment, stdout=quiet, stderr=quiet, start_new_session=True) as server:
            try:
                wait_until_answered(port, "/ping")
                yield port, record
            finally:
                os.killpg(server.pid, 15)


def _write_pipeline(path: str) -> Record:
    """A pipeline as a textbook has it: imputed and scaled numbers, one-hot categories, LightGBM with its defaults."""
    import lightgbm
    import mlflow.sklearn
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    table = simulate(20_000, seed=1).to_pandas()
    target = table.pop("default")
    table = table.drop(columns=["true_prob_default", "outcome_date"])
    numbers = list(table.select_dtypes("number").columns)
    table = table.astype(dict.fromkeys(numbers, "float64"))
    categories = [name for name in table.columns if 1 < table[name].nunique() < 50 and name not in numbers]
    columns = ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(), StandardScaler()), numbers),
            ("categories", OneHotEncoder(handle_unknown="ignore"), categories),
        ]
    )
    pipeline = make_pipeline(columns, lightgbm.LGBMClassifier(verbose=-1)).fit(table[numbers + categories], target)
    mlflow.sklearn.save_model(
        pipeline, path, serialization_format="cloudpickle", pyfunc_predict_fn="predict_proba", pip_requirements=[]
    )
    return table[numbers + categories].iloc[0].to_dict()
