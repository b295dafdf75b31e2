"""The request that is asked all day, `GET /predictions/<customer_id>`, answered without Flask where there is an answer.

A WSGI layer between the door and the app. It knows one answer, the 200; everything else goes on to the app, which has
the same route with the same answer, and all the errors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from api.predictions import as_bytes
from api.publication import NotPublished, Publication

PATH = "/predictions/"
ROUTE = "/predictions/<customer_id>"


class FastLane:
    """WSGI in, WSGI out."""

    def __init__(self, app: Callable[..., Iterable[bytes]], publication: Publication) -> None:
        self._app = app
        self._publication = publication

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if environ["REQUEST_METHOD"] == "GET" and path.startswith(PATH):
            body = self._answer(environ, path[len(PATH) :])
            if body is not None:
                start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
                return [body]
        return self._app(environ, start_response)

    def _answer(self, environ: dict[str, Any], text: str) -> bytes | None:
        if "/" in text:  # for Flask that is another path, and a 404
            return None
        try:
            snapshot = self._publication.snapshot
        except NotPublished:
            return None
        # WSGI hands the bytes of a path on as if they were Latin-1; the door has seen to it that they are UTF-8.
        customer_id = text if text.isascii() else text.encode("latin-1").decode()
        row = snapshot.columns.find(customer_id)
        if row is None:
            return None
        environ["api.route"] = ROUTE
        environ["api.snapshot"] = snapshot.tag
        return as_bytes(customer_id, snapshot.columns.clv[row])
