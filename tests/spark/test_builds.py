"""A build on Spark publishes what one on DuckDB does: the same tables, row by row; and it stops with the same words."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path
from typing import Any

import dill
import duckdb
import pytest

from pipeline.settings import DEMO_ORDERS
from tests.pipeline.conftest import ROOT, Shop

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]  # a session of Spark is slow to start on a busy machine

CDNOW = ROOT.parent / "shared" / "data" / "cdnow" / "orders.csv"
HOSTILE = Path(__file__).with_name("hostile.csv")
RAISES_ON_ONE = """
class Model:
    def predict(self, x):
        if 20 in x[:, 2]:
            raise ValueError("no value for one who spent 20")
        return x[:, 2]
"""
WITHOUT_NETWORK_NAMESPACE = """#!/bin/sh
exec unshare --user --map-root-user sh -c 'echo 0 > /proc/sys/user/max_net_namespaces; exec "$0" "$@"' {python} "$@"
"""


def rows_that_differ(shop: Shop, other: Shop) -> dict[str, object]:
    """By table: how its columns differ, else the first rows that do, doubles by more than a billionth."""
    found: dict[str, object] = {}
    with duckdb.connect() as both:
        for name, each in (("one", shop), ("other", other)):
            both.execute(f"attach '{each.warehouse / 'clv.duckdb'}' as {name} (read_only)")
        tables = "select table_name from information_schema.tables where table_catalog = '{}' order by all"
        names, others = (both.sql(tables.format(name)).fetchall() for name in ("one", "other"))
        assert names == others and len(names) > 15
        for (table,) in names:
            described = (
                "select column_name, data_type, comment from duckdb_columns() "
                f"where database_name = '{{}}' and table_name = '{table}' order by data_type = 'DOUBLE', column_name"
            )
            columns, others = (both.sql(described.format(name)).fetchall() for name in ("one", "other"))
            if columns != others:
                found[table] = sorted({*columns} ^ {*others})
            elif table != "build_info":
                kinds = {name: kind for name, kind, _ in columns if name != "predicted_at"}
                rows_of = f"(select {', '.join(kinds)} from {{0}}.{table} order by all) as {{0}}"
                sides = [rows_of.format(side) for side in ("one", "other")]
                differ = " or ".join(f"({differs(name, kind)})" for name, kind in kinds.items())
                if rows := both.sql(f"from {sides[0]} positional join {sides[1]} where {differ} limit 3").fetchall():
                    found[table] = rows
    return found


def differs(column: str, kind: str) -> str:
    here, there = f"one.{column}", f"other.{column}"
    if kind != "DOUBLE":
        return f"{here} is distinct from {there}"
    return f"({here} is null) <> ({there} is null) or abs({here} - {there}) > 1e-9 * greatest(1, abs({here}))"


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Shop, Shop]:
    """Two shops with the same orders: one for each engine."""
    return Shop(tmp_path / "duckdb"), Shop(tmp_path / "spark")


def build_both(pair: tuple[Shop, Shop], **given: Any) -> tuple[str, str]:
    """What both print."""
    return pair[0].run(**given), pair[1].run(ENGINE="spark", **given)


def test_the_tables_of_real_orders_in_200_files_one_hostile_are_the_same_on_top_of_a_history_that_is_trimmed(
    pair: tuple[Shop, Shop], tmp_path: Path
) -> None:
    file, year = (CDNOW, "1997") if CDNOW.exists() else (DEMO_ORDERS, "2017")
    header, *lines = file.read_text().splitlines(keepends=True)
    (tmp_path / "orders").mkdir()
    for number in range(199):
        (tmp_path / "orders" / f"{number:03}.csv").write_text("".join([header, *lines[number::199]]))
    (tmp_path / "orders" / "199.csv").write_bytes(HOSTILE.read_bytes().replace(b"2017-", f"{year}-".encode()))
    for as_of in (f"{year}-08-20", f"{year}-09-01"):
        pair[0].run(ORDERS=str(tmp_path / "orders" / "199.csv"), AS_OF=as_of, MAX_REJECTED="1")
    shutil.copytree(pair[0].warehouse, pair[1].warehouse, symlinks=True)
    printed = build_both(
        pair, ORDERS=str(tmp_path / "orders"), AS_OF=f"{year}-09-30", MAX_REJECTED="1", HISTORY_DAYS="30"
    )
    assert rows_that_differ(*pair) == {}
    told = [re.sub(r"(?m)^(Seconds|Published|Next) .*", "", each) for each in printed]
    assert told[0].replace(str(pair[0].folder), "") == told[1].replace(str(pair[1].folder), "")
    assert pair[1].query("select count(*) > 8 from rejected_orders") == [(True,)]
    assert [shop.query("select engine from build_info")[0][0].split()[0] for shop in pair] == ["duckdb", "spark"]
    dates = pair[1].query("select distinct cast(as_of_date as varchar) from prediction_history order by all")
    assert dates == [(f"{year}-09-01",), (f"{year}-09-30",)]


def test_a_model_that_raises_on_one_customer_stops_a_build_with_the_same_words(
    pair: tuple[Shop, Shop], tmp_path: Path
) -> None:
    notebook: dict[str, Any] = {"__name__": "__main__"}
    exec(RAISES_ON_ONE, notebook)
    model = tmp_path / "model.dill"
    model.write_bytes(dill.dumps(notebook["Model"](), recurse=True))
    given: dict[str, Any] = {"MODEL": str(model), "MODEL_MANIFESTS": str(tmp_path / "manifests")}
    pair[0].run("register", **given)
    for shop in pair:
        shop.write_orders({"a": 10, "b": 20, "c": 30})
    told = [pair[0].run(status=1, **given), pair[1].run(status=1, ENGINE="spark", **given)]
    assert "no value for one who spent 20\nIt does so for customer 'b'." in told[0]
    assert told[0].replace(str(pair[0].folder), "") == told[1].replace(str(pair[1].folder), "")
    assert not (pair[1].warehouse / "clv.duckdb").exists()


def test_a_box_that_lacks_a_wall_on_the_executors_stops_a_build_that_requires_all(
    pair: tuple[Shop, Shop], tmp_path: Path
) -> None:
    python = tmp_path / "python"
    python.write_text(WITHOUT_NETWORK_NAMESPACE.format(python=sys.executable))
    python.chmod(0o755)
    pair[1].write_orders({"a": 10})
    printed = pair[1].run(status=1, ENGINE="spark", REQUIRE_BOX="1", PYSPARK_PYTHON=str(python))
    assert printed.startswith("Stopped, because REQUIRE_BOX=1: this system does not offer")
    assert "a network namespace" in printed
