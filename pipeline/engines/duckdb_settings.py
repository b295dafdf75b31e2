"""How much memory DuckDB may take, and how it is opened to build: as profiles.yml has it for dbt."""

from __future__ import annotations

import re

import duckdb

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


def in_megabytes(text: str) -> int:
    """The same in MB, a share being one of what DuckDB takes for the whole."""
    number, unit = _SIZE.fullmatch(text).groups()  # type: ignore[union-attr]
    if unit == "%":
        with duckdb.connect(config={"memory_limit": "100%"}) as connection:
            ((whole,),) = connection.execute("select current_setting('memory_limit')").fetchall()
        return int(in_megabytes(read_memory(whole)) * float(number) / 100)
    step = 1024 if "i" in unit.lower() else 1000
    power = "kmgt".index(unit[0].lower()) + 1
    return max(1, int(float(number) * step**power / 1_000_000))


def more_memory(text: str) -> str:
    """Twice as much; of a machine, 90 % at most."""
    number, unit = _SIZE.fullmatch(text).groups()  # type: ignore[union-attr]
    return f"{min(2 * float(number), 90 if unit == '%' else 1e6):g}{unit}"
