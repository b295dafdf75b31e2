"""The log: one JSON object a line on stderr, for requests and for everything else."""

from __future__ import annotations

import json
import logging
import time
from datetime import UTC, datetime

from flask import has_request_context, request


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


class Lines(logging.Formatter):
    """Any other log record as one JSON line, with the id of the request that it belongs to."""

    def format(self, record: logging.LogRecord) -> str:
        fields = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
        }
        if has_request_context():
            fields["request_id"] = request.environ.get("api.request_id")
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return json.dumps(fields)


def configure() -> None:
    """Send the `api` logger to stderr as JSON lines."""
    handler = logging.StreamHandler()
    handler.setFormatter(Lines())
    log = logging.getLogger("api")
    log.handlers, log.propagate, log.level = [handler], False, logging.INFO
