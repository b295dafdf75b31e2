"""Everything about one customer, and what the customer was predicted to be worth before."""

from __future__ import annotations

from datetime import date
from typing import Any

from flask import abort

from api.policy import DETAILS, LONG, policy
from api.routes.blueprint import api_blueprint
from api.schemas import Customer, CustomerPath, CustomerQuery, History, Responses, problems
from api.store.publication import snapshot

routes = api_blueprint("customers", tag="Customers")

# What the table's columns are called here; any other, a further answer of the model among them, keeps its name.
NAMES = {
    "customer_id": "user_id",
    "predicted_clv": "clv",
    "clv_rank": "rank",
    "clv_percentile": "percentile",
    "clv_decile": "decile",
    "value_tier": "tier",
}

CUSTOMER = "select * from published.customer_value where customer_id = ?"
HISTORY = """
select as_of_date, predicted_clv, * exclude (customer_id, as_of_date, predicted_clv, predicted_at)
from published.prediction_history where customer_id = ? order by as_of_date
"""

ONE: Responses = {200: Customer, **problems(401, 404, 422, 503)}
ALL: Responses = {200: History, **problems(401, 404, 422, 503)}


@routes.get("/customers/<customer_id>", responses=ONE)
@policy(who="token", limit=DETAILS)
def customer(path: CustomerPath) -> dict[str, Any]:
    """A customer's features, value, rank, percentile and decile"""
    return _customer(path.customer_id)


@routes.get("/customers", responses=ONE)
@policy(who="token", limit=DETAILS)
def customer_by_query(query: CustomerQuery) -> dict[str, Any]:
    """The same, for an id that cannot stand in a path"""
    return _customer(query.customer_id)


@routes.get("/customers/<customer_id>/history", responses=ALL)
@policy(who="token", limit=LONG)
def history(path: CustomerPath) -> dict[str, Any]:
    """A customer's predicted value per as-of date, oldest first"""
    return _history(path.customer_id)


@routes.get("/history", responses=ALL)
@policy(who="token", limit=LONG)
def history_by_query(query: CustomerQuery) -> dict[str, Any]:
    """The same, for an id that cannot stand in a path"""
    return _history(query.customer_id)


def _customer(customer_id: str) -> dict[str, Any]:
    current = snapshot()
    if current.columns.find(customer_id) is None:
        abort(404, "No customer has this id.")
    [row] = current.query(CUSTOMER, customer_id)
    return _named(row) | {"horizon_days": current.build["horizon_days"]}


def _history(customer_id: str) -> dict[str, Any]:
    rows = snapshot().query(HISTORY, customer_id)
    if not rows:
        abort(404, "No customer has this id.")
    return {"user_id": customer_id, "history": [_named(row) for row in rows]}


def _named(row: dict[str, Any]) -> dict[str, Any]:
    return {
        NAMES.get(name, name): value.isoformat() if isinstance(value, date) else value for name, value in row.items()
    }
