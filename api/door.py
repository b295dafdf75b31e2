"""What every request passes: who asks, how many at once, its id, its headers, its log line and its metrics.

A WSGI layer around the app, not Flask hooks, because every request pays for it: the same in a third of the time.
"""

from __future__ import annotations

import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterable
from functools import lru_cache
from hmac import compare_digest
from typing import Any
from urllib.parse import unquote

from flask import Response, request
from werkzeug.http import parse_etags
from werkzeug.wsgi import ClosingIterator

from api.log import line
from api.metrics import Metrics
from api.patience import Body
from api.problems import problem
from api.settings import Settings, is_loopback

# How many may be answered at once of those that wait for DuckDB, for a body, or for whoever takes the answer; the next
# one is refused. All others take a fraction of a millisecond, as a refusal does: none waits for long, however many come
# at once. THREADS in __main__ leaves some free for them.
SLOTS = 6  # long ones
DETAILS = 24  # of one customer: milliseconds each

OPEN = re.compile(r"/|/health|/openapi\.json|/docs|/docs/assets/.*|/static/.*")  # these say nobody's value
LIMITED = re.compile(
    r"(?P<long>/predictions|/predictions\.csv|/predictions/lookup|/history|/customers/.*/history|/summary)|"
    r"(?P<details>/customers|/customers/.*)",
    re.DOTALL,
)

REQUEST_ID = re.compile(r"[\w.:-]{1,64}", re.ASCII)

SECURITY = [("X-Content-Type-Options", "nosniff"), ("X-Frame-Options", "DENY"), ("Referrer-Policy", "no-referrer")]
POLICY = "default-src 'none'; frame-ancestors 'none'"  # the two pages name a wider one in environ["api.policy"]

Reply = tuple[str, list[tuple[str, str]], Iterable[bytes]]  # status, headers, body


def name_route() -> None:
    """Tell the door which route Flask took; to be called before every view."""
    if request.url_rule:
        request.environ["api.route"] = request.url_rule.rule


class Door:
    """WSGI in, WSGI out."""

    def __init__(self, app: Callable[..., Iterable[bytes]], settings: Settings, metrics: Metrics) -> None:
        self._app = app
        self._tokens = [token.encode() for token in settings.tokens]
        self._log_customers = settings.log_customers
        self._metrics = metrics
        self._slots = {
            "long": threading.BoundedSemaphore(SLOTS),
            "details": threading.BoundedSemaphore(DETAILS),
        }
        self._loopback = lru_cache(is_loopback)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        started = time.perf_counter()
        given = environ.get("HTTP_X_REQUEST_ID")
        request_id = given if given and REQUEST_ID.fullmatch(given) else os.urandom(8).hex()
        environ["api.request_id"] = request_id
        status, headers, body = self._reply(environ)
        headers.append(("X-Request-Id", request_id))
        headers.append(("Content-Security-Policy", environ.get("api.policy", POLICY)))
        headers += SECURITY
        start_response(status, headers)
        self._note(environ, request_id, int(status[:3]), time.perf_counter() - started)
        return body

    def _reply(self, environ: dict[str, Any]) -> Reply:
        if refusal := self._refusal(environ):
            return _call(refusal, environ)
        limited = LIMITED.fullmatch(environ["PATH_INFO"])
        if limited is None:
            return _conditional(environ, *_call(self._app, environ))
        slots = self._slots[limited.lastgroup]
        if not slots.acquire(blocking=False):
            busy = problem(503, "Too many such requests at once. Try again in a second.", {"Retry-After": "1"})
            return _call(busy, environ)
        try:
            environ["wsgi.input"] = Body(environ["wsgi.input"])
            status, headers, body = _conditional(environ, *_call(self._app, environ))
        except BaseException:
            slots.release()
            raise
        return status, headers, ClosingIterator(body, slots.release)

    def _refusal(self, environ: dict[str, Any]) -> Response | None:
        return self._stranger(environ) or _garbled(environ)

    def _stranger(self, environ: dict[str, Any]) -> Response | None:
        if not self._tokens:
            host = environ.get("HTTP_HOST", "localhost")
            if self._loopback(host[: host.rfind(":")] if ":" in host and not host.endswith("]") else host):
                return None
            # A page on the internet may point its own name at 127.0.0.1 to have a browser here read what is open.
            return problem(403, "Without API_TOKENS this API answers only requests made to localhost.")
        scheme, _, given = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
        candidate = given.strip().encode(errors="replace")
        matches = [compare_digest(candidate, token) for token in self._tokens]  # all, so that time tells nothing
        if (scheme.lower() == "bearer" and any(matches)) or OPEN.fullmatch(environ["PATH_INFO"]):
            return None
        detail = "This needs a token: send the header Authorization: Bearer <token>."
        return problem(401, detail, {"WWW-Authenticate": "Bearer"})

    def _note(self, environ: dict[str, Any], request_id: str, status: int, seconds: float) -> None:
        route = environ.get("api.route", "none")
        method = environ["REQUEST_METHOD"]
        self._metrics.observe(route, method, status, seconds)
        path = environ["PATH_INFO"] if self._log_customers else None
        sys.stderr.write(line(request_id, method, route, status, seconds, path))


def _garbled(environ: dict[str, Any]) -> Response | None:
    """Flask would put U+FFFD in the place of bytes that are no UTF-8, and so turn one id into another."""
    path, query = environ["PATH_INFO"], environ["QUERY_STRING"]
    try:
        if not path.isascii():
            path.encode("latin-1").decode()
        if "%" in query:
            unquote(query, errors="strict")
    except UnicodeDecodeError:
        return problem(400, "The address holds bytes that are not UTF-8.")
    return None


def _call(app: Callable[..., Iterable[bytes]], environ: dict[str, Any]) -> Reply:
    begun: list[Any] = []
    body = app(environ, lambda status, headers, _=None: begun.extend((status, headers)))
    return begun[0], begun[1], body


def _conditional(environ: dict[str, Any], status: str, headers: list[tuple[str, str]], body: Iterable[bytes]) -> Reply:
    """Name the snapshot that the answer comes from; answer 304 where the client already has that."""
    tag = environ.get("api.snapshot")
    if tag is None:
        if not any(name == "Cache-Control" for name, _ in headers):
            headers.append(("Cache-Control", "no-store"))
        return status, headers, body
    # Weak, because a gzipped answer and a plain one share it.
    named = [("ETag", f'W/"{tag}"'), ("Cache-Control", "private, no-cache")]
    asked = environ.get("HTTP_IF_NONE_MATCH") if environ["REQUEST_METHOD"] in ("GET", "HEAD") else None
    if asked and status[:3] == "200" and parse_etags(asked).contains_weak(tag):
        if hasattr(body, "close"):
            body.close()
        return "304 NOT MODIFIED", named, []
    return status, headers + named, body
