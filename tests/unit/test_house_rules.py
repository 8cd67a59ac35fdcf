"""What keeps the house easy to live in, counted: short modules and functions, few names on top, types between rooms.

Read from the source. A rule that is broken names the place; docs/contributing.md says what to do about it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("creditrisk", "monitoring", "flows", "webapp", "riskometer", "grafana")
MAX_MODULE_LINES = 450
MAX_FUNCTION_LINES = 60
MAX_NAMES_ON_TOP = 26
# Where JSON comes in or goes out, a dictionary is what it is: these hand on what a file, a body or a library holds.
JSON_AT_THE_EDGE = frozenset(
    {
        "creditrisk/schema.py",
        "creditrisk/scoring/calibration.py",
        "creditrisk/strict.py",
        "creditrisk/training/results.py",
        "flows/worker.py",
        "grafana/draw.py",
        "grafana/queries.py",
    }
)

Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def sources() -> dict[str, ast.Module]:
    """Every module of the product, by its path."""
    return {
        path.relative_to(ROOT).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
        for room in ROOMS
        for path in sorted((ROOT / room).rglob("*.py"))
    }


@cache
def imports() -> list[tuple[str, ast.ImportFrom]]:
    """Every `from … import …` of the product, with the path of the module it stands in."""
    return [
        (name, node) for name, tree in sources().items() for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)
    ]


def functions(tree: ast.AST) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def is_public(node: Function) -> bool:
    return not node.name.startswith("_")


def annotations(node: Function) -> list[str]:
    arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    return [ast.unparse(item) for item in (*(item.annotation for item in arguments), node.returns) if item is not None]


def handed_on(face: ast.Module) -> set[str]:
    """What a room names in `__all__`."""
    return {
        str(ast.literal_eval(name))
        for node in face.body
        if isinstance(node, ast.Assign)
        and ast.unparse(node.targets[0]) == "__all__"
        and isinstance(node.value, ast.List)
        for name in node.value.elts
    }


def test_no_module_is_longer_than_a_reader_likes() -> None:
    lines = {name: len((ROOT / name).read_text(encoding="utf-8").splitlines()) for name in sources()}

    assert {name: n for name, n in lines.items() if n > MAX_MODULE_LINES} == {}


def test_no_function_is_longer_than_a_screen() -> None:
    too_long = {
        f"{name}: {node.name}": node.end_lineno - node.lineno + 1
        for name, tree in sources().items()
        for node in functions(tree)
        if node.end_lineno is not None and node.end_lineno - node.lineno >= MAX_FUNCTION_LINES
    }

    assert too_long == {}


def test_few_names_stand_at_the_top_of_the_domain() -> None:
    names = {path.name for path in (ROOT / "creditrisk").iterdir() if path.name != "__pycache__"}

    assert len(names) <= MAX_NAMES_ON_TOP, sorted(names)


def test_nothing_of_ours_is_imported_under_another_name() -> None:
    renamed = {
        f"{name}: {alias.name} as {alias.asname}"
        for name, node in imports()
        if (node.module or "").split(".")[0] in ROOMS
        for alias in node.names
        if alias.asname
    }

    assert renamed == set()


def test_rooms_hand_each_other_types_and_no_bare_dictionaries() -> None:
    bare = {
        f"{name}: {node.name}"
        for name, tree in sources().items()
        if name not in JSON_AT_THE_EDGE
        for node in functions(tree)
        if is_public(node)
        for annotation in annotations(node)
        if "dict[str, Any]" in annotation or "Mapping[str, Any]" in annotation
    }

    assert bare == set()


@pytest.mark.parametrize("name", sorted(JSON_AT_THE_EDGE))
def test_what_may_hand_on_json_exists(name: str) -> None:
    assert name in sources()


@pytest.mark.parametrize("room", sorted(path.parent.name for path in (ROOT / "creditrisk").glob("*/__init__.py")))
def test_a_room_hands_its_face_on(room: str) -> None:
    """Other rooms import from the face; what stands behind it may move without anybody noticing."""
    names = handed_on(sources()[f"creditrisk/{room}/__init__.py"])
    past_it = {
        f"{name} imports {alias.name} from {node.module}"
        for name, node in imports()
        if not name.startswith(f"creditrisk/{room}/") and (node.module or "").startswith(f"creditrisk.{room}.")
        for alias in node.names
        if alias.name in names
    }

    assert past_it == set()
