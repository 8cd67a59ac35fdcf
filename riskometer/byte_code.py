"""Byte code, made once at set-up for what is imported here: `python -m riskometer.byte_code`.

Most of what is installed is never imported, so that pip compiles nothing (Makefile); and where the environment says
PYTHONDONTWRITEBYTECODE, as many containers do, every process would compile everything it imports again, which takes
longer than all it does.
"""

from __future__ import annotations

import ast
import gc
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import redirect_stderr, redirect_stdout, suppress
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NoReturn

PROJECT = Path(__file__).resolve().parents[1]
ROOMS = ("creditrisk", "monitoring", "flows", "webapp", "riskometer")
# What libraries import late, in the middle of what we ask of them.
LATE = (
    "aiosqlite",
    "alembic.command",
    "anyio._backends._asyncio",
    "httptools",
    "mlflow.cli",
    "mlflow.server.fastapi_app",
    "mlflow.store.model_registry.sqlalchemy_store",
    "mlflow.store.tracking.sqlalchemy_store",
    "prefect.cli.deploy",
    "prefect.cli.root",
    "pydantic.v1",
    "sqlalchemy.dialects.sqlite.aiosqlite",
    "supervisor.supervisord",
    "uvloop",
)
# Each of the two takes about as long.
FIRST_HALF = ("prefect", "mlflow", "pandas", "sqlalchemy")


def named_modules() -> Iterator[str]:
    """Our own modules, and every module that one of them imports, at its top or inside a function."""
    for path in (path for room in ROOMS for path in (PROJECT / room).rglob("*.py")):
        if path.name != "__main__.py":
            yield ".".join(path.relative_to(PROJECT).with_suffix("").parts).removesuffix(".__init__")
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield node.module


def compile_all(names: Iterable[str]) -> None:
    """Import modules in two processes at once, which write down what they compile."""
    wanted = sorted(names)
    first = [name for name in wanted if name.startswith(FIRST_HALF)]
    with TemporaryDirectory() as folder:
        environment = {**os.environ, "PREFECT_HOME": folder}  # which Prefect makes when it is imported
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        command = [sys.executable, "-m", "riskometer.byte_code"]
        children = [
            subprocess.Popen([*command, *half], env=environment, cwd=PROJECT)  # noqa: S603  # no shell, and our own words only
            for half in (first, [name for name in wanted if name not in first])
            if half
        ]
        for child in children:
            child.wait()


def import_all(names: Iterable[str]) -> NoReturn:
    """Import modules and end; some are not installed in every image, or not on every system."""
    gc.disable()
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        for name in names:
            with suppress(Exception):
                import_module(name)
    os._exit(0)


if __name__ == "__main__":
    if sys.argv[1:]:
        import_all(sys.argv[1:])
    compile_all({*named_modules(), *LATE})
