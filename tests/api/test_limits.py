"""How many requests may be answered at once, and what the next one gets."""

from __future__ import annotations

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from werkzeug.test import Client, TestResponse, create_environ

from api import create_app
from api.middleware.conditional import Conditional
from api.policy import DETAILS, LIMITS, LONG
from api.routes.health import FULL_SECONDS
from api.server import THREADS
from api.settings import Settings
from api.store.publication import Publication
from api.store.snapshot import Snapshot
from tests.api.conftest import VALUES, Server, publish


def test_there_are_threads_left_when_every_slot_is_taken() -> None:
    assert sum(limit.at_once for limit in LIMITS) < THREADS


@pytest.mark.parametrize(
    ("path", "limit"),
    [
        ("/customers/c001", DETAILS.at_once),
        ("/customers?customer_id=a%2Fb", LONG.at_once),
        ("/customers/c001/history", LONG.at_once),
        ("/history?customer_id=a%2Fb", LONG.at_once),
    ],
)
def test_one_more_than_may_be_answered_at_once_is_told_to_come_back_and_short_ones_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, limit: int
) -> None:
    publish(tmp_path, "one", VALUES)
    app = create_app(Settings(tmp_path))
    asked, go_on = threading.Semaphore(0), threading.Event()
    query = Snapshot.query

    def slow(self: Snapshot, sql: str, *parameters: object) -> list[dict]:
        asked.release()
        assert go_on.wait(20)
        return query(self, sql, *parameters)

    def get(path: str) -> TestResponse:
        return Client(app.wsgi_app).get(path, buffered=True)  # to its end, as a server takes it

    monkeypatch.setattr(Snapshot, "query", slow)
    with ThreadPoolExecutor(limit) as pool:
        answers = [pool.submit(get, path) for _ in range(limit)]
        try:
            assert all(asked.acquire(timeout=20) for _ in range(limit))
            refused = get(path)
            assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
            assert refused.content_type == "application/problem+json"
            assert get("/predictions/c001").status_code == 200
            assert get("/health").status_code == 200
        finally:
            go_on.set()
        assert [answer.result().status_code for answer in answers] == [200] * limit
    assert get(path).status_code == 200


@pytest.mark.parametrize("path", ["/customers/c001", "/history?customer_id=c001", "/summary", "/predictions"])
def test_places_are_given_back_when_a_view_raises(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    publish(tmp_path, "one", VALUES)
    app = create_app(Settings(tmp_path))

    def broken(*_: object) -> None:
        raise RuntimeError("a mistake in a view")

    with monkeypatch.context() as patch:
        patch.setattr(Publication, "snapshot", property(broken))
        for _ in range(DETAILS.at_once + 1):
            answer = Client(app.wsgi_app).get(path, buffered=True)
            assert (answer.status_code, answer.content_type) == (500, "application/problem+json")
            assert "a mistake" not in answer.text
            assert answer.headers["X-Request-Id"]
    assert set(app.extensions["places"].taken().values()) == {0}
    assert Client(app.wsgi_app).get(path, buffered=True).status_code == 200


@pytest.mark.parametrize("begun", [False, True], ids=["never begun", "broken off"])
def test_places_are_given_back_when_the_server_drops_an_answer_without_closing_it(tmp_path: Path, begun: bool) -> None:
    publish(tmp_path, "one", VALUES)
    app = create_app(Settings(tmp_path))
    for _ in range(LONG.at_once + 1):
        body = app.wsgi_app(create_environ("/predictions.csv"), lambda *_: None)
        assert app.extensions["places"].taken()[LONG] == 1
        if begun:
            next(iter(body))
        del body
    assert set(app.extensions["places"].taken().values()) == {0}


def test_a_mistake_in_a_layer_is_a_500_problem_and_the_server_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(tmp_path, "one", VALUES)
    app = create_app(Settings(tmp_path))
    with monkeypatch.context() as patch:
        patch.setattr(Conditional, "__call__", lambda *_: 1 / 0)
        for path in ("/predictions/c001", "/customers/c001"):
            answer = Client(app.wsgi_app).get(path)
            assert (answer.status_code, answer.content_type) == (500, "application/problem+json")
            assert "division" not in answer.text
    assert set(app.extensions["places"].taken().values()) == {0}
    assert Client(app.wsgi_app).get("/predictions/c001").status_code == 200


def test_health_says_when_all_places_have_been_taken_for_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(tmp_path, "one", VALUES)
    app = create_app(Settings(tmp_path))
    client, places = Client(app.wsgi_app), app.extensions["places"]
    held = [places.take(LONG) for _ in range(LONG.at_once)]
    assert client.get("/health").json["status"] == "ok"  # a rush
    monkeypatch.setattr(time, "monotonic", lambda now=time.monotonic: now() + FULL_SECONDS + 1)
    assert client.get("/health").json["status"] == "degraded"
    assert f"All {LONG.at_once} places for long requests" in client.get("/health").json["problem"]
    metrics = client.get("/metrics").text
    assert f'clv_places_taken{{kind="long"}} {LONG.at_once}.0' in metrics
    for limit in LIMITS:
        assert f'clv_places{{kind="{limit.name}"}} {limit.at_once}.0' in metrics
    held.pop().give_back()
    assert (client.get("/health").json["status"], client.get("/health").json["problem"]) == ("ok", None)


def test_of_500_at_once_each_is_answered_or_told_to_come_back(server: Server) -> None:
    def send(path: str) -> socket.socket:
        client = socket.create_connection(("127.0.0.1", server.port), timeout=20)
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        return client

    def receive(client: socket.socket) -> bytes:
        return b"".join(iter(lambda: client.recv(1 << 16), b""))

    with ExitStack() as stack:
        clients = [stack.enter_context(send("/customers/c001")) for _ in range(500)]
        short = [stack.enter_context(send("/predictions/c001")) for _ in range(50)]
        for answer in map(receive, clients):
            assert answer.startswith(b"HTTP/1.1 200 ") or (
                answer.startswith(b"HTTP/1.1 503 ") and b"\r\nretry-after: 1\r\n" in answer
            )
        assert all(answer.startswith(b"HTTP/1.1 200 ") for answer in map(receive, short))
