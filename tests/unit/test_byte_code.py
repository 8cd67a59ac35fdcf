"""Byte code is made at set-up, whatever the environment says, for all that is imported here."""

from __future__ import annotations

from pathlib import Path

import pytest

from riskometer.byte_code import compile_all, named_modules


def test_byte_code_is_written_although_the_environment_forbids_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("PYTHONPYCACHEPREFIX", str(tmp_path))

    compile_all(["creditrisk.hosts", "no_such_module", "wave"])

    made = {path.name.partition(".")[0] for path in tmp_path.rglob("*.pyc")}
    assert {"hosts", "wave"} <= made


def test_what_is_imported_inside_functions_is_compiled_too() -> None:
    assert {"evidently", "lightgbm", "mlflow", "torch", "uvicorn", "webapp.pages.gauge"} <= set(named_modules())
