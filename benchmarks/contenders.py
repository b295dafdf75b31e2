"""Who takes part in `make bench`: the command of each, and what its result adds up to."""

import os
import shutil
import sqlite3
import sys
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import duckdb

from pipeline.settings import TAKES
from predictor.reference_model import REFERENCE_MODEL

ROOT = Path(__file__).parents[1]
ALTERNATIVES = ROOT / "benchmarks" / "alternatives"
SUMMED = (
    "max_num_items",
    "max_revenue",
    "total_revenue",
    "total_orders",
    "days_since_last_order",
    "longest_interval",
    "predicted_clv",
)
SUMS = f"select count(*) as customers, {', '.join(f'sum({name}) as {name}' for name in SUMMED)} from "


@dataclass(frozen=True)
class Contender:
    """One way to do the job. `folder` is its own; `orders` the file of order lines.

    `totals` says what must be the same for everybody: the number of customers, then the sums of SUMMED; a contender
    that only loads the lines gives their number.
    """

    name: str
    command: Callable[[Path, Path], list[str]]
    totals: Callable[[Path], tuple[float, ...]]
    environment: Mapping[str, str]
    only_loads: bool = False


def events_of(folder: Path) -> Path:
    """Where `make build` writes what it tells: beside its folder, in which only a warehouse may be."""
    return folder.with_suffix(".jsonl")


def make_build(memory: str) -> Contender:
    """With the reference model, because the alternatives add the six features up too."""
    # The settings of the caller's shell and of the make that may have started this would otherwise reach the build.
    theirs = {*TAKES["build"], "MAKEFLAGS", "MFLAGS", "MAKELEVEL"}
    return Contender(
        name="make build",
        command=lambda orders, folder: [
            *("make", "--no-print-directory", "-C", str(ROOT), "build"),
            *(f"ORDERS={orders}", f"WAREHOUSE={folder}", f"MODEL={REFERENCE_MODEL}"),
            *(f"MEMORY={memory}", f"JSON={events_of(folder)}"),
        ],
        totals=lambda folder: _totals_in_duckdb(folder / "clv.duckdb", SUMS + "customer_value"),
        environment={name: value for name, value in os.environ.items() if name not in theirs},
    )


def duckdb_script(memory: str) -> Contender:
    return Contender(
        name="DuckDB script (the floor)",
        command=lambda orders, folder: _script("duckdb_script.py", orders, _new(folder / "floor.duckdb"), memory),
        totals=lambda folder: _totals_in_duckdb(folder / "floor.duckdb", SUMS + "customer_value"),
        environment=os.environ,
    )


def pandas_script() -> Contender:
    return Contender(
        name="pandas script",
        command=lambda orders, folder: _script("pandas_script.py", orders, _new(folder / "customers.parquet")),
        totals=lambda folder: duckdb.sql(f"{SUMS} '{folder / 'customers.parquet'}'").fetchall()[0],
        environment=os.environ,
    )


def sqlite_script() -> Contender:
    def totals(folder: Path) -> tuple[float, ...]:
        with closing(sqlite3.connect(folder / "customers.sqlite")) as database:
            return database.execute(SUMS + "customer_value").fetchone()

    return Contender(
        name="SQLite script",
        command=lambda orders, folder: _script("sqlite_script.py", orders, _new(folder / "customers.sqlite")),
        totals=totals,
        environment=os.environ,
    )


def stock_dbt_seed() -> Contender:
    project = ALTERNATIVES / "stock_seed"

    def command(orders: Path, folder: Path) -> list[str]:
        shutil.copytree(project, folder, dirs_exist_ok=True)
        seed = _new(folder / "seeds" / "orders.csv")
        seed.parent.mkdir(exist_ok=True)
        seed.symlink_to(orders)
        _new(folder / "seeded.duckdb")
        dbt = Path(sys.executable).parent / "dbt"
        return [str(dbt), "seed", "--project-dir", str(folder), "--profiles-dir", str(folder)]

    return Contender(
        name="dbt seed in its stock form, loads only",
        command=command,
        totals=lambda folder: _totals_in_duckdb(folder / "seeded.duckdb", "select count(*) from orders"),
        environment={**os.environ, "DO_NOT_TRACK": "1"},
        only_loads=True,
    )


def contenders(memory: str, floor_only: bool = False) -> list[Contender]:
    """All who can take part on this machine; the floor stands second. `memory` is DuckDB's, of these two."""
    found = [make_build(memory), duckdb_script(memory)]
    if floor_only:
        return found
    if find_spec("pandas"):
        found.append(pandas_script())
    return [*found, sqlite_script(), stock_dbt_seed()]


def _script(name: str, orders: Path, result: Path, *more: str) -> list[str]:
    return [sys.executable, str(ALTERNATIVES / name), str(orders), str(result), *more]


def _new(path: Path) -> Path:
    """The path, with nothing there from an earlier run."""
    path.unlink(missing_ok=True)
    return path


def _totals_in_duckdb(file: Path, query: str) -> tuple[float, ...]:
    with duckdb.connect(str(file), read_only=True) as database:
        return database.execute(query).fetchone()
