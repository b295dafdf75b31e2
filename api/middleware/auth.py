"""Lets in who has a token; without tokens, who asks this machine by a name of its own."""

from __future__ import annotations

from functools import lru_cache

from flask import Response

from api.middleware.handler import Environ, Handler, Reply, from_wsgi
from api.policy import Policies
from api.problems import problem
from api.settings import Settings, is_loopback
from api.tokens import has_one_of


class Auth:
    def __init__(self, inner: Handler, policies: Policies, settings: Settings) -> None:
        self._inner = inner
        self._policies = policies
        self._settings = settings
        self._uploaders = [token.encode() for token in settings.upload_tokens]
        self._readers = [token.encode() for token in settings.tokens] + self._uploaders
        self._is_loopback = lru_cache(is_loopback)

    def __call__(self, environ: Environ) -> Reply:
        refusal = self._without_token(environ) if self._settings.tokens else self._from_elsewhere(environ)
        if refusal is None and environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            refusal = self._no_uploader(environ)
        return self._inner(environ) if refusal is None else from_wsgi(refusal)(environ)

    def _without_token(self, environ: Environ) -> Response | None:
        if has_one_of(environ, self._readers) or self._policies.find(environ)[0].who == "anyone":
            return None
        return _unauthorized("This needs a token: send the header Authorization: Bearer <token>.")

    def _from_elsewhere(self, environ: Environ) -> Response | None:
        host = environ.get("HTTP_HOST", "localhost")
        if self._is_loopback(host[: host.rfind(":")] if ":" in host and not host.endswith("]") else host):
            return None
        # A page on the internet may point its own name at 127.0.0.1 to have a browser here read what is open.
        return problem(403, "Without API_TOKENS this API answers only requests made to localhost.")

    def _no_uploader(self, environ: Environ) -> Response | None:
        policy, route = self._policies.find(environ)
        if route is None or policy.who != "uploader":  # without a route, the app itself refuses
            return None
        if not self._settings.takes_uploads:
            return problem(
                403, "This API takes no uploads. Serve it with UPLOAD_TOKENS, or on 127.0.0.1 with UPLOADS=1."
            )
        if self._uploaders:
            if has_one_of(environ, self._uploaders):
                return None
            return _unauthorized("This needs a token of UPLOAD_TOKENS: send the header Authorization: Bearer <token>.")
        # Any page that a browser here shows may send forms to localhost. Browsers say for which page they ask.
        origin = environ.get("HTTP_ORIGIN")
        if origin is not None and origin.partition("://")[2] != environ.get("HTTP_HOST"):
            return problem(403, "Without UPLOAD_TOKENS this API takes no uploads from pages of other addresses.")
        return None


def _unauthorized(detail: str) -> Response:
    return problem(401, detail, {"WWW-Authenticate": "Bearer"})
