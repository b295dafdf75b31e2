"""What build_info says of a build, counted in tables that are known."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone

import duckdb

from pipeline.warehouse.build_info import COLUMNS, new_build_id, write

TABLES = """
create table predictions as select 'm' as model_id, date '2024-02-01' as as_of_date from range(3);
create table stg_orders as select unnest([date '2024-01-30', '2024-01-31', '2024-01-31', '2024-02-01', '2024-02-02'])
    as created_at_date;
create table rejected_orders as from range(7);
create table int_customer_orders as from range(4);
create table customer_features as from range(3);
create table orders_reading as select 'decimal comma' as read_as, 'EUR' as currency;
"""


def test_every_figure_is_counted_in_the_table_that_it_is_about():
    with duckdb.connect() as build:
        build.execute(TABLES)
        row = write(build, **dict.fromkeys(COLUMNS))
        assert build.sql("from build_info").fetchall() == [tuple(row.values())]
    counted: dict[str, object] = {"lines": 12, "lines_rejected": 7, "lines_after_as_of": 1, "orders": 4, "customers": 3}
    counted |= {"as_of_date": date(2024, 2, 1), "model_id": "m", "read_as": "decimal comma", "currency": "EUR"}
    assert {name: row[name] for name in counted} == counted


def test_a_build_is_named_by_its_time_in_utc():
    east = datetime(2024, 2, 1, 0, 30, tzinfo=timezone(timedelta(hours=2)))
    assert new_build_id(east, "ab12cd") == "20240131T223000-ab12cd"
