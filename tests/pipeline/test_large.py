"""A build of more customers than one file is meant for: Parquet beside it, with history, rollback, SQL and removal."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipeline.warehouse import parquet
from tests.pipeline.conftest import ROOT, Shop

BUILD = """
import json
import sys
from datetime import date
from pathlib import Path
from pipeline.build import build
from pipeline.settings import Settings

warehouse, orders, as_of, more = sys.argv[1:]
places = {"warehouse": Path(warehouse), "orders": Path(orders)}
build(Settings(**places, as_of=date.fromisoformat(as_of), **json.loads(more)), print)
"""
CUSTOMERS = {f"c{n:03}": float(n) for n in range(150)}


def start(shop: Shop, as_of: str, one_file: int, **more: Any) -> subprocess.Popen[str]:
    """Begins to build as `make build` does, with another size from which on there is Parquet."""
    arguments = [str(shop.warehouse), str(shop.orders), as_of, json.dumps({"one_file": one_file, **more})]
    command = [sys.executable, "-c", BUILD, *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def build(shop: Shop, as_of: str, one_file: int, says: str = "", **more: Any) -> Path:
    """The same to its end. Returns the build's folder."""
    process = start(shop, as_of, one_file, **more)
    printed = process.communicate()[0]
    assert process.returncode == 0, printed
    assert says in printed
    return (shop.warehouse / "current").resolve()


def rows(shop: Shop, sql: str) -> list[tuple]:
    config = parquet.searching(shop.warehouse)
    with duckdb.connect(shop.warehouse / "clv.duckdb", read_only=True, config=config) as file:
        return file.sql(sql).fetchall()


@pytest.mark.slow
def test_a_large_build_is_parquet_beside_views_with_all_that_a_build_promises(shop: Shop) -> None:
    shop.write_orders(CUSTOMERS)
    small = build(shop, "2017-10-15", one_file=150)
    values = "select columns(lambda name: name <> 'predicted_at') from {} {}"
    expected = {table: shop.query(values.format(table, "order by customer_id")) for table in parquet.TABLES}
    described = f"""
        select table_name, column_name, data_type, comment from duckdb_columns()
        where table_name in {parquet.TABLES} order by table_name, column_index
    """
    columns = shop.query(described)

    large = build(shop, "2017-10-15", one_file=100)
    for table, wanted in expected.items():
        assert len(list((large / table).iterdir())) == 75
        assert rows(shop, values.format(table, "")) == wanted  # who reads the files in their order has them sorted
    assert rows(shop, described) == columns
    assert rows(shop, "select count(*) from duckdb_views() where view_name = 'predictions'") == [(1,)]
    assert all(path.stat().st_mode & 0o007 == 0 for path in large.rglob("*.parquet"))
    assert (large / "predictions.csv").read_bytes() == (small / "predictions.csv").read_bytes()
    assert "150" in shop.run("sql", Q="select count(*) from customer_value")
    program = [str(Path(sys.executable).parent / "duckdb"), "-readonly", "-csv", "clv.duckdb", "-c"]
    counted = [*program, "select count(*) from predictions"]
    assert b"150" in subprocess.run(counted, cwd=shop.warehouse, capture_output=True, check=True).stdout

    newest = build(shop, "2017-10-16", one_file=100)
    assert rows(shop, "select as_of_date::varchar, count(*) from prediction_history group by 1 order by 1") == [
        ("2017-10-15", 150),
        ("2017-10-16", 150),
    ]
    assert not small.exists() and large.exists()
    assert "2017-10-15" in shop.run("rollback")
    assert rows(shop, "select distinct as_of_date::varchar from customer_value") == [("2017-10-15",)]

    next((large / "predictions").iterdir()).unlink()
    next((large / "customer_features").iterdir()).write_bytes(b"")
    in_one = build(shop, "2017-10-17", one_file=1000, says="lost files of its customers")
    assert not newest.exists() and large.exists()  # the build that was rolled back from, and the one before this
    assert shop.query("select count(*) from customer_value where as_of_date = '2017-10-17'") == [(150,)]
    build(shop, "2017-10-18", one_file=1000)
    assert not large.exists() and in_one.exists()
    assert shop.query("select count(distinct as_of_date) from prediction_history") == [(3,)]
    shop.assert_whole()
    shop.assert_tidy()
