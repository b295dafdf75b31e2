"""A shop with a file of orders and a warehouse folder, on which the real commands run in processes of their own."""

from __future__ import annotations

import gc
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipeline.cli import main
from pipeline.settings import TAKES

ROOT = Path(__file__).resolve().parents[2]
HEADER = "customer_id,order_id,order_item_id,num_items,revenue,created_at_date"


class Shop:
    """Its commands take what `make` takes as environment; WAREHOUSE and ORDERS are its own unless they are given."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.warehouse = folder / "warehouse"
        self.orders = folder / "orders.csv"
        self.temporary = folder / "temporary"
        self.temporary.mkdir(parents=True, exist_ok=True)

    def write_orders(self, customers: Mapping[str, float], day: str = "2017-10-01", more: str = "") -> None:
        """One order of one piece for each customer, of the revenue given."""
        lines = [f"{customer},{customer}1,1,1,{revenue},{day}" for customer, revenue in customers.items()]
        self.orders.write_text("\n".join([HEADER, *lines, more]).rstrip() + "\n")

    def start(self, command: str = "build", prefix: tuple[str, ...] = (), **given: str) -> subprocess.Popen:
        clean = {k: v for k, v in os.environ.items() if k not in ("AS_OF", "MODEL", "STRICT", "HISTORY_DAYS")}
        own = {"WAREHOUSE": str(self.warehouse), "ORDERS": str(self.orders), "TMPDIR": str(self.temporary)}
        return subprocess.Popen(
            [*prefix, sys.executable, "-m", "pipeline", command],
            cwd=ROOT,
            env=clean | own | given,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, command: str = "build", status: int = 0, prefix: tuple[str, ...] = (), **given: str) -> str:
        """Runs it to its end and returns what it printed, having compared its exit status."""
        process = self.start(command, prefix, **given)
        printed = process.communicate(timeout=900)[0]
        assert process.returncode == status, printed
        assert "Traceback" not in printed, printed
        return printed

    def query(self, sql: str, file: Path | None = None) -> list[tuple[Any, ...]]:
        with duckdb.connect(file or self.warehouse / "clv.duckdb", read_only=True) as published:
            return published.sql(sql).fetchall()

    def build_id(self) -> str:
        return self.query("select build_id from build_info")[0][0]

    def assert_whole(self) -> str:
        """What is published opens, is complete, and its CSV belongs to it. Returns its build id."""
        folder = (self.warehouse / "clv.duckdb").resolve().parent
        assert not list(folder.glob("*.wal"))
        with duckdb.connect(self.warehouse / "clv.duckdb", read_only=True) as published:
            build_id, customers = published.sql("select build_id, customers from build_info").fetchall()[0]
            rows = published.sql("select customer_id, predicted_clv from predictions order by customer_id").fetchall()
            assert len(rows) == customers
            (valued,) = published.sql("select count(*) from customer_value").fetchall()[0]
            assert valued == customers
        listed = duckdb.sql(f"from read_csv('{self.warehouse / 'predictions.csv'}', all_varchar = true)").fetchall()
        assert [(customer, float(value)) for customer, value in listed] == rows
        assert build_id == folder.name
        return build_id

    def assert_tidy(self) -> None:
        """Nothing is left that only a running build has: no lock, no links or folders half-made, no temporary file."""
        published = {(self.warehouse / "current").resolve()}
        if (self.warehouse / "current" / "previous").exists():
            published.add((self.warehouse / "current" / "previous").resolve())
        builds = {path.resolve() for path in (self.warehouse / "builds").iterdir()}
        assert {path for path in builds - published if not path.name.startswith("before-")} == set()
        assert {path.name for path in self.warehouse.iterdir()} <= {
            ".clv-warehouse", "builds", "clv.duckdb", "current", "docs", "logs", "predictions.csv", "target",
        }  # fmt: skip
        # But for dbt-duckdb's copy of the Python model: a kill leaves that in the system's temporary folder.
        assert all("def model(dbt, session):" in path.read_text() for path in self.temporary.iterdir())


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """A shop that has built nothing yet; three customers."""
    shop = Shop(tmp_path)
    shop.write_orders({"a": 10, "b": 20, "c": 30})
    return shop


def _build_twice(folder: Path) -> None:
    shop = Shop(folder)
    shop.write_orders({"a": 10, "b": 20, "c": 30})
    shop.run(AS_OF="2017-10-16")
    shop.run(AS_OF="2017-10-17")


@pytest.fixture
def built(once: Callable[..., Path], tmp_path: Path) -> Shop:
    """A shop that has built as of 2017-10-16, then as of 2017-10-17: a copy of its own."""
    shutil.copytree(once("built-twice", _build_twice), tmp_path / "shop", symlinks=True)
    return Shop(tmp_path / "shop")


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it printed."""

    status: int
    stdout: str
    stderr: str


Typed = Callable[..., Ended]


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typed:
    """Runs a command in this process: for what is refused before anything begins, a new one is mostly its own start."""

    def typed(*arguments: str, **given: str) -> Ended:
        with monkeypatch.context() as patch:
            patch.setattr(gc, "disable", lambda: None)  # which only a process that soon ends can afford
            for name in {name for names in TAKES.values() for name in names}:
                patch.delenv(name, raising=False)
            for name, value in given.items():
                patch.setenv(name, value)
            status = main(arguments)
        return Ended(status, *capsys.readouterr())

    return typed


@pytest.fixture(scope="session")
def shop_class():
    return Shop
