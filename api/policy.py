"""Who may ask, and how many may be answered at once: what every view declares by `@policy`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple, TypeVar

from flask import Flask
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.routing import Rule

View = TypeVar("View", bound=Callable[..., Any])


class Limit(NamedTuple):
    """Requests of one kind that may be answered at once; the next one is told to come back."""

    name: str
    at_once: int


LONG = Limit("long", 6)  # whoever takes the answer slowly holds a thread: lists, files, bodies, all customers
DETAILS = Limit("details", 24)  # DuckDB is asked for one customer: milliseconds each
FILES = Limit("files", 8)  # Swagger UI: too large to keep a copy for every client that takes it slowly
UPLOADS = Limit("uploads", 4)  # they last for as long as the sender's line makes them
LIMITS = (LONG, DETAILS, FILES, UPLOADS)

Who = Literal["anyone", "token", "uploader"]


class Policy(NamedTuple):
    """`who`: an uploader may also ask what a token may. `limit` None: the answer is small or shared, and ready within a
    fraction of a millisecond. `large_body`: the time for the body is by its size."""

    who: Who
    limit: Limit | None
    large_body: bool = False


CLOSED = Policy("token", None)  # of an address that no route has


def policy(*, who: Who, limit: Limit | None, large_body: bool = False) -> Callable[[View], View]:
    """Declare a view's policy. It goes directly above the function, below the route."""

    def declare(view: View) -> View:
        view.policy = Policy(who, limit, large_body)  # type: ignore[attr-defined]
        return view

    return declare


class Undeclared(TypeError):
    """A route whose view has no policy."""


class Policies:
    """The policies of all routes, and which of them a request falls under."""

    def __init__(self, app: Flask) -> None:
        """Read every route of `app`; Undeclared where one has no policy."""
        self._routes = app.url_map.bind("localhost")
        self._policies: dict[str, Policy] = {}
        self.read(app)

    def read(self, app: Flask) -> None:
        """Read the routes again, after some were added."""
        for rule in app.url_map.iter_rules():
            found = getattr(app.view_functions[rule.endpoint], "policy", None)
            if found is None:
                raise Undeclared(f"{rule.rule} has no policy: write @policy(…) above {rule.endpoint}")
            self._policies[rule.endpoint] = found

    def find(self, environ: dict[str, Any]) -> tuple[Policy, Rule | None]:
        """The policy of a request, and its route; CLOSED and None where there is none."""
        path = environ["PATH_INFO"]
        if not path.isascii():
            path = path.encode("latin-1").decode(errors="replace")
        try:
            rule, _ = self._routes.match(path, environ["REQUEST_METHOD"], return_rule=True)
        except MethodNotAllowed as error:  # the refusal is as open as the route, and takes nobody's place
            rule, _ = self._routes.match(path, next(iter(error.valid_methods or ())), return_rule=True)
            return Policy(self._policies[rule.endpoint].who, None), None
        except HTTPException:
            return CLOSED, None
        return self._policies[rule.endpoint], rule
