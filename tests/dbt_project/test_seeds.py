"""Only the seed `orders` is read by the reader of orders: another seed of the project is dbt's own affair."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path

import duckdb
import pytest

from pipeline.settings import ROOT, TAKES

ORDERS = (
    "customer_id;order_id;num_items;revenue;created_at_date\n007;1;1;19,99;2024-03-01\n008;2;2;1.204,50;2024-03-02\n"
)
COUNTRIES = 'code,name,euro_since,members\n007,"Congo, Dem. Rep.",,2\nDE,Germany,1999-01-01,84000000\n'
OF_THE_SEED = """
seeds:
  - name: countries
    description: Where customers live.
    config:
      column_types: {members: bigint}
"""


@pytest.mark.slow
def test_a_plain_seed_beside_the_orders_is_loaded_as_dbt_does_and_twice_is_as_once(tmp_path: Path):
    project = tmp_path / "project"
    shutil.copytree(ROOT / "dbt_project", project)
    (project / "seeds" / "countries.csv").write_text(COUNTRIES)
    (project / "seeds" / "_countries.yml").write_text(OF_THE_SEED)
    orders = tmp_path / "orders.csv"
    orders.write_text(ORDERS)
    clean = {name: value for name, value in os.environ.items() if name not in {x for xs in TAKES.values() for x in xs}}
    dbt = [str(Path(sys.executable).parent / "dbt"), "seed"]
    places = ["--project-dir", str(project), "--profiles-dir", str(ROOT), "--log-path", str(tmp_path / "logs")]
    for _ in range(2):
        done = subprocess.run(
            [*dbt, *places, "--target-path", str(tmp_path / "target")],
            cwd=ROOT,
            env=clean | {"WAREHOUSE": str(tmp_path / "warehouse"), "ORDERS": str(orders)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    with duckdb.connect(tmp_path / "warehouse" / "build.duckdb", read_only=True) as build:
        countries = build.execute("select * from countries order by code").fetchall()
        assert countries == [
            ("007", "Congo, Dem. Rep.", None, 2),
            ("DE", "Germany", date(1999, 1, 1), 84_000_000),
        ]
        ((comment,),) = build.execute("select comment from duckdb_tables() where table_name = 'countries'").fetchall()
        assert comment == "Where customers live."
        revenue = build.execute("select customer_id, revenue::varchar from orders order by 1").fetchall()
        assert revenue == [("007", "19.99"), ("008", "1204.50")]
