"""Everything about one customer, and what the customer was predicted to be worth before."""

from __future__ import annotations

from datetime import date
from typing import Any

from flask import abort
from flask_openapi3 import APIBlueprint

from api.publication import snapshot
from api.schemas import Customer, CustomerPath, CustomerQuery, History, problems

routes = APIBlueprint("customers", __name__)

NAMES = {"clv_rank": "rank", "clv_percentile": "percentile", "clv_decile": "decile"}

CUSTOMER = "select * from published.customer_value where customer_id = ?"
HISTORY = """
select as_of_date, predicted_clv as clv, model_id
from published.prediction_history where customer_id = ? order by as_of_date
"""

ONE = {200: Customer, **problems(401, 404, 422, 503)}
ALL = {200: History, **problems(401, 404, 422, 503)}


@routes.get("/customers/<customer_id>", responses=ONE)
def customer(path: CustomerPath) -> dict[str, Any]:
    """A customer's features, value, rank, percentile and decile"""
    return _customer(path.customer_id)


@routes.get("/customers", responses=ONE)
def customer_by_query(query: CustomerQuery) -> dict[str, Any]:
    """The same, for an id that cannot stand in a path"""
    return _customer(query.customer_id)


@routes.get("/customers/<customer_id>/history", responses=ALL)
def history(path: CustomerPath) -> dict[str, Any]:
    """A customer's predicted value per as-of date, oldest first"""
    return _history(path.customer_id)


@routes.get("/history", responses=ALL)
def history_by_query(query: CustomerQuery) -> dict[str, Any]:
    """The same, for an id that cannot stand in a path"""
    return _history(query.customer_id)


def _customer(customer_id: str) -> dict[str, Any]:
    current = snapshot()
    if current.columns.find(customer_id) is None:
        abort(404, "No customer has this id.")
    [row] = current.query(CUSTOMER, customer_id)
    answer = {"user_id": row.pop("customer_id"), "clv": row.pop("predicted_clv")}
    answer |= {NAMES.get(name, name): _plain(value) for name, value in row.items()}
    return answer | {"horizon_days": current.build.get("horizon_days")}


def _history(customer_id: str) -> dict[str, Any]:
    current = snapshot()
    # A file from before prediction_history still knows one date: its own.
    sql = HISTORY if current.has("prediction_history") else HISTORY.replace("prediction_history", "customer_value")
    rows = current.query(sql, customer_id)
    if not rows:
        abort(404, "No customer has this id.")
    return {"user_id": customer_id, "history": [{name: _plain(value) for name, value in row.items()} for row in rows]}


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value
