"""clv.toml: settings that stand in a file, for those that are given nowhere else."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable
from pathlib import Path

from pipeline.errors import UsageError


def read(file: Path, known: Iterable[str]) -> dict[str, str]:
    """The texts of the variables in it, by name: `orders = "orders.csv"` gives ORDERS. Raises UsageError."""
    try:
        found = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"CONFIG={file} cannot be read: {error.strerror}.") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f'{file} is not TOML: {error}. Write lines such as orders = "orders.csv".') from None
    texts = {}
    for name, value in found.items():
        if name.upper() not in known or not isinstance(value, str | int | float | bool):
            near = difflib.get_close_matches(name, [each.lower() for each in known], 1, cutoff=0)
            raise UsageError(f"{file} sets {name}, which is no setting of the worker; the nearest is {near[0]}.")
        texts[name.upper()] = str(int(value)) if isinstance(value, bool) else str(value)
    return texts
