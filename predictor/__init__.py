"""Scores batches of customers with a dill model: in the model's own Python, in a child process, inside a box.

`import predictor` itself imports nothing, because models of `predictor.training` are loaded in the worker, by an
interpreter that may have neither pyarrow nor this project's Python version. Each public name is imported at first use.
"""

from importlib import import_module
from typing import Any

_HOMES = {
    "DEFAULT_MODEL": "predictor.settings",
    "FEATURES": "predictor.settings",
    "VALUE": "predictor.settings",
    "Settings": "predictor.settings",
    "ModelError": "predictor.sandbox.errors",
    "Box": "predictor.sandbox.box",
    "box_here": "predictor.sandbox.box",
    "OPTIONS": "predictor.options",
    "Manifest": "predictor.manifest",
    "Model": "predictor.model",
    "open_model": "predictor.model",
    "register": "predictor.registration",
    "score": "predictor.scoring",
    "import_on_executors_from": "predictor.spark",
    "probes": "predictor.spark",
    "score_on_spark": "predictor.spark",
    "tell_errors_of_executors": "predictor.spark",
    "weakest_box": "predictor.spark",
    "advice": "predictor.remedies",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'predictor' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
