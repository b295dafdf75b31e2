"""Predicted values: of one customer."""

from __future__ import annotations

from typing import Any

from flask import abort, current_app
from flask_openapi3 import APIBlueprint

from api.schemas import CustomerPath, Prediction
from api.snapshot import Snapshot

routes = APIBlueprint("predictions", __name__)


def snapshot() -> Snapshot:
    return current_app.extensions["publication"].snapshot


@routes.get("/predictions/<customer_id>", responses={200: Prediction})
def prediction(path: CustomerPath) -> dict[str, Any]:
    """The predicted value of one customer"""
    current = snapshot()
    row = current.find(path.customer_id)
    if row is None:
        abort(404, "No customer has this id.")
    return {"user_id": path.customer_id, "clv": float(current.clv[row])}
