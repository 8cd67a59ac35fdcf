"""Makefile: what a person types reaches the command as it was typed."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from tests.conftest import ROOT


def _commanded(folder: Path, *words: str) -> list[str]:
    """The arguments that `make` with these words calls riskometer with, here a script that prints them."""
    shutil.copy(ROOT / "Makefile", folder)
    command = folder / ".venv" / "bin" / "riskometer"
    command.parent.mkdir(parents=True, exist_ok=True)
    command.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    command.chmod(0o755)
    for needed in ("pyproject.toml", "requirements/constraints.txt", ".venv/.installed"):
        (folder / needed).parent.mkdir(exist_ok=True)
        (folder / needed).touch()
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    done = subprocess.run(["make", *words], cwd=folder, env=clean, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_a_reason_is_neither_read_by_make_nor_by_the_shell(tmp_path):
    trap = tmp_path / "trap"
    why = f'worth $500, "agreed" `touch {trap}` $(shell touch {trap}) it\'s $HOME'
    said = _commanded(tmp_path, "promote", "VERSION=3", f"WHY={why}", "BY=Ada")
    assert said == ["promote", "--dataset", "", "--version", "3", "--why", why, "--by", "Ada"]
    assert not trap.exists()


def test_the_day_and_the_places_of_a_batch_reach_the_command(tmp_path):
    assert _commanded(tmp_path, "batch-score-flow") == ["batch-score", "--dataset", "", "--source", "", "--target", ""]
    said = _commanded(tmp_path, "batch-score-flow", "SOURCE=in/{date}.csv", "TARGET=gs://b/out", "DAY=2026-03-31")
    assert said == [
        "batch-score", "--dataset", "", "--source", "in/{date}.csv", "--target", "gs://b/out", "--day", "2026-03-31",
    ]  # fmt: skip


def test_without_a_dataset_the_simulated_lender_is_trained(tmp_path):
    assert _commanded(tmp_path, "model-train-flow") == ["train", "--dataset", "simulated", "--source", ""]
    said = _commanded(tmp_path, "model-train-flow", "DATASET=my.toml", "SOURCE=my loans.csv", "TEST_FROM=2011-01-01")
    assert said == ["train", "--dataset", "my.toml", "--source", "my loans.csv", "--test-from", "2011-01-01"]
