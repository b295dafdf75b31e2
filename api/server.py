"""The process that serves and the one that answers: how they start, what they may use, how they end."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import sys
from contextlib import suppress
from functools import partial

from flask import Flask
from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels

from api.app import create_app
from api.middleware import idle_timeout
from api.policy import LIMITS
from api.settings import Settings

PR_SET_PDEATHSIG = 1  # from linux/prctl.h
THREADS = sum(limit.at_once for limit in LIMITS) + 4  # some are free for the short requests, whatever the others do
CONNECTIONS = 10_000  # that may be open at once: each costs a few KB, and those that idle must not keep others out
BUFFER = 1 << 16  # bytes of an answer that wait for one client; a longer one waits with whoever makes it
END_WITHIN = 5  # seconds, from the signal that ends the server; a request that is still being answered then is cut off
SIGNALS = {signal.SIGINT, signal.SIGTERM}


class CannotServe(Exception):
    """The address can't be served on; its text is what the user sees."""


def serve(settings: Settings) -> None:
    """Serve until a signal ends it; CannotServe where it cannot begin."""
    address = f"[{settings.host}]:{settings.port}" if ":" in settings.host else f"{settings.host}:{settings.port}"
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        with socket.create_server((settings.host, settings.port), family=family):
            pass
    except OSError as error:
        another = f"PORT={settings.port % 65_535 + 1}"
        # Where it is no name that cannot be found, Python's text repeats the address.
        why = error.strerror if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)
        raise CannotServe(f"{address} cannot be served on: {why}. Try another one: {another}") from None
    os.register_at_fork(before=_hold_signals, after_in_parent=_take_signals, after_in_child=_end_when_told)
    server = Granian(
        "api",
        address=settings.host,
        port=settings.port,
        interface=Interfaces.WSGI,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(max_buffer_size=BUFFER),
        workers=1,
        respawn_failed_workers=True,
        blocking_threads=THREADS,
        backpressure=CONNECTIONS,
        workers_kill_timeout=END_WITHIN,
        websockets=False,
        log_level=LogLevels.error,
    )
    with suppress(OSError):
        print(f"Page and API on http://{address}/, docs on /docs. Ctrl-C stops.", flush=True)
    server.serve(target_loader=partial(worker, settings), wrap_loader=False)


def worker(settings: Settings) -> Flask:
    """The app, in the one process that answers; that process ends with the one that started it, even by kill -9."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    idle_timeout.watch(settings.port, settings.idle_seconds, settings.body_seconds)
    return create_app(settings)


def keep_standard_files() -> None:
    """Open what was closed of stdin, stdout and stderr: a socket under such a number would be sent what is printed."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free: this one


def _hold_signals() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)


def _take_signals() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def _end_when_told() -> None:
    """Until the worker takes signals itself it would swallow them, by handlers that it has from its parent."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent too, which then sends SIGTERM
    _take_signals()
