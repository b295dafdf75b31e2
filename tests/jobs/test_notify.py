"""Word of a build is sent until it is taken, no oftener, and what it is sent to stays secret."""

from __future__ import annotations

import json
import subprocess
import urllib.error
import urllib.request
from io import BytesIO
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest

from pipeline.jobs import notify
from pipeline.jobs.notify import ATTEMPTS, SECONDS

SECRET = "a-secret-in-the-target"
WORD = {"state": "failed", "name": "März.csv"}
FAILURES = [
    urllib.error.HTTPError(f"https://x/{SECRET}", 503, "no", None, BytesIO()),
    urllib.error.URLError(f"no host {SECRET}"),
    TimeoutError(SECRET),
    subprocess.CalledProcessError(1, f"tell {SECRET}"),
    subprocess.TimeoutExpired(f"tell {SECRET}", SECONDS),
]


@pytest.mark.parametrize("target", [f"https://x/{SECRET}", f"http://x/{SECRET}", f"tell {SECRET} http://"])
@pytest.mark.parametrize("failing", range(ATTEMPTS + 1))
def test_word_is_tried_anew_after_longer_and_longer_pauses_until_it_is_taken_or_five_have_failed(
    target: str, failing: int, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    left = [FAILURES[n % len(FAILURES)] for n in range(failing)]
    waits: list[float] = []
    posted, run, done = [], [], []

    def attempt(*_: object, **__: object) -> Any:
        if left:
            raise left.pop(0)
        return Mock()

    def post(request: urllib.request.Request, timeout: float) -> Any:
        posted.append((request.full_url, request.method, request.data, request.headers, timeout))
        return attempt()

    def call(command: str, **given: Any) -> Any:
        run.append((command, given))
        return attempt()

    monkeypatch.setattr(urllib.request, "urlopen", post)
    monkeypatch.setattr(subprocess, "run", call)
    monkeypatch.setattr(notify, "time", SimpleNamespace(sleep=waits.append))
    monkeypatch.setattr(
        notify, "threading", SimpleNamespace(Thread=lambda target, args, daemon: Mock(start=lambda: target(*args)))
    )
    notify.notify(target, WORD, lambda: done.append(1))

    attempts = min(failing + 1, ATTEMPTS)
    assert done == [1]
    assert waits == [2, 4, 8, 16][:failing]
    body = json.dumps(WORD, ensure_ascii=False).encode()
    if target.startswith("tell"):
        given = {"shell": True, "input": body, "timeout": SECONDS, "check": True}
        assert (run, posted) == ([(target, given)] * attempts, [])
    else:
        assert run == []
        assert posted == [(target, "POST", body, {"Content-type": "application/json"}, SECONDS)] * attempts
    said = capfd.readouterr().err
    assert SECRET not in said
    assert ("Nobody could be told" in said) is (failing == ATTEMPTS)
