"""Lets pages of other origins ask, those that are named and no others."""

from __future__ import annotations

from api.middleware.handler import Environ, Handler, Reply

_MAY_READ = "ETag, Build-Id, Cursor-Build-Id, X-Request-Id, Retry-After, Location"
_PREFLIGHT = [
    ("Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, DELETE"),
    ("Access-Control-Allow-Headers", "Authorization, Content-Type, If-None-Match, X-Request-Id"),
    ("Access-Control-Max-Age", "3600"),
]


class Cors:
    """What browsers ask of a server before a page of another origin may read its answer (fetch.spec.whatwg.org)."""

    def __init__(self, inner: Handler, origins: tuple[str, ...]) -> None:
        self._inner = inner
        self._origins = frozenset(origins)

    def __call__(self, environ: Environ) -> Reply:
        origin = environ.get("HTTP_ORIGIN")
        allowed = [("Access-Control-Allow-Origin", origin)] if origin in self._origins else []
        if allowed and environ["REQUEST_METHOD"] == "OPTIONS" and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ:
            # Browsers send no token with this question, so it is answered before anybody asks for one.
            return "204 NO CONTENT", [*allowed, *_PREFLIGHT, ("Vary", "Origin")], []
        status, headers, body = self._inner(environ)
        if allowed:
            headers += [*allowed, ("Access-Control-Expose-Headers", _MAY_READ)]
        headers.append(("Vary", "Origin"))
        return status, headers, body
