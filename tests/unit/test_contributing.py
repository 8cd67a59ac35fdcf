"""The recipes for newcomers work as they stand: each is carried out on a copy of the project."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("creditrisk", "monitoring", "flows", "webapp", "riskometer", "grafana", "tests", "docs", "pyproject.toml")
# Byte code and compiled kernels are copied, so that the copy need not be compiled anew, but not while they are written.
NOT_COPIED = ("*.pyc.*", "*.tmp.*", "images", "e2e", "integration", "security", "bench")
_SECTION = re.compile(r"^## (An? [^\n]+)\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
_BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Recipe:
    """What a section tells a newcomer to write, to change and to run."""

    title: str
    new_files: tuple[tuple[str, str], ...]
    changes: tuple[str, ...]
    commands: str


def recipes() -> list[Recipe]:
    found = []
    for title, text in _SECTION.findall((ROOT / "docs" / "contributing.md").read_text(encoding="utf-8")):
        blocks = _BLOCK.findall(text)
        found.append(
            Recipe(
                title,
                tuple((path, content) for _, path, content in blocks if path),
                tuple(content for language, path, content in blocks if language == "diff" and not path),
                "".join(content for language, path, content in blocks if language == "sh" and not path),
            )
        )
    return found


@pytest.mark.parametrize("recipe", recipes(), ids=lambda recipe: recipe.title)
def test_a_recipe_works_as_it_stands(recipe: Recipe, tmp_path: Path) -> None:
    for name in COPIED:
        source = ROOT / name
        ignored = shutil.ignore_patterns(*NOT_COPIED)
        shutil.copytree(source, tmp_path / name, ignore=ignored) if source.is_dir() else shutil.copy(source, tmp_path)
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    for path, content in recipe.new_files:
        assert not (tmp_path / path).exists(), f"{path} is there already"
        (tmp_path / path).write_text(content, encoding="utf-8")
    for change in recipe.changes:
        apply = ["git", "apply", "--recount", "--unidiff-zero", "-"]
        done = subprocess.run(apply, cwd=tmp_path, input=change, text=True, capture_output=True, check=False)
        assert done.returncode == 0, (
            f"{done.stderr}\n{change}\nThe recipe '{recipe.title}' in docs/contributing.md shows lines that have "
            "changed: bring its diff up to date."
        )

    assert recipe.commands, "a recipe ends with a command that shows it works"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", recipe.commands],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]


def test_there_is_a_recipe_for_everything_that_can_be_added() -> None:
    titles = {recipe.title for recipe in recipes()}

    assert titles >= {"A dataset", "A learner", "An archive", "A model metric", "A check", "A page", "A command"}
