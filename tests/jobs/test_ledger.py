"""The ledger of builds held to a plain list, and what is told of those that wait, run and have ended."""

from __future__ import annotations

import errno
import json
import os
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.test import Client

from api import create_app
from api.settings import Settings
from pipeline.jobs import Jobs, NoRoom, QueueFull, TooLarge, uploads
from pipeline.jobs import ledger as the_ledger
from pipeline.jobs.jobs import ABANDONED
from pipeline.jobs.ledger import ENDED, STATES, Ledger
from pipeline.jobs.progress import Progress
from pipeline.jobs.uploads import RESERVE, no_room_where_full, stop_where_full
from pipeline.warehouse.build_lock import build_lock
from tests.api.conftest import publish

Step = tuple[str, int]
DOES = ("add", "hold", "release", "claim", "end", "requeue", "cancel")
MOST = 3


@patch.object(the_ledger, "MOST_QUEUED", MOST)
@settings(deadline=None, max_examples=15)
@given(steps=st.lists(st.tuples(st.sampled_from(DOES), st.integers(0, 9)), min_size=6, max_size=14))
def test_builds_begin_in_the_order_in_which_they_were_queued_and_end_once(
    tmp_path_factory: pytest.TempPathFactory, steps: list[Step]
) -> None:
    ledger = Ledger(tmp_path_factory.mktemp("ledger") / "ledger.sqlite")
    states: dict[str, str] = {}  # by id, the oldest first
    asked_to_end: set[str] = set()
    published: list[str] = []
    for step, number in steps:
        waiting, running = ([name for name in states if states[name] == state] for state in ("queued", "running"))
        choice = running if running and number % 2 else [*states]
        chosen = choice[number // 2 % len(choice)] if choice else None
        if step in ("add", "hold"):
            name, state = f"build-{len(states)}", "queued" if step == "add" else "held"
            wait = [each for each in states.values() if each in ("held", "queued")]
            assert ledger.is_full() is (len(wait) >= MOST)
            if ledger.is_full():
                with pytest.raises(QueueFull):
                    ledger.add(name, "upload", "orders.csv", {}, state)
                continue
            assert ledger.add(name, "upload", "orders.csv", {"AS_OF": name}, state).variables == {"AS_OF": name}
            states[name] = state
        elif step == "release" and chosen:
            was_held = states[chosen] == "held"
            assert ledger.change(chosen, {"AS_OF": "2"}) is ledger.release(chosen) is was_held
            assert ledger.get(chosen).variables["AS_OF"] == "2" or not was_held
            states[chosen] = "queued" if was_held else states[chosen]
        elif step == "claim":
            claimed = ledger.claim()
            assert (claimed and claimed.id) == next(iter(waiting), None)
            if claimed:
                states[claimed.id] = "running"
        elif step == "end" and chosen:
            state = ENDED[number % 3]
            ledger.end(ledger.get(chosen), state, "why")
            if chosen in running:
                states[chosen] = state
                published += [chosen] if state == "published" else []
        elif step == "requeue" and chosen:
            ledger.requeue(ledger.get(chosen), 7)
            if chosen in running:
                states[chosen] = "queued"
                assert (ledger.get(chosen).attempts, ledger.get(chosen).started_at) == (7, None)
        elif step == "cancel" and chosen:
            ledger.cancel(chosen)
            if states[chosen] in ("held", "queued"):
                states[chosen] = "cancelled"
            if chosen in running:
                asked_to_end.add(chosen)
    found = ledger.newest(100)[::-1]
    assert {build.id: build.state for build in found} == states
    assert [build.id for build in found] == [*states]
    assert ledger.newest(2) == found[::-1][:2]
    assert {build.id for build in found if build.cancel} == asked_to_end
    assert all(build.has_ended is (build.ended_at is not None) is (build.state in ENDED) for build in found)
    assert ledger.by_state() == {state: [*states.values()].count(state) for state in STATES}
    assert [build.id for build in ledger.running()] == [name for name in states if states[name] == "running"]
    assert [build.id for build in ledger.held()] == [name for name in states if states[name] == "held"]
    assert {build.id for build in ledger.untold()} == {
        name for name in states if states[name] in ("published", "failed")
    }
    last = ledger.last_published()
    assert (last and last.id) == (published[-1] if published else None)
    ahead = [*states.values()].count("running")
    for build in found:
        if build.state == "queued":
            assert ledger.before(build) == ahead
            ahead += 1


def test_who_waits_is_told_for_what_and_of_many_builds_the_newest_are_listed(tmp_path: Path) -> None:
    publish(tmp_path, "one", {"a": 1.0})
    client, jobs = Client(create_app(Settings(tmp_path)).wsgi_app), Jobs(tmp_path)
    jobs.create()
    for n in range(102, 105):
        jobs.ledger.add(f"build-{n}", "upload", f"orders {n}.csv", {})
    columns = "number, id, source, name, variables, state, queued_at, message"
    with sqlite3.connect(jobs.ledger.file) as rows:
        rows.execute("update builds set number = number + 102")
        rows.executemany(
            f"insert into builds ({columns}) values (?, ?, 'upload', ?, '{{}}', 'failed', '2017-10-17', ?)",
            [(n + 1, f"build-{n}", f"orders {n}.csv", f"why {n}") for n in range(102)],
        )
    listed = client.get("/builds").json["builds"]
    assert [build["id"] for build in listed] == [f"build-{n}" for n in range(104, 4, -1)]
    assert (listed[3]["message"], listed[3]["name"], listed[3]["state"]) == ("why 101", "orders 101.csv", "failed")
    assert listed[0]["message"] == "No worker runs on this warehouse. `make work`, with the same WAREHOUSE, starts one."
    with build_lock(jobs.lock_file, "worker"):
        told = [client.get(f"/builds/build-{n}").json["message"] for n in (102, 103, 104)]
        assert told == ["It is about to begin.", "1 build is before it.", "2 builds are before it."]
        assert jobs.ledger.claim().id == "build-102"
        assert client.get("/builds/build-103").json["message"] == "1 build is before it."
        assert client.get("/builds/build-102").json["message"] is None
    with sqlite3.connect(jobs.ledger.file) as rows:
        moments = [f"2017-10-17T{time}+00:00" for time in ("08:00:00", "09:00:00", "09:01:01.5")]
        rows.execute("update builds set queued_at = ?, started_at = ?, ended_at = ?", moments)
    assert client.get("/builds/build-102").json["seconds"] == 61.5  # not with the time that it waited


def test_how_far_a_build_is_stands_in_its_events_of_which_the_last_may_be_half_written(tmp_path: Path) -> None:
    warned = {"code": "similar_ids", "text": "Two ids are alike.", "figures": {"ids": 2}}
    rejected = {"reason": "invalid_date", "lines": 3, "examples": ["line 5: x"]}
    events = [
        {"event": "step_started", "step": "load orders", "done": None},
        {"event": "step_done", "step": "load orders", "seconds": 2.0},
        {"event": "lines_rejected", **rejected},
        {"event": "step_started", "step": "predict", "done": 0.5},
        {"event": "rows_scored", "rows": 10},
        {"event": "rows_scored", "rows": 30},
        {"event": "warned", **warned, "since": "1.0"},
        {"event": "step_done", "step": "predict", "seconds": 1.0},
        {"event": "step_started", "step": "audit", "done": 0.25},
        {"event": "step_done", "step": "predict", "seconds": 0.5},
    ]
    publishing = {"event": "publishing", "build": {"build_id": "one"}}
    published = {"event": "published", "build": {"build_id": "1"}}
    file = tmp_path / "events.jsonl"

    def read(*more: dict, rest: str = "") -> Progress:
        file.write_text("".join(json.dumps(event) + "\n" for event in (*events, *more)) + rest)
        return Progress.read(file)

    assert Progress.read(file) == Progress()
    known = Progress(
        step="audit",
        share_done=0.5,
        rows_scored=30,
        seconds={"load orders": 2.0, "predict": 1.5},
        warnings=[warned],
        rejected=[rejected],
    )
    assert read(rest='{"event": "rows_scored", "rows": 99') == known
    assert read(publishing) == replace(known, publishing={"build_id": "one"})
    whole = replace(known, share_done=1.0, publishing={"build_id": "1"}, published=True)
    assert read(publishing, published) == whole
    assert read({"event": "failed", "text": "why"}) == replace(known, failed="why")


@pytest.mark.parametrize("state", STATES)
def test_what_is_told_of_a_build_is_of_its_state(tmp_path: Path, state: str) -> None:
    publish(tmp_path, "one", {"a": 1.0})
    client, jobs = Client(create_app(Settings(tmp_path)).wsgi_app), Jobs(tmp_path)
    jobs.create()
    build = jobs.ledger.add("build-1", "upload", "orders.csv", {})
    with sqlite3.connect(jobs.ledger.file) as rows:
        rows.execute("update builds set state = ?", (state,))
    (jobs.folder / "build-1").mkdir()
    events: list[dict] = [
        {"event": "step_started", "step": "publish", "done": 0.9},
        {"event": "publishing", "build": {"build_id": "two"}},
    ]
    jobs.events_file(build).write_text("".join(json.dumps(event) + "\n" for event in events))
    told = client.get("/builds/build-1").json
    assert told["build"] == ({"build_id": "two"} if state == "published" else None)  # before that it may not be visible
    begun = state not in ("held", "queued")  # what an attempt before has left is no news of one that waits
    assert (told["step"], told["share_done"]) == (("publish", 0.9) if begun else (None, 0))


@pytest.mark.parametrize(
    ("trouble", "is_no_room"),
    [
        (OSError(errno.ENOSPC, "full"), True),
        (OSError(errno.EDQUOT, "a quota is full"), True),
        (OSError(errno.EFBIG, "too large for this process"), True),
        (OSError(errno.EACCES, "not allowed"), False),
        (OSError(errno.EIO, "damaged"), False),
        (OSError("without a number"), False),
    ],
    ids=str,
)
def test_a_disk_without_room_is_told_as_such_and_no_other_trouble_is(trouble: OSError, is_no_room: bool) -> None:
    with pytest.raises(NoRoom if is_no_room else OSError, match=trouble.strerror), no_room_where_full():
        raise trouble


def test_an_upload_is_whole_on_the_disk_before_the_ledger_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    sync, add = os.fsync, Ledger.add

    def synced(file: int) -> None:
        size = os.fstat(file).st_size if os.path.isfile(f"/proc/self/fd/{file}") else 0
        done.append(f"{os.path.basename(os.readlink(f'/proc/self/fd/{file}'))} {size or ''}".strip())
        sync(file)

    def added(self: Ledger, build_id: str, *rest: Any) -> Any:
        done.append(f"queued {build_id}")
        return add(self, build_id, *rest)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Ledger, "add", added)
    jobs = Jobs(tmp_path)
    with jobs.receiving(10, limit=10) as incoming:
        incoming.write(b"1234567")
        incoming.finish()
        build = jobs.add(incoming, "orders.csv", {})
    assert done == ["orders 7", build.id, ".clv-jobs", f"queued {build.id}"]


@pytest.mark.parametrize(("free", "there_is_room"), [(RESERVE + 999, False), (RESERVE + 1000, True)])
def test_an_upload_leaves_room_for_the_builds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, there_is_room: bool
) -> None:
    monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_bavail=free, f_frsize=1, f_bfree=free * 2))
    if there_is_room:
        stop_where_full(tmp_path, 1000)
    else:
        with pytest.raises(NoRoom, match="no room for 1,000 bytes and a build of them"):
            stop_where_full(tmp_path, 1000)


def test_a_disk_that_fills_up_while_an_upload_comes_in_ends_it_before_nothing_is_left_for_the_builds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = RESERVE + 100
    monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_bavail=free, f_frsize=1))
    monkeypatch.setattr(uploads, "LOOK_EVERY", 10)
    with Jobs(tmp_path).receiving(50, limit=1000) as incoming:
        while free >= RESERVE:
            incoming.write(b"x")
            free -= 2  # somebody else writes too
        with pytest.raises(NoRoom):
            for _ in range(11):
                incoming.write(b"x")


def test_an_upload_may_have_as_many_bytes_as_are_allowed_and_not_one_more(tmp_path: Path) -> None:
    jobs = Jobs(tmp_path)
    with jobs.receiving(10, limit=10) as incoming:
        incoming.write(b"1234567")
        incoming.write(b"890")
        with pytest.raises(TooLarge):
            incoming.write(b"1")
    with pytest.raises(TooLarge), jobs.receiving(11, limit=10):
        pass


def test_old_builds_are_forgotten_and_what_is_uploaded_is_not_everybody_s_to_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.jobs.jobs.KEPT", 2)
    before = os.umask(0)
    try:
        jobs = Jobs(tmp_path)
        with jobs.receiving(10, limit=10) as incoming:
            incoming.write(b"1234567")
            incoming.finish()
            jobs.add(incoming, "orders.csv", {})
        for folder in (jobs.folder, *jobs.folder.iterdir()):
            assert not folder.is_dir() or folder.stat().st_mode & 0o007 == 0
    finally:
        os.umask(before)
    for number in range(4):
        jobs.ledger.end(jobs.ledger.claim(), "failed", None)
        jobs.ledger.add(f"build-{number}", "upload", "orders.csv", {})
    jobs.clean(timedelta(days=7))
    assert jobs.ledger.ids() == {"build-2", "build-3"}


@pytest.mark.parametrize(("minutes", "is_gone"), [(-1, False), (1, True)])
def test_what_is_kept_for_some_days_goes_when_they_are_over_and_not_before(
    tmp_path: Path, minutes: int, is_gone: bool
) -> None:
    jobs, keep = Jobs(tmp_path), timedelta(days=14)
    jobs.create()
    then = {name: datetime.now(UTC) - days - timedelta(minutes=minutes)
            for name, days in [("ended", keep), ("held", ABANDONED), ("incoming-x", ABANDONED)]}  # fmt: skip
    for name, moment in then.items():
        (jobs.folder / name).mkdir()
        (jobs.folder / name / "orders.csv").touch()
        os.utime(jobs.folder / name, (moment.timestamp(), moment.timestamp()))
    for name in ("mapping-1.yml", "reading-1.jsonl", "events.jsonl"):
        (jobs.folder / "ended" / name).touch()
    jobs.ledger.add("held", "upload", "orders.csv", {}, "held")
    jobs.ledger.add("ended", "upload", "orders.csv", {})
    jobs.ledger.end(jobs.ledger.claim(), "failed", "why")
    with sqlite3.connect(jobs.ledger.file) as rows:
        for name, column in [("ended", "ended_at"), ("held", "queued_at")]:
            rows.execute(f"update builds set {column} = ? where id = ?", (f"{then[name]:%Y-%m-%dT%H:%M:%SZ}", name))
    beside = tmp_path / "of somebody"  # a link is planted in the place of a build's folder
    (jobs.folder / "ended").rename(beside)
    (jobs.folder / "ended").symlink_to(beside)
    jobs.clean(keep)
    assert len([*beside.iterdir()]) == 4
    (jobs.folder / "ended").unlink()
    beside.rename(jobs.folder / "ended")
    jobs.clean(keep)
    left = {path.name for path in (jobs.folder / "ended").iterdir()} - {"events.jsonl"}
    assert left == (set() if is_gone else {"orders.csv", "mapping-1.yml", "reading-1.jsonl"})
    assert (jobs.folder / "ended" / "events.jsonl").exists()
    assert (jobs.folder / "incoming-x").exists() is not is_gone
    assert jobs.ledger.get("held").state == ("cancelled" if is_gone else "held")
    assert jobs.ledger.get("ended").message == "why"
