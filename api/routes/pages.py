"""What all lists that come page by page share: the cursor that came in, and the headers that name builds."""

from __future__ import annotations

from typing import Any

from flask import Response, abort, jsonify

from api.routes.gzip import gzipped
from api.schemas.customers import ListingQuery
from api.store.listing import Cursor

CURSORS = """A cursor names the last customer of its page, so it leads on after a publish too. Every page names its
build in the header `Build-Id`; where the cursor comes from another build, that one stands in `Cursor-Build-Id`."""


def cursor_of(query: ListingQuery) -> Cursor | None:
    """The cursor that the query brings; a 422 where it is none, or one of another order."""
    if query.cursor is None:
        return None
    try:
        cursor = Cursor.read(query.cursor)
    except ValueError:
        abort(422, "cursor: not one that this API gave. Leave it out to begin with the first page.")
    if cursor.order != query.order:
        abort(422, f"cursor: it comes from a page in another order than order={query.order}.")
    return cursor


def paged(name: str, found: list[dict[str, Any]], more: bool, query: ListingQuery, build: str) -> Response:
    """A page of `found`, under this name; the cursor to the next one names the last of them."""
    last = found[-1] if more else None
    following = Cursor(build, query.order, last.get("clv", 0.0), last["user_id"]).text() if last else None
    response = gzipped(jsonify({name: found, "next_cursor": following}))
    response.headers["Build-Id"] = build
    if (after := cursor_of(query)) and after.build != build:
        response.headers["Cursor-Build-Id"] = after.build
    return response
