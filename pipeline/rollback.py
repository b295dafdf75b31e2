"""Takes the last publish back."""

from __future__ import annotations

from collections.abc import Mapping

import duckdb

from pipeline.lock import only_one
from pipeline.settings import warehouse_folder
from pipeline.warehouse import Warehouse


def roll_back(environment: Mapping[str, str]) -> None:
    """Publishes the build before the current one again, and says which that is."""
    warehouse = Warehouse(warehouse_folder(environment))
    warehouse.create()
    with only_one(warehouse.lock_file):
        build_id = warehouse.roll_back()
    with duckdb.connect(warehouse.published_file, read_only=True) as published:
        as_of_date, orders_file = published.sql("select as_of_date, orders_file from build_info").fetchall()[0]
    print(f"Back to build {build_id}: {orders_file} as of {as_of_date}. The next build goes on from there.")
