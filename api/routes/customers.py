"""Everything about one customer, and what the customer was predicted to be worth before."""

from __future__ import annotations

from datetime import date
from typing import Any

from flask import Response, abort

from api.policy import DETAILS, LONG, policy
from api.routes.blueprint import api_blueprint
from api.routes.csv_files import csv_file
from api.routes.pages import CURSORS, cursor_of, paged
from api.schemas.common import Responses, problems
from api.schemas.customers import Customer, CustomerPath, CustomerQuery, Customers, CustomersQuery, ExportQuery, History
from api.store.changes import Changes
from api.store.details import of_rows, pieces
from api.store.listing import Cursor, page
from api.store.publication import snapshot
from api.store.snapshot import Snapshot

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
ONE_OR_PAGE: Responses = {200: Customers, **problems(401, 404, 410, 422, 503)}
ROWS = "customer_id,as_of_date,first_order_date,…\na,2017-10-17,2017-01-02,…\n"
CSV = {"content": {"text/csv": {"schema": {"type": "string", "example": ROWS}}}}
ALL: Responses = {200: History, **problems(401, 404, 422, 503)}


@routes.get("/customers/<customer_id>", responses=ONE)
@policy(who="token", limit=DETAILS)
def get_customer(path: CustomerPath) -> dict[str, Any]:
    """A customer's features, value, rank, percentile and decile"""
    return _customer(path.customer_id)


@routes.get("/customers", description=CURSORS, responses=ONE_OR_PAGE)
@policy(who="token", limit=LONG)
def list_customers(query: CustomersQuery) -> Response | dict[str, Any]:
    """All about customers, page by page; or about one whose id cannot stand in a path"""
    if query.customer_id is not None:
        return _customer(query.customer_id)
    current, after = snapshot(), cursor_of(query)
    rows, more = (_listed if query.changed_since is None else _changed)(current, query, after)
    horizon = {"horizon_days": current.build["horizon_days"]}
    found = [_named(row) | (horizon if row.get("change") != "gone" else {}) for row in rows]
    return paged("customers", found, more, query, current.build["build_id"])


@routes.get("/customers.csv", responses={200: CSV, **problems(401, 410, 422, 503)})
@policy(who="token", limit=LONG)
def download_customers(query: ExportQuery) -> Response:
    """All about all customers, or about those who changed, as CSV with the table's own columns, sorted by customer"""
    current = snapshot()
    since = query.changed_since
    tables = pieces(current, query) if since is None else Changes(current, since).pieces(query)
    return csv_file(tables, current.build["build_id"])


@routes.get("/customers/<customer_id>/history", responses=ALL)
@policy(who="token", limit=LONG)
def get_history(path: CustomerPath) -> dict[str, Any]:
    """A customer's predicted value per as-of date, oldest first"""
    return _history(path.customer_id)


@routes.get("/history", responses=ALL)
@policy(who="token", limit=LONG)
def get_history_by_query(query: CustomerQuery) -> dict[str, Any]:
    """The same, for an id that cannot stand in a path"""
    return _history(query.customer_id)


def _customer(customer_id: str) -> dict[str, Any]:
    current = snapshot()
    if current.columns.find(customer_id) is None:
        abort(404, "No customer has this id.")
    [row] = current.query(CUSTOMER, customer_id)
    return _named(row) | {"horizon_days": current.build["horizon_days"]}


def _listed(current: Snapshot, query: CustomersQuery, after: Cursor | None) -> tuple[list[dict[str, Any]], bool]:
    """The rows of a page, and whether any follow."""
    rows, more = page(current.columns, query, after)
    return of_rows(current, rows).to_pylist(), more


def _changed(current: Snapshot, query: CustomersQuery, after: Cursor | None) -> tuple[list[dict[str, Any]], bool]:
    """The same of those who changed; of who is gone, the id."""
    if query.order != "id":
        abort(422, "order: what changed comes by id. Leave order out.")
    rows: list[dict[str, Any]] = []
    for piece in Changes(current, str(query.changed_since)).pieces(query, after.customer_id if after else None):
        rows += piece.slice(0, query.limit + 1 - len(rows)).to_pylist()
        if len(rows) > query.limit:
            break
    gone = {"customer_id", "change"}
    rows = [{name: row[name] for name in gone} if row["change"] == "gone" else row for row in rows]
    return rows[: query.limit], len(rows) > query.limit


def _history(customer_id: str) -> dict[str, Any]:
    rows = snapshot().query(HISTORY, customer_id)
    if not rows:
        abort(404, "No customer has this id.")
    return {"user_id": customer_id, "history": [_named(row) for row in rows]}


def _named(row: dict[str, Any]) -> dict[str, Any]:
    return {
        NAMES.get(name, name): value.isoformat() if isinstance(value, date) else value for name, value in row.items()
    }
