"""Gives each request an id, times it, and writes its line into the log and its figures into the metrics."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterable
from typing import Any

from api.log import LogWriter
from api.metrics import Metrics
from api.middleware.handler import Environ, Handler, from_wsgi
from api.problems import unexpected

REQUEST_ID = re.compile(r"[\w.:-]{1,64}", re.ASCII)


class AccessLog:
    """The outermost layer, and so the one that is WSGI itself. Nothing that goes wrong inside leaves it."""

    def __init__(self, inner: Handler, metrics: Metrics, writer: LogWriter, *, log_customers: bool) -> None:
        self._inner = inner
        self._metrics = metrics
        self._writer = writer
        self._log_customers = log_customers

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        started = time.perf_counter()
        given = environ.get("HTTP_X_REQUEST_ID")
        request_id = given if given and REQUEST_ID.fullmatch(given) else os.urandom(8).hex()
        environ["api.request_id"] = request_id
        try:
            status, headers, body = self._inner(environ)
        except Exception as error:
            status, headers, body = from_wsgi(unexpected(error))(environ)
        headers.append(("X-Request-Id", request_id))
        start_response(status, headers)
        self._note(environ, request_id, int(status[:3]), time.perf_counter() - started)
        return body

    def _note(self, environ: Environ, request_id: str, status: int, seconds: float) -> None:
        route, method = environ.get("api.route", "none"), environ["REQUEST_METHOD"]
        self._metrics.observe(route, method, status, seconds)
        path = environ["PATH_INFO"] if self._log_customers else None
        self._writer.write(line(request_id, method, route, status, seconds, path))


def line(request_id: str, method: str, route: str, status: int, seconds: float, path: str | None) -> str:
    """The line of one request. It names the route, not the path: the path holds a customer's id.

    Written by hand because it is written for every request; only `path`, where asked for, can need escaping.
    """
    named = f', "path": {json.dumps(path)}' if path is not None else ""
    return (
        f'{{"time": "{_now()}", "level": "info", "request_id": "{request_id}", "method": "{method}", '
        f'"route": "{route}", "status": {status}, "ms": {seconds * 1000:.2f}{named}}}\n'
    )


def _now() -> str:
    now = time.time()
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(now))}.{int(now * 1000) % 1000:03}Z"
