"""`make register`: states that a model may run, and shows what is found on the way to that."""

from __future__ import annotations

import logging
import sys

import predictor
from pipeline.events.failures import plain_errors
from pipeline.events.terminal import printable
from pipeline.settings import Settings, command_line


def register(settings: Settings) -> None:
    """Registers the model of the settings. Raises ClvError where it is none, or no Python here runs it."""
    logger = logging.getLogger("predictor")
    logger.setLevel(logging.INFO)
    logger.addHandler(_Shown(logging.INFO))
    with plain_errors("register", settings):
        predictor.register(settings.model, settings.predictor)
    print(f"Build with it: {command_line('build', settings)}", file=sys.stderr)


class _Shown(logging.Handler):
    """A line for each thing that is found; an error is shown where it ends."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno < logging.ERROR:
            print(printable(record.getMessage()), file=sys.stderr)
