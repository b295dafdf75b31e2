"""GET /openapi.json, the contract as the code has it, and GET /docs, which makes it browsable without a network."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import flask_openapi3_swagger
from flask import Blueprint, Response, abort, current_app, request
from flask_openapi3 import OpenAPI

from api.assets import Asset
from api.policy import FILES, policy
from api.routes.page import STATIC

routes = Blueprint("docs", __name__)

SWAGGER = Path(flask_openapi3_swagger.__file__).parent / "templates" / "swagger"
ASSETS = {name: Asset.read(SWAGGER / name) for name in ("css/swagger-ui.css", "js/swagger-ui-bundle.js")}

# Swagger UI sets styles from its script and carries its icons in data: addresses.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)


def contract() -> Asset:
    """The contract of the current app."""
    described = cast(OpenAPI, current_app).api_doc
    described["paths"]["/health"]["get"]["security"] = []  # needs no token; the library drops an empty list of its own
    return Asset(current_app.json.dumps(described).encode(), "application/json")


@routes.get("/openapi.json")
@policy(who="anyone", limit=None)
def openapi() -> Response:
    kept = current_app.extensions
    if "contract" not in kept:
        kept["contract"] = contract()
    return kept["contract"].response()


@routes.get("/docs")
@policy(who="anyone", limit=None)
def docs() -> Response:
    request.environ["api.policy"] = POLICY
    return STATIC["docs.html"].response()


@routes.get("/docs/assets/<path:name>")
@policy(who="anyone", limit=FILES)
def asset(name: str) -> Response:
    if name not in ASSETS:
        abort(404)
    return ASSETS[name].response()
