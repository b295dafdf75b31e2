"""Ends connections on which nothing moves, or next to nothing: who stalls, crawls or went away must hold no thread.

The server itself only limits the time for the head of a request. For a body that never comes, or an answer that nobody
takes, one of its few threads would wait for ever. The kernel knows what moved on each connection, and when.
"""

from __future__ import annotations

import os
import socket
import stat
import struct
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NamedTuple

SLOWEST = 1000  # bytes a second that a client has to take of an answer, or to send, on average over the time allowed
_EVERY = 5
_BODY_LIMITS = 2  # a sender has twice the time that a body has: who is told so at its end need not be cut off

Client = tuple[Any, ...]  # an address as the family of the socket has it
Key = tuple[Client, int]
Since = tuple[float, int]  # a moment, and bytes that had moved by then


class Moved(NamedTuple):
    """Of one connection, in the words of struct tcp_info in linux/tcp.h: milliseconds ago, and bytes."""

    last_data_sent: int
    last_data_recv: int
    bytes_acked: int
    bytes_received: int
    notsent_bytes: int

    @classmethod
    def on(cls, connection: socket.socket) -> Moved:
        info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 148)
        places = (("I", 44), ("I", 52), ("Q", 120), ("Q", 128), ("I", 144))
        return cls(*(struct.unpack_from(form, info, at)[0] for form, at in places))


def watch(port: int, seconds: float, body_seconds: float) -> None:
    """Ends this process's connections to `port` that stand still, from a thread of its own; on Linux only.

    `seconds`: how long one may stand still while it is answered; `body_seconds`: how long a body may take.
    """
    looks = Looks(port, seconds, body_seconds * _BODY_LIMITS)

    def look() -> None:
        while True:
            time.sleep(min(_EVERY, seconds / 2))
            looks.end_idle()

    if sys.platform == "linux":
        threading.Thread(target=look, name="idle connections", daemon=True).start()


class Looks:
    """At the connections to a port, time and again, and what was seen of them before.

    `_taking`: since when a client leaves data waiting, and how much it had taken by then. `_sending`: since when one
    sends while it is sent nothing, and how much it had sent; the number of bytes that it was sent before is of its key.
    """

    def __init__(self, port: int, seconds: float, sending_seconds: float) -> None:
        self._port = port
        self._seconds = seconds
        self._sending_seconds = sending_seconds
        self._taking: dict[Key, Since] = {}
        self._sending: dict[Key, Since] = {}

    def end_idle(self) -> None:
        """Looks at each connection once, by the counters of Linux's TCP_INFO (tcp(7)), and cuts those that stand still
        or crawl; the client finds it closed."""
        now = time.monotonic()
        taking, sending = self._taking, self._sending
        self._taking, self._sending = {}, {}
        for client, connection in _connections(self._port):
            moved = Moved.on(connection)
            idle = min(moved.last_data_sent, moved.last_data_recv) > self._seconds * 1000
            if moved.notsent_bytes:
                since = taking.get((client, 0), (now, moved.bytes_acked))
                crawls, self._taking[client, 0] = _crawls(since, now, moved.bytes_acked, self._seconds)
                idle = idle or crawls
            if moved.last_data_recv < moved.last_data_sent:
                key = (client, moved.bytes_acked)
                since = sending.get(key, (now, moved.bytes_received))
                crawls, self._sending[key] = _crawls(since, now, moved.bytes_received, self._sending_seconds)
                idle = idle or crawls
            if idle:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)


def _crawls(since: Since, now: float, moved: int, seconds: float) -> tuple[bool, Since]:
    """Whether too little has moved in the `seconds` that it has for that; and since when to count from now on."""
    start, before = since
    if now - start <= seconds:
        return False, since
    return moved - before < SLOWEST * (now - start), (now, moved)


def _connections(port: int) -> Iterator[tuple[Client, socket.socket]]:
    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError):  # closed meanwhile, or not connected
            if stat.S_ISSOCK(os.stat(int(name)).st_mode):
                with socket.socket(fileno=os.dup(int(name))) as connection:
                    is_tcp = connection.family in (socket.AF_INET, socket.AF_INET6)
                    if is_tcp and connection.type == socket.SOCK_STREAM and connection.getsockname()[1] == port:
                        yield connection.getpeername(), connection
