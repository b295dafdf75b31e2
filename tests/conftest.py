"""What holds for every test, and the server that several rooms of tests talk to."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.postgres import database, postgres

__all__ = ["database", "postgres"]

# `make test` hands its own flags down; a `make` that a test starts has to behave as one that a person types.
for inherited in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES"):
    os.environ.pop(inherited, None)


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable[[Path], object]], Path]:
    """Gives the folder of a name, filled by a function: once, however many processes the tests run in."""
    ours = tmp_path_factory.getbasetemp()
    shared = ours.parent if "PYTEST_XDIST_WORKER" in os.environ else ours

    def once(name: str, fill: Callable[[Path], object]) -> Path:
        folder, filled = shared / name, shared / f"{name}.filled"
        with (shared / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not filled.exists():
                shutil.rmtree(folder, ignore_errors=True)  # of one whose filling failed
                folder.mkdir()
                fill(folder)
                filled.touch()
        return folder

    return once


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """A name that is the same in each process of the tests, where a packed file holds the time of its packing."""
    return argname if isinstance(val, bytes) else None
