"""What is due is built, at the right moment, once; and somebody is told how it went."""

from __future__ import annotations

import json
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import redis

from pipeline.jobs.jobs import Jobs
from pipeline.jobs.ledger import Ledger
from pipeline.jobs.queue import open_queue
from pipeline.jobs.schedule import Schedule
from pipeline.warehouse.build_lock import build_lock
from tests.jobs.conftest import Desk
from tests.pipeline.conftest import Shop, Typed

BERLIN = ZoneInfo("Europe/Berlin")


class Clock:
    """A worker's look at the schedule, at whatever moment a test says."""

    def __init__(self, folder: Path, cron: str, zone: ZoneInfo):
        self.schedule, self.ledger = Schedule(cron, zone), Ledger(folder / "ledger.sqlite")

    def queues_at(self, moment: datetime) -> bool:
        return self.ledger.add_due(self.schedule.last_due(moment), "orders.csv")

    def build(self) -> None:
        build = self.ledger.claim()
        self.ledger.end(build, "published", None)


@pytest.fixture
def daily(tmp_path: Path) -> Clock:
    """At nine in Berlin, first looked at in the evening of a day to come, so that the machine's own clock is behind."""
    clock = Clock(tmp_path, "0 9 * * *", BERLIN)
    assert not clock.queues_at(datetime(2099, 3, 27, 20, tzinfo=BERLIN))
    return clock


def test_each_morning_has_one_build_by_the_clock_on_the_wall(daily: Clock) -> None:
    queued = []
    moment = datetime(2099, 3, 27, 20, tzinfo=UTC)
    while moment < datetime(2099, 4, 1, tzinfo=UTC):  # the clocks of Berlin go forward on the 29th
        if daily.queues_at(moment):
            queued.append(moment.astimezone(BERLIN))
            daily.build()
        moment += timedelta(minutes=5)
    assert [f"{at:%d %H:%M}" for at in queued] == ["28 09:00", "29 09:00", "30 09:00", "31 09:00", "01 09:00"][:4]
    assert queued[1].utcoffset() > queued[0].utcoffset()


@pytest.mark.parametrize(
    ("cron", "due"),
    [
        ("0 2 * * *", ["25 00:00", "26 01:00"]),
        ("30 2 * * *", ["25 00:30", "26 01:30"]),
        ("30 */2 25 10 *", ["24 22:30", "25 00:30", *(f"25 {hour:02}:30" for hour in range(3, 23, 2))]),
        ("30 * 25 10 *", [*(f"24 {hour}:30" for hour in (22, 23)), *(f"25 {hour:02}:30" for hour in range(23))]),
    ],
)
def test_in_an_hour_that_comes_twice_what_is_due_each_hour_is_built_twice_and_else_once(
    tmp_path: Path, cron: str, due: list[str]
) -> None:
    clock, queued = Clock(tmp_path, cron, BERLIN), []
    moment = datetime(2099, 10, 24, 12, tzinfo=UTC)
    shown = [f"{at.astimezone(UTC):%d %H:%M}" for at in clock.schedule.next_due(moment, len(due))]
    while moment < datetime(2099, 10, 26, 12, tzinfo=UTC):  # the clocks of Berlin go back on the 25th, at 01:00 UTC
        if clock.queues_at(moment):
            queued.append(f"{moment:%d %H:%M}")
            clock.build()
        moment += timedelta(minutes=30)
    assert queued == shown == due


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Asia/Kolkata", "America/St_Johns"])
def test_what_is_due_at_a_moment_is_due_from_that_very_moment_on(zone: str) -> None:
    schedule, nine = Schedule("0 9 * * *", ZoneInfo(zone)), datetime(2099, 3, 2, 9, tzinfo=ZoneInfo(zone))
    day, instant = timedelta(days=1), timedelta(microseconds=1)
    assert schedule.last_due(nine - instant) == nine - day
    assert schedule.last_due(nine) == schedule.last_due(nine + day - instant) == nine
    assert schedule.next_due(nine - instant, 2) == [nine, nine + day]
    assert schedule.next_due(nine, 1) == [nine + day]


def test_a_redis_that_does_not_answer_holds_up_nobody_for_long() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(0)
        with socket.create_connection(silent.getsockname()):  # no place is left for another one
            queue = open_queue(f"redis://127.0.0.1:{silent.getsockname()[1]}/3?health_check_interval=7", Path())
            began = time.monotonic()
            with pytest.raises(redis.exceptions.TimeoutError):
                queue.pending_count()
    assert 1 < time.monotonic() - began < 10


def test_mornings_that_nobody_was_there_for_are_made_up_for_by_one_build(daily: Clock) -> None:
    late = datetime(2099, 4, 9, 15, tzinfo=BERLIN)
    assert [daily.queues_at(late + timedelta(seconds=n)) for n in range(3)] == [True, False, False]
    daily.build()
    assert not daily.queues_at(late - timedelta(days=5)), "a clock that is set back does not build again"
    assert not daily.queues_at(late + timedelta(hours=1))
    assert daily.queues_at(late + timedelta(days=1))


def test_what_is_due_while_a_build_waits_or_runs_is_that_build(daily: Clock) -> None:
    assert daily.queues_at(datetime(2099, 4, 1, 9, tzinfo=BERLIN))
    assert not daily.queues_at(datetime(2099, 4, 2, 9, tzinfo=BERLIN))
    running = daily.ledger.claim()
    assert not daily.queues_at(datetime(2099, 4, 3, 9, tzinfo=BERLIN))
    daily.ledger.end(running, "failed", "no")
    assert daily.queues_at(datetime(2099, 4, 4, 9, tzinfo=BERLIN))


def check(shop: Shop, status: int = 0, **given: str) -> str:
    return shop.run("work", status, (), CHECK="1", **given)


def test_a_file_of_settings_is_shown_with_what_it_means_and_gives_way_to_what_is_given(shop: Shop) -> None:
    file = shop.folder / "clv.toml"
    file.write_text('schedule = "30 6 * * 1"\ntz = "Europe/Berlin"\nstrict = true\nmax_rejected = 0.05\n')
    shown = check(shop, CONFIG=str(file), MAX_REJECTED="0.2")
    assert "STRICT=1" in shown and "MAX_REJECTED=0.2" in shown
    due = next(line for line in shown.splitlines() if line.startswith("Due"))
    assert due.count("Mon ") == 3 and due.count("06:30 CE") == 3
    assert not (shop.warehouse / ".clv-jobs").exists()


@pytest.mark.parametrize("told", [[], ["FAILURE"], ["WARNING"], ["FAILURE", "WARNING"]])
def test_a_check_says_who_is_told_of_what_and_whether_a_worker_runs(
    typed: Typed, tmp_path: Path, told: list[str]
) -> None:
    given = {"WAREHOUSE": str(tmp_path), "CHECK": "1"} | {f"ON_{name}": "mail" for name in told}

    def lines() -> list[str]:
        return [" ".join(line.split()) for line in typed("work", **given).stdout.splitlines()]

    failure = "goes to ON_FAILURE" if "FAILURE" in told else "is told to nobody; set ON_FAILURE"
    warnings = "go to ON_WARNING" if "WARNING" in told else "are told to nobody; set ON_WARNING"
    shown = lines()
    assert f"Failure {failure}" in shown and f"Warnings {warnings}" in shown
    assert any(line.startswith("Worker does not run: make work ") for line in shown)
    jobs = Jobs(tmp_path)
    jobs.create()
    with build_lock(jobs.lock_file, "worker"):
        assert "Worker runs" in lines()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"SCHEDULE": "nine"},
            'is not cron\'s five fields: minute, hour, day, month, weekday. Daily at nine is SCHEDULE="0 9 * * *"',
        ),
        ({"SCHEDULE": "0 0 9 * * *"}, "is not cron's five fields"),
        ({"TZ": "Mars/Olympus"}, "TZ=Mars/Olympus is not a time zone. Write one such as TZ=Europe/Berlin"),
        ({"CONFIG": "nowhere.toml"}, "cannot be read"),
    ],
)
def test_a_schedule_that_cannot_be_followed_is_refused(shop: Shop, given: dict[str, str], said: str) -> None:
    assert said in check(shop, 2, **given)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('ordres = "x.csv"', "sets ordres, which is not a setting of the worker; the nearest is orders"),
        ("orders = x", "is not TOML"),
        ('max_rejected = "much"', "MAX_REJECTED=much is not a share"),
        ('orders = "a.csv"\nORDERS = "b.csv"', "sets ORDERS twice"),
        ('tables = ["predictions"]', 'sets tables to what is neither a text nor a number. Write it as tables = "text"'),
        ('orders = "a\\u0000.csv"', "sets orders to what is neither"),
        ("orders = " + "[" * 5000, "is not TOML"),
        ("keep_uploads = " + "9" * 5000, "is not TOML"),
        ('queue = "redis://[::1"', "is not the address of a Redis"),
    ],
    ids=lambda text: text[:20],
)
def test_a_file_of_settings_with_a_mistake_is_refused(shop: Shop, text: str, said: str) -> None:
    (shop.folder / "clv.toml").write_text(text)
    assert said in check(shop, 2, CONFIG=str(shop.folder / "clv.toml"))


class Hook(HTTPServer):
    """A webhook that fails at first."""

    def __init__(self) -> None:
        self.words: list[dict] = []
        self.refusals = 2

        class Handler(BaseHTTPRequestHandler):
            server: Hook

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.server.refusals -= 1
                if self.server.refusals >= 0:
                    self.send_error(503)
                    return
                self.server.words.append(json.loads(body))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)


@pytest.fixture
def hook() -> Iterator[Hook]:
    with Hook() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.mark.slow
def test_a_worker_makes_up_for_what_was_missed_and_tells_of_failures_and_warnings(desk: Desk, hook: Hook) -> None:
    desk.write_orders({"a": 10, "b": 20}, more="a,a1,1,1,10,2017-10-01")
    heard = desk.folder / "heard.json"
    given = {
        "ORDERS": str(desk.orders), "SCHEDULE": "0 0 * * *",
        "ON_WARNING": f"cat > '{heard}'", "ON_FAILURE": f"http://127.0.0.1:{hook.server_port}/secret",
    }  # fmt: skip

    def work_after(nights: int, builds: int) -> None:
        """As if the worker had last looked so many nights ago."""
        desk.jobs.mkdir(parents=True, exist_ok=True)
        ledger = Ledger(desk.jobs / "ledger.sqlite")
        ledger.add_due(datetime.now(UTC), "orders")
        with sqlite3.connect(desk.jobs / "ledger.sqlite") as rows:
            rows.execute(
                "update due set handled = ?", [f"{datetime.now(UTC) - timedelta(days=nights):%Y-%m-%dT%H:%M:%SZ}"]
            )
        worker = desk.work(**given)
        desk.until(lambda: [b for b in desk.builds() if b["state"] in ("published", "failed")][builds - 1 :])
        desk.until(lambda: hook.words if builds > 1 else heard.exists() and heard.read_text())
        worker.terminate()
        assert worker.wait(20) == 0

    assert "last_success_at" not in desk.server.get("/health").json
    work_after(nights=1, builds=1)
    (built,) = desk.builds()
    assert (built["state"], built["source"]) == ("published", "schedule")
    word = json.loads(heard.read_text())
    assert word["id"] == built["id"] and "repeated_lines" in {warning["code"] for warning in word["warnings"]}
    metrics = desk.server.get("/metrics").body.decode()
    assert 'clv_builds{state="published"} 1.0' in metrics and 'clv_step_seconds{step="predict"}' in metrics
    (moment,) = [float(line.split()[1]) for line in metrics.splitlines() if line.startswith("clv_last_success_time")]
    assert abs(moment - datetime.fromisoformat(built["ended_at"]).timestamp()) < 1
    health = desk.server.get("/health").json
    assert health["last_success_at"] == built["ended_at"] and 0 <= health["last_success_age_seconds"] < 60

    desk.orders.write_text("no orders\n")
    work_after(nights=3, builds=2)
    assert [build["state"] for build in desk.builds()] == ["published", "failed"], "once for three nights"
    (word,) = hook.words
    assert (word["state"], word["message"]) == ("failed", desk.builds()[1]["message"])
    assert "secret" not in desk.log()


@pytest.mark.slow
def test_what_a_worker_has_not_come_to_tell_before_it_ended_the_next_one_tells(desk: Desk, hook: Hook) -> None:
    desk.jobs.mkdir(parents=True)
    ledger = Ledger(desk.jobs / "ledger.sqlite")
    ledger.add("build-1", "upload", "orders.csv", {})
    ledger.end(ledger.claim(), "failed", "no usable line")
    given = {"ON_FAILURE": f"http://127.0.0.1:{hook.server_port}/"}
    hook.refusals = refusals = 1000
    worker = desk.work(**given)
    desk.until(lambda: hook.refusals < refusals)
    worker.terminate()
    assert (worker.wait(20), hook.words) == (0, [])
    hook.refusals = 0
    desk.work(**given)
    desk.until(lambda: ledger.get("build-1").told)
    assert [(word["id"], word["message"]) for word in hook.words] == [("build-1", "no usable line")]
    assert not ledger.untold()
