"""Tells browsers what an answer may do and who may frame it."""

from __future__ import annotations

from api.middleware.handler import Environ, Handler, Reply

SECURITY = [("X-Content-Type-Options", "nosniff"), ("X-Frame-Options", "DENY"), ("Referrer-Policy", "no-referrer")]
POLICY = "default-src 'none'; frame-ancestors 'none'"  # the two pages name a wider one in environ["api.policy"]


class SecurityHeaders:
    def __init__(self, inner: Handler) -> None:
        self._inner = inner

    def __call__(self, environ: Environ) -> Reply:
        status, headers, body = self._inner(environ)
        headers.append(("Content-Security-Policy", environ.get("api.policy", POLICY)))
        headers += SECURITY
        return status, headers, body
