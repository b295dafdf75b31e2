"""The file of orders as bytes: its digest, and how many lines it has by a count that DuckDB has no part in."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterator
from pathlib import Path

import duckdb

from pipeline.errors import Stop


def sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for block in _blocks(file):
            digest.update(block)
    return digest.hexdigest()


def count_lines(path: Path) -> int:
    """Lines of text, the header and blank ones included; 0 for a Parquet file, which has none."""
    if path.suffix.lower() == ".parquet":
        return 0
    ends, last = 0, b"\n"
    with _open_text(path) as file:
        for block in _blocks(file):
            ends += block.count(b"\n")
            last = block[-1:]
    return ends + (last != b"\n")


def stop_where_lines_are_lost(path: Path, lines: int, build: duckdb.DuckDBPyConnection) -> None:
    """Raises Stop where the build holds fewer lines than the file: what a reader swallows must not go unseen."""
    records, line_breaks = build.execute("select count(*), sum(line_breaks) from orders").fetchall()[0]
    missing = lines - (1 + records + (line_breaks or 0))
    if missing > 0 and missing > _count_blank_lines(path):
        raise Stop(
            f"{path} has {lines:,} lines, and {missing:,} of them were swallowed, perhaps by a quote that is not "
            'closed. Look for lines with an odd number of quotes ("), mend them, and build again.'
        )


def _count_blank_lines(path: Path) -> int:
    with _open_text(path) as file:
        return sum(not line.strip(b"\r\n") for line in file)


def _open_text(path: Path):
    return gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb")


def _blocks(file) -> Iterator[bytes]:
    while block := file.read(1 << 20):
        yield block
