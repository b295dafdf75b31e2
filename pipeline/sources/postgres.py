"""Order lines out of a Postgres: by COPY, in one read-only transaction that sees one state of the database."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pyarrow as pa

from pipeline.engines.sql import quoted
from pipeline.errors import ClvError
from pipeline.postgres import Postgres
from pipeline.sources import sql

if TYPE_CHECKING:
    from adbc_driver_manager.dbapi import Cursor

BEGIN = "begin isolation level repeatable read read only"
# Two reads of a table that nobody changed give the same rows in the same order, and so the same digest.
IN_ORDER = "set local synchronize_seqscans = off"
AS_THEY_ARE = ("bool", "int2", "int4", "int8", "float4", "float8", "numeric", "text", "varchar", "bpchar", "name")
NO_ORDERS = ("bytea", "json", "jsonb", "xml")
TABLES = """
    select case when nspname = any (current_schemas(false)) then relname else nspname || '.' || relname end
    from pg_class join pg_namespace on pg_namespace.oid = relnamespace
    where relkind in ('r', 'v', 'm', 'f', 'p') and nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
"""


@contextmanager
def rows(address: Postgres, table: str, query: str) -> Iterator[pa.RecordBatchReader]:
    """The rows of the table or the query, as they were in one moment. Raises ClvError where they cannot be had."""
    with address.transaction("read from", BEGIN) as cursor:
        cursor.execute(IN_ORDER)
        asked = sql.subquery(_name(cursor, address, table), query)
        schema = cursor.adbc_execute_schema(f"select * from {asked}")
        cursor.execute(f"select {', '.join(_columns(schema))} from {asked}")
        yield cursor.fetch_record_batch()


def _columns(schema: pa.Schema) -> Iterator[str]:
    """Each as a type that arrives as it is. What nobody keeps an order's line in stays there."""
    for column in schema:
        name, kind = quoted(column.name), column.metadata[b"POSTGRESQL:type"].decode()
        if kind in AS_THEY_ARE:
            yield name
        elif kind in ("date", "timestamp", "timestamptz"):
            # The time zone of the session says which day it is, as it does for whoever looks; infinity is no day.
            day = f"{name}::timestamp" if kind == "timestamptz" else name
            yield f"case when isfinite({name}) then {day} end as {name}"
        elif kind == "money":  # arrives without its point
            yield f"{name}::numeric as {name}"
        elif not kind.startswith("_") and kind not in NO_ORDERS:
            yield f"{name}::text as {name}"


def _name(cursor: Cursor, address: Postgres, table: str) -> str:
    """The table as SQL: spelled as it was typed, or else as Postgres spells what nobody has quoted."""
    if not table:
        return ""
    for spelled in (sql.quoted_path(table), sql.quoted_path(table.lower())):
        cursor.execute("select to_regclass($1) is not null", (spelled,))
        if cursor.fetchall() == [(True,)]:
            return spelled
    cursor.execute(TABLES)
    known = [name for (name,) in cursor.fetchall()]
    near = difflib.get_close_matches(table, known, 1, cutoff=0)
    hint = f"The nearest is TABLE={near[0]}." if near else "It has none that this user may see."
    raise ClvError(f"Cannot read from {address}: there is no table {table}. {hint}")
