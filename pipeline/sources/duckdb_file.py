"""Order lines out of a table of a DuckDB file, or of what a query makes of its tables."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from pipeline.engines.duckdb_messages import file_is_locked, file_is_of_a_newer_duckdb, without_kind
from pipeline.engines.sql import quoted
from pipeline.errors import ClvError, UsageError
from pipeline.sources import sql

SUFFIXES = (".duckdb", ".ddb")
BATCH = 65_536  # rows that are in memory at a time
# A view or a macro of the file, which may be anybody's, must not read other files here, nor a query write one.
CONFIG: dict[str, Any] = {"memory_limit": "1GB", "enable_external_access": False}
AS_THEY_ARE = ("BIGINT", "BOOLEAN", "DATE", "DOUBLE", "FLOAT", "INTEGER", "SMALLINT", "TIMESTAMP", "TINYINT", "VARCHAR")
NO_ORDERS = ("BLOB", "JSON", "MAP", "STRUCT", "UNION", "VARIANT", "GEOMETRY")


@contextmanager
def rows(path: Path, table: str, query: str) -> Iterator[pa.RecordBatchReader]:
    """The rows of the table or the query. Raises ClvError where they cannot be had, UsageError where no file is."""
    if not path.is_file():
        raise UsageError(f"There is no file {path}. Name the file of order lines with ORDERS=orders.csv.")
    asked = sql.subquery(sql.quoted_path(table) if table else "", query)
    try:
        with duckdb.connect(path, read_only=True, config=CONFIG) as file:
            if len(duckdb.extract_statements(f"select * from {asked}")) > 1:
                raise UsageError("QUERY holds more than one statement. Write a single select.")
            described = file.execute(f"describe select * from {asked}").fetchall()
            columns = ", ".join(_columns([(name, kind) for name, kind, *_ in described]))
            yield file.sql(f"select {columns} from {asked}").to_arrow_reader(BATCH)
    except duckdb.Error as error:
        raise ClvError(f"Cannot read from {path}: {_plain(str(error))}") from None


def _columns(described: list[tuple[str, str]]) -> Iterator[str]:
    for name, kind in described:
        column = quoted(name)
        if kind in AS_THEY_ARE or kind.startswith("DECIMAL"):
            yield column
        elif kind.startswith("TIMESTAMP"):
            yield f"make_timestamp(epoch_us({column})) as {column}"  # in UTC, whatever the machine's zone
        elif not kind.endswith("]") and not kind.startswith(NO_ORDERS):
            yield f"cast({column} as varchar) as {column}"


def _plain(text: str) -> str:
    if file_is_locked(text):
        return "another program has it open for writing. Build again when that has ended."
    if file_is_of_a_newer_duckdb(text):
        return "a newer DuckDB has written it than this one can read. Export the table as Parquet."
    return without_kind(text)
