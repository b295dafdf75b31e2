"""A build on Spark that is killed leaves what is published, and its history, as it was, and no Java running.

FAULTS=full (make test-faults) kills it at 20 moments between its start and its end.
"""

from __future__ import annotations

import os
import random
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
    for each in (on_duckdb, shop):
        each.run(ORDERS="", AS_OF="2017-10-01")
    on_duckdb.run(ORDERS="", AS_OF="2017-10-17")
    before, history = shop.assert_whole(), history_of(shop)
    log = shop.warehouse / "logs" / "dbt.log"
    log.unlink()

    kill(shop, lambda: log.exists() and "create table main.int_customer_orders" in log.read_text())
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


def kill(shop: Shop, moment: Callable[[], object]) -> None:
    build = shop.start(ORDERS="", ENGINE="spark", AS_OF="2017-10-17")
    wait_for(lambda: moment() or build.poll() is not None)
    build.kill()
    build.communicate()
    wait_for(lambda: not processes_with(shop.warehouse))


def in_seconds(seconds: float) -> Callable[[], bool]:
    ends = time.monotonic() + seconds
    return lambda: time.monotonic() >= ends


def history_of(shop: Shop) -> list[tuple[object, ...]]:
    return shop.query("select * from prediction_history order by all")


def wait_for(condition: Callable[[], object]) -> None:
    until = time.monotonic() + 600
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.1)


def processes_with(path: Path) -> list[str]:
    """The command lines of Java that name the path."""
    found = []
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            found.append(command.read_text())
    return [line for line in found if "java" in line.partition("\0")[0] and str(path) in line]
