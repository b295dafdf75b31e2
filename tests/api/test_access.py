"""Who may ask."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.conftest import ROOT, Server, serving

OLD, NEW = "an-old-token-0123456789", "a-new-token-9876543210"


@pytest.fixture(scope="module")
def guarded(warehouse: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    file = tmp_path_factory.mktemp("tokens") / "tokens"
    file.write_text(f"# rotated monthly\n{NEW}\n")
    with serving(warehouse, "guarded", API_TOKENS=OLD, API_TOKENS_FILE=str(file)) as running:
        yield running


@pytest.mark.parametrize("token", [OLD, NEW])
def test_each_of_several_tokens_may_ask(guarded: Server, token: str) -> None:
    assert guarded.get("/predictions/c001", Authorization=f"Bearer {token}").status == 200


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer wrong", f"Basic {OLD}", f"Bearer {OLD}x", "Bearer \xff"])
@pytest.mark.parametrize("path", ["/predictions/c001", "/summary", "/predictions.csv", "/metrics", "/nothing"])
def test_nobody_else_may(guarded: Server, path: str, header: str) -> None:
    answer = guarded.get(path, Authorization=header)
    assert (answer.status, answer.headers["content-type"]) == (401, "application/problem+json")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert "etag" not in answer.headers


@pytest.mark.parametrize("path", ["/", "/health", "/docs", "/openapi.json"])
def test_what_says_nobody_s_value_is_open(guarded: Server, path: str) -> None:
    assert guarded.get(path).status == 200


def test_no_token_is_ever_logged(guarded: Server) -> None:
    guarded.get(f"/predictions?token={OLD}", Authorization=f"Bearer {OLD}")
    log = guarded.log.read_text()
    assert OLD not in log
    assert NEW not in log


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example"])
def test_without_tokens_a_foreign_name_for_this_machine_is_refused(server: Server, host: str) -> None:
    assert server.get("/predictions/c001", Host=host).status == 403


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("API_")}
    command = [sys.executable, "-m", "api", *arguments]
    return subprocess.run(command, cwd=ROOT, env=clean | environment, capture_output=True, text=True, timeout=30)


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({"HOST": "0.0.0.0"}, "API_TOKENS"),
        ({"HOST": "::"}, "API_TOKENS"),
        ({"API_TOKENS": "short"}, "16"),
        ({"API_TOKENS_FILE": "no-such-file"}, "no-such-file"),
        ({"PORT": "x"}, "port"),
        ({"PORT": "70000"}, "port"),
    ],
)
def test_it_refuses_to_start_with_one_plain_line(environment: dict[str, str], says: str) -> None:
    ended = run(**environment)
    assert ended.returncode == 2
    assert says in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_port_in_use_is_one_plain_line(server: Server) -> None:
    ended = run("--port", str(server.port))
    assert ended.returncode == 1
    assert str(server.port) in ended.stderr
    assert "Traceback" not in ended.stderr
