"""Deliveries beside readers, kills at any moment, and a million customers.

FAULTS=full (make test-faults) delivers 20 times beside the readers, and kills each side at 30 moments.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import statistics
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.delivery.conftest import Warehouse
from tests.postgres import Postgres

pytestmark = pytest.mark.slow

FULL = os.environ.get("FAULTS") == "full"
DELIVERIES, KILLS = (20, 30) if FULL else (10, 9)

Rows = list[tuple[Any, ...]]

# What a build is in each table: a mix of two builds differs from either.
PARTS = (
    "select build_id, customers from clv.build_info",
    "select count(*), sum(clv_rank)::text, min(predicted_at)::text, max(predicted_at)::text from clv.customer_value",
    "select count(*), sum(predicted_clv)::numeric(20, 2)::text, min(predicted_at)::text, max(predicted_at)::text "
    "from clv.predictions",
    "select count(*), count(distinct as_of_date), max(predicted_at)::text from clv.prediction_history",
)
WHOLE = "select " + ", ".join(f"(select to_json(part)::text from ({part}) as part)" for part in PARTS)


def swell(warehouse: Warehouse, folder: Path, customers: int) -> Warehouse:
    """The same build with as many customers: a copy of the published file, its rows repeated."""
    folder.mkdir()
    shutil.copyfile(warehouse.published, folder / "clv.duckdb")
    with duckdb.connect(folder / "clv.duckdb") as file:
        times = -(-customers // file.sql("select customers from build_info").fetchall()[0][0])
        for table in ("customer_value", "predictions", "prediction_history"):
            rows = f"select * replace (customer_id || ' ' || i as customer_id) from {table}, range({times}) as t(i)"
            file.execute(f"create table swollen as {rows} order by i")
            file.execute(f"drop table {table}")
            file.execute(f"alter table swollen rename to {table}")
    return Warehouse(folder)


@pytest.fixture(scope="module")
def large(builds: tuple[Warehouse, Warehouse], tmp_path_factory: pytest.TempPathFactory) -> tuple[Warehouse, Warehouse]:
    folder = tmp_path_factory.mktemp("large")
    first, second = (swell(build, folder / f"{n}", 30_000) for n, build in enumerate(builds))
    return first, second


def test_readers_beside_deliveries_see_one_build_or_the_other_and_no_error(
    database: Postgres, large: tuple[Warehouse, Warehouse]
) -> None:
    to = {"DELIVER_TO": database.address("writer")}
    states: dict[str, Rows] = {}
    for build in large:
        build.run("deliver", **to)
        states[database.query(PARTS[0])[0][0]] = database.query(WHOLE)
    seen: list[list[str]] = [[] for _ in range(8)]
    wrong: list[object] = []
    seconds: list[float] = []
    ended = threading.Event()

    def read_at_once(reader: int) -> None:
        with database.connect() as connection, connection.cursor() as cursor:
            while not ended.is_set():
                started = time.monotonic()
                cursor.execute(WHOLE)
                found = cursor.fetchall()
                connection.commit()
                seconds.append(time.monotonic() - started)
                build_id = re.findall('"build_id":"(.*?)"', found[0][0])[0]
                if found != states[build_id]:
                    wrong.append(found)
                seen[reader].append(build_id)

    def read_part_by_part(reader: int) -> None:
        """In one transaction, which a table that is swapped by name would look empty to."""
        with database.connect() as connection, connection.cursor() as cursor:
            while not ended.is_set():
                cursor.execute("set transaction isolation level repeatable read")
                found: list[str] = []
                for part in PARTS:
                    cursor.execute(f"select to_json(part)::text from ({part}) as part")
                    found += cursor.fetchall()[0]
                    time.sleep(0.2)
                connection.commit()
                build_id = re.findall('"build_id":"(.*?)"', found[0])[0]
                if [tuple(found)] != states[build_id]:
                    wrong.append(found)
                seen[reader].append(build_id)

    def watched(read: Callable[[int], None], reader: int) -> None:
        try:
            read(reader)
        except Exception as error:
            wrong.append(error)

    ways = (read_at_once, read_part_by_part)
    readers = [threading.Thread(target=watched, args=(ways[n % 2], n)) for n in range(8)]
    for reader in readers:
        reader.start()
    for n in range(DELIVERIES):
        large[n % 2].run("deliver", **to)
    ended.set()
    for reader in readers:
        reader.join()
    assert wrong == []
    assert all(set(builds) == states.keys() for builds in seen)
    print(f"{sum(map(len, seen))} looks; seconds: median {statistics.median(seconds):.2f}, most {max(seconds):.2f}")
    assert max(seconds) < 10


def is_delivering(database: Postgres) -> bool:
    sessions = "select count(*) from pg_stat_activity where application_name = 'customer-lifetime-value'"
    return database.query(sessions) != [(0,)]


def wait_for(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.005)


def test_a_delivery_that_is_killed_at_any_moment_leaves_one_whole_build(
    database: Postgres, large: tuple[Warehouse, Warehouse]
) -> None:
    to = {"DELIVER_TO": database.address("writer")}
    states, lasted = [], 0.0
    for build in large:
        delivery = build.start("deliver", **to)
        wait_for(lambda: is_delivering(database))
        started = time.monotonic()
        assert delivery.wait() == 0
        lasted = time.monotonic() - started
        states.append(database.query(WHOLE))
    before = states[1]
    unchanged = 0
    for n in range(KILLS):
        delivery = large[n % 2].start("deliver", **to)
        wait_for(lambda: is_delivering(database))
        time.sleep(lasted * n / KILLS)
        delivery.send_signal(signal.SIGKILL)
        delivery.wait()
        wait_for(lambda: not is_delivering(database))
        after = database.query(WHOLE)
        assert after in (before, states[n % 2])
        unchanged += after == before
        before = after
    assert unchanged >= KILLS // 3
    for build, state in zip(large, states, strict=True):
        build.run("deliver", **to)
        assert database.query(WHOLE) == state


def test_a_server_that_is_killed_at_any_moment_has_one_whole_build_when_it_is_back(
    database: Postgres, large: tuple[Warehouse, Warehouse]
) -> None:
    to = {"DELIVER_TO": database.address("writer")}
    states, lasted = [], 0.0
    for build in large:
        started = time.monotonic()
        build.run("deliver", **to)
        lasted = time.monotonic() - started
        states.append(database.query(WHOLE))
    before = states[1]
    failed = 0
    for n in range(KILLS):
        delivery = large[n % 2].start("deliver", **to)
        time.sleep(lasted * n / KILLS)
        database.kill()
        printed = delivery.communicate()[0]
        database.start()
        if delivery.returncode:
            failed += 1
            assert delivery.returncode == 1
            assert "Traceback" not in printed
            said = [line for line in printed.splitlines() if not line.startswith("FATAL:")]  # libpq's own word
            assert said[0].startswith("Cannot deliver to postgresql://writer@") and len(said) <= 2
        after = database.query(WHOLE)
        assert after in (before, states[n % 2])
        before = after
    assert failed >= KILLS // 3
    large[0].run("deliver", **to)
    assert database.query(WHOLE) == states[0]


def test_a_table_that_stays_locked_ends_the_delivery_with_the_name_of_who_locks_it(
    database: Postgres, builds: tuple[Warehouse, Warehouse]
) -> None:
    first, second = builds
    to = {"DELIVER_TO": database.address("writer")}
    first.run("deliver", **to)
    whole = database.query(WHOLE)
    with (
        database.connect() as holder,
        holder.cursor() as cursor,
        database.connect() as reader,
        reader.cursor() as reads,
    ):
        reads.execute("select count(*) from clv.predictions")  # in a transaction that goes on, and in nobody's way
        cursor.execute("lock table clv.predictions in share mode")
        cursor.execute("select pg_backend_pid()")
        ((pid,),) = cursor.fetchall()
        printed = second.run("deliver", 1, **to)
    assert f"locked meanwhile: clv.predictions by owner (pid {pid}). Deliver again" in printed
    assert database.query(WHOLE) == whole


def test_a_million_customers_take_no_more_memory(
    database: Postgres, builds: tuple[Warehouse, Warehouse], tmp_path: Path
) -> None:
    def deliver(customers: int) -> tuple[float, int]:
        """Seconds and most MB of memory, of the second delivery: the one of every day."""
        warehouse = swell(builds[0], tmp_path / f"{customers}", customers)
        peak: list[str] = []
        for _ in range(2):
            started = time.monotonic()
            delivery = warehouse.start("deliver", DELIVER_TO=database.address("writer"), TABLES="customer_value")
            while delivery.poll() is None:
                peak = re.findall(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{delivery.pid}/status").read_text()) or peak
                time.sleep(0.02)
            assert delivery.returncode == 0
        assert database.query("select count(*) from clv.customer_value")[0][0] >= customers
        return time.monotonic() - started, int(peak[0]) // 1024

    _, little = deliver(50_000)
    seconds, memory = deliver(1_000_000)
    print(f"{seconds:.1f} s, {memory} MB, with a twentieth of the customers {little} MB")
    assert memory - little < 150
