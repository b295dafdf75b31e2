"""Gzip for the large answers that are made for one request."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

from flask import Response, request


def gzipped(response: Response, level: int = 6) -> Response:
    """The same answer, compressed chunk by chunk if the client takes gzip."""
    response.headers["Vary"] = "Accept-Encoding"
    if request.accept_encodings["gzip"] <= 0:
        return response
    packed = _pack(response.iter_encoded(), level)
    if response.is_streamed:
        response.response = packed
    else:
        response.set_data(b"".join(packed))
    response.headers["Content-Encoding"] = "gzip"
    return response


def _pack(chunks: Iterable[bytes], level: int) -> Iterator[bytes]:
    packer = zlib.compressobj(level, wbits=31)
    for chunk in chunks:
        if packed := packer.compress(chunk):
            yield packed
    yield packer.flush()
