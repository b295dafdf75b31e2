"""The models on Apache Spark: it is given the orders and the history as Parquet, and what it made comes back as such.

The build file stays the place from which a build is audited for doubts and published, so that whoever reads what is
published need not know which engine made it. Spark's own catalog and files last as long as the build.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

import predictor
from pipeline import orders
from pipeline.address import CatalogTable
from pipeline.engines.spark_messages import words_of_executors_python
from pipeline.engines.sql import literal
from pipeline.errors import ClvError
from pipeline.orders_file import mapping, plain_errors
from pipeline.runners import spark_tables
from pipeline.runners.spark_session import SCHEMA, let_dbt_use, start
from pipeline.settings import Settings
from pipeline.warehouse.folder import Warehouse
from pipeline.warehouse.history import HISTORY, HISTORY_COLUMNS

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import SparkSession

_ORDERS, _LAST_BUILD, _HISTORY = "orders", "last_build", "prediction_history"
_DATE = "as_of_date"


class OnSpark:
    """As OnDuckDB. Its methods raise ClvError where Spark cannot be started or the orders cannot be read."""

    output = "spark"

    def __init__(self, settings: Settings, warehouse: Warehouse, log: Path | None = None):
        self._settings = settings
        self._warehouse = warehouse
        self.target = warehouse.target / "spark"
        self._folder = warehouse.temporary / "spark"
        self._log = log or warehouse.logs / "spark.log"
        self._started = False

    @cached_property
    def _session(self) -> SparkSession:
        session = start(self._settings.spark_master, self._settings.memory, self._folder, self._log)
        self._started = True
        return session

    @property
    def name(self) -> str:
        return f"spark {self._session.version}"

    def box(self) -> predictor.Box:
        """The walls that stand on every executor.

        Raises ClvError where one cannot run the project's Python, or does not share the warehouse's folder.
        """
        session = self._session
        from pyspark.errors import PySparkException

        try:
            box = predictor.weakest_box(session)
        except PySparkException as error:
            why = words_of_executors_python(str(error))
            raise ClvError(f"Spark cannot run the project's Python on its executors: {why} See {self._log}.") from None
        if not self._settings.spark_master.startswith("local"):
            spark_tables.stop_unless_shared(session, self._folder / "shared", self._log)
        return box

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self._session.sql(sql).collect()]

    def give(self, build: duckdb.DuckDBPyConnection, **values: str) -> None:
        """A view may ask no variable of a session, but it may ask another view."""
        columns = ", ".join(f"{value} as {name}" for name, value in values.items())
        self._session.sql(f"create or replace view {SCHEMA}.session_values as select {columns}")

    def rows(self, build: duckdb.DuckDBPyConnection, sql: str) -> duckdb.DuckDBPyRelation:
        """They are brought into memory. Raises ClvError where Spark cannot."""
        with spark_tables.plain_errors("Spark could not go on", self._log):
            return build.from_arrow(self._session.sql(sql).toArrow())

    def rows_of(self, table: CatalogTable) -> AbstractContextManager[pa.RecordBatchReader]:
        return spark_tables.rows_of(self._session, table, self._folder / "table", self._log)

    def sample_of(self, table: CatalogTable) -> CatalogTable:
        return spark_tables.sample_of(self._session, table, self._log)

    def bring_orders(self, source: orders.Source) -> None:
        """Reads the orders into the build file, by the same reader as on DuckDB, and hands them to Spark."""
        let_dbt_use(self._session)
        self._folder.mkdir(parents=True, exist_ok=True)
        self._session.sql(f"create schema {SCHEMA}")
        self._session.sql(f"use {SCHEMA}")
        with self._warehouse.open_build() as build:
            with plain_errors():
                orders.load(build, _ORDERS, source, mapping(self._settings), self._warehouse.folder)
            self._bring(build, _ORDERS, f"select *, rowid + 1 as place_in_table from {_ORDERS}")
            there = {name for (name,) in build.execute("select table_name from duckdb_tables()").fetchall()}
            if _LAST_BUILD in there:
                self._bring(build, _LAST_BUILD, f"from {_LAST_BUILD}")
            self._bring_history(build, is_there=_HISTORY in there)
            # The views of a training are made before it gives them a day.
            self.give(build, as_of="cast(null as date)", label_days="cast(null as bigint)")

    def _bring(self, build: duckdb.DuckDBPyConnection, table: str, rows: str) -> None:
        file = self._folder / f"{table}.parquet"
        build.execute(f"copy ({rows}) to {literal(file)} (format parquet)")
        self._session.sql(f"create table {SCHEMA}.{table} using parquet location {literal(file)}")

    def _bring_history(self, build: duckdb.DuckDBPyConnection, is_there: bool) -> None:
        """A table with a partition a date: this build's date replaces its own, and the reports read the others."""
        folder = self._folder / _HISTORY
        columns = {name: "string" if kind == "varchar" else kind for name, kind in HISTORY.items()}
        self._session.sql(
            f"create table {SCHEMA}.{_HISTORY} ({', '.join(f'{name} {kind}' for name, kind in columns.items())}) "
            f"using parquet partitioned by ({_DATE}) location {literal(folder)}"
        )
        if is_there:
            build.execute(
                f"copy (select {', '.join(HISTORY)} from {_HISTORY}) to {literal(folder)} "
                f"(format parquet, partition_by ({_DATE}), overwrite_or_ignore)"
            )
            self._session.sql(f"alter table {SCHEMA}.{_HISTORY} recover partitions")

    def take_back(self, results: list[Any]) -> None:
        """What dbt made, in the order in which it did, into the build file: rows, views and descriptions."""
        with self._warehouse.open_build() as build:
            for result in results:
                node = result.node
                if result.status != "success" or node.resource_type not in ("model", "seed"):
                    continue
                kind = node.config.materialized
                if kind == "view":
                    build.execute(f"create or replace view {node.alias} as {node.compiled_code}")
                elif kind == "incremental":
                    self._take_history_back(build, node.alias)
                elif kind == "table":
                    files = self._folder / f"{SCHEMA}.db" / node.alias / "*.parquet"
                    build.execute(f"create or replace table {node.alias} as from read_parquet({literal(files)})")
                _describe(build, node, "view" if kind == "view" else "table")

    def _take_history_back(self, build: duckdb.DuckDBPyConnection, table: str) -> None:
        """The date of this build, and of the others that they are still there: their rows are."""
        build.execute(f"create table if not exists {table} ({HISTORY_COLUMNS})")
        kept = [date for (date,) in self.ask(f"select distinct {_DATE} from {SCHEMA}.{table}")]
        ((built,),) = build.execute(f"select any_value({_DATE}) from predictions").fetchall()
        build.execute(f"delete from {table} where {_DATE} = ? or {_DATE} not in ?", [built, kept])
        files = self._folder / table / f"{_DATE}={built}" / "*.parquet"
        build.execute(
            f"insert into {table} by name select *, date '{built}' as {_DATE} "
            f"from read_parquet({literal(files)}, hive_partitioning = false)"
        )

    @contextmanager
    def running(self) -> Iterator[None]:
        try:
            yield
        except Exception:
            self._stop_where_java_has_ended()
            raise
        finally:
            if self._started:
                with suppress(Exception):  # where Java has ended, what the build says of that counts
                    self._session.stop()

    def _stop_where_java_has_ended(self) -> None:
        if not self._started:
            return
        java = self._session.sparkContext._gateway.proc
        with suppress(subprocess.TimeoutExpired):
            java.wait(1)  # its connections are closed before it is gone
            raise ClvError(f"Spark's Java has ended, perhaps for want of memory (MEMORY=). See {self._log}.")


def _describe(build: duckdb.DuckDBPyConnection, node: Any, kind: str) -> None:
    build.execute(f"comment on {kind} {node.alias} is {literal(node.description)}")
    for name, column in node.columns.items():
        build.execute(f"comment on column {node.alias}.{name} is {literal(column.description)}")
