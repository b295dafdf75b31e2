"""Makes the reference model, which adds the six features up: `python -m predictor.reference_model`.

It refers to numpy's own `sum` and carries no code, so every Python from 3.6 on and every numpy can load the same file.
It is written with `pickle`, which dill reads: dill itself would name one of its own functions, which moved after 0.2.7.
"""

from __future__ import annotations

import functools
import pickle
import types

import numpy

from predictor.settings import MODELS

REFERENCE_MODEL = MODELS / "reference.dill"


def reference_model() -> bytes:
    """The pickled model; the same bytes whichever Python makes them."""
    model = types.SimpleNamespace(predict=functools.partial(numpy.sum, axis=1))
    return pickle.dumps(model, protocol=4)


if __name__ == "__main__":
    REFERENCE_MODEL.write_bytes(reference_model())
