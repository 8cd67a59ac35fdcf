"""The real credit data that some benchmarks read, where a machine has it."""

from __future__ import annotations

import os
from pathlib import Path

DATA = Path(os.environ.get("CREDITRISK_DATA_DIR", Path(__file__).resolve().parents[3] / "shared" / "data"))


def is_here(name: str, file: str) -> bool:
    """Whether the file of a table is here; says so where it is not, as then nothing is measured on it."""
    found = (DATA / file).is_file()
    if not found:
        print(f"{name}: not measured, as there is no {DATA / file}. CREDITRISK_DATA_DIR names the folder.")
    return found
