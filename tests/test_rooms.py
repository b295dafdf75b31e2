"""A room knows only what is below it, and nothing goes in a circle."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = {  # a room: the rooms of this project that it may know
    "predictor.sandbox": set(),
    "predictor.training": {"predictor"},
    "predictor": {"predictor.sandbox"},
    "pipeline.orders": set(),
    "pipeline.jobs": {"pipeline"},
    "pipeline": {"pipeline.orders", "pipeline.jobs", "predictor", "predictor.training"},
    "api": {"pipeline.jobs"},
    "dbt_project": {"predictor"},
}
FILES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for room in ("predictor", "pipeline", "api", "dbt_project")
    for path in (ROOT / room).rglob("*.py")
    if "target" not in path.parts and "dbt_packages" not in path.parts
}


def imported(module: str, tree: ast.AST) -> set[str]:
    """The modules of this project that are imported anywhere in the tree."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively: name the whole path"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                names.add(whole if whole in FILES else str(node.module))
    return names & FILES.keys()


def room_of(module: str) -> str:
    return max((room for room in ROOMS if f"{module}.".startswith(f"{room}.")), key=len)


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_from_rooms_below_it(room: str):
    modules = [module for module in FILES if room_of(module) == room]
    assert modules
    for module in modules:
        for other in imported(module, ast.parse(FILES[module].read_text(encoding="utf-8"))):
            allowed = {room, *ROOMS[room]}
            assert room_of(other) in allowed or other in allowed, f"{module} imports {other}"


def test_no_import_goes_in_a_circle():
    """Those at the top of a module: what a function imports when it is called goes in no circle."""
    graph = {}
    for module, path in FILES.items():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        top = ast.Module([node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)], [])
        graph[module] = imported(module, top) - {module}
    tuple(TopologicalSorter(graph).static_order())
