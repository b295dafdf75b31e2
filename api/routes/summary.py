"""GET /summary: all customers in a few numbers, which the page draws."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np

from api.policy import LONG, policy
from api.routes.blueprint import api_blueprint
from api.schemas import Summary, problems
from api.store.publication import snapshot
from api.store.snapshot import Snapshot

routes = api_blueprint("summary", tag="Summary")

TOTALS = """
select as_of_date::varchar as as_of_date, count(*) as customers, sum(predicted_clv) as total, max(model_id) as model_id
from published.prediction_history group by as_of_date order by as_of_date
"""


@routes.get("/summary", responses={200: Summary, **problems(401, 503)})
@policy(who="token", limit=LONG)
def summary() -> dict[str, Any]:
    """Counts, totals and deciles; the build and the model they come from"""
    return snapshot().once("summary", _summary)


def _summary(current: Snapshot) -> dict[str, Any]:
    columns = current.columns
    values = columns.clv[columns.by_value]  # highest first
    total, count = float(values.sum()), len(values)
    deciles = columns.decile[columns.by_value]
    top = [{"user_id": columns[row].decode(), "clv": float(columns.clv[row])} for row in columns.by_value[:10]]
    return {
        "build": {name: _plain(value) for name, value in current.build.items()},
        "customers": count,
        "total": total,
        "mean": total / count if count else None,
        "median": float(np.median(values)) if count else None,
        "deciles": [_decile(n, values[deciles == n], total) for n in range(1, 11) if n in deciles],
        "top": top,
        "history": current.query(TOTALS),
        "warnings": current.warnings,
    }


def _decile(decile: int, values: np.ndarray, total_of_all: float) -> dict[str, Any]:
    total = float(values.sum())
    return {
        "decile": decile,
        "customers": len(values),
        "total": total,
        "share": total / total_of_all if total_of_all > 0 else None,
        "min_clv": float(values[-1]),
        "max_clv": float(values[0]),
    }


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value
