"""What the worker starts is told what the worker is set to and what the build has for itself, and is waited for."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from pipeline.jobs import children, inspector
from pipeline.jobs.children import Children
from pipeline.jobs.inspector import Inspector
from pipeline.jobs.jobs import Jobs
from pipeline.postgres import Postgres
from pipeline.settings import TAKES, Settings


def test_a_build_is_given_the_worker_s_settings_and_its_own_and_nothing_of_who_started_the_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[dict[str, Any]] = []
    monkeypatch.setattr(children.subprocess, "Popen", lambda command, **given: started.append({"of": command} | given))
    for variable in {*TAKES["build"], *TAKES["inspect"]}:
        for name in (variable, f"CLV_{variable}"):
            monkeypatch.setenv(name, "of another command")
    monkeypatch.setenv("PGPASSWORD", "secret")
    database = Postgres.parse("ORDERS", "postgresql://reader:secret@there/shop")
    settings = Settings(orders=database, table="lines", warehouse=tmp_path, strict=True, max_rejected=0.2)
    jobs = Jobs(tmp_path)
    jobs.create()
    own = {"ORDERS": "orders.csv", "TABLE": "", "AS_OF": "2017-10-17", "STRICT": "0"}
    for source, variables in (("upload", own), ("schedule", {})):
        build = jobs.ledger.add(source, source, "March.csv", variables)
        Children(settings).start("build", build, tmp_path / "events", subprocess.DEVNULL)
        environment = started[-1]["env"]
        ours = {f"{prefix}{name}" for name in (*TAKES["build"], *TAKES["inspect"]) for prefix in ("", "CLV_")}
        told = {name: text for name, text in environment.items() if name in ours}
        of_worker = {"ORDERS": database.uri, "TABLE": "lines", "WAREHOUSE": str(tmp_path), "MAX_REJECTED": "0.2"}
        assert told == of_worker | {"STRICT": "1", "JSON": str(tmp_path / "events")} | variables
        assert environment["PGPASSWORD"] == "secret"  # what connects reads it there
        assert ("--uploaded-as=March.csv" in started[-1]["of"]) is (source == "upload")


@pytest.mark.parametrize(
    ("does", "said"),
    [
        ("sys.exit(1)", "to look at it failed"),
        ("time.sleep(60)", "it took over 0.3 seconds"),
        (r"""print('{"event": "inspected", "formats": ["plain"]}')""", None),
    ],
    ids=["fails", "takes too long", "tells"],
)
def test_how_an_upload_is_read_is_told_or_why_it_is_not_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, does: str, said: str | None
) -> None:
    def start(self: Children, command: str, build: object, events: Path, output: object) -> subprocess.Popen[bytes]:
        assert command == "inspect"
        with events.open("xb") as file:
            return subprocess.Popen([sys.executable, "-c", f"import sys, time; {does}"], stdout=file)

    monkeypatch.setattr(Children, "start", start)
    monkeypatch.setattr(inspector, "MOST_SECONDS", 0.3 if said and "over" in said else 30)
    jobs = Jobs(tmp_path)
    jobs.create()
    build = jobs.ledger.add("one", "upload", "orders.csv", {}, "held")
    (jobs.folder / "one").mkdir()
    looks = Inspector(Settings(warehouse=tmp_path), jobs)
    started = time.monotonic()
    looks.start()
    while jobs.reading(build) is None:
        assert time.monotonic() - started < 30
        time.sleep(0.05)
    looks.stop()
    reading = jobs.reading(build)
    wanted = f"how it is read is not known: {said}. A build shows whether it can be read" if said else "plain"
    assert (reading.formats, reading.problem) == ([wanted], None)
