"""A room knows only what is below it, and nothing goes in a circle."""

from __future__ import annotations

import ast
import re
from functools import cache
from graphlib import TopologicalSorter

import pytest

from tests.docs.markdown import README, ROOT, code, rows, section

ROOMS = {  # a room: the rooms, and single modules, of this project that it may know
    "predictor.sandbox": set(),
    "predictor.training": {"predictor"},
    "predictor": {"predictor.sandbox"},
    "pipeline.orders": set(),
    "pipeline.engines": set(),
    "pipeline.sources": {
        "pipeline.orders",
        "pipeline.engines",
        "pipeline.address",
        "pipeline.errors",
        "pipeline.postgres",
    },
    "pipeline.warehouse": {"pipeline.engines", "pipeline.errors", "pipeline.events"},
    "pipeline.runners": {"pipeline", "pipeline.orders", "pipeline.engines", "pipeline.warehouse", "predictor"},
    "pipeline.jobs": {"pipeline", "pipeline.warehouse"},
    "pipeline": {
        "pipeline.orders",
        "pipeline.sources",
        "pipeline.engines",
        "pipeline.warehouse",
        "pipeline.runners",
        "pipeline.jobs",
        "predictor",
        "predictor.training",
    },
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


PUBLISHED = {name for row in rows(section(README, "What is published")) for name in code(row[0])}
# What is on no list of what is published, and the one that may name it.
READ_BY_ONE = {
    "customer_labels": "pipeline.training.snapshots",
    "customer_amounts": "pipeline.training.snapshots",
    "int_compared_dates": "api.routes.summary",
}
WORDS_OF_ENGINES = "pipeline.engines."


@cache
def texts(module: str) -> list[str]:
    """The strings in a module that are no docstrings."""
    tree = ast.parse(FILES[module].read_text(encoding="utf-8"))
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in docs]
    return [node.value for node in found if isinstance(node.value, str)]


def test_nobody_knows_a_dbt_node_by_its_name_but_the_tables_that_are_published():
    """The seed `orders` is left out: it is an English word."""
    project = ROOT / "dbt_project"
    files = [path for folder in ("models", "tests") for path in (project / folder).rglob("*.*")]
    nodes = {path.stem for path in files if path.suffix in (".sql", ".py") and path.parent.name != "generic"}
    assert nodes > PUBLISHED - {"build_info"}
    for module in FILES:
        if module.startswith("dbt_project.") or module.startswith(WORDS_OF_ENGINES):
            continue
        known = {name for text in texts(module) for name in re.findall(r"[a-z]+(?:_[a-z0-9]+)+", text)}
        known -= {name for name, reader in READ_BY_ONE.items() if reader == module}
        assert not known & (nodes - PUBLISHED), f"{module} knows {known & (nodes - PUBLISHED)}"


def test_the_words_of_dbt_and_duckdb_are_known_in_one_file_for_each_engine():
    engines = {module for module in FILES if module.startswith(WORDS_OF_ENGINES)}
    parts = {part for module in engines if "messages" in module for text in texts(module) for part in text.split("|")}
    words = {part.strip("> ") for part in parts if len(part) > 8}
    assert "No space left on device" in words
    for module in FILES.keys() - engines:
        found = {word for word in words for text in texts(module) if word in text}
        assert not found, f"{module} reads {found}"
