"""How much memory DuckDB may take, and how it is opened to build: as profiles.yml has it for dbt."""

from __future__ import annotations

import re

USUAL_MEMORY = "50%"  # of what the machine has, or the container that this runs in
FILE_FORMAT: dict[str, str | bool | int | float | list[str]] = {"storage_compatibility_version": "v1.3.0"}
_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?([KMGT](?:i?B)?|%)", re.ASCII | re.IGNORECASE)


def building(memory: str) -> dict[str, str | bool | int | float | list[str]]:
    return {**FILE_FORMAT, "fsync_mode": "NONE", "memory_limit": memory, "max_vacuum_tasks": 0}


def read_memory(text: str) -> str:
    """A size, or a share of the machine's, as DuckDB takes it: 4GB, 512MiB, 50%. Raises ValueError for others."""
    found = _SIZE.fullmatch(text.strip())
    if not found or not 0 < float(found[1]) <= (100 if found[2] == "%" else 1e6):
        raise ValueError("a size, nor a share of the machine's. Write it like this: MEMORY=4GB or MEMORY=50%")
    return found[1] + found[2]


def more_memory(text: str) -> str:
    """Twice as much; of a machine, 90 % at most."""
    number, unit = _SIZE.fullmatch(text).groups()  # type: ignore[union-attr]
    return f"{min(2 * float(number), 90 if unit == '%' else 1e6):g}{unit}"
