"""Lets in who has a token; without tokens, who asks this machine by a name of its own."""

from __future__ import annotations

from functools import lru_cache
from hmac import compare_digest

from flask import Response

from api.middleware.handler import Environ, Handler, Reply, from_wsgi
from api.policy import Policies
from api.problems import problem
from api.settings import is_loopback


class Auth:
    def __init__(self, inner: Handler, policies: Policies, tokens: tuple[str, ...]) -> None:
        self._inner = inner
        self._policies = policies
        self._tokens = [token.encode() for token in tokens]
        self._is_loopback = lru_cache(is_loopback)

    def __call__(self, environ: Environ) -> Reply:
        refusal = self._without_token(environ) if self._tokens else self._from_elsewhere(environ)
        return self._inner(environ) if refusal is None else from_wsgi(refusal)(environ)

    def _without_token(self, environ: Environ) -> Response | None:
        scheme, _, given = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
        candidate = given.strip().encode(errors="replace")
        matches = [compare_digest(candidate, token) for token in self._tokens]  # all, so that time tells nothing
        if (scheme.lower() == "bearer" and any(matches)) or self._policies.find(environ)[0].who == "anyone":
            return None
        detail = "This needs a token: send the header Authorization: Bearer <token>."
        return problem(401, detail, {"WWW-Authenticate": "Bearer"})

    def _from_elsewhere(self, environ: Environ) -> Response | None:
        host = environ.get("HTTP_HOST", "localhost")
        if self._is_loopback(host[: host.rfind(":")] if ":" in host and not host.endswith("]") else host):
            return None
        # A page on the internet may point its own name at 127.0.0.1 to have a browser here read what is open.
        return problem(403, "Without API_TOKENS this API answers only requests made to localhost.")
