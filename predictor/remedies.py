"""What to type next after an error of the model, in the words of the command line that shows it."""

from __future__ import annotations

import math
from collections.abc import Callable

from predictor.sandbox.errors import ModelError, Remedy
from predictor.settings import Settings

MEMORY, TIMEOUT = 8, 3600  # GB and seconds that are enough for nearly every model; else twice what was given


def advice(error: ModelError, settings: Settings, command: Callable[..., str]) -> str:
    """The line that says what to type next; empty where the error itself says it, or nothing can be typed.

    `settings` are those that the model failed with: more is given than there was.

    `command(name, **variables)` writes a command with the arguments that were given and these ones changed: the command
    "register" or "train" of the same model, or, for None, the one that failed.
    """
    match error.remedy:
        case Remedy.REGISTER:
            return f"If you trust who gave it to you: {command('register')}"
        case Remedy.TRAIN:
            return f"Train again: {command('train')}"
        case Remedy.OTHER_PYTHON if error.python:
            return f"Name one that has what it needs: {command('register', MODEL_PYTHON=error.python)}"
        case Remedy.OTHER_PYTHON:
            return f"Or name a Python that has what it needs: {command('register', MODEL_PYTHON='…')}"
        case Remedy.MORE_MEMORY:
            gigabytes = max(MEMORY, math.ceil(2 * settings.memory / 2**30))
            return f"Give it more: {command(None, MODEL_MEMORY=f'{gigabytes}G')}"
        case Remedy.MORE_TIME:
            seconds = max(TIMEOUT, math.ceil(2 * settings.timeout))
            return f"Give it more: {command(None, MODEL_TIMEOUT=f'{seconds}')}"
    return ""
