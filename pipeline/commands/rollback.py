"""Takes the last publish back."""

from __future__ import annotations

from pathlib import Path

import duckdb

from pipeline.errors import ClvError
from pipeline.settings import Settings, command_line
from pipeline.warehouse.build_lock import build_lock
from pipeline.warehouse.folder import PUBLISHED_FILE, Warehouse
from pipeline.warehouse.parquet import HISTORY_TABLE


def roll_back(settings: Settings) -> None:
    """Publishes the build before the current one again, and says which that is."""
    warehouse = Warehouse(settings.warehouse)
    warehouse.previous()  # where there is nothing to go back to, nothing has to be written either
    try:
        with build_lock(warehouse.lock_file):
            previous = warehouse.previous()
            build = _describe(warehouse, previous, settings)
            warehouse.roll_back()
    except OSError as error:
        raise ClvError(f"Cannot write to {error.filename or warehouse.folder}: {error.strerror}.") from error
    print(f"Back to build {build}. The next build goes on from there.")


def _describe(warehouse: Warehouse, folder: Path, settings: Settings) -> str:
    """The build's id, orders and date. Raises ClvError where it cannot be read, with the files that its views name."""
    try:
        with warehouse.read(folder / PUBLISHED_FILE) as file:
            for table in ("predictions", HISTORY_TABLE):
                file.sql(f"select count(*) from {table}").fetchall()
            as_of_date, orders_file = file.sql("select as_of_date, orders_file from build_info").fetchall()[0]
    except duckdb.Error as error:
        raise ClvError(
            f"The earlier build {folder} cannot be read ({str(error).splitlines()[0]}). "
            f"What is published now stays; build again instead: {command_line('build', settings)}"
        ) from None
    return f"{folder.name}: {orders_file} as of {as_of_date}"
