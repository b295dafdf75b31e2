"""`JSON=file`: what happens, one JSON object a line."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from pipeline.errors import UsageError
from pipeline.events import Event, Listener


def as_json(event: Event, at: datetime) -> str:
    """One line: `event` and `at` (UTC), then what the event says."""
    name = re.sub(r"(?<!^)(?=[A-Z])", "_", type(event).__name__).lower()
    content = {each.name: getattr(event, each.name) for each in dataclasses.fields(event)}
    return json.dumps({"event": name, "at": f"{at:%Y-%m-%dT%H:%M:%S.%fZ}", **content}, default=str, ensure_ascii=False)


@contextmanager
def json_lines(path: Path) -> Iterator[Listener]:
    """A listener that writes one object a line. Raises UsageError where the file cannot be written."""
    try:
        file = path.open("w", encoding="utf-8", buffering=1)
    except OSError as error:
        raise UsageError(f"JSON={path} cannot be written: {error.strerror}.") from None

    def write(event: Event) -> None:
        with suppress(OSError):  # a disk that fills up stops a build where it writes its tables, not for its log
            file.write(as_json(event, datetime.now(UTC)) + "\n")

    try:
        yield write
    finally:
        with suppress(OSError):
            file.close()
