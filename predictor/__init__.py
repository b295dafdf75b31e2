"""Scores batches of customers with a dill model: in the model's own Python, in a child process, inside a box.

`import predictor` itself imports nothing, because models of `predictor.training` are loaded in the worker, by an
interpreter that may have neither pyarrow nor this project's Python version. Each public name is imported at first use.
"""

from importlib import import_module

_HOMES = {
    "DEFAULT_MODEL": "predictor.settings",
    "FEATURES": "predictor.settings",
    "Settings": "predictor.settings",
    "ModelError": "predictor.errors",
    "Box": "predictor.box",
    "box_here": "predictor.box",
    "Manifest": "predictor.manifest",
    "find_manifest": "predictor.manifest",
    "model_id": "predictor.manifest",
    "register": "predictor.registration",
    "score": "predictor.scoring",
}

__all__ = list(_HOMES)


def __getattr__(name):
    if name not in _HOMES:
        raise AttributeError(f"module 'predictor' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
