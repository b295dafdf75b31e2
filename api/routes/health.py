"""GET /health: whether the API lives, can answer, how old its answers are, and what is doubtful about them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask import current_app

from api.places import Places
from api.policy import policy
from api.routes.blueprint import api_blueprint
from api.schemas import Health
from api.store.publication import NotPublished, Publication

routes = api_blueprint("health", tag="Operations")

FULL_SECONDS = 10  # that no place was free, until it is said: a rush passes sooner


@routes.get("/health", responses={200: Health, 503: Health})
@policy(who="anyone", limit=None)
def health() -> tuple[dict[str, Any], int]:
    """Whether the API can answer, from which build, and what is wrong if anything is"""
    publication, places = current_app.extensions["publication"], current_app.extensions["places"]
    try:
        snapshot = publication.snapshot
    except NotPublished as error:
        missing = dict.fromkeys(("build_id", "as_of_date", "customers", "age_seconds"))
        return {"status": "unavailable", "problem": str(error), **missing, "warnings": []}, 503
    problem = _problem(publication, places)
    return {
        "status": "degraded" if problem else "ok",
        "problem": problem,
        "build_id": snapshot.build["build_id"],
        "as_of_date": snapshot.build["as_of_date"].isoformat(),
        "customers": len(snapshot.columns),
        "age_seconds": round((datetime.now(UTC) - snapshot.built_at).total_seconds(), 1),
        "warnings": snapshot.warnings,
    }, 200


def _problem(publication: Publication, places: Places) -> str | None:
    full = [
        f"All {limit.at_once} places for {limit.name} requests have been taken for over {FULL_SECONDS} seconds, "
        "so further ones get 503."
        for limit in places.full_for(FULL_SECONDS)
    ]
    return " ".join([publication.problem or "", *full]).strip() or None
