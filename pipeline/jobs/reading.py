"""How an upload would be read, from the events of `pipeline inspect`: what a person sees before it is built."""

from __future__ import annotations

import dataclasses
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.jobs.progress import events


@dataclass(frozen=True)
class Reading:
    """As `pipeline.events.Inspected` has it; `problem` says why nothing can be read, or what was not looked at."""

    problem: str | None = None
    read_as: list[str] = field(default_factory=list)
    columns: list[dict[str, Any]] = field(default_factory=list)
    not_used: list[str] = field(default_factory=list)
    formats: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    mapping: str = ""
    questions: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def read(cls, file: Path) -> Reading | None:
        """What a file of events says; None before it says how it went."""
        told = {each.name for each in dataclasses.fields(cls)}
        for event in events(file):
            with suppress(TypeError, KeyError):  # none of ours
                if event["event"] == "inspected":
                    return cls(**{name: value for name, value in event.items() if name in told})
                if event["event"] == "failed":
                    return cls(problem=event["text"])
        return None
