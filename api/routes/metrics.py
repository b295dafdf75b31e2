"""GET /metrics: requests and the snapshot, in Prometheus' format."""

from __future__ import annotations

from flask import Response, current_app
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from api.policy import DETAILS, policy
from api.routes.blueprint import api_blueprint
from api.schemas.common import problems

routes = api_blueprint("metrics", tag="Operations")

TEXT = {"content": {"text/plain": {"schema": {"type": "string", "example": "clv_snapshot_customers 5000.0\n"}}}}


@routes.get("/metrics", responses={200: TEXT, **problems(401, 503)})
@policy(who="token", limit=DETAILS)
def get_metrics() -> Response:
    """Requests, latencies and the snapshot, in Prometheus' format"""
    return Response(generate_latest(current_app.extensions["metrics"].registry), content_type=CONTENT_TYPE_LATEST)
