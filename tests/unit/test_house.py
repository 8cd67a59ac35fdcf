"""How the house is kept: what can be seen of its order by reading the files."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

ROOMS = ("creditrisk", "monitoring", "flows", "webapp", "riskometer")
MODULES = sorted(path for room in (*ROOMS, "infra") for path in (ROOT / room).rglob("*.py"))
PAGES = sorted([*(ROOT / "docs").glob("*.md"), *ROOT.glob("*.md")])


# --- no file is named that is not there ---

# A module by its name, with its folders or without; `*.py` and `<name>.py` are no names.
MODULE = re.compile(r"(?<![\w./*>-])(?:[\w-]+/)*[\w-]+\.py\b")
# Anything below a folder of the project's root, with `/` at its end for a folder.
BELOW_ROOT = re.compile(rf"(?<![\w./-])(?:{'|'.join(ROOMS)}|infra|grafana|tests|docs|requirements)/(?:[\w./-]*[\w/])?")


def named_in(text: str) -> set[str]:
    """The files and folders of this project that a text names."""
    return set(MODULE.findall(text)) | set(BELOW_ROOT.findall(text))


def comments_and_docstrings(source: str) -> Iterator[str]:
    """What is written in a module for people."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.string
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield ast.get_docstring(node) or ""


def is_there(name: str, folder: Path) -> bool:
    """Whether a file is where a reader looks for it: in this folder, or from one of those above on."""
    return any((above / name).exists() for above in (folder, *folder.parents) if above.is_relative_to(ROOT))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_names_no_file_that_is_not_there(path: Path) -> None:
    named = set().union(*map(named_in, comments_and_docstrings(path.read_text(encoding="utf-8"))))
    assert [name for name in sorted(named) if not is_there(name, path.parent)] == []


@pytest.mark.parametrize("path", [page for page in PAGES if page.name != "CHANGELOG.md"], ids=lambda path: path.name)
def test_a_page_names_no_file_that_is_not_there(path: Path) -> None:
    # A page says once where it is, then names modules alone.
    alone = {module.name for module in (*MODULES, *(ROOT / "tests").rglob("*.py"))}
    text = path.read_text(encoding="utf-8")
    # What a recipe makes is there once it was followed.
    made = set(re.findall(r"^```\w+ (\S+)$", text, re.MULTILINE))
    named = named_in(re.sub(r"^```diff\n.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)) - made
    assert [name for name in sorted(named - alone) if not (ROOT / name).exists()] == []


def test_names_of_files_are_told_from_other_words() -> None:
    text = "See report.py, monitoring/archive/local.py and docs/drift.md in webapp/; not *.py, a/b, or <family>.py."
    assert named_in(text) == {"report.py", "monitoring/archive/local.py", "docs/drift.md", "webapp/"}
