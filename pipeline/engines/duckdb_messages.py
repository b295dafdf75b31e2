"""What the messages of DuckDB, and of dbt on it, mean: the only place that knows their wording."""

from __future__ import annotations

import re

_DISK_FULL = re.compile(r"No space left on device|Disk quota exceeded|failed to offload data block|max_temp_directory")


def disk_is_full(text: str) -> bool:
    return bool(_DISK_FULL.search(text))


def memory_is_full(text: str) -> bool:
    return "Out of Memory Error" in text


def file_is_of_a_newer_duckdb(text: str) -> bool:
    return "newer version" in text or "Unsupported Storage Version" in text


def file_is_locked(text: str) -> bool:
    """Whether another program has it open for writing."""
    return "Could not set lock" in text


def cannot_be_opened(text: str) -> bool:
    """Whether the operating system would not have a file opened or read, whatever is in it."""
    return "Cannot open file" in text or "Could not read from file" in text


def plain(text: str) -> str:
    """The message without dbt's frame: `… Error in seed orders (seeds/orders.csv)`, `> in macro …`; one line."""
    lines = [line.strip() for line in text.splitlines()]
    if lines and re.match(r"\w+ Error in ", lines[0]):
        lines = lines[1:]
    kept = []
    for line in lines:
        if not line or line.startswith(("> in ", "> called by", "compiled code at", "LINE ", "Possible")):
            break
        kept.append(line)
    return " ".join(kept[:3])


def without_kind(text: str) -> str:
    """The same, without DuckDB's name of the error's kind."""
    return re.sub(r"^\w+ Error: ", "", plain(text))
