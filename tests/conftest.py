"""Fixtures that every layer of tests shares."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def credit_data() -> Path:
    """The folder with the public credit data; the tests that need it say so when it is absent."""
    folder = Path(os.environ.get("CREDITRISK_DATA_DIR", ROOT.parent / "shared" / "data")).resolve()
    if not folder.is_dir():
        pytest.skip(f"real credit data not found at {folder}: set CREDITRISK_DATA_DIR to run this test")
    return folder
