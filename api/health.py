"""GET /health: whether the API lives, can answer, and how old its answers are."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask import current_app
from flask_openapi3 import APIBlueprint

from api.publication import NotPublished
from api.schemas import Health

routes = APIBlueprint("health", __name__)


@routes.get("/health", responses={200: Health, 503: Health})
def health() -> tuple[dict[str, Any], int]:
    """Whether the API can answer, from which build, and what is wrong if anything is"""
    publication = current_app.extensions["publication"]
    try:
        snapshot = publication.snapshot
    except NotPublished as error:
        missing = dict.fromkeys(("build_id", "as_of_date", "customers", "age_seconds"))
        return {"status": "unavailable", "problem": str(error), **missing}, 503
    problem, built_at, as_of = publication.problem, snapshot.built_at, snapshot.build.get("as_of_date")
    return {
        "status": "degraded" if problem else "ok",
        "problem": problem,
        "build_id": snapshot.build.get("build_id"),
        "as_of_date": as_of.isoformat() if as_of else None,
        "customers": len(snapshot.columns),
        "age_seconds": round((datetime.now(UTC) - built_at).total_seconds(), 1) if built_at else None,
    }, 200
