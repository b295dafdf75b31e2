"""How far a build is and what it found, from the events that it writes while it runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Progress:
    """`step`: what it does now; `share_done`: of dbt's work, 0 to 1; `rows_scored`: customers predicted for.

    `publishing`: the row of build_info from the moment at which the build may be visible; `published`: it is. `failed`:
    why it stopped. `rejected`: the lines that are not used, by reason, with examples.
    """

    step: str | None = None
    share_done: float = 0.0
    rows_scored: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    warnings: list[dict[str, Any]] = field(default_factory=list)
    rejected: list[dict[str, Any]] = field(default_factory=list)
    publishing: dict[str, Any] | None = None
    published: bool = False
    failed: str | None = None

    @classmethod
    def read(cls, file: Path) -> Progress:
        """What a file of events says; nothing yet, where it is missing."""
        progress = cls()
        for event in events(file):
            with suppress(ValueError, TypeError, KeyError):  # none of ours
                progress._add(event)
        return progress

    def _add(self, event: dict[str, Any]) -> None:
        match event["event"]:
            case "step_started":
                self.step = event["step"]
                self.share_done = max(self.share_done, event["done"] or 0)
            case "step_done":
                self.seconds[event["step"]] = self.seconds.get(event["step"], 0) + event["seconds"]
            case "rows_scored":
                self.rows_scored = event["rows"]
            case "warned":
                self.warnings.append({name: event[name] for name in ("code", "text", "figures")})
            case "lines_rejected":
                self.rejected.append({name: event[name] for name in ("reason", "lines", "examples")})
            case "publishing":
                self.publishing = event["build"]
            case "published":
                self.publishing, self.published, self.share_done = event["build"], True, 1.0
            case "failed":
                self.failed = event["text"]


def events(file: Path) -> Iterator[dict[str, Any]]:
    """Those that are written to their end; none where the file is missing."""
    try:
        lines = file.read_bytes().split(b"\n")
    except FileNotFoundError:
        return
    for line in lines[:-1]:  # the last one is empty, or is being written
        with suppress(ValueError):  # cut off by a full disk
            yield json.loads(line)
