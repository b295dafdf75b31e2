"""What `make build` is compared with does the same job, and is measured rightly."""

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from benchmarks.measure import CommandFailed, run

ROOT = Path(__file__).parents[2]
ORDERS = """\
customer_id,order_id,order_item_id,num_items,revenue,created_at_date
fortnight,1,1,2,10.40,2017-09-15
fortnight,1,2,1,5.60,2017-09-15
fortnight,2,1,1,40.00,2017-09-30
same day,3,1,1,24.79,2017-09-01
same day,4,1,1,13.45,2017-09-01
single,5,1,1,9.99,2017-10-06
last,6,1,4,1.00,2017-10-16
"""
# max_num_items, max_revenue, total_revenue, total_orders, days_since_last_order, longest_interval
FEATURES = {
    "fortnight": (3, 40.0, 56.0, 2, 17, 15),
    "last": (4, 1.0, 1.0, 1, 1, 7.5 + 1),
    "same day": (1, 24.79, 38.24, 2, 46, 0),
    "single": (1, 9.99, 9.99, 1, 11, 7.5 + 11),
}


def from_duckdb(query: str, result: Path) -> list[tuple]:
    with duckdb.connect(str(result)) as database:
        return database.execute(query.format("customer_value")).fetchall()


def from_parquet(query: str, result: Path) -> list[tuple]:
    return duckdb.sql(query.format(f"read_parquet('{result}')")).fetchall()


def from_sqlite(query: str, result: Path) -> list[tuple]:
    with closing(sqlite3.connect(result)) as database:
        return database.execute(query.format("customer_value")).fetchall()


@pytest.mark.parametrize(
    ("script", "read"),
    [("duckdb_script", from_duckdb), ("pandas_script", from_parquet), ("sqlite_script", from_sqlite)],
)
def test_each_alternative_computes_the_six_features_and_their_sum(script, read, tmp_path):
    if script == "pandas_script":
        pytest.importorskip("pandas")
    (tmp_path / "orders.csv").write_text(ORDERS)
    file = ROOT / "benchmarks" / "alternatives" / f"{script}.py"

    subprocess.run([sys.executable, file, tmp_path / "orders.csv", tmp_path / "result"], check=True)

    rows = read(
        "select customer_id, max_num_items, max_revenue, total_revenue, total_orders, days_since_last_order, "
        "longest_interval, predicted_clv from {} order by customer_id",
        tmp_path / "result",
    )
    assert [row[0] for row in rows] == list(FEATURES)
    for customer, *features, predicted in rows:
        assert features == pytest.approx(FEATURES[customer])
        assert predicted == pytest.approx(sum(FEATURES[customer]))


def test_peak_memory_counts_every_process_of_a_command(tmp_path):
    hold = f'{sys.executable} -c "import time; held = bytes(1) * 100_000_000; time.sleep(0.5)"'

    usage = run(["sh", "-c", f"{hold} & {hold}; wait"], os.environ, tmp_path, tmp_path / "output.txt")

    assert 200e6 < usage.peak_bytes < 260e6
    assert usage.seconds > 0.5


def test_processor_time_counts_every_process_and_no_sleep(tmp_path):
    work = f'{sys.executable} -c "import time; time.sleep(0.5)\nwhile time.process_time() < 0.3: pass"'

    usage = run(["sh", "-c", f"{work} & {work}; wait"], os.environ, tmp_path, tmp_path / "output.txt")

    assert 0.6 <= usage.cpu_seconds < 1.0


def test_a_command_that_fails_is_no_measurement_and_its_last_words_are_kept(tmp_path):
    with pytest.raises(CommandFailed, match=r"exit status 3\nno such table"):
        run(["sh", "-c", "echo no such table; exit 3"], os.environ, tmp_path, tmp_path / "output.txt")


@pytest.mark.slow
def test_the_benchmark_compares_equal_results_and_gives_every_figure(tmp_path):
    command = [sys.executable, "-m", "benchmarks.bench", "--lines", "6000", "--repeats", "1"]

    done = subprocess.run(
        [*command, "--json", tmp_path / "figures.json"], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert done.stderr == ""
    for part in ("make build", "DuckDB script (the floor)", "start dbt", "peak memory"):
        assert part in done.stdout
    shapes = json.loads((tmp_path / "figures.json").read_text())
    assert len({figures["shape"] for figures in shapes}) == 2
    for figures in shapes:
        assert 5_000 < figures["lines"] < 7_000
        assert all(len(runs) == 1 and runs[0]["seconds"] > 0 for runs in figures["runs"].values())
        [steps] = figures["steps_of_make_build"]
        assert sum(steps.values()) == pytest.approx(figures["runs"]["make build"][0]["seconds"], abs=0.1)
