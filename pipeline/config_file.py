"""clv.toml: settings that stand in a file, for those that are given nowhere else."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path

from pipeline.errors import UsageError
from pipeline.unknown import nearest


def read(file: Path, known: Iterable[str]) -> dict[str, str]:
    """The texts of the variables in it, by name: `orders = "orders.csv"` gives ORDERS. Raises UsageError."""
    try:
        found = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"CONFIG={file} cannot be read: {error.strerror}.") from None
    except (ValueError, RecursionError) as error:  # a number of 5,000 digits and 5,000 brackets are no TOMLDecodeError
        raise UsageError(f'{file} is not TOML: {error}. Write lines such as orders = "orders.csv".') from None
    texts = {}
    for name, value in found.items():
        variable = name.upper()
        if variable not in known:
            near = nearest(name, [each.lower() for each in known])
            raise UsageError(f"{file} sets {name}, which is not a setting of the worker{near}.")
        if variable in texts:
            raise UsageError(f"{file} sets {name} twice, in small and in large letters. Keep the right one.")
        if not isinstance(value, str | int | float | bool) or "\0" in str(value):
            raise UsageError(f'{file} sets {name} to what is neither a text nor a number. Write it as {name} = "text".')
        texts[variable] = str(int(value)) if isinstance(value, bool) else str(value)
    return texts
