"""MLflow's files: its database, moved or only asked for a champion, and single artifacts copied out with a limit."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

from creditrisk.errors import RegistryError, ScorerError
from creditrisk.scoring import size_of

EXPERIMENT = "risk-o-meter"
# Where MLflow's database holds paths of files.
ADDRESSES = (
    ("runs", "artifact_uri"),
    ("model_versions", "storage_location"),
    ("logged_models", "artifact_location"),
    ("experiments", "artifact_location"),
)


def settle_in(home: Path) -> None:
    """Let MLflow's database under a home look for its files there: it holds whole paths, and a home can be moved.

    Called before anything opens the database. The paths stand in four columns; all are changed in one transaction, and
    only where they lead to where this home lay when its experiment was made.
    """
    database = home / "mlflow" / "mlflow.db"
    if not database.is_file():
        return
    here = (home / "mlflow" / "artifacts").as_uri()
    try:
        with closing(sqlite3.connect(database, timeout=30, isolation_level=None)) as connection:
            wanted = "SELECT artifact_location FROM experiments WHERE name = ?"
            found = connection.execute(wanted, (EXPERIMENT,)).fetchone()
            if found is None or found[0] == here:
                return
            connection.execute("BEGIN IMMEDIATE")
            for table, column in ADDRESSES:
                connection.execute(
                    # Of our own words only; the paths are handed over beside them.
                    f"UPDATE {table} SET {column} = ? || substr({column}, ?) WHERE substr({column}, 1, ?) = ?",  # noqa: S608
                    (here, len(found[0]) + 1, len(found[0]), found[0]),
                )
            connection.execute("COMMIT")
    except sqlite3.Error as exc:
        raise RegistryError(
            f"MLflow's database at {database} cannot be told that its folder was moved: {exc}. Stop what else uses "
            "this home, such as `make up`, and try again."
        ) from None


def champion_noted(database: Path, model: str) -> tuple[str, dict[str, str]] | None:
    """The version that MLflow's database calls champion of a model, and its tags; None if it says nothing we can read.

    It answers in milliseconds; to import MLflow and have it ask takes a second.
    """
    try:
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True, timeout=1)) as connection:
            wanted = "SELECT version FROM registered_model_aliases WHERE name = ? AND alias = 'champion'"
            [(version,)] = connection.execute(wanted, (model,)).fetchall()
            tags = connection.execute(
                "SELECT key, value FROM model_version_tags WHERE name = ? AND version = ?", (model, version)
            )
            return str(version), dict(tags.fetchall())
    except (sqlite3.Error, ValueError):  # MLflow may have laid it out otherwise
        return None


def take_file(files: Any, path: str, folder: Path, most_bytes: int) -> Path:
    """Copy one file out of MLflow's store into a folder; ScorerError if it is larger, or no plain file."""
    from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository

    taken = folder / Path(path).name
    if isinstance(files, LocalArtifactRepository):
        # Whoever can write there could leave a link or a device: it is opened without following one.
        source = Path(files.artifact_dir) / path
        is_small = size_of(source) <= most_bytes
        if is_small:
            with open(os.open(source, os.O_RDONLY | os.O_NOFOLLOW), "rb") as there:
                taken.write_bytes(there.read(most_bytes))
    else:
        # It comes with the folders it lies in.
        with tempfile.TemporaryDirectory(dir=folder.parent) as aside:
            fetched = Path(files.download_artifacts(path, aside))
            is_small = size_of(fetched) <= most_bytes
            fetched.rename(taken)
    if not is_small:
        raise ScorerError(f"{path} has more than the {most_bytes:,} bytes that a training logs: it was changed.")
    return taken
