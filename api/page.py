"""GET /: the page for a manager. It holds no value itself; its script draws what the JSON routes answer."""

from __future__ import annotations

from flask import Blueprint, Response, request

routes = Blueprint("page", __name__, static_folder="static", static_url_path="/static")

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)


@routes.get("/")
def page() -> Response:
    response = routes.send_static_file("page.html")
    request.environ["api.policy"] = POLICY
    return response
