"""Every error as `application/problem+json` (RFC 9457), in words that say what to do."""

from __future__ import annotations

import json
import logging
import sqlite3
from http import HTTPStatus

from flask import Flask, Response, request
from pydantic import ValidationError
from pydantic_core import ErrorDetails
from werkzeug.exceptions import HTTPException

from api.schemas.builds import MappingBody, UploadForm, UploadQuery
from api.schemas.common import Problem
from api.schemas.customers import CustomerQuery, CustomersQuery, ExportQuery, ListingQuery, LookupBody
from api.store.changes import NotKept
from api.store.errors import SnapshotError
from api.store.publication import NotPublished

log = logging.getLogger("api")

LARGEST_BODY = 4 * 1024 * 1024  # bytes

DETAILS = {
    400: "The request is not one that this server can read.",
    404: "There is nothing at this address; /docs lists what there is.",
    413: f"The body may have at most {LARGEST_BODY:,} bytes. Send several requests.",
}

JSON = "with the header Content-Type: application/json."
BODIES = {  # what is to be sent, by the model that checks it
    LookupBody.__name__: f'Send {{"user_ids": ["…", "…"]}} {JSON}',
    MappingBody.__name__: f'Send {{"mapping": "…"}} {JSON}',
}

# Those that allow nothing else.
KNOWN = {
    model.__name__: model
    for model in (
        CustomerQuery,
        CustomersQuery,
        ExportQuery,
        ListingQuery,
        LookupBody,
        MappingBody,
        UploadForm,
        UploadQuery,
    )
}

# What pydantic finds, by the name that it has for it.
FOUND = {
    "missing": "is missing",
    "bool_parsing": "has to be true or false",
    "int_parsing": "has to be a whole number",
    "int_from_float": "has to be a whole number",
    "float_parsing": "has to be a number",
    "finite_number": "has to be a finite number",
    "greater_than_equal": "has to be at least {ge}",
    "less_than_equal": "has to be at most {le}",
    "literal_error": "has to be one of {expected}",
    "string_type": "has to be a text",
    "list_type": "has to be a list",
    "value_error": "{error}",
    "string_too_long": "may have at most {max_length} characters",
    "string_too_short": "has to have at least {min_length} character",
    "too_long": "may have at most {max_length} of them; send several requests",
}


def problem(status: int, detail: str, headers: dict[str, str] | None = None) -> Response:
    body = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail).model_dump_json()
    return Response(body, status, headers, content_type="application/problem+json")


def from_validation(error: ValidationError) -> Response:
    """What is wrong and what to send, never the value that is wrong: that may be a customer's id."""
    found = error.errors()
    if not found[0]["loc"]:
        return _bad_body(BODIES[error.title])
    message = "; ".join(_in_words(item, error.title) for item in found[:5])
    return problem(422, " ".join(filter(None, (f"{message}.", BODIES.get(error.title)))))


def _in_words(item: ErrorDetails, model: str) -> str:
    name = ".".join(map(str, item["loc"]))
    if item["type"] == "extra_forbidden":
        known = ", ".join(KNOWN[model].model_fields)
        return f"{name}: is not known here; known are {known}"
    words = FOUND.get(item["type"])
    return f"{name}: {words.format_map(item.get('ctx', {}))}" if words else f"{name}: {item['msg'].lower()}"


def _bad_body(expected: str) -> Response:
    """Of a body that is not a JSON object; `expected` says what to send."""
    if request.mimetype != "application/json":
        named = f"is {request.mimetype}" if request.mimetype else "is missing"
        return problem(415, f"The header Content-Type {named}. {expected}")
    if not (body := request.get_data()):
        return problem(400, f"The body is empty. {expected}")
    try:
        found = json.loads(body)
    except json.JSONDecodeError as error:
        return problem(400, f"The body is not JSON: line {error.lineno}, column {error.colno}. {expected}")
    except ValueError:
        return problem(400, f"The body is not JSON in UTF-8. {expected}")
    kind = {list: "a list", str: "a text", bool: "true or false", type(None): "null"}.get(type(found), "a number")
    return problem(422, f"The body is {kind}, not an object. {expected}")


def unexpected(error: Exception) -> Response:
    log.error("unexpected error", exc_info=error)
    return problem(500, "Something went wrong here, not with your request. The log has it under this request's id.")


def from_http(error: HTTPException) -> Response:
    """What Flask or a view refuses; in our words where the view gave none."""
    if isinstance(error.response, Response):  # flask-openapi3 aborts with a finished answer
        return error.response
    status = error.code or 500
    headers = {name: value for name, value in error.get_headers() if name in ("Allow", "Retry-After")}
    detail = error.description
    if detail is None or detail == type(error).description:
        detail = DETAILS.get(status, f"{HTTPStatus(status).phrase}.")
        if status == 405:
            detail = f"This address takes {headers.get('Allow', 'another method')}, not {request.method}."
    return problem(status, detail, headers)


def unavailable(error: Exception) -> Response:
    return problem(503, str(error), {"Retry-After": "5"})


def no_ledger(error: sqlite3.Error) -> Response:
    """Of uploads and builds: what the worker remembers is the only SQLite file that is read here."""
    log.error("the ledger of builds cannot be read", exc_info=error)
    return problem(503, "What became of the builds cannot be read here. /health says more.")


def gone(error: Exception) -> Response:
    return problem(410, str(error))


def too_deep(error: RecursionError) -> Response:
    return problem(400, "The JSON is nested too deeply.")


def register(app: Flask) -> None:
    """Have `app` answer every error this way."""
    app.register_error_handler(HTTPException, from_http)
    app.register_error_handler(NotPublished, unavailable)
    app.register_error_handler(SnapshotError, unavailable)
    app.register_error_handler(NotKept, gone)
    app.register_error_handler(sqlite3.Error, no_ledger)
    app.register_error_handler(RecursionError, too_deep)
    app.register_error_handler(Exception, unexpected)
