"""The log: one JSON object a line on stderr, written by a thread of its own, so that no request ever waits for it."""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime
from queue import Empty, SimpleQueue

from flask import has_request_context, request

WAITING = 20_000  # lines, about 4 MB, that are kept for a reader who has fallen asleep; further ones are lost
PAUSE = 0.02  # seconds between two writes: under load many lines go out in one


class LogWriter:
    """Takes lines at any speed and writes them as fast as the reader takes them. `lost` counts those that never will.

    A log that is closed, full or not read loses lines; it never raises and never blocks whoever has something to say.
    """

    def __init__(self, descriptor: int | None) -> None:
        """Write to an open file's descriptor; None loses every line."""
        self._descriptor = descriptor
        self._lines: SimpleQueue[str | None] = SimpleQueue()
        self._torn = False  # the last write ended within a line
        self._lock = threading.Lock()
        self.lost = 0
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def write(self, line: str) -> None:
        if self._lines.qsize() < WAITING:
            self._lines.put(line)
        else:
            self._lose(1)

    def close(self) -> None:
        """Write what is waiting, as far as the reader takes it within a second."""
        self._lines.put(None)
        self._thread.join(1)

    def _run(self) -> None:
        while True:
            lines = [self._lines.get()]
            with suppress(Empty):
                while True:
                    lines.append(self._lines.get_nowait())
            self._write("".join(filter(None, lines)).encode(errors="backslashreplace"))
            if None in lines:
                return
            time.sleep(PAUSE)

    def _write(self, rest: bytes) -> None:
        if self._torn:
            rest = b"\n" + rest
        while rest:
            try:
                if self._descriptor is None:
                    raise OSError("stderr is closed")
                rest = rest[os.write(self._descriptor, rest) :]
            except BlockingIOError:  # someone has set the terminal to not wait; the reader may be about to take more
                time.sleep(PAUSE)
            except OSError:
                self._torn = not rest.startswith(b"\n")
                self._lose(rest.count(b"\n"))
                return
        self._torn = False

    def _lose(self, lines: int) -> None:
        with self._lock:
            self.lost += lines


class Lines(logging.Formatter):
    """A log record as one JSON line, with the id of the request that it belongs to."""

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, str | None] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
        }
        if has_request_context():
            fields["request_id"] = request.environ.get("api.request_id")
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return json.dumps(fields)


class Handler(logging.Handler):
    """Hands log records to a LogWriter."""

    def __init__(self, writer: LogWriter) -> None:
        super().__init__()
        self.setFormatter(Lines())
        self._writer = writer

    def emit(self, record: logging.LogRecord) -> None:
        self._writer.write(self.format(record) + "\n")


def to_stderr() -> LogWriter:
    """A writer on stderr that also takes what the `api` logger is told."""
    try:
        descriptor = sys.stderr.fileno()
    except (AttributeError, OSError, ValueError):  # closed before Python started, or no file at all
        descriptor = None
    writer = LogWriter(descriptor)
    log = logging.getLogger("api")
    log.handlers, log.propagate, log.level = [Handler(writer)], False, logging.INFO
    return writer
