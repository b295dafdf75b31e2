"""Lets no answer that failed half way look whole.

The server ends the body of such an answer as properly as any other (chunked encoding, with its end mark). So what has
failed is never ended: nothing more is sent, and `idle_timeout` closes the connection, which every client notices.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator

from api.middleware.handler import Environ, Handler, Reply

log = logging.getLogger("api")

_LOOK = 0.5  # seconds between two looks at whether the connection is closed


class CutShort:
    def __init__(self, inner: Handler) -> None:
        self._inner = inner

    def __call__(self, environ: Environ) -> Reply:
        status, headers, body = self._inner(environ)
        return status, headers, body if isinstance(body, list) else _whole_or_open(body, environ)


def _whole_or_open(body: Iterable[bytes], environ: Environ) -> Iterator[bytes]:
    try:
        yield from body
    except Exception as error:
        log.error("request %s was cut short", environ["api.request_id"], exc_info=error)
        while True:  # until the server, whose connection is closed, closes this too
            time.sleep(_LOOK)
            yield b""  # is not sent, and looks at the connection
    finally:
        if hasattr(body, "close"):
            body.close()
