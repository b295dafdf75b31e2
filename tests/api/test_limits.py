"""How many requests may be answered at once, and what the next one gets."""

from __future__ import annotations

import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from werkzeug.test import Client, TestResponse

from api import create_app
from api.policy import DETAILS, LONG
from api.server import THREADS
from api.settings import Settings
from api.store.snapshot import Snapshot
from tests.api.conftest import VALUES, Server, publish


def test_there_are_threads_left_when_every_slot_is_taken() -> None:
    assert LONG.at_once + DETAILS.at_once < THREADS


@pytest.mark.parametrize(
    ("path", "limit"),
    [
        ("/customers/c001", DETAILS.at_once),
        ("/customers?customer_id=a%2Fb", DETAILS.at_once),
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
