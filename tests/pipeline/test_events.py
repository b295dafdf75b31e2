"""What a build tells of itself as data: to a file that a scheduler follows, and in what it publishes."""

from __future__ import annotations

import json
from datetime import datetime
from types import SimpleNamespace

import pytest

import predictor
from pipeline.errors import ClvError
from pipeline.events import StepDone, StepStarted
from pipeline.events.doubts import about_box
from pipeline.events.steps import Steps
from pipeline.settings import Settings
from pipeline.warehouse.build_info import SCHEMA_VERSION
from tests.pipeline.conftest import Shop


def events(shop: Shop) -> list[dict]:
    return [json.loads(line) for line in (shop.folder / "events.jsonl").read_text().splitlines()]


def test_a_build_tells_its_steps_its_warnings_and_what_it_published(built: Shop):
    repeated = "a,a1,1,1,10,2017-10-01"
    built.write_orders({"a": 10, "b": 20, "c": 30}, more=repeated)
    (built.warehouse / "clv.duckdb").unlink()
    printed = built.run(AS_OF="2017-10-18", JSON=str(built.folder / "events.jsonl"))
    assert "make train" in printed and "JSON=" not in printed  # which would write over what this build told

    told = events(built)
    assert told == sorted(told, key=lambda event: datetime.fromisoformat(event["at"]))
    started, done = ([e["step"] for e in told if e["event"] == f"step_{which}"] for which in ("started", "done"))
    steps = {
        "start",
        "start dbt",
        "load lines",
        "check lines",
        "features",
        "predict",
        "rank, history",
        "audit",
        "publish",
    }
    assert set(started) == set(done) == steps | {"publish"}
    assert {event["rows"] for event in told if event["event"] == "rows_scored"} == {3}

    warned = [
        {each: event[each] for each in ("code", "text", "figures")} for event in told if event["event"] == "warned"
    ]
    assert {each["code"] for each in warned} == {
        "published_file_gone",
        "history_from_another_file",
        "repeated_lines",
        "model_of_other_orders",
    }
    (other,) = (each["text"] for each in warned if each["code"] == "model_of_other_orders")
    assert other.endswith("with make train")  # where the orders are, is for nobody who reads it on the page
    (repetition,) = (each for each in warned if each["code"] == "repeated_lines")
    assert repetition == {
        "code": "repeated_lines",
        "text": "repeated order lines: 1; each counts as often as it stands in the file",
        "figures": {"n": 1},
    }
    ((schema, engine, read_as, published),) = built.query(
        "select schema_version, engine, read_as, warnings from build_info"
    )
    assert (schema, engine, read_as) == (SCHEMA_VERSION, "duckdb", None)
    assert json.loads(published) == warned
    assert told[-1]["event"] == "published" and told[-1]["build"]["build_id"] == built.build_id()


@pytest.mark.slow
def test_a_build_that_fails_tells_why_and_strict_stops_at_what_was_odd_before_dbt_began(built: Shop):
    (built.warehouse / "clv.duckdb").unlink()
    printed = built.run(status=1, STRICT="1", JSON=str(built.folder / "events.jsonl"))
    assert printed.startswith("Stopped, because STRICT=1: ") and "was gone" in printed
    assert not (built.warehouse / "clv.duckdb").exists()
    assert events(built)[-1]["event"] == "failed" and events(built)[-1]["text"] == printed.strip()
    built.run(STRICT="0")


def test_a_file_for_events_that_cannot_be_written_is_refused(shop: Shop):
    assert "cannot be written" in shop.run(status=2, JSON=str(shop.folder / "nowhere" / "events.jsonl"))


def test_each_wall_that_is_missing_around_the_model_is_named_in_one_warning_or_stops_the_build():
    everything = predictor.box_here().walls | {"landlock", "network"}
    box = predictor.Box(everything - {"landlock", "network"})
    (warning,) = about_box(box, Settings())
    assert "Landlock" in warning.text and "a network namespace" in warning.text
    with pytest.raises(ClvError, match=r"REQUIRE_BOX=1.*Landlock"):
        list(about_box(box, Settings(require_box=True)))


def test_the_seconds_of_a_dbt_run_are_those_of_its_nodes_by_step_and_the_rest_is_its_start():
    def result(step: str | None, seconds: float) -> SimpleNamespace:
        meta = {"step": step} if step else {}
        return SimpleNamespace(node=SimpleNamespace(config=SimpleNamespace(meta=meta)), execution_time=seconds)

    told: list[object] = []
    steps = Steps(told.append)
    steps.add_dbt([result("features", 1.0), result("predict", 2.0), result(None, 8.0), result("features", 0.5)], 5.0)
    assert told == [StepDone("start dbt", 1.5), StepDone("predict", 2.0), StepDone("features", 1.5)]
    steps.add_dbt([result("predict", 4.0)], 3.0)
    assert steps.seconds == {"start dbt": 1.5, "predict": 6.0, "features": 1.5}


def test_a_step_of_dbt_begins_with_its_first_node_and_says_which_share_of_the_nodes_is_behind_it():
    told: list[object] = []
    steps = Steps(told.append)
    for position, step in enumerate(("check lines", "check lines", None, "features", None, "predict", "features"), 1):
        steps.on_node({"step": step} if step else {}, position, 8)
    assert told == [
        StepStarted("check lines", 0.0),
        StepStarted("features", 3 / 8),
        StepStarted("predict", 5 / 8),
        StepStarted("features", 6 / 8),
    ]
