"""What holds for every test."""

from __future__ import annotations

import os

# `make test` hands its own flags down; a `make` that a test starts has to behave as one that a person types.
for inherited in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES"):
    os.environ.pop(inherited, None)
