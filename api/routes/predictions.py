"""Predicted values: of one customer, of many, of all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
from flask import Response, abort, jsonify

from api.policy import LONG, policy
from api.routes.blueprint import api_blueprint
from api.routes.csv_files import csv_file
from api.routes.gzip import gzipped
from api.routes.pages import CURSORS, cursor_of, paged
from api.schemas.common import problems
from api.schemas.customers import CustomerPath, Listing, ListingQuery, Lookup, LookupBody, Prediction
from api.store.columns import Columns
from api.store.listing import page
from api.store.publication import snapshot

routes = api_blueprint("predictions", tag="Predictions")

CSV_ROWS = 1 << 14
CSV = {"content": {"text/csv": {"schema": {"type": "string", "example": "customer_id,predicted_clv\na,244.9\n"}}}}


@routes.get("/predictions/<customer_id>", responses={200: Prediction, **problems(401, 404, 422, 503)})
@policy(who="token", limit=None)
def get_prediction(path: CustomerPath) -> Response:
    """The predicted value of one customer"""
    columns = snapshot().columns
    row = columns.find(path.customer_id)
    if row is None:
        abort(404, "No customer has this id.")
    return Response(as_bytes(path.customer_id, columns.clv[row]), content_type="application/json")


def as_bytes(customer_id: str, clv: float) -> bytes:
    """The JSON of one customer's answer, whichever way the request came."""
    return json.dumps({"user_id": customer_id, "clv": float(clv)}).encode()


@routes.get("/predictions", description=CURSORS, responses={200: Listing, **problems(401, 422, 503)})
@policy(who="token", limit=LONG)
def list_predictions(query: ListingQuery) -> Response:
    """Predictions by value or by id, page by page"""
    current = snapshot()
    after = cursor_of(query)
    if query.customer_id is not None:
        row = current.columns.find(query.customer_id)
        rows, more = np.array([] if row is None else [row], np.int64), False
    else:
        rows, more = page(current.columns, query, after)
    predictions = [_prediction(current.columns, row) for row in rows]
    return paged("predictions", predictions, more, query, current.build["build_id"])


@routes.post("/predictions/lookup", responses={200: Lookup, **problems(400, 401, 408, 413, 415, 422, 503)})
@policy(who="token", limit=LONG)
def look_up_predictions(body: LookupBody) -> Response:
    """The predicted values of up to 10,000 customers, whatever their ids look like"""
    columns = snapshot().columns
    rows = [columns.find(user_id) for user_id in body.user_ids]
    asked = list(zip(body.user_ids, rows, strict=True))
    predictions = [{"user_id": user_id, "clv": float(columns.clv[row])} for user_id, row in asked if row is not None]
    return gzipped(jsonify({"predictions": predictions, "unknown": [user_id for user_id, row in asked if row is None]}))


@routes.get("/predictions.csv", responses={200: CSV, **problems(401, 503)})
@policy(who="token", limit=LONG)
def download_predictions() -> Response:
    """All predictions as CSV, sorted by customer"""
    current = snapshot()
    return csv_file(_tables(current.columns), current.build["build_id"])


def _tables(columns: Columns) -> Iterator[pa.Table]:
    for start in range(0, max(len(columns), 1), CSV_ROWS):
        rows = slice(start, start + CSV_ROWS)
        yield pa.table({"customer_id": columns.ids(rows), "predicted_clv": columns.clv[rows]})


def _prediction(columns: Columns, row: int) -> dict[str, Any]:
    return {"user_id": columns[row].decode(), "clv": float(columns.clv[row])}
