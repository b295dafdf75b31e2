"""GET /segments: how many customers of which worth are where on their way."""

from __future__ import annotations

from typing import Any

from api.policy import LONG, policy
from api.routes.blueprint import api_blueprint
from api.schemas.common import LIFECYCLES, TIERS, problems
from api.schemas.summary import Segments
from api.store.publication import snapshot
from api.store.snapshot import Snapshot

routes = api_blueprint("segments", tag="Summary")


@routes.get("/segments", responses={200: Segments, **problems(401, 503)})
@policy(who="token", limit=LONG)
def get_segments() -> dict[str, Any]:
    """Customers and value by tier and lifecycle"""
    return snapshot().once("segments", _segments)


def _segments(current: Snapshot) -> dict[str, Any]:
    columns, total = current.columns, float(current.columns.clv.sum())
    found = []
    for tier_code, tier in enumerate(TIERS, start=1):
        for lifecycle_code, lifecycle in enumerate(LIFECYCLES, start=1):
            values = columns.clv[(columns.tier == tier_code) & (columns.lifecycle == lifecycle_code)]
            held = float(values.sum())
            share = held / total if total > 0 else None
            found.append(
                {"tier": tier, "lifecycle": lifecycle, "customers": len(values), "total": held, "share": share}
            )
    return {"customers": len(columns), "total": total, "segments": found}
