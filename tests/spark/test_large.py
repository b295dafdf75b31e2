"""A build on Spark of more customers than one file is meant for: their tables and their history in files."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from pipeline.warehouse import parquet
from tests.api.conftest import serving
from tests.pipeline.conftest import ROOT, Shop
from tests.pipeline.test_large import CUSTOMERS, build, rows
from tests.spark.test_kills import java_that_names, wait_for

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
    before = history_files(large)
    assert list(before) == ["2017-10-14", "2017-10-15", "2017-10-16"]

    newest = build(shop, "2017-10-16", one_file=100, history_days=2, **ON_SPARK)
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


# A build after its audit: what the models made is there, and goes through the build's own hands.
PUBLISH = """
import sys
from pathlib import Path
from pipeline.build import export_predictions
from pipeline.runners.on_spark import OnSpark
from pipeline.settings import Settings
from pipeline.warehouse import build_info, history, parquet
from pipeline.warehouse.build_lock import build_lock
from pipeline.warehouse.folder import Warehouse

folder, date, value = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
warehouse = Warehouse(folder, "1GB")
engine = OnSpark(Settings(warehouse=folder, spark_master="local[1]", memory="1GB", one_file=100), warehouse)
warehouse.create()
with build_lock(warehouse.lock_file), engine.running():
    warehouse.discard_unfinished()
    for made in (warehouse.logs, warehouse.temporary):
        made.mkdir(exist_ok=True)
    history.carry_over(warehouse, engine.history)
    engine.ask(f"create schema main location '{engine._tables}'")
    columns = "cast(null as bigint) as horizon_days, cast(null as double) as discount_rate, "
    columns += f"timestamp_ntz '{date} 12:00:00' as predicted_at, date '{date}' as as_of_date"
    for table in parquet.TABLES:
        rows = f"select concat('c', id) as customer_id, {value}d as predicted_clv, 'm' as model_id, {columns}"
        engine.ask(f"create table main.{table} using parquet as {rows} from range(300)")
    with warehouse.open_build() as build:
        engine._bring_history(build, is_there=False)
        engine.ask(
            "insert into main.prediction_history partition (as_of_date) select customer_id, predicted_clv, "
            "model_id, horizon_days, discount_rate, predicted_at, as_of_date from main.predictions"
        )
        for table in parquet.TABLES:
            build.execute(f"create view {table} as {parquet.rows([engine._tables / table / '*.parquet'])}")
        engine._take_history_back(build)
        build_id = f"b{value}"
        build.execute(
            f"create table build_info as select '{build_id}' as build_id, 300 as customers, "
            f"version() as duckdb_version, {build_info.SCHEMA_VERSION} as schema_version"
        )
        print("publishing", flush=True)
        published_from = warehouse.new_folder(build_id)
        engine.move_out(build, published_from, rows_a_file=100)
        export_predictions(build, published_from / "predictions.csv", are_sorted=True)
        build.execute("checkpoint")
    warehouse.publish(build_id)
"""
MOMENTS = ("customer_value", "prediction_history", "clv.duckdb")  # of which each is made: first, late and last


def test_a_publish_of_a_large_build_that_is_killed_with_its_java_leaves_what_is_published_and_its_history(
    tmp_path: Path,
) -> None:
    shop = Shop(tmp_path)

    def publish(number: int, until: str = "") -> None:
        process = subprocess.Popen(
            [sys.executable, "-c", PUBLISH, str(shop.warehouse), f"2017-10-{number:02}", str(number)],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        assert process.stdout and process.stdout.readline() == "publishing\n"
        if until:
            moment = shop.warehouse / "builds" / f"b{number}" / until
            wait_for(lambda: moment.exists() or process.poll() is not None, every=0.001)
            for pid in (process.pid, *java_that_names(shop.warehouse)):
                os.kill(pid, signal.SIGKILL)
        printed = process.communicate()[0]
        assert process.returncode == (-signal.SIGKILL if until else 0), printed
        wait_for(lambda: not java_that_names(shop.warehouse))

    def state() -> object:
        folder = (shop.warehouse / "current").resolve()
        whole = {table: rows(shop, f"from {table} order by all") for table in (*parquet.TABLES, "prediction_history")}
        return folder.name, (folder / "predictions.csv").read_bytes(), history_files(folder), whole

    publish(1)
    before = state()
    for number, moment in enumerate(MOMENTS, start=2):
        publish(number, until=moment)
        assert state() == before, moment
    publish(9)
    dates = rows(shop, "select as_of_date::varchar, count(*) from prediction_history group by 1 order by 1")
    assert dates == [(f"2017-10-0{day}", 300) for day in (1, 9)]
    assert {path.name for path in (shop.warehouse / "builds").iterdir()} == {"b1", "b9"}
