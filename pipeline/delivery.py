"""Brings what is published into a Postgres: typed, commented tables that change from one build to the next at once.

The rows go by COPY into temporary tables, and then, in the same transaction, take the place of those in the tables that
people read. Rows are replaced, not tables: whoever reads goes on seeing the build before until the commit, waits for
nothing, and grants, views and indexes stay. A table that is renamed into place is another one to Postgres: views go on
showing the old one, grants are gone, and a reader in a longer transaction finds it empty.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import duckdb

from pipeline.engines.sql import literal, quoted
from pipeline.errors import ClvError, UsageError
from pipeline.events import Delivered, Listener
from pipeline.postgres import Postgres
from pipeline.published import published_file
from pipeline.settings import Settings, command_line
from pipeline.warehouse import parquet

if TYPE_CHECKING:
    from adbc_driver_manager.dbapi import Cursor

KEYS = {
    "customer_value": "customer_id",
    "customer_features": "customer_id",
    "predictions": "customer_id",
    "prediction_history": "as_of_date, customer_id",
    "build_info": "build_id",
}
OTHER_NAMES = {"DOUBLE": "double precision", "TINYINT": "smallint", "VARCHAR": "text"}  # all other types have the same
_MEMORY: dict[str, str | bool | int | float | list[str]] = {"memory_limit": "512MB"}
BATCH = 32_768  # rows that are in memory at a time

# Whoever comes after a lock that waits has to wait too, so it waits briefly, and again. Postgres looks for deadlocks
# after a second: it never finds one here that it would end by failing a reader.
LOCK_TIMEOUT, TRIES, PAUSE = "500ms", 40, 1.0
LOCKED = ("55P03", "40P01")  # SQLSTATE of a lock that was not to be had in time, and of a deadlock

DATES_THERE = """
    with recursive found as (
        (select as_of_date, model_id, predicted_at from {table} order by as_of_date limit 1)
        union all
        select later.* from found cross join lateral (
            select as_of_date, model_id, predicted_at from {table}
            where as_of_date > found.as_of_date order by as_of_date limit 1
        ) as later
    )
    select * from found
"""  # one look into the index a date, however many customers there are; each date is of one build, whole


def deliver(settings: Settings, listener: Listener) -> None:
    """Delivers what is published, and says so. Raises ClvError where that cannot be done now."""
    if not settings.deliver_to:
        somewhere = command_line("deliver", settings, DELIVER_TO="postgresql://user@host/database")
        raise UsageError(f"Say where to: {somewhere}")
    published_file(settings)
    try:
        done = send(settings, settings.deliver_to)
    except ClvError as error:
        again = command_line("deliver", settings)
        raise ClvError(f"{error}\nWhat is published stays so. Deliver it again: {again}") from error
    listener(done)
    rows = ", ".join(f"{rows:,} of {table}" for table, rows in done.rows.items() if table != "build_info")
    print(f"Delivered build {done.build_id} into {done.to}: {rows}; {done.seconds:.1f} seconds")


def send(settings: Settings, address: Postgres) -> Delivered:
    """Makes the tables of the settings, and `build_info`, those of the published build, in one transaction.

    Raises ClvError where that cannot be done now; the tables are then as they were.
    """
    started = time.perf_counter()
    with address.transaction("deliver to") as cursor:
        target = _Target(cursor, address, settings.schema)
        target.wait_for_other_deliveries()
        # Opened only now: what was published while another delivery went on is what has to go.
        with _opened(settings) as file:
            build_id = file.sql("select build_id from build_info").fetchall()[0][0]
            described = [_Table.described(file, name) for name in dict.fromkeys([*settings.tables, "build_info"])]
            parts = [target.stage(file, table) for table in described]
        target.swap(parts)
    rows = {part.table.name: part.rows for part in parts}
    return Delivered(build_id, f"schema {settings.schema} of {address}", rows, time.perf_counter() - started)


@contextmanager
def _opened(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    published = published_file(settings)
    try:
        with duckdb.connect(published, read_only=True, config=_MEMORY | parquet.searching(settings.warehouse)) as file:
            yield file
    except duckdb.Error as error:
        why, build = str(error).splitlines()[0], command_line("build", settings)
        raise ClvError(f"{published} cannot be read: {why}. Build it again: {build}") from error


@dataclass(frozen=True)
class _Table:
    name: str
    comment: str | None
    columns: dict[str, str]  # name: Postgres's type
    comments: dict[str, str]  # of columns that have one

    @classmethod
    def described(cls, file: duckdb.DuckDBPyConnection, name: str) -> _Table:
        comments = "select comment from (from duckdb_tables() union all by name from duckdb_views()) "
        ((comment,),) = file.execute(f"{comments} where coalesce(table_name, view_name) = ?", [name]).fetchall()
        columns = file.execute(
            "select column_name, data_type, comment from duckdb_columns() where table_name = ? order by column_index",
            [name],
        ).fetchall()
        return cls(
            name,
            comment,
            {column: OTHER_NAMES.get(data_type, data_type.lower()) for column, data_type, _ in columns},
            {column: comment for column, _, comment in columns if comment},
        )


@dataclass(frozen=True)
class _Part:
    """What changes in a table: the rows that go, as a condition, and how many staged ones come."""

    table: _Table
    going: str
    rows: int


class _Target:
    """The schema that is delivered to, in the transaction of one delivery."""

    def __init__(self, cursor: Cursor, address: Postgres, schema: str):
        self._cursor = cursor
        self._address = address
        self._schema = schema
        cursor.execute(f"set local lock_timeout = '{LOCK_TIMEOUT}'")

    def wait_for_other_deliveries(self) -> None:
        lock = "select 1 from pg_advisory_xact_lock(hashtextextended($1, 0))"
        self._patiently(
            lambda: self._rows(lock, f"customer lifetime value in {self._schema}"),
            lambda: f"another delivery into {self._schema} is still running. Deliver again when it has ended",
        )

    def stage(self, file: duckdb.DuckDBPyConnection, table: _Table) -> _Part:
        """Sends the rows that are new into a temporary table; of the history that is the dates that are not there."""
        going, coming = "true", "true"
        if table.name == "prediction_history":
            gone, new = self._changed_dates(file)
            going, coming = _is_one_of(gone | new), _is_one_of(new)
        self._cursor.execute(f"create temporary table {_staged(table)} ({_definition(table)}) on commit drop")
        rows = file.sql(f"from {table.name} where {coming}").to_arrow_reader(BATCH)
        return _Part(table, going, self._cursor.adbc_ingest(_staged(table), rows, mode="append", temporary=True))

    def swap(self, parts: Sequence[_Part]) -> None:
        """Puts what is staged in the place of what was there, with all locks or none."""
        self._patiently(lambda: self._swap(parts), lambda: f"{self._holders(parts)}. Deliver again when that has ended")

    def _swap(self, parts: Sequence[_Part]) -> None:
        if not self._rows("select 1 from pg_namespace where nspname = $1", self._schema):
            self._cursor.execute(f"create schema {quoted(self._schema)}")
        for part in parts:
            self._make_or_widen(part.table)
        names = ", ".join(self._full_name(part.table.name) for part in parts)
        self._cursor.execute(f"lock table {names} in row exclusive mode")
        self._cursor.execute("set constraints all deferred")  # what refers to a customer finds it again at the commit
        for part in parts:
            columns = ", ".join(map(quoted, part.table.columns))
            name = self._full_name(part.table.name)
            self._cursor.execute(f"delete from {name} where {part.going}")
            self._cursor.execute(f"insert into {name} ({columns}) select {columns} from {_staged(part.table)}")

    def _make_or_widen(self, table: _Table) -> None:
        """Creates the table where it is missing, and columns that a newer version has brought."""
        name = self._full_name(table.name)
        present = self._columns(table.name)
        new = [column for column in table.columns if column not in present]
        if not present:
            self._cursor.execute(f"create table {name} ({_definition(table)}, primary key ({KEYS[table.name]}))")
            if table.comment:
                self._cursor.execute(f"comment on table {name} is {literal(table.comment)}")
        else:
            for column in new:
                self._cursor.execute(f"alter table {name} add column {quoted(column)} {table.columns[column]}")
        for column in new:
            if column in table.comments:
                text = literal(table.comments[column])
                self._cursor.execute(f"comment on column {name}.{quoted(column)} is {text}")

    def _changed_dates(self, file: duckdb.DuckDBPyConnection) -> tuple[set[date], set[date]]:
        """The as-of dates whose rows have to go from the history, and those whose rows are new.

        Dates before the first that is published stay: they have only been trimmed, by HISTORY_DAYS, or lost.
        """
        published = file.sql("select distinct as_of_date, model_id, predicted_at from prediction_history").fetchall()
        table = self._full_name("prediction_history")
        there = self._rows(DATES_THERE.format(table=table)) if self._columns("prediction_history") else []
        first = min((day for day, *_ in published), default=date.max)
        gone = {day for day, *_ in set(there) - set(published) if day >= first}
        return gone, {day for day, *_ in set(published) - set(there)}

    def _patiently(self, take: Callable[[], object], obstacle: Callable[[], str]) -> None:
        """Takes what needs locks; gives them all back and tries again where they are not to be had soon."""
        from adbc_driver_manager import Error

        for attempt in range(TRIES):
            time.sleep(PAUSE if attempt else 0)
            self._cursor.execute("savepoint without_locks")
            try:
                take()
                return
            except Error as error:
                if error.sqlstate not in LOCKED:
                    raise
                self._cursor.execute("rollback to savepoint without_locks")
        raise ClvError(f"Cannot deliver to {self._address}: {obstacle()}.")

    def _holders(self, parts: Sequence[_Part]) -> str:
        """Who keeps the tables locked: readers do not."""
        holders = self._rows(
            "select distinct relation::regclass::text, usename, pid from pg_locks join pg_stat_activity using (pid) "
            "where relation = any (string_to_array($1, ' ')::regclass[]) and mode <> 'AccessShareLock' "
            "and granted and pid <> pg_backend_pid() order by pid",
            " ".join(self._full_name(part.table.name) for part in parts if self._columns(part.table.name)),
        )
        named = ", ".join(f"{table} by {user} (pid {pid})" for table, user, pid in holders)
        return f"locked meanwhile: {named}" if named else "its tables were locked by others meanwhile"

    def _columns(self, table: str) -> set[str]:
        """Of a table there; none where it is missing."""
        names = "select attname::text from pg_attribute where attrelid = to_regclass($1)"
        return {name for (name,) in self._rows(f"{names} and attnum > 0 and not attisdropped", self._full_name(table))}

    def _full_name(self, table: str) -> str:
        return f"{quoted(self._schema)}.{table}"

    def _rows(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        self._cursor.execute(sql, parameters)
        return self._cursor.fetchall()


def _staged(table: _Table) -> str:
    return f"staged_{table.name}"


def _definition(table: _Table) -> str:
    return ", ".join(f"{quoted(name)} {data_type}" for name, data_type in table.columns.items())


def _is_one_of(days: Iterable[date]) -> str:
    return "as_of_date in (" + ", ".join(f"date '{day}'" for day in sorted(days)) + ")" if days else "false"
