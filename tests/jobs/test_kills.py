"""A worker that is killed at any moment loses nothing, builds nothing twice, and leaves what is published whole.

FAULTS=full (make test-faults) kills it at 50 moments.
"""

from __future__ import annotations

import os
import random
import time

import pytest

from pipeline.warehouse.build_lock import is_held
from tests.jobs.conftest import ORDERS, Desk

KILLS = 50 if os.environ.get("FAULTS") == "full" else 4


def until_it_is(desk: Desk, build_id: str, what: str, wanted: str) -> None:
    desk.until(lambda: desk.build(build_id)[what] == wanted)


def until_begun(desk: Desk, builds: int) -> None:
    desk.until(lambda: desk.log().count("begun") == builds)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_worker_killed_at_any_moment_loses_nothing_and_builds_nothing_twice(desk: Desk) -> None:
    chance = random.Random(18)
    worker = desk.work()
    whole = desk.ended(desk.queue())["seconds"]
    published = [desk.assert_whole()]
    for kill in range(KILLS):
        build_id = desk.queue(ORDERS + f"d{kill},d1,1,1,5,2017-10-01\n".encode())
        until_it_is(desk, build_id, "state", "running")
        if kill % 2:  # the moments around publishing are the ones that count
            until_it_is(desk, build_id, "step", "publish")
            time.sleep(chance.uniform(0, 0.3))
        else:
            time.sleep(chance.uniform(0, whole))
        worker.kill()
        worker.wait()
        desk.assert_whole()
        desk.until(lambda: not is_held(desk.warehouse / "build.lock"), 5)  # its build has ended with it
        worker = desk.work()
        build = desk.ended(build_id)
        assert build["state"] == "published", build
        published.append(desk.assert_whole())
        assert build["build"]["build_id"] == published[-1]
        assert desk.query(f"select count(*) from predictions where customer_id = 'd{kill}'") == [(1,)]
        previous = (desk.warehouse / "current" / "previous").resolve().name
        assert previous == published[-2], "it was built once, right after the one before"
    assert [build["state"] for build in desk.builds()] == ["published"] * (KILLS + 1)


@pytest.mark.slow
def test_a_build_that_the_worker_did_not_survive_twice_is_told_as_failed(desk: Desk) -> None:
    build_id = desk.queue()
    for attempt in (1, 2):
        worker = desk.work()
        until_begun(desk, attempt)
        worker.kill()
        worker.wait()
    desk.work()
    build = desk.ended(build_id)
    assert build["state"] == "failed" and "twice" in build["message"]
    assert desk.ended(desk.queue())["state"] == "published"
