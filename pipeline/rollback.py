"""Takes the last publish back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import duckdb

from pipeline.errors import Stop
from pipeline.lock import only_one
from pipeline.settings import warehouse_folder
from pipeline.warehouse import Warehouse


def roll_back(environment: Mapping[str, str]) -> None:
    """Publishes the build before the current one again, and says which that is."""
    warehouse = Warehouse(warehouse_folder(environment))
    warehouse.previous()  # where there is nothing to go back to, nothing has to be written either
    try:
        with only_one(warehouse.lock_file):
            previous = warehouse.previous()
            build = _describe(previous)
            warehouse.roll_back()
    except OSError as error:
        raise Stop(f"Cannot write to {error.filename or warehouse.folder}: {error.strerror}.") from error
    print(f"Back to build {build}. The next build goes on from there.")


def _describe(folder: Path) -> str:
    """The build's id, orders and date. Raises Stop where its file cannot be read."""
    try:
        with duckdb.connect(folder / "clv.duckdb", read_only=True) as file:
            if not file.sql("from duckdb_tables() where table_name = 'build_info'").fetchall():
                return f"{folder.name}, of an older version of this project"
            as_of_date, orders_file = file.sql("select as_of_date, orders_file from build_info").fetchall()[0]
    except duckdb.Error as error:
        raise Stop(
            f"The earlier build {folder} cannot be read ({str(error).splitlines()[0]}). "
            "What is published now stays; build again instead: make build"
        ) from None
    return f"{folder.name}: {orders_file} as of {as_of_date}"
