"""How models are run here, and the names of what they get and answer."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from predictor.sandbox.errors import ModelError
from predictor.sandbox.process import Limits

PROJECT = Path(__file__).resolve().parent.parent
MODELS = PROJECT / "predictor" / "models"
DEFAULT_MODEL = MODELS / "model.dill"

FEATURES = (
    "max_num_items",
    "max_revenue",
    "total_revenue",
    "total_orders",
    "days_since_last_order",
    "longest_interval",
)
VALUE = "predicted_clv"  # the output that every model has, in the currency of the revenue

Setting = TypeVar("Setting")
Number = TypeVar("Number", int, float)

_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


@dataclass(frozen=True)
class Settings:
    """How a model is run.

    `python`: the interpreter, None for the one that the model was registered with. `memory`: bytes of address space of
    one worker. `timeout`: seconds for one batch, and for loading. `workers`: the most processes that predict at a time.
    `manifests`: the folder in which registered models are looked up. `temporary`: see Limits.
    """

    python: str | None = None
    memory: int = 4 * 2**30
    timeout: float = 300.0
    workers: int = 1
    manifests: Path = MODELS
    temporary: str | None = None

    @property
    def limits(self) -> Limits:
        """What the box holds each worker to."""
        return Limits(self.memory, self.timeout, self.temporary)

    @classmethod
    def from_variables(cls, given: Mapping[str, str]) -> Settings:
        """MODEL_PYTHON, MODEL_MEMORY (4G, 512M, bytes), MODEL_TIMEOUT (seconds), WORKERS, MODEL_MANIFESTS (a folder).

        One that is empty or missing gets its default. ModelError for one that can't be read.
        """
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return cls(
            python=given.get("MODEL_PYTHON") or None,
            memory=_read(given, "MODEL_MEMORY", cls.memory, _bytes, "a size such as 4G or 512M"),
            timeout=_read(given, "MODEL_TIMEOUT", cls.timeout, _positive(float), "a number of seconds above 0"),
            workers=_read(given, "WORKERS", cores, _positive(int), "a whole number above 0"),
            manifests=Path(given.get("MODEL_MANIFESTS") or MODELS),
        )


def _read(
    given: Mapping[str, str], name: str, default: Setting, convert: Callable[[str], Setting], expected: str
) -> Setting:
    if not (text := given.get(name)):
        return default
    try:
        return convert(text.strip())
    except (ValueError, KeyError, OverflowError):
        raise ModelError(f"{name} is {text!r}, but has to be {expected}.") from None


def _bytes(text: str) -> int:
    text = text.upper().removesuffix("B").removesuffix("I")
    unit = text[-1:] if text[-1:].isalpha() else ""
    return int(_positive(float)(text.removesuffix(unit)) * _UNITS[unit])


def _positive(kind: type[Number]) -> Callable[[str], Number]:
    def convert(text: str) -> Number:
        number = kind(text)
        if not 0 < number < float("inf"):
            raise ValueError(text)
        return number

    return convert
