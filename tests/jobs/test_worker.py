"""Uploads are built one after another by a real worker, and what comes of each is told."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.jobs.ledger import Ledger
from tests.api.conftest import free_port
from tests.jobs.conftest import ORDERS, Desk
from tests.pipeline.conftest import ROOT

pytestmark = pytest.mark.slow


def test_what_is_uploaded_is_published_or_told_why_not_as_on_a_terminal(desk: Desk) -> None:
    good = desk.queue(ORDERS + b"a,a1,1,1,10,2017-10-01\n", "?as_of=2017-10-17")
    bad = desk.queue(ORDERS + b"x,x1,1,one,5,2017-10-01\n")
    strict = desk.queue(ORDERS + b"a,a1,1,1,10,2017-10-01\n", "?strict=1")
    desk.work()

    seen = set()

    def published() -> dict | None:
        build = desk.build(good)
        seen.add((build["state"], build["step"]))
        return build if build["state"] == "published" else None

    built = desk.until(published)
    assert {"queued", "running", "published"} >= {state for state, _ in seen} > {"published"}
    assert {"start dbt", "publish"} <= {step for _, step in seen} | set(built["seconds_by_step"])
    assert built["build"]["build_id"] == desk.assert_whole()
    assert built["build"]["as_of_date"] == "2017-10-17"
    assert (built["share_done"], built["rows_scored"], built["message"]) == (1, 3, None)
    assert "repeated_lines" in {warning["code"] for warning in built["warnings"]}

    failed = desk.ended(bad)
    (desk.folder / "bad.csv").write_bytes(ORDERS + b"x,x1,1,one,5,2017-10-01\n")
    terminal = desk.run(status=1, ORDERS=str(desk.folder / "bad.csv"), WAREHOUSE=str(desk.folder / "other"))
    told, advice = failed["message"].rsplit("these lines: ", 1)
    assert told + "these lines: " in terminal.replace(str(desk.folder / "bad.csv"), "orders"), (
        "by the name it came with"
    )
    assert (failed["state"], advice) == ("failed", "MAX_REJECTED=0.5 for the worker")
    assert "invalid_num_items" in failed["message"] and "x,x1,1,one" in failed["message"]
    assert failed["rejected"] == [
        {"reason": "invalid_num_items", "lines": 1, "examples": ["line 5: x,x1,1,one,5,2017-10-01"]}
    ]

    assert desk.ended(strict)["message"].startswith("Stopped, because STRICT=1")
    assert desk.build_id() == built["build"]["build_id"]
    assert [build["state"] for build in desk.builds()] == ["published", "failed", "failed"]


def test_a_build_that_runs_is_cancelled_within_seconds_and_the_next_one_begins(desk: Desk) -> None:
    first, second = desk.queue(), desk.queue()
    desk.work(AS_OF="2001-01-01")  # of whoever started it, for another command
    desk.until(lambda: desk.build(first)["step"])
    cancelled = time.monotonic()
    assert desk.server.request("DELETE", f"/builds/{first}").status == 202
    assert desk.ended(first)["state"] == "cancelled"
    assert time.monotonic() - cancelled < 10
    ended = desk.ended(second)
    assert (ended["state"], ended["build"]["as_of_date"]) == ("published", "2017-10-02")
    desk.assert_whole()


def test_a_worker_that_is_told_to_end_does_within_seconds_and_its_build_waits_again(desk: Desk) -> None:
    build_id = desk.queue()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        worker = desk.work()
        desk.until(lambda: desk.build(build_id)["step"])
        worker.send_signal(number)
        assert worker.wait(10) == 0
        assert desk.build(build_id)["state"] == "queued"
        assert Ledger(desk.jobs / "ledger.sqlite").get(build_id).attempts == 0  # it was no fault of the build's
    assert "make work" in desk.build(build_id)["message"]
    desk.work()
    assert desk.ended(build_id)["state"] == "published"
    desk.assert_whole()


def test_a_second_worker_is_refused_and_a_build_by_hand_is_waited_for(desk: Desk) -> None:
    desk.write_orders({"a": 10})
    by_hand = desk.start()
    desk.until(lambda: (desk.warehouse / "build.lock").exists())
    build_id = desk.queue()
    desk.work()
    desk.until(desk.log)
    assert "Another worker of" in desk.run("work", status=1)
    assert by_hand.wait(180) == 0, by_hand.communicate()
    assert desk.ended(build_id)["state"] == "published"


def test_uploads_are_removed_after_some_days_and_what_became_of_them_is_not(desk: Desk) -> None:
    old, new, half = desk.queue(b"no orders\n"), desk.queue(b"no orders\n"), desk.jobs / "incoming-x"
    half.mkdir()
    worker = desk.work()
    assert {desk.ended(build)["state"] for build in (old, new)} == {"failed"}
    worker.terminate()
    worker.wait(10)
    long_ago = time.time() - 3 * 86400
    os.utime(half, (long_ago, long_ago))
    with sqlite3.connect(desk.jobs / "ledger.sqlite") as ledger:
        ledger.execute("update builds set ended_at = '2020-01-01T00:00:00.000000Z' where id = ?", [old])
    desk.work(KEEP_UPLOADS="2")
    desk.until(lambda: not list((desk.jobs / old).glob("orders*")))
    assert not half.exists()
    assert list((desk.jobs / new).glob("orders*"))
    assert desk.build(old)["state"] == "failed" and desk.build(old)["message"]


GARBAGE = [
    "update builds set variables = '{'",
    'update builds set variables = \'{"LD_PRELOAD": "x.so"}\'',
    "update builds set id = '../../x'",
    "alter table builds drop column told",  # what another version may have written
]


@pytest.mark.slow
@pytest.mark.parametrize("planted", [*GARBAGE, b"no database at all"], ids=str)
def test_a_ledger_that_nobody_here_has_written_ends_the_worker_in_plain_words(desk: Desk, planted: str | bytes) -> None:
    desk.queue()
    ledger = desk.jobs / "ledger.sqlite"
    if isinstance(planted, bytes):
        ledger.write_bytes(planted * 100)
    else:
        with sqlite3.connect(ledger) as rows:
            rows.execute(planted)
    assert desk.server.get("/builds").status == 503
    printed = desk.run("work", status=1)
    assert f"{ledger} cannot be used: " in printed
    subprocess.run(printed.splitlines()[-1].partition("upload again: ")[2], shell=True, check=True)
    desk.work()
    assert desk.ended(desk.queue(b"no orders\n"))["state"] == "failed"


@pytest.mark.slow
def test_a_link_that_is_planted_where_a_build_writes_is_not_followed(desk: Desk, tmp_path: Path) -> None:
    build_id, elsewhere = desk.queue(b"no orders\n"), tmp_path / "elsewhere"
    (desk.jobs / build_id / "output.txt").symlink_to(elsewhere)
    desk.work()
    assert desk.ended(build_id)["message"]
    assert not elsewhere.exists()


@pytest.mark.skipif(not shutil.which("redis-server"), reason="needs redis-server; the gate installs it")
def test_on_redis_a_worker_is_woken_at_once_and_nothing_is_lost_while_it_is_gone(
    open_desk: Callable[..., Desk], tmp_path: Path
) -> None:
    port = free_port()
    command = ["redis-server", "--port", str(port), "--save", "", "--dir", str(tmp_path)]
    redis = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    desk = open_desk(QUEUE=f"redis://127.0.0.1:{port}/0")
    try:
        desk.work()
        desk.until(lambda: "one after another" in desk.log())
        assert desk.ended(desk.queue())["state"] == "published"
        assert not (desk.jobs / "queue.sqlite").exists()
        redis.kill()
        redis.wait()
        waiting = desk.queue()
        redis = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
        assert desk.ended(waiting)["state"] == "published"
    finally:
        redis.kill()
        redis.wait()
