"""The rooms of the house import one another along the arrows of its plan, and heavy libraries stay where they are used.

Read from the source, so that an import inside a function counts too.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MAY_IMPORT = {
    "creditrisk": set(),
    "monitoring": {"creditrisk"},
    "flows": {"creditrisk", "monitoring"},
    "webapp": {"creditrisk", "monitoring"},
    "riskometer": {"creditrisk", "monitoring", "flows", "webapp"},
    "grafana": {"creditrisk"},
}
# The rooms of the domain from the ground floor to the roof: each stands on those before it, and knows none after it.
FLOORS = (
    "errors", "arrays", "text", "columns", "strict", "hosts", "home", "settings", "schema", "splits", "pages",
    "sources", "metrics", "encoding", "quality", "simulator", "learners", "datasets", "schema_inference", "scoring",
    "decision_log", "training", "comparison", "validation", "registry",
)  # fmt: skip
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


@cache
def ours(path: Path) -> set[str]:
    """The modules of this project that a file imports, wherever it does; blocks for the type checker do not count."""
    found = set()
    for node in not_for_types(parsed(path)):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        found |= {module for name in names if (module := module_of(name))}
    return found


def module_of(name: str) -> str:
    """The module that a dotted name leads to: itself, or that in which it is defined; empty for other people's."""
    if name.split(".", maxsplit=1)[0] not in MAY_IMPORT:
        return ""
    parts = name.split(".")
    while not is_module(parts):
        parts.pop()
    return ".".join(parts)


def is_module(parts: list[str]) -> bool:
    place = ROOT.joinpath(*parts)
    return place.with_suffix(".py").is_file() or (place / "__init__.py").is_file()


def not_for_types(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        if not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
            yield node
            yield from not_for_types(node)


def floor_of(path: Path) -> str:
    """The room of the domain that a file is in."""
    return path.relative_to(ROOT / "creditrisk").parts[0].removesuffix(".py")


def outside_functions(tree: ast.AST) -> Iterator[ast.AST]:
    """What runs when the module is imported; blocks for the type checker do not."""
    for node in ast.iter_child_nodes(tree):
        is_for_types = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        if not is_for_types and not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            yield node
            yield from outside_functions(node)


@cache
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


def test_a_room_of_the_domain_stands_on_those_below_it_only() -> None:
    order = {name: number for number, name in enumerate(FLOORS)}

    upwards = {
        f"{path.relative_to(ROOT)} imports {module}"
        for path in modules("creditrisk")
        if path != ROOT / "creditrisk" / "__init__.py"
        for module in ours(path)
        if module.count(".") and order[module.split(".")[1]] > order[floor_of(path)]
    }

    assert upwards == set()


def test_every_room_of_the_domain_has_its_floor() -> None:
    assert {floor_of(path) for path in modules("creditrisk")} - {"__init__"} == set(FLOORS)


def test_no_module_comes_back_to_itself_by_its_imports() -> None:
    graph = {}
    for path in (path for room in MAY_IMPORT for path in modules(room)):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        graph[name] = ours(path) - {name}

    TopologicalSorter(graph).prepare()  # CycleError names the circle


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


def test_a_name_is_traced_to_the_module_that_holds_it() -> None:
    assert module_of("creditrisk.metrics.auc") == "creditrisk.metrics"
    assert module_of("creditrisk.metrics.ranking.auc") == "creditrisk.metrics.ranking"
    assert module_of("numpy.linalg") == ""


def test_an_import_inside_a_function_is_not_one_of_the_module() -> None:
    tree = ast.parse(
        "import json\nif TYPE_CHECKING:\n    import torch\nclass A:\n    import csv\n    def f(): import torch"
    )

    assert imported(outside_functions(tree)) == {"json", "csv"}
