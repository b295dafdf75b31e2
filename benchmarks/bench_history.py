"""What a year of daily builds costs: the size of the published file, and the seconds that history adds to one build.

    python -m benchmarks.bench_history --customers 200000 --dates 1 30 365

An order file is generated and built once. For each number of dates, the published file is then given so many dates of
history, and one more day is built by the real command, measured as `make bench` measures it. Beside it stands what it
would take to write the rows of the history anew, which is what copying a table means in DuckDB.
"""

import argparse
import os
import platform
import sys
import tempfile
import time
from pathlib import Path

import duckdb

from benchmarks.generate_orders import DEMO_SEED, generate_orders
from benchmarks.measure import run, seconds_by_step
from pipeline.engines.duckdb_settings import FILE_FORMAT
from pipeline.warehouse.folder import Warehouse

ROOT = Path(__file__).resolve().parent.parent
STEPS = ("start", "rank, history", "audit", "publish")  # where history takes part
HEADINGS = ("dates", "rows", "file MB", "build s", *STEPS, "peak MB", "rows anew s", "one customer s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--customers", type=int, default=200_000)
    parser.add_argument("--dates", type=int, nargs="+", default=[1, 30, 365])
    arguments = parser.parse_args()
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"DuckDB {duckdb.__version__}, load {os.getloadavg()[0]:.1f}; "
        f"{arguments.customers:,} customers; steps in seconds",
        flush=True,
    )
    with tempfile.TemporaryDirectory(prefix="history-") as name:
        folder = Path(name)
        generate_orders(folder / "orders.csv", arguments.customers, DEMO_SEED, clean=True)
        build(folder, "2017-10-17")
        print("".join(f"{heading:>15}" for heading in HEADINGS))
        for dates in arguments.dates:
            print("".join(f"{figure:>15}" for figure in measure(folder, dates)), flush=True)


def build(folder: Path, as_of: str) -> tuple[float, float, dict[str, float]]:
    """Seconds, peak memory in MB, and the seconds by step that the build tells."""
    environment = os.environ | {
        "ORDERS": str(folder / "orders.csv"), "WAREHOUSE": str(folder / "warehouse"), "AS_OF": as_of,
        "JSON": str(folder / "events.jsonl"),
    }  # fmt: skip
    usage = run([sys.executable, "-m", "pipeline", "build"], environment, ROOT, folder / "printed.txt")
    steps = seconds_by_step(folder / "events.jsonl")
    return usage.seconds, usage.peak_bytes / 1e6, steps


def measure(folder: Path, dates: int) -> list[str]:
    """One row of the table: of the build that makes it so many dates."""
    published = Warehouse(folder / "warehouse").published_file
    pretend_built(published, dates - 1)
    seconds, peak, steps = build(folder, "2017-10-18")

    with duckdb.connect(published, read_only=True) as file:
        rows = file.sql("select count(*) from prediction_history").fetchall()[0][0]
        customer = file.sql("select customer_id from predictions using sample 1").fetchall()[0][0]
        started = time.perf_counter()
        file.execute("select * from prediction_history where customer_id = ?", [customer]).fetchall()
        one_customer = time.perf_counter() - started
    size = published.stat().st_size / 1e6

    with duckdb.connect(folder / "anew.duckdb", config=FILE_FORMAT) as anew:
        anew.execute(f"attach '{published}' as published (read_only)")
        started = time.perf_counter()
        anew.execute("create table prediction_history as from published.prediction_history")
        anew.execute("checkpoint")
        rows_anew = time.perf_counter() - started
    (folder / "anew.duckdb").unlink()

    figures = (size, seconds, *(steps[step] for step in STEPS), peak, rows_anew, one_customer)
    return [f"{dates:,}", f"{rows:,}", *(f"{figure:,.1f}" for figure in figures[:-1]), f"{one_customer:.2f}"]


def pretend_built(published: Path, dates: int) -> None:
    """Gives the published file a history of so many dates, as that many daily builds would have left it."""
    with duckdb.connect(published) as file:
        file.execute("create temp table customers as select customer_id, predicted_clv from predictions order by 1")
        file.execute("delete from prediction_history")
        for day in range(dates):
            file.execute(
                "insert into prediction_history by name select customer_id, "
                "date '2017-10-17' - ?::integer as as_of_date, predicted_clv * (1 + random() / 10) as predicted_clv, "
                "'0123456789ab' as model_id, timestamp '2017-10-17 03:00:00' - to_days(?) as predicted_at "
                "from customers",
                [day, day],
            )
            if day % 30 == 29:
                file.execute("checkpoint")


if __name__ == "__main__":
    main()
