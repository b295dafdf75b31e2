"""What the model's process says while it predicts: how far it is, why it stopped, and what the model printed."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.events import Listener, RowsScored
from predictor import ModelError


@contextmanager
def listening(listener: Listener, printed: Path) -> Iterator[list[ModelError]]:
    """Yields the list that errors of the model go to; the listener is told how many customers are scored.

    What the model prints goes to the file `printed`, which is made when it prints.
    """
    errors: list[ModelError] = []

    def emit(record: logging.LogRecord) -> None:
        if problem := getattr(record, "problem", None):
            errors.append(problem)
        elif hasattr(record, "rows"):
            listener(RowsScored(record.rows))

    progress = logging.Handler(logging.INFO)
    progress.emit = emit  # type: ignore[method-assign]
    to_file = logging.FileHandler(printed, mode="w", encoding="utf-8", delay=True)
    predictor, model = logging.getLogger("predictor"), logging.getLogger("predictor.printed")
    predictor.setLevel(logging.INFO)
    model.setLevel(logging.DEBUG)
    predictor.propagate = model.propagate = False  # shown here, and nowhere else
    predictor.addHandler(progress)
    model.addHandler(to_file)
    try:
        yield errors
    finally:
        predictor.removeHandler(progress)
        model.removeHandler(to_file)
        to_file.close()
