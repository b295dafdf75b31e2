"""The models of the dbt project, run for real on a file of orders, in this process to save dbt's start."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
import pytest

from pipeline.dbt import run_dbt
from pipeline.settings import Settings


class Project:
    """Runs the models up to the features; each run begins with an empty warehouse."""

    MODELS = ("--select", "+customer_features", "rejected_orders", "--resource-type", "seed", "model")

    def __init__(self, folder: Path):
        self.folder = folder
        self.build_file = folder / "build.duckdb"
        self.settings = Settings()  # of the last run

    def run(self, orders: Path, as_of: str = ""):
        self.forget_last_run()
        day = date.fromisoformat(as_of) if as_of else None
        self.settings = Settings(orders=orders, as_of=day, warehouse=self.folder, max_rejected=1)
        # dbt reads the whole project anew where a date is given and was not before, or the other way round.
        target = self.folder / f"target-{day is not None}"
        return run_dbt("build", *self.MODELS, settings=self.settings, target=target, logs=self.folder / "logs")

    def forget_last_run(self) -> None:
        for leftover in self.folder.glob("build.duckdb*"):
            leftover.unlink()

    def query(self, sql: str) -> list[tuple]:
        with duckdb.connect(self.build_file, read_only=True) as build:
            return build.sql(sql).fetchall()


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return Project(tmp_path_factory.mktemp("project"))
