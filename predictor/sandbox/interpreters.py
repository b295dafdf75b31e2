"""The Pythons of this machine that a model might run in."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from predictor.sandbox.errors import ModelError

OLDEST, NEWEST = 6, 13  # Python 3.6 to 3.13

_ASK = """
import importlib.util, json, sys
lacks = [name for name in ("numpy", "dill") if importlib.util.find_spec(name) is None]
print(json.dumps([sys.executable, "{}.{}".format(*sys.version_info[:2]), lacks]))
"""


@dataclass(frozen=True)
class Interpreter:
    """`python` is its version, such as "3.6"; `lacks` those of numpy and dill that it can't find."""

    path: str
    python: str
    lacks: tuple[str, ...]

    def __str__(self) -> str:
        return f"Python {self.python} at {self.path}"


def own_interpreter() -> Interpreter:
    """The Python that this project runs in."""
    return Interpreter(sys.executable, "{}.{}".format(*sys.version_info[:2]), ())


def named_interpreter(name: str) -> Interpreter:
    """The interpreter that a user named, by path or by a name on PATH; ModelError where it is none."""
    path = shutil.which(os.path.expanduser(name))
    if path is None:
        raise ModelError(f"There is no interpreter {name}.")
    interpreter = _ask(path)
    if interpreter is None:
        raise ModelError(f"{path} does not run as a Python of version 3.{OLDEST} or later.")
    return interpreter


def interpreters() -> Iterator[Interpreter]:
    """The project's own, then each `python3.X` on PATH, then pyenv's; each once."""
    seen = set()
    own = own_interpreter()
    for interpreter in (own, *map(_ask, _paths())):
        if interpreter and os.path.abspath(interpreter.path) not in seen:
            seen.add(os.path.abspath(interpreter.path))
            yield interpreter


def _paths() -> Iterator[str]:
    names = [f"python3.{minor}" for minor in range(NEWEST, OLDEST - 1, -1)]
    for name in names:
        for folder in os.environ.get("PATH", os.defpath).split(os.pathsep):
            path = shutil.which(name, path=folder)
            if path:
                yield path
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    try:
        versions = sorted((root / "versions").iterdir())
    except OSError:  # there is none, or it is another user's
        return
    yield from (str(folder / "bin" / "python") for folder in versions if folder.name.startswith("3."))


def _ask(path: str) -> Interpreter | None:
    """What the interpreter says of itself; None where it does not answer, as pyenv's shims of unset versions do."""
    try:
        answer = subprocess.run(
            [path, "-I", "-c", _ASK], capture_output=True, timeout=30, check=True, stdin=subprocess.DEVNULL
        )
        found, python, lacks = json.loads(answer.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    return Interpreter(found, python, tuple(lacks))
