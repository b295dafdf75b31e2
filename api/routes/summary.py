"""GET /summary: all customers in a few numbers, which the page draws."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
from flask import current_app

from api.policy import LONG, policy
from api.routes.blueprint import api_blueprint
from api.schemas.common import problems
from api.schemas.summary import Summary
from api.store import training_report
from api.store.publication import snapshot
from api.store.snapshot import Snapshot

routes = api_blueprint("summary", tag="Summary")

HISTORY = """
select as_of_date, customers, predicted_clv as total, model_id, horizon_days
from published.value_by_date order by as_of_date
"""
MOVEMENTS = """
select movement, customers, predicted_before as before, predicted_now as now
from published.value_changes order by movement
"""
MOVERS = """
select customer_id as user_id, predicted_now as clv, predicted_before as before, change > 0 as rose
from published.movers order by abs(change) desc, customer_id
"""
OUTCOME = """
select as_of_date, model_id, horizon_days, decile, customers, customers_who_ordered, predicted_value as predicted,
    actual_value as actual
from published.predicted_and_actual order by decile
"""
COHORTS = """
select first_order_month as month, customers, repeat_customers, total_revenue as revenue, predicted_clv as clv
from published.cohorts order by month
"""
NOT_USED = "select reason, count(*) as lines from published.rejected_orders group by reason order by lines desc, reason"


@routes.get("/summary", responses={200: Summary, **problems(401, 503)})
@policy(who="token", limit=LONG)
def get_summary() -> dict[str, Any]:
    """Counts, totals and deciles, what changed and what came of it; the build and the model they come from"""
    return snapshot().once("summary", _summary)


def _summary(current: Snapshot) -> dict[str, Any]:
    columns = current.columns
    values = columns.clv[columns.by_value]  # highest first
    total, count = float(values.sum()), len(values)
    deciles = columns.decile[columns.by_value]
    top = [{"user_id": columns[row].decode(), "clv": float(columns.clv[row])} for row in columns.by_value[:10]]
    folder = current_app.extensions["publication"].path.parent
    return {
        "build": _plain(current.build),
        "customers": count,
        "total": total,
        "mean": total / count if count else None,
        "median": float(np.median(values)) if count else None,
        "deciles": [_decile(n, values[deciles == n], total) for n in range(1, 11) if n in deciles],
        "top": top,
        "history": [_plain(row) for row in current.query(HISTORY)],
        "changes": _changes(current),
        "outcome": _outcome(current.query(OUTCOME)),
        "cohorts": [_plain(row) for row in current.query(COHORTS)],
        "lines_not_used": current.query(NOT_USED),
        "training_report": "training-report" if training_report.read(folder, current.build["model_id"]) else None,
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


def _changes(current: Snapshot) -> dict[str, Any] | None:
    compared = current.query("from published.int_compared_dates")
    if not compared:
        return None
    movers = current.query(MOVERS)
    rose = [mover.pop("rose") for mover in movers]
    return {
        "since": compared[0]["compared_with"].isoformat(),
        "comparable": compared[0]["is_comparable"],
        "movements": current.query(MOVEMENTS),
        "risers": [mover for mover, up in zip(movers, rose, strict=True) if up],
        "fallers": [mover for mover, up in zip(movers, rose, strict=True) if not up],
    }


def _outcome(tenths: list[dict[str, Any]]) -> dict[str, Any] | None:
    if not tenths:
        return None
    predicted_at, days = tenths[0]["as_of_date"], tenths[0]["horizon_days"]
    shown = ("decile", "customers", "customers_who_ordered", "predicted", "actual")
    return {
        "as_of_date": predicted_at.isoformat(),
        "until": (predicted_at + timedelta(days=days)).isoformat(),
        "model_id": tenths[0]["model_id"],
        "horizon_days": days,
        "predicted": sum(tenth["predicted"] for tenth in tenths),
        "actual": sum(tenth["actual"] for tenth in tenths),
        "deciles": [{name: tenth[name] for name in shown} for tenth in tenths],
    }


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in row.items()}
