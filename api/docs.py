"""GET /openapi.json, the contract as the code has it, and GET /docs, which makes it browsable without a network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import flask_openapi3_swagger
from flask import Blueprint, Response, current_app, request, send_from_directory

routes = Blueprint(
    "docs",
    __name__,
    static_folder=Path(flask_openapi3_swagger.__file__).parent / "templates" / "swagger",
    static_url_path="/docs/assets",
)

PAGES = Path(__file__).parent / "static"

# Swagger UI sets styles from its script and carries its icons in data: addresses.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)


@routes.get("/openapi.json")
def openapi() -> dict[str, Any]:
    contract = current_app.api_doc
    contract["paths"]["/health"]["get"]["security"] = []  # needs no token; the library drops an empty list of its own
    return contract


@routes.get("/docs")
def docs() -> Response:
    response = send_from_directory(PAGES, "docs.html")
    request.environ["api.policy"] = POLICY
    return response
