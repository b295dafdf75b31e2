"""The models on Apache Spark: it is given the orders and the history as Parquet, and what it made comes back as such.

The build file stays the place from which a build is audited for doubts and published, so that whoever reads what is
published need not know which engine made it. Spark's own catalog and files last as long as the build.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from concurrent.futures import Executor, Future
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

import predictor
from pipeline import orders
from pipeline.address import CatalogTable
from pipeline.engines.spark_messages import plain, words_of_executors_python
from pipeline.engines.sql import literal
from pipeline.errors import ClvError
from pipeline.orders_file import mapping, plain_errors
from pipeline.runners import spark_tables
from pipeline.runners.spark_connect import SparkServer
from pipeline.runners.spark_session import OwnSpark, let_dbt_use
from pipeline.settings import Settings
from pipeline.warehouse import parquet
from pipeline.warehouse.folder import Warehouse
from pipeline.warehouse.history import HISTORY, HISTORY_COLUMNS
from pipeline.warehouse.parquet import DATE, HISTORY_TABLE

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import SparkSession

_ORDERS, _LAST_BUILD = "orders", "last_build"


class OnSpark:
    """As OnDuckDB. Its methods raise ClvError where Spark cannot be started or the orders cannot be read."""

    output = "spark"

    def __init__(self, settings: Settings, warehouse: Warehouse, log: Path | None = None):
        self._settings = settings
        self._warehouse = warehouse
        self.target = warehouse.target / "spark"
        log = log or warehouse.logs / "spark.log"
        self._spark: OwnSpark | SparkServer = (
            SparkServer(settings.spark_remote, warehouse.temporary, log.with_suffix(".server"))
            if settings.spark_remote
            else OwnSpark(settings.spark_master, settings.memory, warehouse.temporary, log)
        )
        self._folder = self._spark.folder
        self._tables = self._folder / "tables"
        self.history = self._folder / HISTORY_TABLE
        self._log = self._spark.log
        self._started = False

    @cached_property
    def _session(self) -> SparkSession:
        session = self._spark.start()
        self._started = True
        return session

    @property
    def schema(self) -> str:
        return self._spark.schema

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
            why = words_of_executors_python(str(error)) or plain(error)
            raise ClvError(
                f"Spark cannot run the project's Python on its executors: {why} See {self._log}. "
                "Name one that is there, with this project's packages: export PYSPARK_PYTHON=/path/to/.venv/bin/python"
            ) from None
        if not self._spark.shares_our_disk:
            spark_tables.stop_unless_shared(session, self._folder / "shared", self._log)
        return box

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        with self._plain_refusal(sql):
            return [tuple(row) for row in self._session.sql(sql).collect()]

    def _run(self, statement: str) -> None:
        with self._plain_refusal(statement):
            self._session.sql(statement)

    def _plain_refusal(self, sql: str) -> AbstractContextManager[None]:
        """Raises ClvError where Spark refuses what is asked of it."""
        return spark_tables.plain_errors(f"{self._spark.place} refuses “{textwrap.shorten(sql, 80)}”", self._log)

    def give(self, build: duckdb.DuckDBPyConnection, **values: str) -> None:
        """A view may ask no variable of a session, but it may ask another view."""
        columns = ", ".join(f"{value} as {name}" for name, value in values.items())
        self._run(f"create or replace view {self.schema}.session_values as select {columns}")

    def rows(self, build: duckdb.DuckDBPyConnection, sql: str) -> duckdb.DuckDBPyRelation:
        """They are brought into memory. Raises ClvError where Spark cannot."""
        with spark_tables.plain_errors("Spark could not go on", self._log):
            return build.from_arrow(self._session.sql(sql).toArrow())

    def rows_of(self, table: CatalogTable) -> AbstractContextManager[pa.RecordBatchReader]:
        return spark_tables.rows_of(self._session, table, self._folder / "table", self._log)

    def sample_of(self, table: CatalogTable) -> CatalogTable:
        return spark_tables.sample_of(self._session, table, self._log)

    def bringing_orders(
        self, executor: Executor, begun: Future[Any], fetched: Future[orders.Source]
    ) -> AbstractContextManager[None]:
        """Nothing is brought ahead: dbt has to be told of the session before it reads the project."""
        return nullcontext()

    def bring_orders(self, source: orders.Source) -> None:
        """Reads the orders into the build file, by the same reader as on DuckDB, and hands them to Spark."""
        let_dbt_use(self._session, self._spark.remote)
        self._folder.mkdir(parents=True, exist_ok=True)
        self._run(f"create schema {self.schema} location {literal(self._tables)}")
        self._run(f"use {self.schema}")
        with self._warehouse.open_build() as build:
            with plain_errors():
                orders.load(build, _ORDERS, source, mapping(self._settings), self._warehouse.folder)
            self._bring(build, _ORDERS, f"select *, rowid + 1 as place_in_table from {_ORDERS}")
            there = {name for (name,) in build.execute("select table_name from duckdb_tables()").fetchall()}
            if _LAST_BUILD in there:
                self._bring(build, _LAST_BUILD, f"from {_LAST_BUILD}")
            self._bring_history(build, is_there=HISTORY_TABLE in there)
            # The views of a training are made before it gives them a day.
            self.give(build, as_of="cast(null as date)", label_days="cast(null as bigint)")

    def _bring(self, build: duckdb.DuckDBPyConnection, table: str, rows: str) -> None:
        file = self._folder / f"{table}.parquet"
        # Spark copies each text that it reads by way of a dictionary once more.
        build.execute(f"copy ({rows}) to {literal(file)} (format parquet, dictionary_size_limit 1)")
        self._run(f"create table {self.schema}.{table} using parquet location {literal(file)}")

    def _bring_history(self, build: duckdb.DuckDBPyConnection, is_there: bool) -> None:
        """A table with a partition a date: this build's date replaces its own, and the reports read the others."""
        columns = ", ".join(f"{name} {'string' if kind == 'varchar' else kind}" for name, kind in HISTORY.items())
        self._run(
            f"create table {self.schema}.{HISTORY_TABLE} ({columns}) "
            f"using parquet partitioned by ({DATE}) location {literal(self.history)}"
        )
        if is_there:
            build.execute(
                f"copy (select {', '.join(HISTORY)} from {HISTORY_TABLE}) to {literal(self.history)} "
                f"(format parquet, partition_by ({DATE}), overwrite_or_ignore)"
            )
        if self.history.exists():
            self._run(f"alter table {self.schema}.{HISTORY_TABLE} recover partitions")

    def take_back(self, results: list[Any]) -> None:
        """What dbt made, in the order in which it did, into the build file: rows, views and descriptions."""
        with self._warehouse.open_build() as build:
            for result in results:
                node = result.node
                if result.status != "success" or node.resource_type not in ("model", "seed"):
                    continue
                kind = node.config.materialized
                if kind == "view":
                    build.execute(f"create or replace view {node.alias} as {self._on_duckdb(node.compiled_code)}")
                elif kind == "incremental":
                    self._take_history_back(build)
                elif kind == "table":
                    files = self._tables / node.alias / "*.parquet"
                    rows = f"from ({parquet.rows([files])})"
                    if node.alias not in parquet.TABLES:
                        build.execute(f"create or replace table {node.alias} as {rows}")
                    elif self._is_large(build, rows):
                        kind = "view"  # for it does not pass through this machine
                        build.execute(f"create or replace view {node.alias} as {rows}")
                    else:
                        build.execute(f"create or replace table {node.alias} as {rows} order by customer_id")
                _describe(build, node, "view" if kind == "view" else "table")

    def _on_duckdb(self, query: str) -> str:
        """The query of a view, which means the same on both engines but for the schema."""
        return query.replace(f"{self.schema}.", f"{OwnSpark.schema}.")

    def _is_large(self, build: duckdb.DuckDBPyConnection, rows: str) -> bool:
        ((customers,),) = build.execute(f"select count(*) {rows}").fetchall()
        return parquet.is_for(customers, self._settings.one_file, self._warehouse.folder)

    def _take_history_back(self, build: duckdb.DuckDBPyConnection) -> None:
        """The date of this build, and those that the build file has not brought along; without those that went."""
        build.execute(f"create table if not exists {HISTORY_TABLE} ({HISTORY_COLUMNS})")
        if self._is_large(build, "from predictions"):
            return
        dates, built = self._dates(), self._built(build)
        build.execute(f"delete from {HISTORY_TABLE} where {DATE} = ? or {DATE} not in ?::date[]", [built, dates])
        here = {str(date) for (date,) in build.execute(f"select distinct {DATE} from {HISTORY_TABLE}").fetchall()}
        for date in sorted({*dates} - here):
            files = self.history / f"{DATE}={date}" / "*.parquet"
            build.execute(f"insert into {HISTORY_TABLE} {parquet.rows([files], HISTORY)}")

    def _dates(self) -> list[str]:
        """Those in the history."""
        partitions = self.ask(f"show partitions {self.schema}.{HISTORY_TABLE}")
        return [partition.partition("=")[2] for (partition,) in partitions]

    def _built(self, build: duckdb.DuckDBPyConnection) -> str:
        """The date of this build."""
        return str(build.execute(f"select any_value({DATE}) from predictions").fetchall()[0][0])

    def move_out(self, build: duckdb.DuckDBPyConnection, folder: Path, rows_a_file: int) -> None:
        """As on DuckDB, but the executors write the files; and the history stays in files by date."""
        built = self._built(build)
        with spark_tables.plain_errors("Spark could not write what is to be published", self._log):
            for table in parquet.TABLES:
                spark_tables.write_sorted(
                    self._session.table(f"{self.schema}.{table}"), folder / table, self._folder / "sorted", rows_a_file
                )
                parquet.put_view(build, folder, table)
            for date in self._dates():
                files = folder / "predictions" if date == built else self.history / f"{DATE}={date}"
                parquet.link_date(parquet.files_in(files), folder / HISTORY_TABLE, date)
        parquet.put_view(build, folder, HISTORY_TABLE, HISTORY)

    @contextmanager
    def running(self) -> Iterator[None]:
        try:
            yield
        except Exception:
            if self._started:
                self._spark.stop_where_gone(self._session)
            raise
        finally:
            if self._started:
                with suppress(Exception):  # where Spark is gone, what the build says of that counts
                    self._spark.end(self._session)


def _describe(build: duckdb.DuckDBPyConnection, node: Any, kind: str) -> None:
    build.execute(f"comment on {kind} {node.alias} is {literal(node.description)}")
    for name, column in node.columns.items():
        build.execute(f"comment on column {node.alias}.{name} is {literal(column.description)}")
