"""Nobody runs every measurement at every change; that each can still be begun is seen here."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

BENCH = Path(__file__).resolve().parents[1] / "bench"


def test_every_measurement_can_be_imported() -> None:
    names = {path.stem for path in BENCH.glob("*.py")} - {"__main__"}

    assert len(names) > 20
    for name in sorted(names):
        import_module(f"tests.bench.{name}")
