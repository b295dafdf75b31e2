"""Predicted values: of one customer, of many, of all."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from flask import Response, abort, current_app, jsonify
from pyarrow import csv as arrow_csv

from api.policy import LONG, policy
from api.routes.blueprint import api_blueprint
from api.routes.gzip import gzipped
from api.schemas import CustomerPath, Listing, ListingQuery, Lookup, LookupBody, Prediction, problems
from api.store.columns import Columns
from api.store.listing import Cursor, page
from api.store.publication import snapshot

routes = api_blueprint("predictions", tag="Predictions")

CSV_ROWS = 1 << 14
FORMULA = r"^([=+\-@\t\r])"  # how a cell begins that a spreadsheet computes
CSV = {"content": {"text/csv": {"schema": {"type": "string", "examples": ["customer_id,predicted_clv\na,244.9\n"]}}}}


@routes.get("/predictions/<customer_id>", responses={200: Prediction, **problems(401, 404, 422, 503)})
@policy(who="token", limit=None)
def prediction(path: CustomerPath) -> Response:
    """The predicted value of one customer"""
    columns = snapshot().columns
    row = columns.find(path.customer_id)
    if row is None:
        abort(404, "No customer has this id.")
    return Response(as_bytes(path.customer_id, columns.clv[row]), content_type="application/json")


def as_bytes(customer_id: str, clv: float) -> bytes:
    """The JSON of one customer's answer, whichever way the request came."""
    return json.dumps({"user_id": customer_id, "clv": float(clv)}).encode()


CURSORS = """A cursor names the last customer of its page, so it leads on after a publish too. Every page names its
build in the header `Build-Id`; where the cursor comes from another build, that one stands in `Cursor-Build-Id`."""


@routes.get("/predictions", description=CURSORS, responses={200: Listing, **problems(401, 422, 503)})
@policy(who="token", limit=LONG)
def listing(query: ListingQuery) -> Response:
    """Predictions by value or by id, page by page"""
    current = snapshot()
    build = current.build["build_id"]
    after = _cursor(query)
    if query.customer_id is not None:
        row = current.columns.find(query.customer_id)
        rows, more = np.array([] if row is None else [row], np.int64), False
    else:
        rows, more = page(current.columns, query, after)
    predictions = [_prediction(current.columns, row) for row in rows]
    last = predictions[-1] if more else None
    cursor = Cursor(build, query.order, last["clv"], last["user_id"]).text() if last else None
    response = gzipped(jsonify({"predictions": predictions, "next_cursor": cursor}))
    response.headers["Build-Id"] = build
    if after and after.build != build:
        response.headers["Cursor-Build-Id"] = after.build
    return response


@routes.post("/predictions/lookup", responses={200: Lookup, **problems(400, 401, 408, 413, 415, 422, 503)})
@policy(who="token", limit=LONG)
def lookup(body: LookupBody) -> Response:
    """The predicted values of up to 10,000 customers, whatever their ids look like"""
    columns = snapshot().columns
    rows = [columns.find(user_id) for user_id in body.user_ids]
    asked = list(zip(body.user_ids, rows, strict=True))
    predictions = [{"user_id": user_id, "clv": float(columns.clv[row])} for user_id, row in asked if row is not None]
    return gzipped(jsonify({"predictions": predictions, "unknown": [user_id for user_id, row in asked if row is None]}))


@routes.get("/predictions.csv", responses={200: CSV, **problems(401, 503)})
@policy(who="token", limit=LONG)
def predictions_csv() -> Response:
    """All predictions as CSV, sorted by customer"""
    columns, safe_cells = snapshot().columns, current_app.extensions["settings"].safe_cells
    return gzipped(Response(_csv(columns, safe_cells), content_type="text/csv; charset=utf-8"), level=1)


def _prediction(columns: Columns, row: int) -> dict[str, Any]:
    return {"user_id": columns[row].decode(), "clv": float(columns.clv[row])}


def _cursor(query: ListingQuery) -> Cursor | None:
    if query.cursor is None:
        return None
    try:
        cursor = Cursor.read(query.cursor)
    except ValueError:
        abort(422, "cursor: not one that this API gave. Leave it out to begin with the first page.")
    if cursor.order != query.order:
        abort(422, f"cursor: it comes from a page in another order than order={query.order}.")
    return cursor


def _csv(columns: Columns, safe_cells: bool) -> Iterator[bytes]:
    names = ["customer_id", "predicted_clv"]
    options = arrow_csv.WriteOptions(include_header=False, quoting_style="needed")
    yield (",".join(names) + "\n").encode()
    for start in range(0, len(columns), CSV_ROWS):
        rows = slice(start, start + CSV_ROWS)
        ids = _harmless(columns.ids(rows)) if safe_cells else columns.ids(rows)
        chunk = io.BytesIO()
        arrow_csv.write_csv(pa.table([ids, columns.clv[rows]], names), chunk, options)
        yield chunk.getvalue()


def _harmless(texts: pa.Array) -> pa.Array:
    """With an apostrophe before each text that a spreadsheet would take for a formula; it shows the text after it."""
    return pc.replace_substring_regex(texts, FORMULA, r"'\1")
