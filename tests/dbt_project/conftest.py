"""The models of the dbt project, run for real on a file of orders, in this process to save dbt's start."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
import pytest

from pipeline.dbt import run_dbt
from pipeline.settings import Settings


class Parsed:
    """Where dbt keeps what it has parsed, one place for all settings that it takes alike: that outlasts most tests."""

    def __init__(self, folder: Path):
        self._folder = folder

    def target(self, settings: Settings) -> Path:
        return self._folder / f"{settings.strict}-{settings.as_of is not None}"


class Project:
    """Runs the models up to the features; each run begins with an empty warehouse."""

    MODELS = ("--select", "+customer_features", "rejected_orders", "--resource-type", "seed", "model")

    def __init__(self, folder: Path, parsed: Parsed):
        self.folder = folder
        self.parsed = parsed
        self.build_file = folder / "build.duckdb"
        self.settings = Settings()  # of the last run

    def run(self, orders: Path, as_of: str = ""):
        self.forget_last_run()
        day = date.fromisoformat(as_of) if as_of else None
        self.settings = Settings(orders=orders, as_of=day, warehouse=self.folder, max_rejected=1)
        target = self.parsed.target(self.settings)
        return run_dbt("build", *self.MODELS, settings=self.settings, target=target, logs=self.folder / "logs")

    def forget_last_run(self) -> None:
        for leftover in self.folder.glob("build.duckdb*"):
            leftover.unlink()

    def query(self, sql: str) -> list[tuple]:
        with duckdb.connect(self.build_file, read_only=True) as build:
            return build.sql(sql).fetchall()


@pytest.fixture(scope="session")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> Parsed:
    return Parsed(tmp_path_factory.mktemp("parsed"))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, parsed: Parsed) -> Project:
    return Project(tmp_path_factory.mktemp("project"), parsed)
