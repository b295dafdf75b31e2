"""The steps of a build as a person sees them: which dbt node belongs to which, and how they show while they last."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

STEPS = {
    "orders": "load lines",
    "base_orders": "check lines",
    "rejected_orders": "check lines",
    "stg_orders": "check lines",
    "int_as_of": "features",
    "int_customer_orders": "features",
    "customer_features": "features",
    "predictions": "predict",
    "customer_value": "rank, history",
    "prediction_history": "rank, history",
}
TESTS = "audit"


class Clock:
    """Seconds by step, and a progress bar on a terminal; in a pipe it shows nothing."""

    def __init__(self, console: Console):
        self.seconds: dict[str, float] = {}
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description:<32}"),
            BarColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._progress.add_task("start", total=None)

    @contextmanager
    def running(self) -> Iterator[None]:
        with self._progress:
            yield

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        self._progress.update(self._task, description=name)
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0) + time.perf_counter() - started

    def on_node(self, name: str, position: int, of: int) -> None:
        self._progress.update(self._task, description=STEPS.get(name, TESTS), completed=position - 1, total=of)

    def add_dbt(self, results, elapsed: float) -> None:
        """Splits the seconds of a dbt run by step; what no node took is part of dbt's own start."""
        by_step: dict[str, float] = {}
        for result in results:
            step = STEPS.get(result.node.name, TESTS)
            by_step[step] = by_step.get(step, 0) + result.execution_time
        self.seconds["start dbt"] += max(0.0, elapsed - sum(by_step.values()))
        self.seconds.update(by_step)

    def on_rows(self, rows: int) -> None:
        self._progress.update(self._task, description=f"predict: {rows:,} customers")
