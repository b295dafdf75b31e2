"""Limits how many requests of a kind are answered at once, by the policies that the views declare.

All others take a fraction of a millisecond, as a refusal does: none waits for long, however many come at once.
"""

from __future__ import annotations

from collections.abc import Iterable

from werkzeug.wsgi import ClosingIterator

from api.middleware.handler import Environ, Handler, Reply, from_wsgi
from api.places import Places
from api.policy import Policies
from api.problems import problem


class Limits:
    def __init__(self, inner: Handler, policies: Policies, places: Places) -> None:
        self._inner = inner
        self._policies = policies
        self._places = places

    def __call__(self, environ: Environ) -> Reply:
        policy, rule = self._policies.find(environ)
        if rule is not None:
            environ["api.route"] = rule.rule
        environ["api.large_body"] = policy.large_body
        if policy.limit is None:
            return _whole(*self._inner(environ))
        place = self._places.take(policy.limit)
        if place is None:
            busy = problem(503, "Too many such requests at once. Try again in a second.", {"Retry-After": "1"})
            return from_wsgi(busy)(environ)
        status, headers, body = self._inner(environ)
        return status, headers, ClosingIterator(body, place.give_back)


def _whole(status: str, headers: list[tuple[str, str]], body: Iterable[bytes]) -> Reply:
    """The answer as a list of bytes: the server sends that without a thread, however slowly the client takes it."""
    try:
        return status, headers, [b"".join(body)]
    finally:
        if hasattr(body, "close"):
            body.close()
