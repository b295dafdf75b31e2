"""Every error as `application/problem+json` (RFC 9457)."""

from __future__ import annotations

import logging
from http import HTTPStatus

from flask import Flask, Response
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException

from api.publication import NotPublished
from api.schemas import Problem
from api.snapshot import SnapshotError

log = logging.getLogger("api")


def problem(status: int, detail: str, headers: dict[str, str] | None = None) -> Response:
    body = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail).model_dump_json()
    return Response(body, status, headers, content_type="application/problem+json")


def from_validation(error: ValidationError) -> Response:
    """422 with what pydantic found, never with the value it found it in: that may be a customer's id."""
    found = [f"{'.'.join(map(str, item['loc'])) or 'body'}: {item['msg']}" for item in error.errors()[:5]]
    return problem(422, "; ".join(found) + ".")


def register(app: Flask) -> None:
    @app.errorhandler(HTTPException)
    def http(error: HTTPException) -> Response:
        if error.response is not None:  # flask-openapi3 aborts with a finished answer
            return error.response
        status = error.code or 500
        headers = {name: value for name, value in error.get_headers() if name in ("Allow", "Retry-After")}
        return problem(status, error.description or HTTPStatus(status).phrase, headers)

    @app.errorhandler(NotPublished)
    @app.errorhandler(SnapshotError)
    def unavailable(error: Exception) -> Response:
        return problem(503, str(error), {"Retry-After": "5"})

    @app.errorhandler(RecursionError)
    def too_deep(error: RecursionError) -> Response:
        return problem(400, "The JSON is nested too deeply.")

    @app.errorhandler(Exception)
    def unexpected(error: Exception) -> Response:
        log.exception("unexpected error", exc_info=error)
        return problem(500, "Something went wrong here, not with your request. The log has it under this request's id.")
