"""The steps of a command: how long each takes, told to a listener, and how they show on a terminal while they last."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from pipeline.events import Delivered, Event, Inspected, Listener, Published, RowsScored, StepDone, StepStarted, Trained


class Steps:
    """Tells when steps begin and end, and adds their seconds up."""

    def __init__(self, listener: Listener):
        self.seconds: dict[str, float] = {}
        self._listener = listener
        self._current = ""

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        self._listener(StepStarted(name))
        started = time.perf_counter()
        try:
            yield
        finally:
            self._done(name, time.perf_counter() - started)

    def on_node(self, meta: dict[str, Any], position: int, of: int) -> None:
        """A dbt node begins. Nodes of several steps take turns; those whose meta names no step do nothing."""
        if meta.get("step", self._current) != self._current:
            self._current = meta["step"]
            self._listener(StepStarted(self._current, (position - 1) / of))

    def add_dbt(self, results: Any, elapsed: float) -> None:
        """Splits the seconds of a dbt run by step, in the order in which they end; what no node took is dbt's start."""
        by_step: dict[str, float] = {}
        for result in results:
            if step := result.node.config.meta.get("step"):
                by_step[step] = by_step.pop(step, 0) + result.execution_time
        self._done("start dbt", max(0.0, elapsed - sum(by_step.values())))
        for step, seconds in by_step.items():
            self._done(step, seconds)

    def _done(self, step: str, seconds: float) -> None:
        self.seconds[step] = self.seconds.get(step, 0) + seconds
        self._listener(StepDone(step, seconds))


@contextmanager
def progress_bar(console: Console) -> Iterator[Listener]:
    """A listener that shows on a terminal how far a command is, until it is there; in a pipe it shows nothing."""
    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.description:<32}"),
        BarColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    task = bar.add_task("start", total=None)

    def show(event: Event) -> None:
        if isinstance(event, Published | Trained | Delivered | Inspected):
            bar.stop()
        elif isinstance(event, StepStarted) and event.done is not None:
            bar.update(task, description=event.step, completed=event.done, total=1)
        elif isinstance(event, StepStarted):
            bar.update(task, description=event.step)
        elif isinstance(event, RowsScored):
            bar.update(task, description=f"predict: {event.rows:,} customers")

    with bar:
        yield show
