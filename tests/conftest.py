"""Fixtures that every layer of tests shares."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from creditrisk.settings import Settings

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Trained:
    """A home with a trained and registered champion, and what the training printed."""

    settings: Settings
    output: str


@pytest.fixture(scope="session")
def credit_data() -> Path:
    """The folder with the public credit data; the tests that need it say so when it is absent."""
    folder = Path(os.environ.get("CREDITRISK_DATA_DIR", ROOT.parent / "shared" / "data")).resolve()
    if not folder.is_dir():
        pytest.skip(f"real credit data not found at {folder}: set CREDITRISK_DATA_DIR to run this test")
    return folder


@pytest.fixture(scope="session")
def german_champion(credit_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """German credit, trained once for all tests through the command line; tests must not change its home."""
    home = tmp_path_factory.mktemp("german")
    source = credit_data / "german_credit" / "german.data"
    command = [sys.executable, "-m", "riskometer", "train", "--dataset", "german_credit", "--source", str(source)]
    environment = {**os.environ, "CREDITRISK_HOME": str(home), "CREDITRISK_PREFECT_PORT": "1"}  # no server answers there
    done = subprocess.run(command, env=environment, cwd=home, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return Trained(Settings(home=home), done.stdout + done.stderr)
