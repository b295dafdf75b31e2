"""What to do with a model that another version of scikit-learn made, which wrote its version into the pickle."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from predictor.sandbox.errors import ModelError, Remedy

SCIKIT_LEARN = "scikit-learn"
# From this version on, until the next: the newest Python that it has a wheel for, and the NumPy that it works with.
WHEELS = {
    (0, 19): ("3.6", "numpy<1.24"),
    (0, 20): ("3.7", "numpy<1.24"),
    (0, 22): ("3.8", "numpy<1.24"),
    (0, 24): ("3.9", "numpy<1.24"),
    (1, 0): ("3.10", "numpy<1.24"),
    (1, 1): ("3.11", "numpy<1.24"),
    (1, 2): ("3.11", "numpy<2"),
    (1, 3): ("3.12", "numpy<2"),
    (1, 5): ("3.12", "numpy"),
    (1, 6): ("3.13", "numpy"),
}


def difference(made_with: Mapping[str, str], loaded: Mapping[str, str], where: str) -> str:
    """In what version the model was made and what `where` has instead; empty where they are the same minor version.

    `made_with` has the names that pip knows, `loaded` those of modules.
    """
    made, here = made_with.get(SCIKIT_LEARN, ""), loaded.get("sklearn", "")
    if not made or _minor(made) == _minor(here):
        return ""
    return f"made with {SCIKIT_LEARN} {made}, and {where} has {here or 'none'}"


def explain(problem: ModelError, made_with: Mapping[str, str], loaded: Mapping[str, str], where: str) -> ModelError:
    """The error of a model that does not run, as one of versions where they differ."""
    differs = difference(made_with, loaded, where)
    if not differs:
        return problem
    said = str(problem).partition("\n")[0]
    text = f"The model was {differs}: {said}\n{venv(made_with[SCIKIT_LEARN])}"
    return ModelError(text, Remedy.OTHER_PYTHON, "model-venv/bin/python")


def venv(made: str) -> str:
    """The commands for a Python that has the version."""
    python, numpy = next(((p, n) for since, (p, n) in reversed(WHEELS.items()) if _minor(made) >= since), ("3.6", ""))
    packages = shlex.join(filter(None, ["dill", numpy, f"{SCIKIT_LEARN}=={made}"]))
    return f"Make a Python that has it: python{python} -m venv model-venv && model-venv/bin/pip install {packages}"


def _minor(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
