"""What became of a build, and who is told of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.jobs.jobs import Jobs
from pipeline.jobs.ledger import Build
from pipeline.jobs.worker import MESSAGE_BYTES, _Worker
from pipeline.settings import Settings
from pipeline.warehouse.folder import Warehouse


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    words: list[tuple[str, dict[str, Any]]] = []

    def send(target: str, word: dict[str, Any], done: Any) -> None:
        words.append((target, word))
        done()

    monkeypatch.setattr("pipeline.jobs.worker.notify", send)
    return words


def queued(folder: Path, **events: Any) -> tuple[Jobs, Build]:
    """A build that runs, and what it has told so far."""
    jobs = Jobs(folder)
    jobs.create()
    jobs.ledger.add("one", "upload", "orders.csv", {})
    build = jobs.ledger.claim()
    (jobs.folder / "one").mkdir()
    lines = [json.dumps({"event": event, **fields}) + "\n" for event, fields in events.items()]
    jobs.events_file(build).write_text("".join(lines))
    jobs.output_file(build).write_text("what it told people\n")
    return jobs, build


WARNED = {"code": "similar_ids", "text": "Two ids are alike.", "figures": {}}


@pytest.mark.parametrize("on_failure", ["", "failure"])
@pytest.mark.parametrize("on_warning", ["", "warning"])
@pytest.mark.parametrize(
    ("state", "message", "warned", "goes_to"),
    [
        ("published", None, False, ""),
        ("published", None, True, "warning"),
        ("published", "It could not be delivered.", False, "failure"),
        ("published", "It could not be delivered.", True, "failure"),
        ("failed", "no usable line", False, "failure"),
        ("failed", "no usable line", True, "failure"),
        ("cancelled", None, True, ""),
    ],
)
def test_a_failure_goes_where_failures_go_a_warning_where_warnings_go_and_good_news_nowhere(
    tmp_path: Path, told: list, on_failure: str, on_warning: str, state: str, message: str | None, warned: bool,
    goes_to: str,
) -> None:  # fmt: skip
    settings = Settings(warehouse=tmp_path, on_failure=on_failure, on_warning=on_warning)
    jobs, build = queued(tmp_path, **({"warned": WARNED} if warned else {}))
    jobs.ledger.end(build, state, message)
    _Worker(settings, Warehouse(tmp_path), jobs)._tell()
    if goes_to not in (on_failure, on_warning) or not goes_to:
        assert told == []
    else:
        ((target, word),) = told
        ended = jobs.ledger.get("one").ended_at
        assert target == goes_to
        assert word == {
            "id": "one", "state": state, "source": "upload", "name": "orders.csv", "message": message,
            "ended_at": ended, "warehouse": str(tmp_path),
            "warnings": [WARNED] if warned and state == "published" else [],
        }  # fmt: skip
    assert jobs.ledger.untold() == []  # it is not told again


def test_of_what_a_build_told_people_at_length_the_beginning_is_kept_without_what_moves_a_cursor(
    tmp_path: Path,
) -> None:
    jobs, build = queued(tmp_path)
    jobs.output_file(build).write_bytes(b"  \x1b[2Jno \xff order\r\x07\nx" * 2000)
    _Worker(Settings(warehouse=tmp_path), Warehouse(tmp_path), jobs)._settle(build, 1)
    message = jobs.ledger.get("one").message
    assert message.startswith("\ufffd[2Jno \ufffd order")
    assert all(letter.isprintable() or letter == "\n" for letter in message)
    assert MESSAGE_BYTES * 0.9 < len(message) <= MESSAGE_BYTES


BUILD = {"build": {"build_id": "b-1"}}
TWICE = "The worker ended in the middle of this build, twice. Upload the orders again."
SIGNAL = "The build was ended by signal 9; 9 may mean that memory ran out."


@pytest.mark.parametrize(
    ("events", "status", "changed", "state", "message"),
    [
        ({"publishing": BUILD, "published": BUILD}, 0, {}, "published", None),
        ({"publishing": BUILD, "published": BUILD}, 1, {}, "published", None),  # nothing was to be delivered
        ({"publishing": BUILD, "published": BUILD}, 1, {"delivers": True}, "published", "what it told people"),
        ({"publishing": BUILD, "published": BUILD}, 0, {"delivers": True}, "published", None),
        ({"publishing": BUILD, "published": BUILD}, None, {"cancel": 1}, "published", None),
        ({"publishing": BUILD}, None, {"visible": True}, "published", None),
        ({"publishing": BUILD}, -9, {"visible": True, "cancel": 1}, "published", None),
        ({"publishing": BUILD}, None, {}, "queued", None),
        ({}, None, {}, "queued", None),
        ({}, None, {"attempts": 2}, "failed", TWICE),
        ({}, -9, {}, "failed", SIGNAL),
        ({}, -9, {"cancel": 1}, "cancelled", None),
        ({}, 1, {"cancel": 1}, "cancelled", None),
        ({}, None, {"cancel": 1, "attempts": 2}, "cancelled", None),
        ({}, -15, {"stopping": True}, "queued", None),
        ({}, 1, {"stopping": True}, "failed", "what it told people"),
        ({"failed": {"text": "no usable line"}}, 1, {}, "failed", "no usable line"),
        ({}, 2, {}, "failed", "what it told people"),
    ],
)
def test_what_became_of_a_build_is_what_its_process_and_the_warehouse_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, events: dict, status: int | None, changed: dict, state: str,
    message: str | None,
) -> None:  # fmt: skip
    jobs, build = queued(tmp_path, **events)
    if changed.get("cancel"):
        jobs.ledger.cancel("one")
    attempts = changed.get("attempts", 1)
    if attempts > 1:
        jobs.ledger.requeue(build, attempts - 1)
        jobs.ledger.claim()
    monkeypatch.setattr(Warehouse, "has_published", lambda _, build_id: changed.get("visible", False))
    address = "postgresql://writer@there/crm" if changed.get("delivers") else None
    worker = _Worker(Settings(warehouse=tmp_path, deliver_to=address), Warehouse(tmp_path), jobs)  # type: ignore[arg-type]
    if changed.get("stopping"):
        worker._stopping.set()
    worker._settle(build, status)
    found = jobs.ledger.get("one")
    assert (found.state, found.message) == (state, message)
    if state == "queued":  # what the worker's own end interrupts is no attempt of the build's
        assert found.attempts == (attempts - 1 if changed.get("stopping") else attempts)
