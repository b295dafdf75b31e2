"""A build on Spark that is killed, or whose Java is, leaves what is published and its history, and no Java running.

FAULTS=full (make test-faults) kills it at 20 moments between its start and its end.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from tests.pipeline.conftest import Shop
from tests.spark.test_builds import rows_that_differ

pytestmark = [pytest.mark.slow, pytest.mark.timeout(7200)]  # a session of Spark is slow to start on a busy machine

KILLS = 20 if os.environ.get("FAULTS") == "full" else 0


def test_a_build_that_is_killed_leaves_what_is_published_and_no_java(tmp_path: Path) -> None:
    on_duckdb, shop = Shop(tmp_path / "duckdb"), Shop(tmp_path / "spark")
    on_duckdb.run(ORDERS="", AS_OF="2017-10-01")
    shutil.copytree(on_duckdb.warehouse, shop.warehouse, symlinks=True)
    on_duckdb.run(ORDERS="", AS_OF="2017-10-17")
    before, history = shop.assert_whole(), history_of(shop)
    log = shop.warehouse / "logs" / "dbt.log"
    log.unlink()

    def in_the_midst() -> bool:
        return log.exists() and "create table main.int_customer_orders" in log.read_text()

    kill(shop, in_the_midst)
    assert (shop.assert_whole(), history_of(shop)) == (before, history)

    log.unlink()
    printed = kill(shop, in_the_midst, java=True)
    assert printed.endswith(
        f"Spark's Java has ended, perhaps for want of memory (MEMORY=). See {shop.warehouse}/logs/spark.log.\n"
    )
    assert "Traceback" not in printed
    assert (shop.assert_whole(), history_of(shop)) == (before, history)

    begun = time.monotonic()
    shop.run(ORDERS="", ENGINE="spark", AS_OF="2017-10-17")
    whole = time.monotonic() - begun
    assert rows_that_differ(on_duckdb, shop) == {}
    shop.assert_whole()
    shop.assert_tidy()

    chance = random.Random(19)
    for _ in range(KILLS):
        published, history = shop.build_id(), history_of(shop)
        kill(shop, in_seconds(chance.uniform(0, whole)))
        if shop.assert_whole() == published:
            assert history_of(shop) == history
        else:  # the kill came after its publishing
            assert len(history_of(shop)) == len(history)


def kill(shop: Shop, moment: Callable[[], object], java: bool = False) -> str:
    """Starts a build, kills it at the moment, or its Java alone, and returns what it printed until it ended."""
    build = shop.start(ORDERS="", ENGINE="spark", AS_OF="2017-10-17")
    wait_for(lambda: moment() or build.poll() is not None)
    for pid in java_that_names(shop.warehouse) if java else [build.pid]:
        os.kill(pid, signal.SIGKILL)
    printed = build.communicate()[0]
    wait_for(lambda: not java_that_names(shop.warehouse))
    return printed


def in_seconds(seconds: float) -> Callable[[], bool]:
    ends = time.monotonic() + seconds
    return lambda: time.monotonic() >= ends


def history_of(shop: Shop) -> list[tuple[object, ...]]:
    return shop.query("select * from prediction_history order by all")


def wait_for(condition: Callable[[], object], every: float = 0.1) -> None:
    until = time.monotonic() + 600
    while not condition():
        assert time.monotonic() < until
        time.sleep(every)


def java_that_names(path: Path) -> list[int]:
    """The processes of Java whose command line names the path."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            program, _, arguments = (entry / "cmdline").read_text().partition("\0")
            if "java" in program and str(path) in arguments:
                found.append(int(entry.name))
    return found
