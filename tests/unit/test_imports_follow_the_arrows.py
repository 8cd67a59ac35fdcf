"""The rooms of the house import one another along the arrows of its plan, and heavy libraries stay where they are used.

Read from the source, so that an import inside a function counts too.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MAY_IMPORT = {
    "creditrisk": set(),
    "monitoring": {"creditrisk"},
    "flows": {"creditrisk", "monitoring"},
    "webapp": {"creditrisk", "monitoring"},
    "riskometer": {"creditrisk", "monitoring", "flows", "webapp"},
}
# What costs seconds and hundreds of megabytes, and must not be in the web process.
HEAVY = {"torch", "evidently"}
# The domain knows none of these.
FRAMEWORKS = {"prefect", "flask", "dash", "evidently"}


def modules(room: str) -> list[Path]:
    found = sorted((ROOT / room).rglob("*.py"))
    assert found, f"no Python file in {room}/"
    return found


def imported(nodes: Iterator[ast.AST]) -> set[str]:
    """The top-level packages named by import statements among `nodes`."""
    names = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.split(".")[0])
    return names


def outside_functions(tree: ast.AST) -> Iterator[ast.AST]:
    """What runs when the module is imported; blocks for the type checker do not."""
    for node in ast.iter_child_nodes(tree):
        is_for_types = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        if not is_for_types and not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            yield node
            yield from outside_functions(node)


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_only_along_its_arrows(room: str) -> None:
    forbidden = MAY_IMPORT.keys() - MAY_IMPORT[room] - {room}

    crossed = {
        f"{path.relative_to(ROOT)} imports {name}"
        for path in modules(room)
        for name in imported(ast.walk(parsed(path))) & forbidden
    }

    assert crossed == set()


def test_every_room_is_on_the_plan() -> None:
    rooms = {path.parent.name for path in ROOT.glob("*/__init__.py")}

    assert rooms == MAY_IMPORT.keys()


def test_the_domain_knows_no_framework() -> None:
    known = {
        f"{path.relative_to(ROOT)} imports {name}"
        for path in modules("creditrisk")
        for name in imported(ast.walk(parsed(path))) & FRAMEWORKS
    }

    assert known == set()


@pytest.mark.parametrize("room", ["creditrisk", "monitoring", "webapp"])
def test_nothing_the_web_app_may_import_loads_a_heavy_library_by_being_imported(room: str) -> None:
    loaded = {
        f"{path.relative_to(ROOT)} imports {name}"
        for path in modules(room)
        for name in imported(outside_functions(parsed(path))) & HEAVY
    }

    assert loaded == set()


def test_an_import_inside_a_function_is_not_one_of_the_module() -> None:
    tree = ast.parse(
        "import json\nif TYPE_CHECKING:\n    import torch\nclass A:\n    import csv\n    def f(): import torch"
    )

    assert imported(outside_functions(tree)) == {"json", "csv"}
