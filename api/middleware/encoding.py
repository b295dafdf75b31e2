"""Refuses addresses that are not UTF-8: Flask would put U+FFFD in the place of such bytes, and so make another id."""

from __future__ import annotations

from urllib.parse import unquote

from api.middleware.handler import Environ, Handler, Reply, from_wsgi
from api.problems import problem


class Encoding:
    def __init__(self, inner: Handler) -> None:
        self._inner = inner

    def __call__(self, environ: Environ) -> Reply:
        path, query = environ["PATH_INFO"], environ["QUERY_STRING"]
        try:
            if not path.isascii():
                path.encode("latin-1").decode()
            if "%" in query:
                unquote(query, errors="strict")
        except UnicodeDecodeError:
            return from_wsgi(problem(400, "The address holds bytes that are not UTF-8."))(environ)
        return self._inner(environ)
