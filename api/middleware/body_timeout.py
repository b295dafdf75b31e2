"""Limits how long the body of a request may take to come in: who sends it byte by byte must not hold a thread."""

from __future__ import annotations

import time
from typing import Any

from werkzeug.exceptions import RequestTimeout

from api.middleware.handler import Environ, Handler, Reply

_PIECE = 64  # bytes that are waited for at a time, so that the clock is looked at while a body trickles in
_LARGE_PIECE = 1 << 16  # of a body that may be large: to look more often would take longer than the body
SLOWEST = 1000  # bytes a second that a large body has to bring, on average


class BodyTimeout:
    def __init__(self, inner: Handler, seconds: float) -> None:
        self._inner = inner
        self._seconds = seconds

    def __call__(self, environ: Environ) -> Reply:
        slowest = SLOWEST if environ.get("api.large_body") else None
        environ["wsgi.input"] = Body(environ["wsgi.input"], self._seconds, slowest)
        return self._inner(environ)


class Body:
    """A request's body as WSGI reads it; RequestTimeout once it has taken too long.

    It has `seconds`, and where a `slowest` is given one more for each so many bytes that have come in.
    """

    def __init__(self, body: Any, seconds: float, slowest: int | None = None) -> None:
        self._body = body
        self._deadline = time.monotonic() + seconds
        self._piece = _LARGE_PIECE if slowest else _PIECE
        self._seconds_a_byte = 1 / slowest if slowest else 0

    def read(self, size: int = -1) -> bytes:
        pieces = []
        while size:
            if time.monotonic() > self._deadline:
                raise RequestTimeout("The body of the request took too long to come in.")
            piece = self._body.read(self._piece if size < 0 else min(self._piece, size))
            if not piece:
                break
            pieces.append(piece)
            self._deadline += len(piece) * self._seconds_a_byte
            size -= len(piece) if size > 0 else 0
        return b"".join(pieces)
