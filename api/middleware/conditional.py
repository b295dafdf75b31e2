"""Names the build that an answer comes from; answers 304 where the client has that answer already."""

from __future__ import annotations

from werkzeug.http import parse_etags

from api.middleware.handler import Environ, Handler, Reply


class Conditional:
    def __init__(self, inner: Handler) -> None:
        self._inner = inner

    def __call__(self, environ: Environ) -> Reply:
        status, headers, body = self._inner(environ)
        tag = environ.get("api.tag")
        if tag is None:
            headers.append(("Cache-Control", "no-store"))
            return status, headers, body
        # Weak, because a gzipped answer and a plain one share it. Private, because most tell what customers are worth.
        headers += [("ETag", f'W/"{tag}"'), ("Cache-Control", "private, no-cache")]
        asked = environ.get("HTTP_IF_NONE_MATCH") if environ["REQUEST_METHOD"] in ("GET", "HEAD") else None
        if asked and status[:3] == "200" and parse_etags(asked).contains_weak(tag):
            if hasattr(body, "close"):
                body.close()
            return "304 NOT MODIFIED", [header for header in headers if not header[0].startswith("Content-")], []
        return status, headers, body
