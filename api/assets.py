"""The files of the pages, in memory and compressed once."""

from __future__ import annotations

import mimetypes
import zlib
from hashlib import sha256
from pathlib import Path

from flask import Response, request

PIECE = 1 << 15  # bytes that the server is given at a time, so that it holds no copy of the whole


class Asset:
    """One file, ready to be sent."""

    def __init__(self, content: bytes, content_type: str) -> None:
        self._plain = content
        self._packed = gzip(content)
        self._content_type = content_type
        self._tag = sha256(content).hexdigest()[:16]

    @classmethod
    def read(cls, path: Path) -> Asset:
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        return cls(path.read_bytes(), f"{kind}; charset=utf-8" if kind.startswith("text/") else kind)

    def response(self) -> Response:
        """The file, for the current request."""
        request.environ["api.tag"] = self._tag
        packed = request.accept_encodings["gzip"] > 0
        content = self._packed if packed else self._plain
        pieces = (content[start : start + PIECE] for start in range(0, len(content), PIECE))
        response = Response(pieces, content_type=self._content_type)
        response.content_length = len(content)
        response.headers["Vary"] = "Accept-Encoding"
        if packed:
            response.headers["Content-Encoding"] = "gzip"
        return response


def gzip(content: bytes) -> bytes:
    packer = zlib.compressobj(6, wbits=31)
    return packer.compress(content) + packer.flush()
