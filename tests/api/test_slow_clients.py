"""Clients that stall, crawl or only connect take nothing down."""

from __future__ import annotations

import resource
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, nullcontext, suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
from werkzeug.exceptions import RequestTimeout
from werkzeug.test import Client

from api import create_app
from api.middleware import body_timeout
from api.middleware.handler import Environ, Reply
from api.policy import LONG
from api.settings import Settings
from tests.api.conftest import VALUES, Server, publish

CSV = b"GET /predictions.csv HTTP/1.1\r\nHost: localhost\r\n\r\n"
HALF_A_BODY = (
    b"POST /predictions/lookup HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b'Content-Length: 1000\r\n\r\n{"user_ids": ['
)


class HurriedServer(Server):
    """The same, with seconds where the real one has half minutes."""

    MODULE = "tests.api.hurried"


@pytest.fixture(scope="module")
def hurried(tmp_path_factory) -> Iterator[HurriedServer]:
    """Serves enough customers for an answer that no buffer holds."""
    folder = tmp_path_factory.mktemp("hurried")
    publish(folder / "warehouse", "one", VALUES | {f"{'x' * 100}{n:07}": n * 0.1 for n in range(200_000)})
    server = HurriedServer(folder / "warehouse", folder / "log")
    try:
        yield server
    finally:
        server.stop()


def connect(server: Server, sent: bytes = b"", buffer: int | None = None) -> socket.socket:
    client = socket.socket()
    if buffer:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    client.settimeout(30)
    client.connect(("127.0.0.1", server.port))
    client.sendall(sent)
    return client


def rest(client: socket.socket) -> bytes:
    """What the kernel still holds for a client whose connection was cut; TimeoutError where it was not."""
    taken = []
    with suppress(ConnectionResetError):
        while piece := client.recv(1 << 20):
            taken.append(piece)
    return b"".join(taken)


def assert_short_requests_are_answered(server: Server) -> None:
    started = time.monotonic()
    assert server.get("/predictions/c001").status == 200
    assert time.monotonic() - started < 2


@pytest.mark.slow
@pytest.mark.parametrize("sent", [CSV, HALF_A_BODY], ids=["nobody takes the answer", "the body never comes"])
def test_stalled_clients_lose_their_connection_and_nobody_else_does(hurried, sent):
    with ExitStack() as stack:
        clients = [stack.enter_context(connect(hurried, sent, buffer=4096)) for _ in range(8)]
        time.sleep(0.5)
        assert_short_requests_are_answered(hurried)
        assert hurried.get("/predictions?limit=1").status == 503  # all slots are held
        hurried.wait(lambda: hurried.get("/predictions?limit=1").status == 200, seconds=20)
        assert_short_requests_are_answered(hurried)
        for _ in range(8):
            assert hurried.get("/predictions?limit=1").status == 200
        assert not any(rest(client).endswith(b"0\r\n\r\n") for client in clients)


@pytest.mark.slow
def test_a_body_that_trickles_in_is_refused_in_time(hurried):
    with connect(hurried, HALF_A_BODY) as client:
        started = time.monotonic()
        client.settimeout(0.2)
        answer = b""
        while not answer and time.monotonic() - started < 60:
            client.sendall(b'"a", ' * 10)
            with suppress(TimeoutError):
                answer = client.recv(4096)
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"application/problem+json" in answer


@pytest.mark.parametrize(
    ("large", "size", "bytes_a_second", "is_taken"),
    [
        (True, 2_000_000, body_timeout.SLOWEST * 1.05, True),
        (True, 2_000_000, body_timeout.SLOWEST * 0.9, False),
        (False, 2_000, 101, True),  # within 20 seconds
        (False, 2_000, 90, False),
        (False, 2_000_000, body_timeout.SLOWEST * 1.05, False),
    ],
)
def test_a_body_has_20_seconds_and_where_it_may_be_large_so_many_more_as_it_brings(
    monkeypatch: pytest.MonkeyPatch, large: bool, size: int, bytes_a_second: float, is_taken: bool
) -> None:
    seconds, missing = 0.0, size
    monkeypatch.setattr(body_timeout, "time", SimpleNamespace(monotonic=lambda: seconds))

    class Line:
        def read(self, most: int) -> bytes:
            nonlocal seconds, missing
            come = min(most, missing)
            missing -= come
            seconds += come / bytes_a_second
            return b"x" * come

    def read_all(environ: Environ) -> Reply:
        return "200 OK", [], [b"".join(iter(lambda: environ["wsgi.input"].read(1 << 18), b""))]

    layer = body_timeout.BodyTimeout(read_all, 20)
    with nullcontext() if is_taken else pytest.raises(RequestTimeout):
        _, _, body = layer({"wsgi.input": Line(), "api.large_body": large})
        assert sum(map(len, body)) == size


@pytest.mark.parametrize(("path", "slowest"), [("/orders", body_timeout.SLOWEST), ("/predictions/lookup", None)])
def test_orders_alone_may_take_as_long_as_they_are_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, slowest: int | None
) -> None:
    given: list[tuple[float, int | None]] = []
    body = body_timeout.Body

    def spied(stream: object, seconds: float, slowest: int | None) -> body_timeout.Body:
        given.append((seconds, slowest))
        return body(stream, seconds, slowest)

    monkeypatch.setattr(body_timeout, "Body", spied)
    publish(tmp_path, "one", VALUES)
    settings = Settings(tmp_path, uploads=True)
    Client(create_app(settings).wsgi_app).post(path, json={"user_ids": []})
    assert given == [(settings.body_seconds, slowest)]


@pytest.mark.slow
def test_a_body_of_which_a_byte_comes_now_and_then_holds_no_place(hurried):
    """Too little comes in for the body's own limit to be looked at."""
    with ExitStack() as stack:
        clients = [stack.enter_context(connect(hurried, HALF_A_BODY)) for _ in range(LONG.at_once)]
        started = time.monotonic()

        def free() -> bool:
            for client in clients:
                with suppress(OSError):
                    client.sendall(b" ")
            time.sleep(0.5)
            return hurried.get("/predictions?limit=1").status == 200

        assert not free()
        hurried.wait(free, seconds=20)
        assert time.monotonic() - started < 15


@pytest.mark.slow
def test_an_answer_that_is_taken_too_slowly_is_cut_and_not_ended(hurried):
    with ExitStack() as stack:
        clients = [stack.enter_context(connect(hurried, CSV, buffer=4096)) for _ in range(LONG.at_once)]
        taken = [b""] * LONG.at_once

        def free() -> bool:
            for n, client in enumerate(clients):
                taken[n] += client.recv(16)
            return hurried.get("/predictions?limit=1").status == 200

        time.sleep(0.5)
        assert not free()
        hurried.wait(free)
        for n, client in enumerate(clients):
            taken[n] += rest(client)
            assert b"chunked" in taken[n].partition(b"\r\n\r\n")[0].lower()
            assert not taken[n].endswith(b"0\r\n\r\n")


@pytest.mark.slow
def test_a_slow_but_steady_reader_who_sends_nothing_meanwhile_gets_every_byte(hurried):
    with connect(hurried, CSV, buffer=1 << 16) as client:
        taken: list[bytes] = []
        started = time.monotonic()
        while not taken or b"0\r\n\r\n" not in taken[-1][-7:]:
            taken.append(client.recv(1 << 16))
            assert taken[-1], "the connection was cut"
            if time.monotonic() - started < 8:  # four times what a connection may stand still
                time.sleep(0.05)
    assert time.monotonic() - started > 8
    assert sum(map(len, taken)) > 200_000 * 107


@pytest.mark.slow
def test_a_slow_but_steady_sender_is_answered_though_nothing_is_sent_to_it_meanwhile(tmp_path: Path):
    publish(tmp_path / "warehouse", "one", VALUES)
    server = HurriedServer(tmp_path / "warehouse", tmp_path / "log", BODY_SECONDS="60")
    try:
        body = b'{"user_ids": [' + b'"c001", ' * 40 + b'"c002"]}'
        with connect(server, HALF_A_BODY.partition(b"Content-Length")[0]) as client:
            client.sendall(b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(body))
            for start in range(0, len(body), 8):
                client.sendall(body[start : start + 8])
                time.sleep(0.2)
            answer = b"".join(iter(lambda: client.recv(1 << 16), b""))
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert answer.count(b'"c001"') == 40
    finally:
        server.stop()


@pytest.mark.slow
@pytest.mark.parametrize(
    "sent",
    [b"", b"GET /health HTTP/1.1\r\nHo", b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"],
    ids=["silent", "half a head", "kept alive"],
)
def test_connections_that_idle_keep_nobody_out(server, sent):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 2_500:
        pytest.skip("this system does not let a process hold 2,000 connections")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2_500), hard))
    with ExitStack() as stack:
        for _ in range(1_500):
            stack.enter_context(connect(server, sent))
        assert_short_requests_are_answered(server)
