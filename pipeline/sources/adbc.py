"""Order lines out of any database that an ADBC driver on this machine knows by the scheme of the address."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa

from pipeline.address import Address
from pipeline.errors import ClvError, UsageError
from pipeline.sources import sql


def stop_without_package(address: Address) -> None:
    if not importlib.util.find_spec(_package(address)):
        package = _package(address).replace("_", "-")
        raise UsageError(
            f"{address} needs the package {package}, which is not installed: .venv/bin/python -m pip install {package}"
        )


@contextmanager
def rows(address: Address, table: str, query: str) -> Iterator[pa.RecordBatchReader]:
    """The rows of the table or the query: one statement, and so one state. Raises ClvError where they cannot be had."""
    driver = importlib.import_module(f"{_package(address)}.dbapi")
    with connected(driver, address, address.uri) as cursor:
        cursor.execute(f"select * from {sql.subquery(sql.quoted_path(table) if table else '', query)}")
        yield cursor.fetch_record_batch()


@contextmanager
def connected(driver: Any, address: Address, uri: str) -> Iterator[Any]:
    from adbc_driver_manager import Error

    try:
        with driver.connect(uri, autocommit=True) as connection, connection.cursor() as cursor:
            yield cursor
    except Error as error:
        raise ClvError(f"Cannot read from {address}: {address.plain(error)}") from None


def _package(address: Address) -> str:
    return f"adbc_driver_{address.scheme.replace('-', '_').partition('+')[0]}"
