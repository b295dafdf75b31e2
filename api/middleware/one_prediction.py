"""Answers the request that is asked all day, `GET /predictions/<customer_id>`, without Flask.

It knows one answer, the 200; everything else goes on to the app, which has the same route with the same answer, and all
the errors.
"""

from __future__ import annotations

from api.middleware.handler import Environ, Handler, Reply
from api.routes.predictions import as_bytes
from api.store.errors import SnapshotError
from api.store.publication import NotPublished, Publication

PATH = "/predictions/"
ROUTE = "/predictions/<customer_id>"


class OnePrediction:
    def __init__(self, inner: Handler, publication: Publication) -> None:
        self._inner = inner
        self._publication = publication

    def __call__(self, environ: Environ) -> Reply:
        path = environ["PATH_INFO"]
        if environ["REQUEST_METHOD"] == "GET" and path.startswith(PATH) and not environ["QUERY_STRING"]:
            body = self._answer(environ, path[len(PATH) :])
            if body is not None:
                return "200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))], [body]
        return self._inner(environ)

    def _answer(self, environ: Environ, text: str) -> bytes | None:
        if "/" in text:  # for Flask that is another path, and a 404
            return None
        try:
            snapshot = self._publication.snapshot
        except NotPublished:
            return None
        # WSGI hands the bytes of a path on as if they were Latin-1; that they are UTF-8 has been seen to.
        customer_id = text if text.isascii() else text.encode("latin-1").decode()
        try:
            row = snapshot.columns.find(customer_id)
        except SnapshotError:
            return None
        if row is None:
            return None
        environ["api.route"] = ROUTE
        environ["api.tag"] = snapshot.tag
        return as_bytes(customer_id, snapshot.columns.clv[row])
