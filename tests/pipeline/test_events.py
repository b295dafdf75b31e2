"""What a build tells of itself as data: to a file that a scheduler follows, and in what it publishes."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

import predictor
from pipeline.errors import ClvError
from pipeline.events import RowsScored, StepDone, StepStarted, Warned
from pipeline.events.doubts import about_box
from pipeline.events.json_lines import json_lines
from pipeline.events.model_log import listening
from pipeline.events.steps import Steps
from pipeline.events.terminal import as_it_is, fact, printable
from pipeline.events.warnings import Warnings
from pipeline.settings import Settings
from pipeline.warehouse.build_info import SCHEMA_VERSION
from tests.pipeline.conftest import Shop


def events(shop: Shop) -> list[dict]:
    return [json.loads(line) for line in (shop.folder / "events.jsonl").read_text().splitlines()]


def test_a_build_tells_its_steps_its_warnings_and_what_it_published(built: Shop):
    repeated = "a,a1,1,1,10,2017-10-01"
    built.write_orders({"a": 10, "b": 20, "c": 30}, more=repeated)
    (built.warehouse / "clv.duckdb").unlink()
    began = datetime.now(UTC)
    printed = built.run(AS_OF="2017-10-18", JSON=str(built.folder / "events.jsonl"), TZ="XXX-14")
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

    ((built_at, predicted_at),) = built.query(
        "select (select built_at from build_info), (select max(predicted_at) from predictions)"
    )
    stamps = [built_at, predicted_at, datetime.strptime(built.build_id()[:15], "%Y%m%dT%H%M%S")]
    stamps += [datetime.fromisoformat(event["at"]).replace(tzinfo=None) for event in told]
    now = datetime.now(UTC).replace(tzinfo=None)  # whatever the clock of the machine shows
    assert all(began.replace(tzinfo=None, microsecond=0) <= each <= now for each in stamps)


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


def test_events_go_one_a_line_into_a_new_file_and_a_disk_that_is_full_stops_nothing_but_them(tmp_path):
    file = tmp_path / "events.jsonl"
    file.write_text("of another build\n")
    with json_lines(file) as write:
        write(StepStarted("start", 0.25))
        assert len(file.read_text().splitlines()) == 1  # at once: somebody follows it
        write(Warned("ids_alike", "Zażółć", {"n": 1}))
    first, second = (json.loads(line) for line in file.read_text(encoding="utf-8").splitlines())
    assert abs(datetime.fromisoformat(first.pop("at")) - datetime.now(UTC)) < timedelta(minutes=5)
    assert first == {"event": "step_started", "step": "start", "done": 0.25}
    assert "Zażółć" in file.read_text(encoding="utf-8") and second["figures"] == {"n": 1}
    with json_lines(Path("/dev/full")) as write:
        write(StepStarted("start"))


def test_what_a_model_says_is_told_while_it_predicts_and_what_it_prints_is_kept_for_this_build_alone(tmp_path):
    printed = tmp_path / "model.log"
    told: list[object] = []
    printed.write_text("of another build\n")
    log, of_model = logging.getLogger("predictor"), logging.getLogger("predictor.printed")
    before = list(log.handlers), list(of_model.handlers)
    with listening(told.append, printed) as errors:
        log.info("%d customers", 7, extra={"rows": 7})
        log.info("said to nobody")
        for text in ("first", "second"):
            log.error(text, extra={"problem": predictor.ModelError(text)})
        assert printed.read_text() == "of another build\n"  # made when it prints
        of_model.debug("región")
    assert told == [RowsScored(7)]
    assert [str(error) for error in errors] == ["first", "second"]
    assert printed.read_text(encoding="utf-8") == "región\n"
    assert (list(log.handlers), list(of_model.handlers)) == before


def test_a_warning_is_kept_and_told_stops_a_strict_command_and_silenced_is_as_if_it_were_not_there():
    first, second = Warned("ids_alike", "Two ids are alike."), Warned("no_money", "no money came")
    for silenced, strict, found, stops in (
        ([], False, [first, second], ""),
        (["ids_alike"], False, [second], ""),
        (["ids_alike", "no_money"], True, [], ""),
        (["ids_alike"], True, [], "no money came"),
        ([], True, [], "Two ids are alike"),
    ):
        told: list[object] = []
        warnings = Warnings(silenced, strict, told.append)
        if stops:
            with pytest.raises(ClvError) as stopped:
                warnings.add(first, second)
            assert str(stopped.value) == f"Stopped, because STRICT=1: {stops}."
        else:
            warnings.add(first, second)
        assert warnings.found == told == found

        told.clear()
        warnings = Warnings(silenced, strict, told.append)
        warnings.tell(first, second)  # where a command stops for another reason already
        assert warnings.found == told == [each for each in (first, second) if each.code not in silenced]


def test_text_of_others_stays_on_its_line_and_is_no_markup():
    text = "a\nb\r\x1b[31m[red]c[/red]\u202e"
    shown = StringIO()
    fact(Console(file=shown, width=500), "Name", as_it_is(text))
    assert shown.getvalue() == "Name        a�b��[31m[red]c[/red]�\n"
    assert printable(text) == "a\nb��[31m[red]c[/red]�"
