"""The table `build_info` of the published file: one row that says what the build is made of."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import duckdb

SCHEMA_VERSION = 2  # of the published tables; another one is refused by who reads them
COLUMNS = {  # name: (type, what it says, the query that tells it, where the build itself can tell)
    "schema_version": ("bigint", "Which tables and columns the file has.", f"select {SCHEMA_VERSION}::bigint"),
    "build_id": ("varchar", "Names the build; its folder under builds/ too.", None),
    "built_at": ("timestamp", "When it was built, UTC.", None),
    "as_of_date": ("date", "The day the features were taken at.", "select any_value(as_of_date) from predictions"),
    "model_id": (
        "varchar",
        "First 12 hex digits of the model's SHA-256.",
        "select any_value(model_id) from predictions",
    ),
    "orders_file": (
        "varchar",
        "The name of the file of order lines, or the address they were read from.",
        None,
    ),
    "orders_sha256": ("varchar", "SHA-256 of what was read: the file, or the rows.", None),
    "read_as": (
        "varchar",
        "How the orders were read, a line for each fact; null where they are in the contract's own form.",
        "select read_as from orders_reading",
    ),
    "currency": ("varchar", "The currency of all money here, where known.", "select currency from orders_reading"),
    "lines": (
        "bigint",
        "Order lines in it.",
        "select (select count(*) from stg_orders) + (select count(*) from rejected_orders)",
    ),
    "lines_rejected": ("bigint", "Lines that could not be used.", "select count(*) from rejected_orders"),
    "lines_after_as_of": (
        "bigint",
        "Usable lines dated after the as-of date, which were not used.",
        "select count(*) from stg_orders where created_at_date > (select any_value(as_of_date) from predictions)",
    ),
    "orders": ("bigint", "Orders up to the as-of date.", "select count(*) from int_customer_orders"),
    "customers": ("bigint", "Customers who ordered by then.", "select count(*) from customer_features"),
    "project_version": ("varchar", "Version of Customer Lifetime Value that built it.", None),
    "engine": ("varchar", "What ran the models: duckdb, or spark and its version.", None),
    "duckdb_version": ("varchar", "Version of DuckDB that built it.", "select version()"),
    "horizon_days": ("bigint", "Days ahead that a predicted value covers; null where the model does not say.", None),
    "trained_on_these_orders": (
        "boolean",
        "Whether the model was trained on this file of orders; null where the model does not say.",
        None,
    ),
    "trained_as_of": (
        "date",
        "The last day that the model was trained on; null where the model does not say.",
        None,
    ),
    "warnings": ("varchar", "What was odd, as JSON: a list of objects with code, text and figures.", None),
}


def write(build: duckdb.DuckDBPyConnection, **known: object) -> dict[str, Any]:
    """Creates `build_info` in the build and returns its row. `known` gives what no query can tell."""
    row = {
        name: build.execute(query).fetchall()[0][0] if query else known[name] for name, (_, _, query) in COLUMNS.items()
    }
    build.execute(f"create or replace table build_info ({', '.join(f'{n} {t}' for n, (t, _, _) in COLUMNS.items())})")
    build.execute(f"insert into build_info values ({', '.join('?' * len(row))})", list(row.values()))
    build.execute("comment on table build_info is 'What this build is made of, in one row.'")
    for name, (_, description, _) in COLUMNS.items():
        build.execute(f"comment on column build_info.{name} is $text${description}$text$")
    return row


def new_build_id(now: datetime, suffix: str) -> str:
    """Sorts by time and is unique, even where the clock is set back."""
    return f"{now.astimezone(UTC):%Y%m%dT%H%M%S}-{suffix}"
