"""What a layer of the middleware is, and the step from there to WSGI."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

Environ = dict[str, Any]
Headers = list[tuple[str, str]]
Reply = tuple[str, Headers, Iterable[bytes]]  # status, headers, body; the headers may be added to
Handler = Callable[[Environ], Reply]


def from_wsgi(app: Callable[..., Iterable[bytes]]) -> Handler:
    """A WSGI application, a finished Flask response among them, as a handler."""

    def handle(environ: Environ) -> Reply:
        begun: list[Any] = []
        body = app(environ, lambda status, headers, _=None: begun.extend((status, headers)))
        return begun[0], begun[1], body

    return handle
