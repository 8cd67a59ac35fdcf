"""What scoring a file costs: `riskometer score` beside Polars' reader and the members' own bare predictions.

The whole command counts, from its start to the last byte written: reading, checking, scoring, reasons, decision log
and result. The floor is a process that reads the same file with known types and lets LightGBM, XGBoost and PyTorch
predict, nothing else. Memory is measured on half the file and on the whole: it should be the same.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from creditrisk.scoring import csv_text
from creditrisk.settings import read_settings
from creditrisk.simulator import simulate
from riskometer.bench import champion_to_measure, scratch_log
from tests.bench.figure import Figure

# Made in pieces: the simulator is not what is measured.
PIECE_ROWS = 100_000


def figures(rows: int) -> list[Figure]:
    """Time of `rows` clients against the floor, and peak memory against that of half as many."""
    settings = read_settings()
    champion = champion_to_measure(settings)
    with tempfile.TemporaryDirectory(dir=settings.home) as folder, scratch_log(settings, champion) as log_url:
        whole, half = Path(folder) / "clients.csv", Path(folder) / "half.csv"
        write_clients(whole, rows)
        write_clients(half, rows // 2)
        environment = {**os.environ, "CREDITRISK_DECISION_LOG_URL": log_url}
        command = [sys.executable, "-m", "riskometer", "score", "--dataset", champion.version.model, "-o"]
        _, memory_of_half = measured([*command, f"{folder}/half-scored.csv", str(half)], environment)
        seconds, memory = measured([*command, f"{folder}/scored.csv", str(whole)], environment)
        floor = json.loads(
            subprocess.run(
                [sys.executable, "-m", "tests.bench.floor", str(whole), champion.version.model],
                check=True, capture_output=True, text=True,
            ).stdout
        )  # fmt: skip
    print(f"{rows:,} clients in {seconds:.1f} s, {rows / seconds:,.0f} a second; the floor: {floor}")
    per_client = 1e6 / rows
    return [
        Figure(
            f"scoring a file, {champion.scorer.model.family}", seconds * per_client, sum(floor.values()) * per_client,
            "µs a client", "Polars reads it, the members' libraries predict", at_most=4.0,
        ),
        Figure(
            "peak memory of scoring a file", memory, memory_of_half, "MB", "half the file", at_most=1.1,
        ),
    ]  # fmt: skip


def write_clients(path: Path, rows: int) -> None:
    """A file of simulated applicants without their outcomes."""
    hidden = ["true_prob_default", "default", "outcome_date"]
    with path.open("w", encoding="utf-8") as file:
        for first in range(0, rows, PIECE_ROWS):
            piece = simulate(min(PIECE_ROWS, rows - first), seed=1 + first).drop(hidden)
            file.write(csv_text(piece, with_header=first == 0))


def measured(command: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """Seconds and highest resident megabytes of a command; RuntimeError with its last words if it fails."""
    started = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    said = process.stderr.read().decode() if process.stderr else ""
    _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status):
        raise RuntimeError(f"{command[-1]} could not be scored: {said[-500:]}")
    return time.perf_counter() - started, usage.ru_maxrss / 1024
