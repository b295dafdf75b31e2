"""Whatever becomes of the log, requests are answered, and lost lines are counted."""

from __future__ import annotations

import json
import os
import re
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from api.log import PAUSE, WAITING, LogWriter
from api.server import CONNECTIONS
from tests.api.conftest import ROOT, Server, free_port, publish, serving


class LoggingElsewhere(Server):
    """A server whose stderr is what a test makes of it."""

    def __init__(self, warehouse: Path, redirection: str, stderr: int | None) -> None:
        self.port, self.log = free_port(), Path(os.devnull)
        self.process = subprocess.Popen(
            ["sh", "-c", f'ulimit -Sn 300; exec "$0" -m api {redirection}', sys.executable],
            cwd=ROOT,
            env=os.environ | {"PORT": str(self.port), "WAREHOUSE": str(warehouse)},
            stdout=subprocess.DEVNULL,
            stderr=stderr,
        )
        self.wait(lambda: self.get("/health").status == 200, seconds=60)

    def lost(self) -> int:
        return int(float(re.search(r"^clv_log_lines_lost_total (\S+)$", self.get("/metrics").body.decode(), re.M)[1]))


@contextmanager
def logging_to(warehouse: Path, redirection: str = "", stderr: int | None = None) -> Iterator[LoggingElsewhere]:
    server = LoggingElsewhere(warehouse, redirection, stderr)
    try:
        yield server
    finally:
        server.stop()


def ask_all_kinds(server: Server) -> None:
    for path in ("/predictions/c001", "/predictions", "/summary", "/customers/c001", "/predictions.csv", "/docs"):
        assert server.get(path).status == 200
    assert server.get("/predictions?cursor=x").status == 422


@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full", "0<&- 1>&- 2>&-"], ids=["closed", "full", "all closed"])
def test_a_log_that_takes_nothing_costs_lines_and_no_request(warehouse: Path, redirection: str) -> None:
    with logging_to(warehouse, redirection) as server:
        before = server.lost()
        ask_all_kinds(server)
        server.wait(lambda: server.lost() >= before + 7)
        # However few files a shell lets it open, Granian allows itself what the system allows: so many may connect.
        soft, hard = resource.prlimit(server.worker(), resource.RLIMIT_NOFILE)
        assert soft >= min(CONNECTIONS + 1_000, hard)


def test_a_reader_who_falls_asleep_holds_up_nobody_and_gets_whole_lines_when_awake(warehouse: Path) -> None:
    reader, writer = os.pipe()
    with logging_to(warehouse, stderr=writer) as server:
        os.close(writer)
        os.set_blocking(reader, False)
        with suppress(BlockingIOError):
            while True:
                os.read(reader, 1 << 16)
        asked = [f"request-{n:04}" for n in range(700)]  # more lines than a pipe holds
        for request_id in asked:
            assert server.get("/predictions/c001", X_Request_Id=request_id).status == 200
        ask_all_kinds(server)
        read = b""

        def all_read() -> bool:
            nonlocal read
            with suppress(BlockingIOError):
                while piece := os.read(reader, 1 << 16):
                    read += piece
            return asked[-1].encode() in read

        server.wait(all_read)
        assert re.findall(rb'"request_id": "(request-\d+)"', read) == [name.encode() for name in asked]
        assert server.lost() == 0
    os.close(reader)


def test_lines_beyond_what_is_kept_for_a_sleeper_are_lost_and_counted() -> None:
    reader, writer = os.pipe()
    log = LogWriter(writer)
    started = time.monotonic()
    for _ in range(WAITING + 5_000):
        log.write("x" * 100 + "\n")
    assert time.monotonic() - started < 5
    assert 0 < log.lost <= 5_000
    os.close(reader)  # the next write fails, and so all that waited are lost too
    deadline = time.monotonic() + 10
    while log.lost < 5_000 and time.monotonic() < deadline:
        time.sleep(PAUSE)
    log.close()
    os.close(writer)
    assert log.lost >= WAITING


def test_after_a_full_disk_the_log_goes_on_with_a_line_of_its_own(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with (tmp_path / "log").open("wb") as file:
        log = LogWriter(file.fileno())
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))  # the second line ends in its middle, as on a full disk
        try:
            log.write("first\nsecond\n")
            deadline = time.monotonic() + 10
            while not log.lost and time.monotonic() < deadline:
                time.sleep(PAUSE)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        log.write("third\n")
        log.close()
    assert (tmp_path / "log").read_text().splitlines() == ["first", "seco", "third"]
    assert log.lost == 1


@pytest.mark.parametrize(("setting", "logged"), [("0", False), ("", False), ("1", True)])
def test_customers_stand_in_the_log_only_where_asked_for(warehouse: Path, setting: str, logged: bool) -> None:
    with serving(warehouse, f"customers{setting}", LOG_CUSTOMERS=setting, TZ="Asia/Tokyo") as server:
        asked = datetime.now(UTC)
        server.get("/predictions/c042", X_Request_Id="mine")
        [line] = server.log_lines("mine")
        assert line.get("path") == ("/predictions/c042" if logged else None)
        assert ("c042" in str(line)) is logged
        assert server.get("/predictions/%22%5C%0A%C3%A9", X_Request_Id="odd").status == 404  # its line is JSON too
        [line] = server.log_lines("odd")
        assert line.get("path") == ('/predictions/"\\\n\xc3\xa9' if logged else None)
        assert -1 < (datetime.fromisoformat(line["time"]) - asked).total_seconds() < 60


def test_what_went_wrong_stands_in_the_log_under_its_request_at_a_moment_in_utc(tmp_path: Path) -> None:
    publish(tmp_path / "warehouse", "one", {"a": 1.0})
    (tmp_path / "warehouse" / ".clv-jobs").mkdir()
    (tmp_path / "warehouse" / ".clv-jobs" / "ledger.sqlite").write_bytes(b"no ledger" * 1000)
    with serving(tmp_path / "warehouse", TZ="Asia/Tokyo") as server:
        asked = datetime.now(UTC)
        assert server.get("/builds", X_Request_Id="mine").status == 503
        server.wait(lambda: len(server.log_lines("mine")) == 2)
        told = {line["level"]: line for line in server.log_lines("mine")}
        assert told["info"]["status"] == 503
        assert told["error"]["message"] == "the ledger of builds cannot be read"
        assert "DatabaseError: file is not a database" in told["error"]["exception"]
        for line in filter(lambda line: line.startswith("{"), server.log.read_text().splitlines()):
            assert abs((datetime.fromisoformat(json.loads(line)["time"]) - asked).total_seconds()) < 60


def test_the_log_and_the_metrics_tell_how_long_a_request_took(server: Server) -> None:
    def figure(pattern: str) -> float:
        metrics = server.get("/metrics").body.decode()
        return sum(float(line.split()[1]) for line in metrics.splitlines() if re.match(pattern, line))

    taken, took = (
        r'clv_places_taken{kind="long"}',
        r'clv_request_seconds_sum{.*route="/predictions/lookup",status="200"}',
    )
    server.wait(lambda: figure(taken) == 0)
    before, started = figure(took), time.monotonic()
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as client:
        client.sendall(
            b"POST /predictions/lookup HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: slow\r\nConnection: close\r\n"
            b'Content-Type: application/json\r\nContent-Length: 21\r\n\r\n{"user_ids": '
        )
        server.wait(lambda: figure(taken) == 1)  # it is being answered
        time.sleep(0.3)
        client.sendall(b'["c1"] }')
        assert client.makefile("rb").read().startswith(b"HTTP/1.1 200 ")
    [line] = server.log_lines("slow")
    assert (line["method"], line["status"], line["level"]) == ("POST", 200, "info")
    assert 0.3 <= line["ms"] / 1000 < time.monotonic() - started
    assert 0.3 <= figure(took) - before < time.monotonic() - started
