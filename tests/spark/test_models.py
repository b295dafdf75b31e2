"""The models of the dbt project on Spark, in one session: on files that nobody chose, and by their own unit tests."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from pipeline import orders
from pipeline.dbt import run_dbt
from pipeline.runners.on_spark import OnSpark
from pipeline.settings import DEMO_ORDERS, Settings
from pipeline.warehouse.folder import Warehouse
from tests.dbt_project.conftest import Parsed, Project
from tests.dbt_project.test_features import agrees, fresh, order_files

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]  # a session of Spark is slow to start on a busy machine


class OnOneSession(Project):
    """As in the tests of DuckDB: what Spark made is brought back and looked at there."""

    def __init__(self, folder: Path):
        super().__init__(folder, Parsed(folder))
        warehouse = Warehouse(folder)
        warehouse.logs.mkdir()
        self.engine = OnSpark(Settings(warehouse=folder, spark_master="local[2]"), warehouse)

    def run(self, orders_file: Path, as_of: str = "", what: tuple[str, ...] = Project.MODELS) -> Any:
        self.forget_last_run()
        self.settings = Settings(
            orders=orders_file,
            as_of=date.fromisoformat(as_of) if as_of else None,
            warehouse=self.folder,
            max_rejected=1,
        )
        self.engine.ask("drop schema if exists main cascade")
        self.engine.bring_orders(orders.find(str(orders_file)))
        result = run_dbt(
            "build",
            *what,
            settings=self.settings,
            target=self.parsed.target(self.settings),
            logs=self.folder / "logs",
            output="spark",
        )
        self.engine.take_back(result.result.results)
        return result


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OnOneSession]:
    project = OnOneSession(tmp_path_factory.mktemp("project"))
    yield project
    project.engine.stop()


@settings(fresh, max_examples=4)
@given(order_files())
def test_the_models_on_spark_agree_with_plain_python(project: OnOneSession, tmp_path: Path, drawn: Any) -> None:
    agrees(project, tmp_path, *drawn)


def test_every_unit_test_passes_on_spark(project: OnOneSession) -> None:
    """But for a training, whose views ask a session of DuckDB, and for what the environment says: it is not asked."""
    of_the_environment = ("without_settings_the_defaults_count", "the_environment_gives_settings")
    what = ("--exclude", "path:models/training", *of_the_environment, "--exclude-resource-type", "test")
    result = project.run(DEMO_ORDERS, what=what)
    ended = result.result.results
    wrong = [(each.node.name, each.message) for each in ended if each.status not in ("success", "pass", "no-op")]
    assert result.success and not wrong, wrong
    assert [str(each.node.resource_type) for each in ended].count("unit_test") > 25
    assert project.engine.ask("set spark.sql.ansi.enabled") == [("spark.sql.ansi.enabled", "true")]
