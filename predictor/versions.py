"""What to do with a model that another version of a package made, where the package wrote it into the pickle."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from predictor.sandbox.errors import ModelError, Remedy

_T = TypeVar("_T")


@dataclass(frozen=True)
class _Package:
    """`parts`: how many parts of its version have to be the same for the same predictions; 0 where all that run agree.

    `wheels`: from this version on, until the next: the newest Python that it has a wheel for, and the NumPy that it
    works with. `reads`: likewise the version that reads what all of these wrote, where a pickle does not have its own.
    """

    module: str
    parts: int
    wheels: dict[tuple[int, ...], tuple[str, str]]
    reads: dict[tuple[int, ...], str] = field(default_factory=dict)


_PACKAGES = {
    "scikit-learn": _Package(
        "sklearn",
        2,
        {
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
        },
    ),
    "xgboost": _Package(
        "xgboost", 1, {(1, 0): ("3.8", "numpy<1.24"), (2, 0): ("3.11", "numpy<2"), (3, 0): ("3.13", "numpy")}
    ),
    # Known by the format of its trees: 2 up to 2.2, 3 from 2.3 to 3.3, then 4. 3.3.0 is the last that takes the
    # estimators of 2.x as fitted, and has wheels for every Python, but its scikit-learn and NumPy have not.
    "lightgbm": _Package(
        "lightgbm", 0, {(0,): ("3.8", "numpy<1.24"), (4,): ("3.13", "numpy")}, {(0,): "3.3.0", (4,): "4.6.0"}
    ),
}


@dataclass(frozen=True)
class Difference:
    """A package whose version is another one here; str() goes on after "The model was "."""

    package: str
    made: str
    here: str
    where: str

    def __str__(self) -> str:
        return f"made with {self.package} {self.made}, and {self.where} has {self.here or 'none'}"

    @property
    def venv(self) -> str:
        """The commands for a Python that has the version."""
        package = _PACKAGES[self.package]
        python, numpy = _of_the_time(package.wheels, self.made)
        version = _of_the_time(package.reads, self.made) if package.reads else self.made
        packages = shlex.join(["dill", numpy, f"{self.package}=={version}"])
        return f"Make a Python that has it: python{python} -m venv model-venv && model-venv/bin/pip install {packages}"


def difference(
    made_with: Mapping[str, str], loaded: Mapping[str, str], where: str, *, runs: bool = True
) -> Difference | None:
    """The first package whose version is another one here than in the pickle; None where all are the same.

    `made_with` has the names that pip knows, `loaded` those of modules; `where` is the interpreter, in words. Of a
    model that `runs`, only those count that change its predictions.
    """
    for name, package in _PACKAGES.items():
        made, here = made_with.get(name, ""), loaded.get(package.module, "")
        parts = package.parts if runs else max(package.parts, 1)
        if made and _parts(made, parts) != _parts(here, parts):
            return Difference(name, made, here, where)
    return None


def explain(problem: ModelError, made_with: Mapping[str, str], loaded: Mapping[str, str], where: str) -> ModelError:
    """The error of a model that does not run, as one of versions where they differ."""
    differs = difference(made_with, loaded, where, runs=False)
    if not differs:
        return problem
    message = str(problem).partition("\n")[0]
    text = f"The model was {differs}: {message}\n{differs.venv}"
    return ModelError(text, Remedy.OTHER_PYTHON, "model-venv/bin/python")


def _of_the_time(table: Mapping[tuple[int, ...], _T], version: str) -> _T:
    """What a table has from the newest of its versions on that is not newer than this one."""
    known = [since for since in table if since <= _parts(version, 2)] or [min(table)]
    return table[max(known)]


def _parts(version: str, count: int) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:count] if part.isdigit())
