"""GET /: the page for a manager. It holds no value itself; its script draws what the JSON routes answer."""

from __future__ import annotations

from pathlib import Path

from flask import Blueprint, Response, abort, request

from api.assets import Asset
from api.policy import policy

routes = Blueprint("page", __name__)

STATIC = {path.name: Asset.read(path) for path in (Path(__file__).parents[1] / "static").iterdir()}

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)


@routes.get("/")
@policy(who="anyone", limit=None)
def page() -> Response:
    request.environ["api.policy"] = POLICY
    return STATIC["page.html"].response()


@routes.get("/static/<name>")
@policy(who="anyone", limit=None)
def static(name: str) -> Response:
    if name not in STATIC:
        abort(404)
    return STATIC[name].response()
