"""Limits how long the body of a request may take to come in: who sends it byte by byte must not hold a thread."""

from __future__ import annotations

import time
from typing import Any

from werkzeug.exceptions import RequestTimeout

from api.middleware.handler import Environ, Handler, Reply

_PIECE = 64  # bytes that are waited for at a time, so that the clock is looked at while a body trickles in


class BodyTimeout:
    def __init__(self, inner: Handler, seconds: float) -> None:
        self._inner = inner
        self._seconds = seconds

    def __call__(self, environ: Environ) -> Reply:
        environ["wsgi.input"] = Body(environ["wsgi.input"], self._seconds)
        return self._inner(environ)


class Body:
    """A request's body as WSGI reads it; RequestTimeout once it has taken too long."""

    def __init__(self, body: Any, seconds: float) -> None:
        self._body = body
        self._deadline = time.monotonic() + seconds

    def read(self, size: int = -1) -> bytes:
        pieces = []
        while size:
            if time.monotonic() > self._deadline:
                raise RequestTimeout("The body of the request took too long to come in.")
            piece = self._body.read(_PIECE if size < 0 else min(_PIECE, size))
            if not piece:
                break
            pieces.append(piece)
            size -= len(piece) if size > 0 else 0
        return b"".join(pieces)
