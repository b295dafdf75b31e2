"""Builds that are killed, starved of disk, started twice or pointed at a bad folder; and what is published after that.

FAULTS=full (make test-faults) runs the long ones in full: 200 kills, 50 double starts, every size of a full disk.
"""

from __future__ import annotations

import fcntl
import itertools
import json
import os
import random
import re
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipeline.errors import ClvError
from pipeline.warehouse import parquet
from pipeline.warehouse.build_lock import build_lock, is_held
from tests.pipeline.conftest import ROOT, Shop

FULL = os.environ.get("FAULTS") == "full"
ODD_LINES = "\n".join(f"x{n},x{n},1,1,money,2017-10-01" for n in range(10))


# --- kill -9

PUBLISH_WITHOUT_END = """
import itertools, shutil, sys
from pathlib import Path
from pipeline.warehouse import parquet
from pipeline.warehouse.build_lock import build_lock
from pipeline.warehouse.folder import Warehouse

warehouse, prepared, first = Warehouse(Path(sys.argv[1])), Path(sys.argv[2]), sys.argv[3]
warehouse.create()
with build_lock(warehouse.lock_file):
    print("locked", flush=True)
    for n in itertools.count():
        warehouse.discard_unfinished()
        build_id = f"{first}-{n}"
        shutil.copyfile(prepared / str(n % 2) / "clv.duckdb", warehouse.build_file)
        folder = warehouse.new_folder(build_id)
        shutil.copyfile(prepared / str(n % 2) / "predictions.csv", folder / "predictions.csv")
        # of a large build
        warehouse.publish(build_id)
"""
AS_PARQUET = """
        with warehouse.open_build() as file:
            for table in ("customer_value", "customer_features"):
                file.execute(f"create table {table} as from predictions")
            parquet.move_out(file, folder, 500)
"""
PUBLISH_PARQUET_WITHOUT_END = PUBLISH_WITHOUT_END.replace("        # of a large build\n", AS_PARQUET)


def prepare(folder: Path, value: float, build_id: str = "prepared") -> None:
    """A finished build in which every customer is worth the same, so that a mixture of two shows."""
    folder.mkdir(parents=True)
    with duckdb.connect(folder / "clv.duckdb") as file:
        file.execute(f"create table predictions as select 'c' || n as customer_id, {value}::double as predicted_clv "
                     "from range(2000) t(n)")  # fmt: skip
        file.execute(f"create table build_info as select '{build_id}' as build_id, 2000 as customers")
        file.execute(f"copy predictions to '{folder / 'predictions.csv'}'")


def value_of(warehouse: Path) -> float:
    """The value that every customer has in both published files."""
    assert not list((warehouse / "current").resolve().glob("*.wal"))
    with duckdb.connect(warehouse / "clv.duckdb", read_only=True, config=parquet.searching(warehouse)) as file:
        rows = file.sql("select predicted_clv, count(*) from predictions group by 1").fetchall()
    listed = duckdb.sql(
        f"select predicted_clv, count(*) from read_csv('{warehouse / 'predictions.csv'}') group by 1"
    ).fetchall()
    assert rows == listed
    ((value, customers),) = rows
    assert customers == 2000
    return value


def kill_while_publishing(folder: Path, kills: int, program: str = PUBLISH_WITHOUT_END, within: float = 0.1) -> Counter:
    """How often each thing was seen after a kill."""
    seen: Counter = Counter()
    warehouse = folder / "warehouse"
    for n in range(2):
        prepare(folder / "prepared" / str(n), n + 1)
    for kill in range(kills):
        process = subprocess.Popen(
            [sys.executable, "-c", program, warehouse, folder / "prepared", str(kill)],
            cwd=ROOT, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert process.stdout.readline() == "locked\n"
        time.sleep(random.uniform(0.02 if kill == 0 else 0, within))
        process.kill()
        process.wait()
        if not (warehouse / "current").exists():
            seen["nothing published yet"] += 1
            assert not (warehouse / "clv.duckdb").exists()
            continue
        value_of(warehouse)
        current = (warehouse / "current").resolve()
        others = {path for path in (warehouse / "builds").iterdir() if path.resolve() != current}
        previous = (current / "previous").resolve()
        seen["a build half made"] += any(path != previous for path in others)
        seen["a swap half made"] += any(warehouse.glob(".swap-*"))
        seen["published by the killed one"] += current.name.startswith(f"{kill}-")
    return seen


def test_a_publish_that_is_killed_leaves_a_whole_pair_of_files(tmp_path: Path):
    kill_while_publishing(tmp_path, 10)


@pytest.mark.slow
def test_a_publish_of_a_large_build_that_is_killed_leaves_whole_files_too(tmp_path: Path):
    seen = kill_while_publishing(tmp_path, 100 if FULL else 20, PUBLISH_PARQUET_WITHOUT_END, within=0.5)
    assert (tmp_path / "warehouse" / "current" / "predictions" / "0003.parquet").exists()
    print(dict(seen))


@pytest.mark.slow
def test_a_publish_that_is_killed_many_times_leaves_a_whole_pair_of_files(tmp_path: Path):
    seen = kill_while_publishing(tmp_path, 200 if FULL else 40)
    print(dict(seen))
    assert seen["a build half made"] and seen["published by the killed one"]


@pytest.mark.slow
@pytest.mark.parametrize("first", [True, False], ids=["the first publish", "a later publish"])
def test_a_publish_killed_at_each_of_its_system_calls_leaves_the_old_pair_or_the_new_one(tmp_path: Path, first: bool):
    if not shutil.which("strace"):
        pytest.skip("strace is not installed")
    prepare(tmp_path / "prepared" / "0", 1)
    prepare(tmp_path / "prepared" / "1", 2)
    one = PUBLISH_WITHOUT_END.replace("itertools.count()", "[int(sys.argv[4])]")
    calls = ("copy_file_range", "fsync", "symlink", "rename", "unlink", "mkdir", "rmdir", "unlinkat")

    def publish(number: int, *prefix: str) -> int:
        arguments = [str(warehouse), str(tmp_path / "prepared"), f"build{next(build_numbers)}", str(number)]
        return subprocess.run(
            [*prefix, sys.executable, "-c", one, *arguments], cwd=ROOT, capture_output=True
        ).returncode

    build_numbers = itertools.count()
    kills = 0
    for call in calls:
        for when in range(1, 20):
            warehouse = tmp_path / f"{call}-{when}"
            if not first:
                assert publish(0) == 0
            inject = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}"]
            status = publish(1, *inject, "-e", f"inject={call}:signal=SIGKILL:when={when}")
            if status == 0:
                break  # it makes fewer of these calls
            kills += 1
            if (warehouse / "clv.duckdb").exists():
                assert value_of(warehouse) in ((2,) if first else (1, 2))
            else:
                assert first
            assert publish(0) == 0
            assert value_of(warehouse) == 1
            assert not (warehouse / "build.lock").exists() and not list(warehouse.glob(".swap-*"))
            shutil.rmtree(warehouse)
    assert kills > 10


def descendants(pid: int) -> set[tuple[int, str]]:
    """(pid, when it started) of all processes below one."""
    found: set[tuple[int, str]] = set()
    below = [pid]
    for parent in below:  # grows while it is walked
        try:
            for children in Path(f"/proc/{parent}/task").glob("*/children"):
                below += map(int, children.read_text().split())
        except OSError:  # ended meanwhile
            continue
    for child in below[1:]:
        if started := when_started(child):
            found.add((child, started))
    return found


def when_started(pid: int) -> str:
    """Nothing for a process that has ended."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    except OSError:
        return ""
    return "" if state[0] in "ZX" else state[19]


def phase(shop: Shop) -> str:
    """How far the build had come, by what it has left."""
    file = shop.warehouse / "build.duckdb"
    known = {(shop.warehouse / "current").resolve(), (shop.warehouse / "current" / "previous").resolve()}
    if {path.resolve() for path in (shop.warehouse / "builds").iterdir()} - known:
        return "publish"
    if not (shop.warehouse / "build.lock").exists():
        return "after"
    if not file.exists():
        return "start"
    try:
        with duckdb.connect(file, read_only=False) as build:
            tables = {name for (name,) in build.sql("select table_name from duckdb_tables()").fetchall()}
    except duckdb.Error:
        return "start"
    order = {"customer_value": "rank, history", "predictions": "predict", "customer_features": "features",
             "rejected_orders": "check lines", "orders": "load lines"}  # fmt: skip
    return next((name for table, name in order.items() if table in tables), "start dbt")


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_build_killed_at_any_moment_leaves_the_old_build_or_the_new_and_the_next_one_tidies_up(built: Shop):
    kills, builds_between = (200, 20) if FULL else (5, 5)
    longest = 0.0
    seen: Counter[str] = Counter()
    started = time.monotonic()
    built.run(AS_OF="2017-10-17")
    longest = time.monotonic() - started
    for kill in range(1, kills + 1):
        old = built.build_id()
        process = built.start(AS_OF="2017-10-18")
        # The moments are spread evenly over the whole of a build, at random within their share.
        time.sleep(longest * (kill - random.random()) / kills)
        below = descendants(process.pid)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        reached = phase(built)
        seen[reached] += 1
        new = built.assert_whole()
        assert new == old or not (built.warehouse / "build.duckdb").exists()

        deadline = time.monotonic() + 20
        while alive := {(pid, born) for pid, born in below if when_started(pid) == born}:
            assert time.monotonic() < deadline, f"processes go on after {reached}: {alive}"
            time.sleep(0.02)
        if kill % builds_between == 0:
            built.run(AS_OF="2017-10-17")
            built.assert_whole()
            built.assert_tidy()
    print(f"{kills} kills within {longest:.1f} s: {dict(seen)}")


# --- a full disk


class Disk:
    """A file system of its own, seen by nobody else but through /proc."""

    def __init__(self, folder: Path, megabytes: int):
        folder.mkdir()
        self.process = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", "sh", "-c",
             f"mount -t tmpfs -o size={megabytes}m none '{folder}' && echo mounted && exec sleep 3600"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.folder = folder
        self.offered = self.process.stdout.readline() == "mounted\n"
        self.inside = ("nsenter", "--mount", "--target", str(self.process.pid), "env", f"--chdir={ROOT}")
        self.seen = Path(f"/proc/{self.process.pid}/root{folder}")

    def leave_free(self, kilobytes: int) -> None:
        """Fills it up but for so much."""
        state = os.statvfs(self.seen)
        with (self.seen / "filler").open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, state.f_bavail * state.f_frsize - kilobytes * 1024)

    def give_back(self) -> None:
        (self.seen / "filler").unlink(missing_ok=True)

    def used(self) -> int:
        state = os.statvfs(self.seen)
        return (state.f_blocks - state.f_bavail) * state.f_frsize // 1024

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    disk = Disk(tmp_path / "disk", 200)
    if not disk.offered:
        disk.close()
        if os.environ.get("CI") == "true":
            pytest.fail("this machine does not let tests mount a file system")
        pytest.skip("this machine does not let tests mount a file system: run as root")
    yield disk
    disk.close()


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_disk_that_fills_up_in_any_phase_stops_the_build_plainly_and_once_there_is_room_it_builds(
    built: Shop, disk: Disk
):
    orders = [f"c{n},{n},1,1,{n}.25,2017-10-0{n % 9 + 1}" for n in range(40_000)]
    built.write_orders({"a": 10}, more="\n".join(orders))
    given: dict[str, Any] = {"WAREHOUSE": str(disk.folder / "warehouse"), "AS_OF": "2017-10-18"}

    def look() -> Shop:
        """A copy of what is there, because DuckDB resolves paths and cannot go through /proc."""
        copy = Shop(built.folder)
        copy.warehouse = built.folder / "seen"
        shutil.rmtree(copy.warehouse, ignore_errors=True)
        shutil.copytree(disk.seen / "warehouse", copy.warehouse, symlinks=True)
        return copy

    shutil.copytree(built.warehouse, disk.seen / "warehouse", symlinks=True)
    published, before = look().assert_whole(), disk.used()
    built.run(prefix=disk.inside, **given)
    needed = disk.used() - before
    shutil.rmtree(disk.seen / "warehouse")
    shutil.copytree(built.warehouse, disk.seen / "warehouse", symlinks=True)

    shares = [0.005, *(n / 20 for n in range(1, 20)), 0.98] if FULL else [0.005, 0.5, 0.95]
    for share in shares:
        disk.leave_free(int(needed * share))
        printed = built.run(prefix=disk.inside, status=1, **given)
        print(f"{needed * share:,.0f} of {needed:,} KB: {printed.strip()}")
        assert "is full" in printed and len(printed.splitlines()) <= 2
        assert look().assert_whole() == published
        disk.give_back()
    built.run(prefix=disk.inside, **given)
    seen = look()
    assert seen.assert_whole() != published
    seen.assert_tidy()


@pytest.mark.slow
def test_a_disk_that_fills_up_with_what_does_not_fit_into_memory_stops_the_build_plainly(built: Shop, disk: Disk):
    columns = "md5(cast(n // 3 as varchar)) as customer_id, n // 2 as order_id, n as order_item_id, 1 as num_items"
    days = "1.25 as revenue, date '2017-09-01' + cast(hash(n // 2) % 40 as integer) as created_at_date"
    duckdb.sql(f"copy (select {columns}, {days} from range(400_000) t(n)) to '{built.orders}'")
    warehouse = disk.seen / "warehouse"
    shutil.copytree(built.warehouse, warehouse, symlinks=True)

    process = built.start(prefix=disk.inside, WAREHOUSE=str(disk.folder / "warehouse"), MEMORY="100MB")
    while not any((warehouse / "build.duckdb.tmp").glob("*")):
        assert process.poll() is None, "it has ended without a need of the disk instead of memory"
        time.sleep(0.001)
    process.send_signal(signal.SIGSTOP)  # it would take what is to be filled
    os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
    try:
        disk.leave_free(16)
    finally:
        process.send_signal(signal.SIGCONT)
    printed = process.communicate(timeout=60)[0]
    assert process.returncode == 1 and "is full" in printed and len(printed.splitlines()) <= 2, printed
    assert os.readlink(warehouse / "current") == os.readlink(built.warehouse / "current")
    assert not list(warehouse.glob("build.duckdb*"))


# --- data, folders, two at a time


@pytest.mark.slow
def test_a_failing_data_test_publishes_nothing_and_says_what_failed(built: Shop):
    published = built.build_id()
    built.write_orders({"a": 10}, more=ODD_LINES)
    printed = built.run(status=1)
    assert "10 of 11 lines" in printed and "invalid_revenue" in printed
    assert built.assert_whole() == published


@pytest.mark.slow
def test_a_failing_model_publishes_nothing_and_says_what_failed(built: Shop, tmp_path: Path):
    source = """
class Model:
    def predict(self, x):
        if len(x) == 3:
            raise ValueError("three is too many")
        return x.sum(axis=1)
"""
    make = f"import dill\nnotebook = {{'__name__': '__main__'}}\nexec({source!r}, notebook)\n"
    make += "dill.dump(notebook['Model'](), open('model.dill', 'wb'), recurse=True)"
    subprocess.run([sys.executable, "-c", make], cwd=tmp_path, check=True)
    trusted: dict[str, Any] = {"MODEL_MANIFESTS": str(tmp_path), "MODEL_PYTHON": sys.executable}
    model = str(tmp_path / "model.dill")
    register = [sys.executable, "-m", "pipeline", "register", "--model", model]
    subprocess.run(register, cwd=ROOT, env=os.environ | trusted, check=True)
    published = built.build_id()
    printed = built.run(status=1, MODEL=model, **trusted)
    assert "three is too many" in printed
    assert built.assert_whole() == published


@pytest.mark.slow
def test_a_warehouse_that_is_missing_or_a_link_just_works(shop: Shop):
    real = shop.folder / "another disk" / "its folder"
    real.mkdir(parents=True)
    shop.warehouse.symlink_to(real)
    shop.run()
    shop.assert_whole()
    shop.assert_tidy()
    assert (real / "clv.duckdb").exists()


def test_a_file_where_the_warehouse_should_be_is_named(shop: Shop):
    shop.warehouse.write_text("mine")
    assert f"{shop.warehouse} is not a folder" in shop.run(status=1)
    assert shop.warehouse.read_text() == "mine"


@pytest.mark.slow
def test_a_read_only_warehouse_is_named(built: Shop, disk: Disk):
    shutil.copytree(built.warehouse, disk.seen / "warehouse", symlinks=True)
    subprocess.run([*disk.inside, "mount", "-o", "remount,ro", disk.folder], check=True)
    for folder in ("warehouse", "missing"):
        printed = built.run(status=1, prefix=disk.inside, WAREHOUSE=str(disk.folder / folder))
        assert f"Cannot write to {disk.folder / folder}" in printed
    for command in ("train", "rollback"):
        printed = built.run(command, status=1, prefix=disk.inside, WAREHOUSE=str(disk.folder / "warehouse"))
        assert f"Cannot write to {disk.folder / 'warehouse'}" in printed


@pytest.mark.slow
def test_a_model_that_could_not_be_written_stops_a_training_before_it_begins(built: Shop, disk: Disk):
    subprocess.run([*disk.inside, "mount", "-o", "remount,ro", disk.folder], check=True)
    for model in (disk.folder / "model.dill", built.folder):
        events = built.folder / "events.jsonl"
        printed = built.run("train", status=1, prefix=disk.inside, MODEL=str(model), JSON=str(events))
        assert f"Cannot write to {model}: " in printed
        assert [json.loads(line)["event"] for line in events.read_text().splitlines()] == ["failed"]


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_of_two_builds_started_together_exactly_one_publishes_and_the_other_names_it(built: Shop):
    for _ in range(50 if FULL else 2):
        old = built.build_id()
        two = [built.start(AS_OF="2017-10-18") for _ in range(2)]
        printed = [process.communicate(timeout=300)[0] for process in two]
        assert sorted(process.returncode for process in two) == [0, 1], printed
        winner = next(process for process in two if process.returncode == 0)
        loser = next(text for process, text in zip(two, printed, strict=True) if process.returncode == 1)
        assert f"Another build of {built.warehouse} is running (pid {winner.pid}, since 20" in loser
        assert len(loser.splitlines()) == 1
        assert built.assert_whole() != old
        assert (built.warehouse / "current" / "previous").resolve().name == old
    built.assert_tidy()


HOLD = """
import sys, time
from pathlib import Path
from pipeline.errors import ClvError
from pipeline.warehouse.build_lock import build_lock

sys.stdin.readline()
try:
    with build_lock(Path(sys.argv[1])):
        print("held", flush=True)
        sys.stdin.readline()
except ClvError as stop:
    print(stop, flush=True)
"""


def test_of_many_that_want_the_lock_at_once_one_holds_it_and_a_killed_holder_is_no_obstacle(tmp_path: Path):
    lock = tmp_path / "build.lock"
    for round_ in range(5):
        wanting = [
            subprocess.Popen([sys.executable, "-c", HOLD, lock], cwd=ROOT, text=True,
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            for _ in range(6)
        ]  # fmt: skip
        for process in wanting:
            process.stdin.write("go\n")
            process.stdin.flush()
        said = {process: process.stdout.readline().strip() for process in wanting}
        (holder,) = (process for process, line in said.items() if line == "held")
        others = [line for line in said.values() if line != "held"]
        assert all(f"(pid {holder.pid}, since " in line for line in others), others
        if round_ % 2:
            holder.kill()
        for process in wanting:
            process.communicate()
        assert lock.exists() == bool(round_ % 2)


def test_a_lock_whose_file_was_replaced_before_it_was_had_guards_nothing_and_is_taken_again(tmp_path, monkeypatch):
    """The holder before removes its file, and another makes a new one, between this one's open and its lock."""
    lock, really = tmp_path / "build.lock", fcntl.flock

    def replaced_meanwhile(descriptor: int, how: int) -> None:
        monkeypatch.setattr(fcntl, "flock", really)
        lock.unlink()
        lock.touch()
        really(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", replaced_meanwhile)
    with build_lock(lock):
        assert is_held(lock)
        with pytest.raises(ClvError, match=f"running .pid {os.getpid()}, since "), build_lock(lock):
            pass


def test_a_lock_s_file_names_its_holder_only_and_is_removed_before_the_lock_is_released(tmp_path: Path, monkeypatch):
    """After that it may be the next holder's, whose lock would guard nothing without it."""
    lock, really, was_there = tmp_path / "build.lock", os.close, []
    lock.write_text("4194304, since 2017-10-17 09:00:00, as a killed build has left it\n")

    def close(descriptor: int) -> None:
        was_there.append(lock.exists())
        really(descriptor)

    with build_lock(lock):
        assert re.fullmatch(rf"{os.getpid()}, since \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d\n", lock.read_text())
        monkeypatch.setattr(os, "close", close)
    assert was_there == [False]


def test_the_file_of_a_lock_is_nobody_else_s_to_open(tmp_path: Path):
    mask = os.umask(0)
    try:
        with build_lock(tmp_path / "build.lock"):
            assert stat.S_IMODE((tmp_path / "build.lock").stat().st_mode) == 0o640
    finally:
        os.umask(mask)


def test_who_asks_whether_a_build_runs_is_not_taken_for_one_by_another_who_asks(tmp_path: Path):
    lock = tmp_path / "build.lock"
    lock.touch()
    with lock.open() as asking:
        fcntl.flock(asking, fcntl.LOCK_SH)
        assert not is_held(lock)
