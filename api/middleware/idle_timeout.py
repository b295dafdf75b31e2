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

SLOWEST = 1000  # bytes a second that a client has to take of an answer, on average over the time allowed
_EVERY = 5

Client = tuple[Any, ...]  # an address as the family of the socket has it


class Moved(NamedTuple):
    """Of one connection, in the words of struct tcp_info in linux/tcp.h: milliseconds ago, and bytes."""

    last_data_sent: int
    last_data_recv: int
    bytes_acked: int
    notsent_bytes: int

    @classmethod
    def on(cls, connection: socket.socket) -> Moved:
        info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 148)
        return cls(
            *(struct.unpack_from(form, info, at)[0] for form, at in (("I", 44), ("I", 52), ("Q", 120), ("I", 144)))
        )


def watch(port: int, seconds: float) -> None:
    """Ends this process's connections to `port` that stand still, from a thread of its own; on Linux only."""

    def look() -> None:
        since: dict[Client, tuple[float, int]] = {}
        while True:
            time.sleep(min(_EVERY, seconds / 2))
            since = end_idle(port, seconds, since)

    if sys.platform == "linux":
        threading.Thread(target=look, name="idle connections", daemon=True).start()


def end_idle(port: int, seconds: float, since: dict[Client, tuple[float, int]]) -> dict[Client, tuple[float, int]]:
    """Looks once. `since` and what is returned: by client, from when on it has left data waiting, and how much it had
    taken by then."""
    now, waiting = time.monotonic(), {}
    for client, connection in _connections(port):
        moved = Moved.on(connection)
        idle = min(moved.last_data_sent, moved.last_data_recv) > seconds * 1000
        if moved.notsent_bytes:
            start, taken = since.get(client, (now, moved.bytes_acked))
            if now - start > seconds:
                idle = idle or moved.bytes_acked - taken < SLOWEST * (now - start)
                start, taken = now, moved.bytes_acked
            waiting[client] = (start, taken)
        if idle:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
    return waiting


def _connections(port: int) -> Iterator[tuple[Client, socket.socket]]:
    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError):  # closed meanwhile, or not connected
            if stat.S_ISSOCK(os.stat(int(name)).st_mode):
                with socket.socket(fileno=os.dup(int(name))) as connection:
                    is_tcp = connection.family in (socket.AF_INET, socket.AF_INET6)
                    if is_tcp and connection.type == socket.SOCK_STREAM and connection.getsockname()[1] == port:
                        yield connection.getpeername(), connection
