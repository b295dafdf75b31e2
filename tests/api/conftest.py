"""Small published warehouses, laid out as a build leaves them, and real servers on them."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pytest

ROOT = Path(__file__).resolve().parents[2]


def publish(warehouse: Path, build_id: str, values: dict[str, float], warnings: Sequence[dict] = ()) -> Path:
    """Publish customers with these values: a folder per build, one swapped link."""
    build = warehouse / "builds" / build_id
    build.mkdir(parents=True)
    with duckdb.connect(build / "clv.duckdb") as db:
        db.execute("create table given (customer_id varchar, predicted_clv double)")
        db.execute(
            "insert into given select unnest(?::varchar[]), unnest(?::double[])", [list(values), [*values.values()]]
        )
        write_tables(db, build_id, warnings)
    link(warehouse, build_id)
    return build


def write_tables(db: duckdb.DuckDBPyConnection, build_id: str, warnings: Sequence[dict] = ()) -> None:
    """The published tables, made from `given(customer_id, predicted_clv)`, which is dropped."""
    db.execute(
        """
        create table customer_value as
        select
            customer_id, date '2017-10-17' as as_of_date, date '2017-01-02' as first_order_date,
            date '2017-10-01' as last_order_date, 3::bigint as max_num_items, 92.6::double as max_revenue,
            109.3::double as total_revenue, 2::bigint as total_orders, 12::bigint as days_since_last_order,
            26::double as longest_interval, predicted_clv, 'abcdef012345' as model_id,
            timestamp '2017-10-17 03:00:00' as predicted_at,
            rank() over (order by predicted_clv desc)::bigint as clv_rank,
            cume_dist() over (order by predicted_clv) as clv_percentile,
            ntile(10) over (order by predicted_clv desc, customer_id)::bigint as clv_decile,
            case when predicted_clv >= 100 then 'high' when predicted_clv >= 4 then 'medium' else 'low' end
                as value_tier,
            ['new', 'active', 'slipping', 'lapsed'][1 + (hash(customer_id) % 4)::bigint] as lifecycle
        from given
        """
    )
    db.execute(
        """
        create table prediction_history as
        select customer_id, as_of_date, predicted_clv, model_id, 365::bigint as horizon_days,
            0.1::double as discount_rate, predicted_at
        from customer_value
        union all
        select customer_id, date '2017-10-10', predicted_clv / 2, model_id, 365, 0.1, predicted_at - interval 7 days
        from customer_value
        """
    )
    db.execute(
        """
        create table build_info as
        select
            2::bigint as schema_version, 'duckdb' as engine, null::varchar as read_as, ? as warnings,
            ? as build_id, now()::timestamp as built_at, date '2017-10-17' as as_of_date,
            'abcdef012345' as model_id, 'orders.csv' as orders_file, 'no digest' as orders_sha256,
            10::bigint as lines, 1::bigint as lines_rejected, 0::bigint as lines_after_as_of, 5::bigint as orders,
            (select count(*) from given) as customers, '1.0.0' as project_version, version() as duckdb_version,
            365::bigint as horizon_days, null::boolean as trained_on_these_orders
        """,
        [json.dumps(list(warnings)), build_id],
    )
    db.execute("drop table given")
    write_reports(db)


def write_reports(db: duckdb.DuckDBPyConnection) -> None:
    """The small tables that a build makes of the others, with a week in which everybody's value doubled."""
    db.execute(
        """
        create or replace table value_by_date as
        select as_of_date, any_value(model_id) as model_id, any_value(horizon_days) as horizon_days,
            any_value(discount_rate) as discount_rate, count(*) as customers, sum(predicted_clv) as predicted_clv
        from prediction_history group by as_of_date;
        create or replace table int_compared_dates as
        select date '2017-10-17' as as_of_date, date '2017-10-10' as compared_with, true as is_comparable;
        create or replace table value_changes as
        select 'risen' as movement, count(*) as customers, sum(predicted_clv) / 2 as predicted_before,
            sum(predicted_clv) as predicted_now
        from customer_value having count(*) > 0;
        create or replace table movers as
        select customer_id, predicted_clv / 2 as predicted_before, predicted_clv as predicted_now,
            predicted_clv / 2 as change
        from customer_value order by predicted_clv desc, customer_id limit 10;
        create or replace table predicted_and_actual as
        select date '2016-10-10' as as_of_date, 'abcdef012345' as model_id, 365::bigint as horizon_days,
            n::bigint as decile, 10::bigint as customers, 5::bigint as customers_who_ordered,
            100::double / n as predicted_value, 90::double / n as actual_value
        from range(1, 11) tenths(n);
        create or replace table cohorts as
        select date_trunc('month', first_order_date)::date as first_order_month, count(*) as customers,
            count(*) // 2 as repeat_customers, sum(total_revenue) as total_revenue, sum(predicted_clv) as predicted_clv
        from customer_value group by all;
        create or replace table rejected_orders as
        select unnest(['invalid_date', 'left_out', 'left_out']) as reason
        """
    )


def link(warehouse: Path, build_id: str) -> None:
    """Swap `current` to a build, as publishing and rolling back do."""
    links = {"current": Path("builds") / build_id} | {n: Path("current") / n for n in ("clv.duckdb", "predictions.csv")}
    for name, target in links.items():
        if name == "current" or not (warehouse / name).is_symlink():
            new = warehouse / f"{name}.new"
            new.symlink_to(target)
            os.replace(new, warehouse / name)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes
    json: Any = field(default=None)


class Server:
    """A server in a process of its own, started as `make serve` starts it."""

    MODULE = "api"

    def __init__(self, warehouse: Path, log: Path, **environment: str) -> None:
        self.port, self.log = free_port(), log
        clean = {name: value for name, value in os.environ.items() if not name.startswith("API_")}
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", self.MODULE],
                cwd=ROOT,
                env=clean | {"PORT": str(self.port), "WAREHOUSE": str(warehouse)} | environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self.wait(lambda: self.get("/health").status in (200, 503), seconds=60)  # that is, on a busy machine

    def wait(self, ready: Callable[[], bool], seconds: float = 20) -> None:
        """Until `ready` holds; a server that does not answer yet is not ready."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                if ready():
                    return
            except (OSError, http.client.HTTPException):
                pass
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.02)
        raise AssertionError(f"not ready after {seconds} s:\n{self.log.read_text()[-3000:]}")

    def request(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            response = connection.getresponse()
            content = response.read()
            fields = {name.lower(): value for name, value in response.getheaders()}
            is_json = "json" in fields.get("content-type", "") and content and "content-encoding" not in fields
            return Answer(response.status, fields, content, json.loads(content) if is_json else None)
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Answer:
        return self.request("GET", path, None, **headers)

    def post(self, path: str, content: Any, **headers: str) -> Answer:
        return self.request("POST", path, json.dumps(content).encode(), Content_Type="application/json", **headers)

    def worker(self) -> int:
        """The process that answers: the server's only child."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        assert len(children) == 1
        return int(children[0])

    def open_files(self) -> list[str]:
        return [os.readlink(file) for file in Path(f"/proc/{self.worker()}/fd").iterdir() if file.is_symlink()]

    def log_lines(self, request_id: str) -> list[dict[str, Any]]:
        """The log's lines on a request, as soon as there are any."""

        def found() -> list[dict[str, Any]]:
            lines = [line for line in self.log.read_text().splitlines() if line.startswith("{")]
            return [line for line in map(json.loads, lines) if line.get("request_id") == request_id]

        self.wait(lambda: bool(found()))
        return found()

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@contextmanager
def serving(warehouse: Path, name: str = "server", **environment: str) -> Iterator[Server]:
    server = Server(warehouse, warehouse.parent / f"{name}.log", **environment)
    try:
        yield server
    finally:
        server.stop()


IDS = ["O'Brien", "Ł-7", "a b", "../x", "'; drop table customer_value", "a/b", "100%", "007", "lookup", "x" * 300]
VALUES = {name: 1000.1 / (n + 3) for n, name in enumerate(IDS)} | {f"c{n:03}": n * 0.1 for n in range(90)}


@pytest.fixture(scope="session")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One published build of 100 customers with awkward ids. Tests that publish make their own."""
    folder = tmp_path_factory.mktemp("published") / "warehouse"
    publish(folder, "first", VALUES)
    (folder / "training_report.json").write_text('{"model_id": "abcdef012345"}')
    (folder / "training_report.html").write_text("<h1>How good is the model?</h1>")
    return folder


@pytest.fixture(scope="session")
def server(warehouse: Path) -> Iterator[Server]:
    with serving(warehouse) as running:
        yield running
