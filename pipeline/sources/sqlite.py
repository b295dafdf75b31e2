"""Order lines out of a file of SQLite, `sqlite:///folder/shop.db`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pyarrow as pa

from pipeline.address import Address
from pipeline.engines.sql import quoted
from pipeline.errors import UsageError
from pipeline.sources import adbc, sql


@contextmanager
def rows(address: Address, table: str, query: str) -> Iterator[pa.RecordBatchReader]:
    """The rows of the table or the query, in one read transaction. Raises ClvError where they cannot be had."""
    from adbc_driver_sqlite import dbapi

    asked = sql.subquery(sql.quoted_path(table) if table else "", query)
    with adbc.connected(dbapi, address, f"file:{quote(str(_file(address)))}?mode=ro") as cursor:
        cursor.execute("begin")
        cursor.execute(f"select * from {asked} limit 0")
        names = [quoted(column.name) for column in cursor.fetch_record_batch().schema]
        # A column holds values of any type; the driver takes the first for that of all.
        kinds = ", ".join(f"group_concat(distinct typeof({name}))" for name in names)
        cursor.execute(f"select {kinds} from {asked}")
        found = cursor.fetchall()[0]
        columns = [_as_one_type(name, set((kinds or "").split(","))) for name, kinds in zip(names, found, strict=True)]
        cursor.execute(f"select {', '.join(columns)} from {asked}")
        yield cursor.fetch_record_batch()


def _as_one_type(name: str, kinds: set[str]) -> str:
    kinds -= {"null", ""}
    if kinds == {"integer"} or not kinds:
        return name
    return f"cast({name} as {'real' if kinds <= {'integer', 'real'} else 'text'}) as {name}"


def _file(address: Address) -> Path:
    """Three strokes lead into the folder that one is in, as SQLAlchemy has it, or from the root, as others do."""
    for path in (Path(address.place.removeprefix("/")), Path(address.place)):
        if path.is_file():
            return path.absolute()
    raise UsageError(f"There is no file {address.place}. Write ORDERS=sqlite:///folder/shop.db")
