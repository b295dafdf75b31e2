"""Which kind of place ORDERS names, and the copy of what it holds that a command works on.

A build looks at the orders several times: for their columns, their formats, what is doubtful in them, and to load them.
A copy has it see one state of them, whatever happens there meanwhile, and go there once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pyarrow as pa

from pipeline.address import Address, CatalogTable
from pipeline.errors import ClvError, UsageError
from pipeline.postgres import Postgres
from pipeline.sources import adbc, duckdb_file, object_store, parquet, postgres, sqlite

RowsOf = Callable[[CatalogTable], AbstractContextManager[pa.RecordBatchReader]]


@dataclass(frozen=True)
class Copy:
    """`given` names the files to read, once `fetch` has brought them; `here` in it is `there` to people."""

    given: str
    here: str
    there: str
    fetch: Callable[[], None]

    @property
    def called(self) -> str:
        return self.given.replace(self.here, self.there)

    @contextmanager
    def called_by_its_origin(self) -> Iterator[None]:
        """What goes wrong with the copy is told of what people know, which is what it was copied from."""
        try:
            yield
        except ClvError as error:
            error.args = (str(error).replace(self.here, self.there),)
            raise


def copy_of(orders: Path | Address, table: str, query: str, folder: Path, rows_of: RowsOf | None = None) -> Copy | None:
    """The copy that `fetch` will make in `folder`, a new one; None for files that are here already.

    `rows_of` gives the rows of a table of Spark's catalogs, where a Spark runs. Raises UsageError where the arguments
    do not fit each other, or a package is missing.
    """
    _stop_where_unusable(orders, table, query)
    kind = _kind(orders)
    if isinstance(orders, Address) and kind is object_store:
        root, name = object_store.split(orders)
        return Copy(f"{folder}/{name}", str(folder), root, lambda: object_store.download(orders, folder))
    if isinstance(orders, CatalogTable):
        assert rows_of  # the command line stops where no Spark will run
        return _in_one_file(orders, lambda: rows_of(orders), str(orders), folder)
    if kind is None:
        return None
    return _in_one_file(orders, lambda: kind.rows(orders, table, query), f"{table or 'the query'} of {orders}", folder)


def _in_one_file(
    orders: Path | Address, rows: Callable[[], AbstractContextManager[pa.RecordBatchReader]], called: str, folder: Path
) -> Copy:
    file = folder / "orders.parquet"

    def fetch() -> None:
        folder.mkdir()
        try:
            with rows() as batches:
                parquet.write(batches, file)
        except parquet.Unreadable as error:
            said = orders.plain(error) if isinstance(orders, Address) else str(error)
            raise ClvError(f"Cannot read from {orders}: {said}") from None

    return Copy(str(file), str(file), called, fetch)


def _stop_where_unusable(orders: Path | Address, table: str, query: str) -> None:
    kind = _kind(orders)
    if kind is None or kind is object_store:
        if table or query:
            raise UsageError(f"{orders} is not a database. Leave {'TABLE' if table else 'QUERY'} out.")
    elif bool(table) == bool(query):
        both = "one of them, not both" if table else "one of them"
        raise UsageError(
            f'{orders} is a database: TABLE=name or QUERY="select …" says what to read of it; give {both}.'
        )
    if isinstance(orders, Address) and kind in (adbc, object_store):
        kind.stop_without_package(orders)


def _kind(orders: Path | Address) -> ModuleType | None:
    """The module that knows such a place; None for files that are here, and for tables that only Spark knows."""
    if isinstance(orders, CatalogTable):
        return None
    if isinstance(orders, Postgres):
        return postgres
    if isinstance(orders, Path):
        return duckdb_file if orders.suffix.lower() in duckdb_file.SUFFIXES else None
    if orders.scheme in object_store.PACKAGES:
        return object_store
    return sqlite if orders.scheme == "sqlite" else adbc
