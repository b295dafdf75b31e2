"""`python -m api`: the API on a production server, as `make serve` starts it."""

from __future__ import annotations

import argparse
import ctypes
import os
import resource
import signal
import socket
import sys

from flask import Flask
from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels

from api import idle
from api.app import create_app
from api.door import DETAILS, SLOTS
from api.settings import Settings, SettingsError, is_loopback

PR_SET_PDEATHSIG = 1  # from linux/prctl.h
THREADS = SLOTS + DETAILS + 4  # so that some are free for the short requests, whatever the others do
CONNECTIONS = 10_000  # that may be open at once: each costs a few KB, and those that idle must not keep others out
END_WITHIN = 5  # seconds, from the signal that ends the server; a request that is still being answered then is cut off
SIGNALS = {signal.SIGINT, signal.SIGTERM}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m api", description="Serve the published predictions over HTTP.")
    parser.add_argument("--host", default=os.environ.get("HOST") or "127.0.0.1")
    parser.add_argument("--port", type=_port, default=os.environ.get("PORT") or "5000")
    parser.add_argument("--warehouse", default=os.environ.get("WAREHOUSE") or "warehouse")
    arguments = parser.parse_args()
    os.environ["WAREHOUSE"] = arguments.warehouse  # the worker process reads its settings from there
    try:
        settings = Settings.read()
    except SettingsError as error:
        return _stop(2, str(error))
    if not settings.tokens and not is_loopback(arguments.host):
        return _stop(
            2,
            f"HOST={arguments.host} can be reached from other machines, so a token is needed: set API_TOKENS or "
            "API_TOKENS_FILE, or serve on HOST=127.0.0.1.",
        )
    try:
        with socket.create_server((arguments.host, arguments.port), family=_family(arguments.host)):
            pass
    except OSError as error:
        return _stop(1, f"{arguments.host}:{arguments.port} cannot be served on: {error.strerror}. Try another PORT.")
    os.environ["PORT"] = str(arguments.port)
    os.register_at_fork(before=_hold_signals, after_in_parent=_take_signals, after_in_child=_end_when_told)
    _allow_files(CONNECTIONS + 1_000)
    server = Granian(
        "api.__main__:worker",
        factory=True,
        address=arguments.host,
        port=arguments.port,
        interface=Interfaces.WSGI,
        http=HTTPModes.http1,
        workers=1,
        respawn_failed_workers=True,
        blocking_threads=THREADS,
        backpressure=CONNECTIONS,
        workers_kill_timeout=END_WITHIN,
        websockets=False,
        log_level=LogLevels.error,
    )
    print(f"Page and API on http://{arguments.host}:{arguments.port}/, docs on /docs. Ctrl-C stops.", flush=True)
    server.serve()
    return 0


def worker() -> Flask:
    """The app, in the one process that answers; that process ends with the one that started it, even by kill -9."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    idle.watch(int(os.environ["PORT"]))
    return create_app()


def _hold_signals() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)


def _take_signals() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def _end_when_told() -> None:
    """Until the worker takes signals itself it would swallow them, by handlers that it has from its parent."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent too, which then sends SIGTERM
    _take_signals()


def _allow_files(number: int) -> None:
    """Raises the limit on open files, often 1,024, as far as the system lets this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = number if hard == resource.RLIM_INFINITY else min(number, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"PORT={text} is no port; take one from 1 to 65535")
    return int(text)


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _stop(status: int, why: str) -> int:
    print(why, file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
