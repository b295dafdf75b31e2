"""The server's processes, from start to end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.api.conftest import ROOT, Server, serving


def is_free(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) != 0


def test_it_ends_within_seconds_when_told_to_and_says_where_it_was(warehouse: Path, tmp_path: Path) -> None:
    server = Server(warehouse, tmp_path / "log")
    server.process.send_signal(signal.SIGINT)
    assert server.process.wait(5) == 0
    assert is_free(server.port)
    said = server.log.read_text()
    assert f"http://127.0.0.1:{server.port}/" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("milliseconds", [0, 1, 10, 100, 300])
def test_it_ends_when_told_to_while_it_is_still_starting(warehouse: Path, milliseconds: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    environment = os.environ | {"PORT": str(port), "WAREHOUSE": str(warehouse)}
    process = subprocess.Popen([sys.executable, "-m", "api"], cwd=ROOT, env=environment, stderr=subprocess.PIPE)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    while not children.read_text():
        time.sleep(0.001)
    time.sleep(milliseconds / 1000)
    process.terminate()
    _, said = process.communicate(timeout=60)  # that is, on a busy machine
    assert process.returncode == 0
    assert b"Traceback" not in said


def test_no_process_is_left_when_it_is_killed(warehouse: Path, tmp_path: Path) -> None:
    server = Server(warehouse, tmp_path / "log")
    server.process.kill()
    server.process.wait()
    deadline = time.monotonic() + 10
    while not is_free(server.port) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert is_free(server.port)


def test_a_worker_that_dies_is_replaced(warehouse: Path) -> None:
    with serving(warehouse, "mortal") as server:
        dead = server.worker()
        os.kill(dead, signal.SIGKILL)
        server.wait(lambda: server.get("/predictions/c001").status == 200)
        assert server.worker() != dead
