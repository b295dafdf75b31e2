"""What to type next after an error of the model, in the words of the command line that shows it."""

from __future__ import annotations

from collections.abc import Callable

from predictor.sandbox.errors import ModelError, Remedy


def advice(error: ModelError, command: Callable[..., str]) -> str:
    """The line that says what to type next; empty where the error itself says it, or nothing can be typed.

    `command(name, **variables)` writes a command with the arguments that were given and these ones changed: the command
    "register" of the same model, or, for None, the one that failed.
    """
    match error.remedy:
        case Remedy.REGISTER:
            return f"If you trust who gave it to you: {command('register')}"
        case Remedy.OTHER_PYTHON if error.python:
            return f"Name one that has what it needs: {command('register', MODEL_PYTHON=error.python)}"
        case Remedy.OTHER_PYTHON:
            return f"Or name a Python that has what it needs: {command('register', MODEL_PYTHON='…')}"
        case Remedy.MORE_MEMORY:
            return f"Give it more: {command(None, MODEL_MEMORY='8G')}"
        case Remedy.MORE_TIME:
            return f"Give it more: {command(None, MODEL_TIMEOUT='3600')}"
    return ""
