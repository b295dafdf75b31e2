"""What can be set: as an argument, else in the environment, else the default that stands here."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from predictor.errors import ModelError

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

_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


@dataclass(frozen=True)
class Settings:
    """How a model is run.

    `python`: the interpreter, None for the one that the model was registered with. `memory`: bytes of address space of
    one worker. `timeout`: seconds for one batch, and for loading. `workers`: the most processes that predict at a time.
    `manifests`: the folder in which registered models are looked up.
    """

    python: str | None = None
    memory: int = 4 * 2**30
    timeout: float = 300.0
    workers: int = 1
    manifests: Path = MODELS

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """MODEL_PYTHON, MODEL_MEMORY (4G, 512M, bytes), MODEL_TIMEOUT (seconds), WORKERS, MODEL_MANIFESTS (a folder).

        A variable that is empty counts as not set. ModelError for one that can't be read.
        """
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return cls(
            python=environment.get("MODEL_PYTHON") or None,
            memory=_read(environment, "MODEL_MEMORY", "4G", _bytes, "a size such as 4G or 512M"),
            timeout=_read(environment, "MODEL_TIMEOUT", "300", _positive(float), "a number of seconds above 0"),
            workers=_read(environment, "WORKERS", str(cores), _positive(int), "a whole number above 0"),
            manifests=Path(environment.get("MODEL_MANIFESTS") or MODELS),
        )


def _read(environment, name, default, convert, expected):
    text = environment.get(name) or default
    try:
        return convert(text.strip())
    except (ValueError, KeyError, OverflowError):
        raise ModelError(f"{name} is {text!r}, but has to be {expected}.") from None


def _bytes(text):
    text = text.upper().removesuffix("B").removesuffix("I")
    unit = text[-1:] if text[-1:].isalpha() else ""
    return int(_positive(float)(text.removesuffix(unit)) * _UNITS[unit])


def _positive(kind):
    def convert(text):
        number = kind(text)
        if not 0 < number < float("inf"):
            raise ValueError(text)
        return number

    return convert
