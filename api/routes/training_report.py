"""GET /training-report: how good the model is, as its training tested it."""

from __future__ import annotations

from flask import Response, abort, current_app, request

from api.assets import Asset
from api.policy import LONG, policy
from api.routes.blueprint import api_blueprint
from api.schemas.common import problems
from api.store import training_report
from api.store.publication import snapshot

routes = api_blueprint("training_report", tag="Summary")

HTML = {"content": {"text/html": {"schema": {"type": "string", "example": "<!doctype html>…"}}}}

POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox"


@routes.get("/training-report", responses={200: HTML, **problems(401, 404, 503)})
@policy(who="token", limit=LONG)
def get_training_report() -> Response:
    """The report on the model that is served, where make train left it beside what is published"""
    folder, model_id = current_app.extensions["publication"].path.parent, snapshot().build["model_id"]
    found = training_report.read(folder, model_id)
    if found is None:
        abort(404, "There is no report on this build's model here: `make train` with the same WAREHOUSE writes it.")
    request.environ["api.policy"] = POLICY
    return Asset(found, "text/html; charset=utf-8").response()
