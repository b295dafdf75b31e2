"""GET /health: whether the API lives, can answer, how old its answers are, and what is doubtful about them."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from typing import Any

from flask import current_app

from api.places import Places
from api.policy import policy
from api.routes.blueprint import api_blueprint
from api.schemas.health import Health
from api.store.publication import NotPublished, Publication
from pipeline.jobs import Jobs

routes = api_blueprint("health", tag="Operations")

FULL_SECONDS = 10  # that no place was free, until it is said: a rush passes sooner


@routes.get("/health", responses={200: Health, 503: Health})
@policy(who="anyone", limit=None)
def get_health() -> tuple[dict[str, Any], int]:
    """Whether the API can answer, from which build, and what is wrong if anything is"""
    publication, places = current_app.extensions["publication"], current_app.extensions["places"]
    success, unread = _last_success(current_app.extensions["jobs"])
    try:
        snapshot = publication.snapshot
    except NotPublished as error:
        missing = dict.fromkeys(("build_id", "as_of_date", "customers", "age_seconds"))
        return {"status": "unavailable", "problem": str(error), **missing, "warnings": []} | success, 503
    problem = " ".join(filter(None, (_problem(publication, places), unread))) or None
    return {
        "status": "degraded" if problem else "ok",
        "problem": problem,
        "build_id": snapshot.build["build_id"],
        "as_of_date": snapshot.build["as_of_date"].isoformat(),
        "customers": len(snapshot.columns),
        "age_seconds": _seconds_since(snapshot.built_at),
        "warnings": snapshot.warnings,
    } | success, 200


def _last_success(jobs: Jobs) -> tuple[dict[str, Any], str | None]:
    """When the worker last published, if it has; what is wrong where nobody can say."""
    try:
        last = jobs.ledger.last_published()
    except sqlite3.Error as error:
        name = "/".join(jobs.ledger.file.parts[-2:])
        return {}, f"When the worker last published is not known: {name} cannot be read ({error})."
    if last is None or last.ended_at is None:
        return {}, None
    age = _seconds_since(datetime.fromisoformat(last.ended_at))
    return {"last_success_at": last.ended_at, "last_success_age_seconds": age}, None


def _seconds_since(moment: datetime) -> float:
    return round((datetime.now(UTC) - moment).total_seconds(), 1)


def _problem(publication: Publication, places: Places) -> str | None:
    full = [
        f"All {limit.at_once} places for {limit.name} requests have been taken for over {FULL_SECONDS} seconds, "
        "so further ones get 503."
        for limit in places.full_for(FULL_SECONDS)
    ]
    return " ".join([publication.problem or "", *full]).strip() or None
