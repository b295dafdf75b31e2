"""A build on Spark of more customers than one file is meant for: their tables and their history in files."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

import duckdb
import pytest

from pipeline.warehouse import parquet
from tests.api.conftest import serving
from tests.pipeline.conftest import Shop
from tests.pipeline.test_large import CUSTOMERS, build, rows, start
from tests.spark.test_kills import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]  # a session of Spark is slow to start on a busy machine

TABLES = (*parquet.TABLES, "prediction_history", "value_by_date", "value_changes", "movers")
ON_SPARK = {"engine": "spark", "spark_master": "local[2]"}


def all_rows(shop: Shop) -> dict[str, list[tuple]]:
    but_when = "select columns(lambda name: name <> 'predicted_at') from {} order by all"
    return {table: rows(shop, but_when.format(table)) for table in TABLES}


def described(shop: Shop) -> list[tuple]:
    return rows(
        shop,
        "select table_name, column_name, data_type, comment from duckdb_columns() "
        f"where table_name in {TABLES} order by table_name, column_index",
    )


def history_files(folder: Path) -> dict[str, dict[str, int]]:
    """By date: the files, each with what tells it from a copy."""
    return {
        date: {path.name: path.stat().st_ino for path in files.iterdir()}
        for date, files in parquet.dates(folder / "prediction_history").items()
    }


def test_the_history_of_a_large_build_goes_on_by_date_and_is_switched_with_what_is_published(tmp_path: Path) -> None:
    in_one, shop = Shop(tmp_path / "duckdb"), Shop(tmp_path / "spark")
    for each in (in_one, shop):
        each.write_orders(CUSTOMERS)
    build(in_one, "2017-10-15", one_file=1000)
    with duckdb.connect(in_one.warehouse / "clv.duckdb") as published:  # as a build of the day before would leave it
        published.execute(
            "insert into prediction_history select * replace (as_of_date - 1 as as_of_date) from prediction_history"
        )
    shutil.copytree(in_one.warehouse, shop.warehouse, symlinks=True)
    build(in_one, "2017-10-16", one_file=1000)

    large = build(shop, "2017-10-16", one_file=100, **ON_SPARK)
    assert (all_rows(shop), described(shop)) == (all_rows(in_one), described(in_one))
    for table in parquet.TABLES:
        assert rows(shop, f"select customer_id from {table}") == [(customer,) for customer in sorted(CUSTOMERS)]
        assert len(list((large / table).iterdir())) > 50
    listed = (shop.warehouse / "predictions.csv").read_bytes()
    assert listed == (in_one.warehouse / "predictions.csv").read_bytes()
    before, history = history_files(large), all_rows(shop)["prediction_history"]
    assert list(before) == ["2017-10-14", "2017-10-15", "2017-10-16"]

    again = start(shop, "2017-10-16", one_file=100, history_days=2, **ON_SPARK)
    tables = [large / "customer_value"]
    wait_for(lambda: list(shop.warehouse.glob("builds/*/customer_value")) != tables or again.poll() is not None)
    again.send_signal(signal.SIGSTOP)  # while the executors write what is to be published
    assert (shop.warehouse / "current").resolve() == large
    assert (history_files(large), all_rows(shop)["prediction_history"]) == (before, history)
    again.send_signal(signal.SIGCONT)
    printed = again.communicate()[0]
    assert again.returncode == 0, printed
    newest = (shop.warehouse / "current").resolve()
    now = history_files(newest)
    assert list(now) == ["2017-10-15", "2017-10-16"]
    assert now["2017-10-15"] == before["2017-10-15"]  # none of it was written again
    assert not {*now["2017-10-16"].values()} & {*before["2017-10-16"].values()}
    assert history_files(large) == before

    with serving(shop.warehouse) as server:
        for customer, value in rows(shop, "select customer_id, predicted_clv from predictions"):
            assert server.get(f"/predictions/{customer}").json == {"user_id": customer, "clv": value}
        past = server.get("/customers/c007/history").json["history"]
    assert [point["as_of_date"] for point in past] == ["2017-10-15", "2017-10-16"]

    last = build(shop, "2017-10-18", one_file=1000)
    assert rows(shop, "select as_of_date::varchar, count(*) from prediction_history group by 1 order by 1") == [
        (f"2017-10-{day}", len(CUSTOMERS)) for day in (15, 16, 18)
    ]
    assert set((shop.warehouse / "builds").iterdir()) == {newest, last}
    shop.assert_whole()
