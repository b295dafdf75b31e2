"""What happens while a command runs, as data: whoever wants to know of it is a function that takes an event.

The terminal, `JSON=file` and the benchmarks listen. Nobody reads back what was printed for people.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class StepStarted:
    """`done`: the share of the work that is done, 0 to 1, where it is known."""

    step: str
    done: float | None = None


@dataclass(frozen=True)
class StepDone:
    """A step that comes more than once took the sum of its `seconds`."""

    step: str
    seconds: float


@dataclass(frozen=True)
class RowsScored:
    """`rows`: customers that the model has predicted for so far."""

    rows: int


@dataclass(frozen=True)
class Warned:
    """Something odd that stops nothing but a strict build. `code` for machines, `text` for people."""

    code: str
    text: str
    figures: Mapping[str, float | str] = dataclasses.field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        return {"code": self.code, "text": self.text, "figures": dict(self.figures)}


@dataclass(frozen=True)
class LinesRejected:
    """`lines` order lines are not used for this `reason`; `examples`: two of them."""

    reason: str
    lines: int
    examples: tuple[str, ...]


@dataclass(frozen=True)
class Publishing:
    """From now on the build may be visible; `build`: the row of build_info."""

    build: Mapping[str, Any]


@dataclass(frozen=True)
class Published:
    """It is visible; `build`: the row of build_info."""

    build: Mapping[str, Any]


@dataclass(frozen=True)
class Trained:
    """`model`: the file that was written; `model_id`: the first 12 hex digits of its SHA-256."""

    model: str
    model_id: str


@dataclass(frozen=True)
class Delivered:
    """`to`: the place, without a password; `rows`: how many were sent, by table."""

    build_id: str
    to: str
    rows: Mapping[str, int]
    seconds: float


@dataclass(frozen=True)
class Inspected:
    """How orders would be read; `columns`, `formats` and so on as `make inspect` shows them.

    `mapping`: what is decided, as an orders.yml; `questions`: what is not, each with the lines that answer it.
    """

    read_as: Sequence[str]
    columns: Sequence[Mapping[str, Any]]
    not_used: Sequence[str]
    formats: Sequence[str]
    lines: Sequence[str]
    mapping: str
    questions: Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Failed:
    """The command stops; `text` is what people are told."""

    text: str


Event = (
    StepStarted
    | StepDone
    | RowsScored
    | Warned
    | LinesRejected
    | Publishing
    | Published
    | Trained
    | Delivered
    | Inspected
    | Failed
)
Listener = Callable[[Event], None]


def to_all(*listeners: Listener) -> Listener:
    def tell(event: Event) -> None:
        for listener in listeners:
            listener(event)

    return tell
