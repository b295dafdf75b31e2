"""What every request passes: who asks, how many at once, its id, its headers, its log line and its metrics."""

from __future__ import annotations

import os
import re
import sys
import threading
import time
from functools import lru_cache
from hmac import compare_digest
from typing import Any

from flask import Flask, Response, request

from api.log import line
from api.metrics import Metrics
from api.problems import problem
from api.settings import Settings, is_loopback

SLOTS = 6  # long requests at once; of THREADS in __main__, the rest stays free for the short ones

OPEN = {"health.health", "docs.openapi", "docs.docs", "docs.static", "page.page", "page.static"}  # say nobody's value
LONG = {
    "predictions.lookup",
    "predictions.listing",
    "predictions.csv",
    "customers.history",
    "customers.history_by_query",
}

SECURITY = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}

REQUEST_ID = re.compile(r"[\w.:-]{1,64}", re.ASCII)


def register(app: Flask, settings: Settings, metrics: Metrics) -> None:
    tokens = [token.encode() for token in settings.tokens]
    slots = threading.BoundedSemaphore(SLOTS)
    loopback = lru_cache(is_loopback)

    def known(environ: dict[str, Any]) -> bool:
        scheme, _, given = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
        candidate = given.strip().encode(errors="replace")
        matches = [compare_digest(candidate, token) for token in tokens]  # all of them, so that time tells nothing
        return scheme.lower() == "bearer" and any(matches)

    @app.before_request
    def enter() -> Response | None:
        environ, endpoint = request.environ, request.endpoint
        environ["api.started"] = time.perf_counter()
        given = environ.get("HTTP_X_REQUEST_ID", "")
        environ["api.request_id"] = given if REQUEST_ID.fullmatch(given) else os.urandom(8).hex()
        if tokens:
            if endpoint not in OPEN and not known(environ):
                detail = "This needs a token: send the header Authorization: Bearer <token>."
                return problem(401, detail, {"WWW-Authenticate": "Bearer"})
        elif not loopback(environ.get("HTTP_HOST", "localhost").rpartition(":")[0] or environ["HTTP_HOST"]):
            # A page on the internet may point its own name at 127.0.0.1 to have a browser here read what is open.
            return problem(403, "Without API_TOKENS this API answers only requests made to localhost.")
        if endpoint in LONG:
            if not slots.acquire(blocking=False):
                return problem(503, "Too many long requests at once. Try again in a second.", {"Retry-After": "1"})
            environ["api.slot"] = slots
        return None

    @app.after_request
    def leave(response: Response) -> Response:
        environ = request.environ
        headers = response.headers
        headers["X-Request-Id"] = environ["api.request_id"]
        for name, value in SECURITY.items():
            headers.setdefault(name, value)
        snapshot = environ.get("api.snapshot")
        if snapshot is None:
            headers.setdefault("Cache-Control", "no-store")
        else:
            headers["ETag"] = snapshot.etag
            headers["Cache-Control"] = "private, no-cache"
            if "HTTP_IF_NONE_MATCH" in environ and response.status_code == 200:
                response.make_conditional(environ)
        if slot := environ.get("api.slot"):
            response.call_on_close(slot.release)
        seconds = time.perf_counter() - environ["api.started"]
        rule = request.url_rule
        route = rule.rule if rule else "none"
        metrics.observe(route, request.method, response.status_code, seconds)
        what = environ["PATH_INFO"] if settings.log_customers else None
        sys.stderr.write(line(environ["api.request_id"], request.method, route, response.status_code, seconds, what))
        return response
