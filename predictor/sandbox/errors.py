"""The one error that a user of the predictor meets."""

from __future__ import annotations

from enum import StrEnum


class Remedy(StrEnum):
    """What a person can do about an error; `predictor.advice` turns it into a command to type."""

    REGISTER = "register"  # state that the file may run
    TRAIN = "train"  # make it anew
    OTHER_PYTHON = "other python"  # register it with another interpreter
    MORE_MEMORY = "more memory"
    MORE_TIME = "more time"


class ModelError(Exception):
    """The model can't be used. str() is one or two plain lines: what is wrong, and where.

    `remedy` is None where the text already says what to do. `python` names the interpreter to register the model with,
    such as "python3.6", where that is known. `row` is the first of a batch that the model fails on, where it is known.
    """

    def __init__(self, text: str, remedy: Remedy | None = None, python: str = "", row: int | None = None) -> None:
        super().__init__(text)
        self.remedy = remedy
        self.python = python
        self.row = row

    def at(self, place: str) -> ModelError:
        """The same error with a line more, which says where it happened."""
        return ModelError(f"{self}\n{place}", self.remedy, self.python)
