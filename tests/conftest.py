"""What holds for every test, and the server that several rooms of tests talk to."""

from __future__ import annotations

import os

from tests.postgres import database, postgres

__all__ = ["database", "postgres"]

# `make test` hands its own flags down; a `make` that a test starts has to behave as one that a person types.
for inherited in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES"):
    os.environ.pop(inherited, None)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """A name that is the same in each process of the tests, where a packed file holds the time of its packing."""
    return argname if isinstance(val, bytes) else None
