"""Orders that are uploaded, and the builds that come of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from flask import Response, abort, current_app, jsonify, request, url_for
from pydantic import ValidationError
from werkzeug.exceptions import RequestEntityTooLarge, RequestTimeout

from api.policy import DETAILS, UPLOADS, policy
from api.problems import from_validation, problem
from api.routes.blueprint import api_blueprint
from api.routes.form import PIECE, Repeated, parts
from api.schemas.builds import MAPPING_LIMIT, BuildPath, JobDetails, MappingBody, UploadForm, UploadQuery
from api.schemas.builds import Jobs as LatestJobs
from api.schemas.common import problems
from api.tokens import has_one_of
from pipeline.jobs import MOST_QUEUED, Build, Incoming, Jobs, NoRoom, QueueFull, TooLarge, UploadError

routes = api_blueprint("builds", tag="Builds")

LISTED = 100
FORM_BYTES = 1 << 20  # that a form may have beside the file
READ_AWAY = 1 << 26  # bytes that a refused body may have to be read all the same
READ_AWAY_WITHIN = 5  # seconds
ABOUT = """The file is the body, or the part `orders` of a form; the parameters are the query's, or further parts. Its
kind is told by its first bytes: text of any dialect, JSON lines, Parquet or Excel, text also in gzip or zip.
`curl -X POST -T orders.csv` sends one. It is built as soon as those before it are; with `inspect=true` it is only
looked at until `POST /builds/<build_id>` has it built. What comes of it stands at the address in `Location`."""
FILE = {"schema": {"type": "string", "format": "binary"}}
FORM = {
    "schema": {
        "type": "object",
        "required": ["orders"],
        "properties": {
            "orders": FILE["schema"],
            **{name: {"type": "string"} for name in UploadQuery.model_fields if name != "name"},
        },
    }
}
BODY = {"required": True, "content": {"application/octet-stream": FILE, "multipart/form-data": FORM}}


@routes.post(
    "/orders",
    description=ABOUT,
    openapi_extensions={"requestBody": BODY},
    responses={202: JobDetails, **problems(400, 401, 403, 408, 411, 413, 422, 503, 507)},
)
@policy(who="uploader", limit=UPLOADS, large_body=True)
def upload_orders(query: UploadQuery) -> Response:
    """Queue a build of the orders in this file"""
    size, limit = request.content_length, current_app.extensions["settings"].upload_limit
    if size is None:  # the end of a body in chunks looks no different when the line has broken
        abort(411, "Say how long the file is, in Content-Length. curl does with -X POST -T FILE or -F orders=@FILE.")
    request.max_content_length = limit + FORM_BYTES
    try:
        with _jobs().receiving(size - FORM_BYTES, limit) as incoming:
            asked = _receive(incoming, query)
            incoming.finish()
            build = _jobs().add(incoming, asked.name, _variables(asked), asked.mapping, hold=asked.inspect)
    except (QueueFull, UploadError, RequestEntityTooLarge, ValidationError) as error:
        _read_away()
        return _refusal(error)
    response = jsonify(_details(build))
    response.status_code, response.headers["Location"] = 202, url_for(".get_build", build_id=build.id)
    return response


@routes.get("/builds", responses={200: LatestJobs, **problems(401, 503)})
@policy(who="token", limit=DETAILS)
def list_builds() -> dict[str, Any]:
    """The latest hundred builds that were asked for, the newest first"""
    return {
        "builds": [_shown(build) for build in _jobs().ledger.newest(LISTED)],
        "uploads": _uploads(),
        "upload_limit": current_app.extensions["settings"].upload_limit,
    }


@routes.get("/builds/<build_id>", responses={200: JobDetails, **problems(401, 404, 503)})
@policy(who="token", limit=DETAILS)
def get_build(path: BuildPath) -> dict[str, Any]:
    """How far a build is, or what came of it"""
    return _details(_known(path.build_id))


@routes.post("/builds/<build_id>", responses={202: JobDetails, **problems(401, 403, 404, 409, 503)})
@policy(who="uploader", limit=DETAILS)
def start_build(path: BuildPath) -> Response | tuple[dict[str, Any], int]:
    """Have an upload built that was only looked at so far"""
    build = _known(path.build_id)
    return (_details(_known(build.id)), 202) if _jobs().release(build) else _not_held(build.id)


@routes.put(
    "/builds/<build_id>/mapping",
    responses={202: JobDetails, **problems(400, 401, 403, 404, 409, 413, 415, 422, 503, 507)},
)
@policy(who="uploader", limit=DETAILS)
def map_build(path: BuildPath, body: MappingBody) -> Response | tuple[dict[str, Any], int]:
    """Look again at an upload that was only looked at so far, and read it by this mapping"""
    build = _known(path.build_id)
    try:
        changed = _jobs().map(build, body.mapping)
    except NoRoom as error:
        return _refusal(error)
    return (_details(_known(build.id)), 202) if changed else _not_held(build.id)


@routes.delete("/builds/<build_id>", responses={202: JobDetails, **problems(401, 403, 404, 409, 503)})
@policy(who="uploader", limit=DETAILS)
def cancel_build(path: BuildPath) -> Response | tuple[dict[str, Any], int]:
    """Cancel a build that is held, waits or runs; one that runs ends within seconds"""
    if (before := _known(path.build_id)).has_ended:
        return problem(409, f"This build has ended: it is {before.state}.")
    return _details(_jobs().ledger.cancel(before.id)), 202


def _jobs() -> Jobs:
    return current_app.extensions["jobs"]


def _uploads() -> str:
    settings = current_app.extensions["settings"]
    if not settings.takes_uploads:
        return "off"
    tokens = [token.encode() for token in settings.upload_tokens]
    return "taken" if not tokens or has_one_of(request.environ, tokens) else "token"


def _receive(incoming: Incoming, query: UploadQuery) -> UploadQuery:
    """Takes the body in; what it asks for beside the file counts before what the query does."""
    read = _whole_body()
    if request.mimetype != "multipart/form-data":
        while piece := read(PIECE):
            incoming.write(piece)
        return query
    fields: dict[str, bytes] = {}
    given: dict[str, Any] = query.model_dump(exclude_unset=True)
    try:
        for name, filename, piece in parts(read, request.mimetype_params["boundary"].encode()):
            if name == "orders":
                incoming.write(piece)
                given["name"] = (filename or query.name)[:200]
            elif len(field := fields.get(name, b"") + piece) > 4 * MAPPING_LIMIT:
                raise UploadError(f"{name} may have at most {MAPPING_LIMIT:,} characters.")
            else:
                fields[name] = field
        given |= {name: text.decode() for name, text in fields.items()}
    except Repeated as error:
        raise UploadError(f"The form has several parts named {error}. Several files go into one zip.") from None
    except RequestEntityTooLarge:  # not of the file: of its boundaries and heads, or of their number
        raise UploadError("The form has more in it than a file of orders and how it is read.") from None
    except (KeyError, ValueError):
        raise UploadError("The form cannot be read. curl sends one with -F orders=@FILE.") from None
    return UploadForm.model_validate(given)


def _refusal(error: Exception) -> Response:
    match error:
        case QueueFull():
            text = f"{MOST_QUEUED} builds wait already. Send it again when some are done."
            return problem(503, text, {"Retry-After": "60"})
        case NoRoom():
            return problem(507, str(error))
        case TooLarge() | RequestEntityTooLarge():
            limit = current_app.extensions["settings"].upload_limit
            return problem(413, f"The file may have at most {limit:,} bytes (UPLOAD_LIMIT).")
        case ValidationError():
            return from_validation(error)
        case _:
            return problem(422, str(error))


def _read_away() -> None:
    """Takes in the rest of a body that is not wanted: a client that still sends when the line is cut never sees why.

    Not of one that waits for a word before it sends, nor of one too large to be worth it: those are answered at once.
    """
    if "Expect" in request.headers or (request.content_length or 0) > READ_AWAY:
        return
    deadline = time.monotonic() + READ_AWAY_WITHIN
    with suppress(RequestTimeout):
        while time.monotonic() < deadline and request.environ["wsgi.input"].read(PIECE):
            pass


def _whole_body() -> Callable[[int], bytes]:
    """Reads the body; where the line breaks, the server would only let it end early."""
    missing = request.content_length or 0

    def read(size: int) -> bytes:
        nonlocal missing
        piece = request.stream.read(size)
        missing -= len(piece)
        if not piece and missing:
            abort(400, "The file did not come in to its end. Send it again.")
        return piece

    return read


def _variables(asked: UploadQuery) -> dict[str, str]:
    """What the build is told that the worker's own settings do not say."""
    variables = {}
    if asked.as_of:
        variables["AS_OF"] = asked.as_of.isoformat()
    if asked.strict is not None:
        variables["STRICT"] = str(int(asked.strict))
    return variables


def _known(build_id: str) -> Build:
    try:
        return _jobs().ledger.get(build_id)
    except KeyError:
        abort(404, "No build has this id; /builds lists the latest.")


def _not_held(build_id: str) -> Response:
    return problem(409, f"This build is {_known(build_id).state}; only one that is held can still be decided on.")


def _shown(build: Build) -> dict[str, Any]:
    waits_for = _jobs().waits_for(build) if build.state in ("held", "queued") else None
    names = ("id", "state", "source", "name", "queued_at", "started_at", "ended_at")
    return {name: getattr(build, name) for name in names} | {"message": build.message or waits_for}


def _details(build: Build) -> dict[str, Any]:
    progress = _jobs().progress(build)
    reading = _jobs().reading(build)
    return _shown(build) | {
        "reading": asdict(reading) if reading else None,
        "step": progress.step,
        "share_done": progress.share_done,
        "rows_scored": progress.rows_scored,
        "seconds": _seconds(build),
        "seconds_by_step": progress.seconds,
        "warnings": progress.warnings,
        "rejected": progress.rejected,
        "build": progress.publishing if build.state == "published" else None,
    }


def _seconds(build: Build) -> float | None:
    if build.started_at is None:
        return None
    end = datetime.fromisoformat(build.ended_at) if build.ended_at else datetime.now(UTC)
    return round((end - datetime.fromisoformat(build.started_at)).total_seconds(), 1)
