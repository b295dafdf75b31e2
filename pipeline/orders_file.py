"""The file of orders as bytes: its digest, and how many lines it has by a count that DuckDB has no part in."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import duckdb

from pipeline.errors import Stop


def sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for block in _blocks(file):
            digest.update(block)
    return digest.hexdigest()


def count_lines(path: Path) -> int:
    """Lines of text, the header and blank ones included; 0 for a Parquet file, which has none.

    Raises Stop where the file is damaged: DuckDB does not compare what it unpacks with the checksum.
    """
    if _is_parquet(path):
        return 0
    ends, last = 0, b"\n"
    with _open_text(path) as file:
        for block in _blocks(file):
            ends += block.count(b"\n")
            last = block[-1:]
    return ends + (last != b"\n")


def stop_where_header_is_no_text(path: Path) -> None:
    """Raises Stop where the line that names the columns is not UTF-8: DuckDB would take the next one for it."""
    if _is_parquet(path):
        return
    with _open_text(path) as file:
        header = file.readline(1 << 20)
    try:
        header.decode()
    except UnicodeDecodeError:
        encoding = "UTF-16" if header.startswith((b"\xff\xfe", b"\xfe\xff")) else "LATIN1"
        raise Stop(
            f"{path}, line 1: the names of the columns are not UTF-8, perhaps {encoding}. "
            f"Convert the file: iconv -f {encoding} -t UTF-8 {path} > fixed.csv && make build ORDERS=fixed.csv"
        ) from None


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


def _is_parquet(path: Path) -> bool:
    return path.suffix.lower() == ".parquet"


@contextmanager
def _open_text(path: Path) -> Iterator[BinaryIO]:
    if path.suffix.lower() != ".gz":
        with path.open("rb") as file:
            yield file
        return
    try:
        with gzip.open(path, "rb") as file:
            yield file
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise Stop(f"{path} is damaged or no gzip file: {error}. Get it anew: gzip -t {path} tests it.") from None


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    while block := file.read(1 << 20):
        yield block
