"""A fact that stands in several places is the same in all of them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

import predictor
from api.app import create_app
from api.settings import Settings
from pipeline.settings import Settings as Asked
from tests import oracle
from tests.docs.markdown import DOCS, README, ROOT, blocks, code, prose, rows, section

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
DBT = ROOT / "dbt_project"
ORDERS, MODELS, PUBLISHING = DOCS / "own-orders.md", DOCS / "models-and-the-box.md", DOCS / "publishing-and-history.md"


def described() -> Iterator[dict[str, Any]]:
    """Every model as its YAML describes it."""
    for file in sorted(DBT.glob("models/**/*.yml")):
        yield from yaml.safe_load(file.read_text("utf-8")).get("models", [])


def columns_of(model: str) -> list[str]:
    return [column["name"] for found in described() if found["name"] == model for column in found["columns"]]


def test_one_version() -> None:
    version = PROJECT["version"]
    assert yaml.safe_load((DBT / "dbt_project.yml").read_text("utf-8"))["version"] == version
    app = create_app(Settings(warehouse=ROOT / "nothing-is-published-here"))
    assert app.test_client().get("/openapi.json").json["info"]["version"] == version
    changes = (ROOT / "CHANGELOG.md").read_text("utf-8")
    newest = re.findall(r"^## \[(.*?)\]", changes, re.MULTILINE)[:2]
    assert newest[:1] == [version] or (newest[:1] == ["Unreleased"] and f"release, {version}." in changes)


def test_the_pythons_that_readme_names_are_those_that_the_project_takes_and_the_gate_tries() -> None:
    lowest, above = re.fullmatch(r">=3\.(\d+),<3\.(\d+)", PROJECT["requires-python"]).groups()
    first, last = int(lowest), int(above) - 1
    assert f"Python 3.{first} to 3.{last}" in README.read_text("utf-8")
    assert f"(3, {first}) <= sys.version_info < (3, {last + 1})" in (ROOT / "Makefile").read_text("utf-8")
    tried = re.findall(r"\b3\.(\d+)\b", re.sub(r"#.*", "", (ROOT / ".ci" / "run").read_text("utf-8")))
    assert {int(minor) for minor in tried} == set(range(first, last + 1))


def test_what_dbt_does_where_nothing_is_asked_for_is_what_the_commands_ask_for() -> None:
    sql = (DBT / "models" / "intermediate" / "int_settings.sql").read_text("utf-8")
    defaults = dict(re.findall(r"number_setting\('(\w+)', .*?default='(.*?)'\)", sql))
    assert defaults.keys() == {"max_rejected", "discount_rate"}
    assert all(float(text) == getattr(Asked, name) for name, text in defaults.items())


def test_the_six_features_are_the_same_everywhere() -> None:
    """In the order that models are given them."""
    six = list(predictor.FEATURES)
    assert len(six) == 6
    assert [name for name in columns_of("customer_features") if name in six] == six
    assert [name for name in columns_of("customer_value") if name in six] == six
    assert ", ".join(six) in MODELS.read_text("utf-8").replace("\n", " ")
    assert [code(row[0])[0] for row in rows(section(PUBLISHING, "The columns that models are given"))][:6] == six


def test_the_other_columns_of_the_features_are_in_the_docs_too() -> None:
    shown = {name for row in rows(section(PUBLISHING, "The columns that models are given")) for name in code(row[0])}
    not_for_models = {"customer_id", "as_of_date", "first_order_date", "last_order_date"}
    assert shown == set(columns_of("customer_features")) - not_for_models


def test_the_columns_of_the_orders_are_the_same_in_readme_the_docs_and_the_oracle() -> None:
    for text in (section(README, "Your own orders"), section(ORDERS, "The columns")):
        assert [code(row[0])[0] for row in rows(text)] == list(oracle.COLUMNS)


def test_the_reasons_for_rejecting_a_line_are_those_that_dbt_accepts() -> None:
    (reason,) = (
        column
        for model in described()
        if model["name"] == "rejected_orders"
        for column in model["columns"]
        if column["name"] == "reason"
    )
    (accepted,) = (test["accepted_values"] for test in reason["data_tests"] if "accepted_values" in test)
    listed = [name for row in rows(section(ORDERS, "What happens to bad lines")) for name in code(row[0])]
    assert listed == accepted["arguments"]["values"]


def test_the_lineage_that_is_drawn_is_dbts(tmp_path: Path) -> None:
    (drawn,) = blocks(DOCS / "inside.md", "mermaid")
    edges = set()
    for line in drawn.splitlines()[1:]:
        steps = [[re.match(r"\w+", name.strip())[0] for name in step.split("&")] for step in line.split("-->")]
        edges |= {(a, b) for before, after in pairwise(steps) for a in before for b in after}
    nodes = {model["name"] for model in described()} | {"orders"}
    assert {edge for edge in edges if set(edge) <= nodes} == {
        (parent, file.stem)
        for file in DBT.glob("models/*/*.*")
        if file.suffix in (".sql", ".py") and file.parent.name != "training"
        for parent in re.findall(r"\bref\(['\"](\w+)['\"]\)", file.read_text("utf-8"))
    }


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The file that a build of the demo data publishes, and what it prints."""
    warehouse = tmp_path_factory.mktemp("demo") / "warehouse"
    environment = {"HOME": os.environ["HOME"], "PATH": os.environ["PATH"], "WAREHOUSE": str(warehouse)}
    build = subprocess.run(
        [sys.executable, "-m", "pipeline", "build"], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert build.returncode == 0, build.stderr
    return warehouse / "clv.duckdb", build.stdout


@pytest.mark.slow
def test_readme_shows_what_a_build_of_the_demo_data_prints(demo: tuple[Path, str]) -> None:
    published, printed = demo
    printed = printed.replace(f" WAREHOUSE={published.parent}", "").replace(str(published.parent), "warehouse")
    (shown,) = blocks(README, "text")
    rest = printed
    for line in shown.splitlines():
        if line.strip() != "…":
            assert line in printed.splitlines()
            assert line in rest, f"{line} comes earlier in the summary"
            rest = rest.partition(line)[2]


@pytest.mark.slow
def test_readme_lists_the_tables_that_are_published_and_the_value_that_is_asked_for(demo: tuple[Path, str]) -> None:
    with duckdb.connect(demo[0], read_only=True) as published:
        tables = {name for (name,) in published.sql("select table_name from information_schema.tables").fetchall()}
        listed = {code(row[0])[0] for row in rows(section(README, "What is published"))}
        to_build_with = {name for name in tables if name.startswith(("orders", "base_", "int_"))}
        assert listed == (tables - to_build_with) | {"int_customer_orders"}
        (customer,) = set(re.findall(r"/predictions/(\w+)", README.read_text("utf-8")))
        value = published.execute("select predicted_clv from predictions where customer_id = ?", [customer]).fetchone()
    assert f'"clv": {value[0]}' in README.read_text("utf-8")
    assert f'{{"user_id": "{customer}", "clv": {value[0]}}}' in prose(DOCS / "api.md")
