"""The models on DuckDB, where builds are made: in the build file itself."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import Executor, Future
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

import duckdb

import predictor
from pipeline import orders
from pipeline.orders_file import mapping, plain_errors
from pipeline.settings import Settings
from pipeline.warehouse import parquet
from pipeline.warehouse.folder import Warehouse


class OnDuckDB:
    """Where dbt runs the models: `output` of profiles.yml, in `schema`; `name` is what build_info says."""

    output = "duckdb"
    name = "duckdb"
    schema = "main"
    rows_of = None  # Spark's tables are not DuckDB's
    history = None  # goes on in the build file

    def __init__(self, settings: Settings, warehouse: Warehouse):
        self._settings = settings
        self._warehouse = warehouse
        self._bringing: duckdb.DuckDBPyConnection | None = None
        self.target = warehouse.target  # where dbt keeps what it has parsed

    def box(self) -> predictor.Box:
        """The box that the model is run in."""
        return predictor.box_here()

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows that a query of a dbt node gives."""
        with self._warehouse.read(self._warehouse.build_file) as build:
            return build.execute(sql).fetchall()

    def give(self, build: duckdb.DuckDBPyConnection, **values: str) -> None:
        """Has the views of a training answer for other values, by name, each a constant of SQL."""
        for name, value in values.items():
            build.execute(f"set variable {name} = {value}")

    def rows(self, build: duckdb.DuckDBPyConnection, sql: str) -> duckdb.DuckDBPyRelation:
        """The rows of a query in words that both engines have, for DuckDB to go on with."""
        return build.sql(sql)

    def bring_orders(self, source: orders.Source) -> None:
        """Reads the orders into the build file. Raises ClvError where they cannot be read."""
        with self._warehouse.open_build() as self._bringing, plain_errors():
            orders.load(self._bringing, "orders", source, mapping(self._settings), self._warehouse.folder)

    @contextmanager
    def bringing_orders(
        self, executor: Executor, begun: Future[Any], fetched: Future[orders.Source]
    ) -> Iterator[Future[None]]:
        """Within it the orders are brought by another thread, into the build file that has been `begun`.

        An error within ends that too: nobody waits for orders that nobody wants any more.
        """

        def bring() -> None:
            begun.result()
            self.bring_orders(fetched.result())

        brought = executor.submit(bring)
        try:
            yield brought
        except BaseException:
            while not brought.cancel() and not brought.done():
                if self._bringing:
                    with suppress(duckdb.ConnectionException):  # it has just been closed
                        self._bringing.interrupt()
                time.sleep(0.02)  # between two queries nothing is interrupted: then the next one is
            raise

    def take_back(self, results: list[Any]) -> None:
        """Nothing: what dbt made is in the build file."""

    def move_out(self, build: duckdb.DuckDBPyConnection, folder: Path, rows_a_file: int) -> None:
        """Puts a large build's customers, as Parquet, into the folder that they are published from."""
        parquet.move_out(build, folder, rows_a_file)

    def running(self) -> AbstractContextManager[None]:
        """Within it the engine runs. Raises ClvError where it is gone: that says more than what came of it."""
        return nullcontext()
