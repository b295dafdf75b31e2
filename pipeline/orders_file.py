"""The file of orders as bytes: its digest, and how many lines it has by a count that DuckDB has no part in."""

from __future__ import annotations

import gzip
import hashlib
import os
import shlex
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import duckdb

from pipeline.errors import ClvError, UsageError
from pipeline.settings import Settings, command_line

FORMATS = (".csv", ".csv.gz", ".parquet")


def sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for block in _blocks(file):
            digest.update(block)
    return digest.hexdigest()


def count_lines(path: Path) -> int:
    """Lines of text, the header and blank ones included; 0 for a Parquet file, which has none.

    Raises ClvError where the file is damaged: DuckDB does not compare what it unpacks with the checksum.
    """
    if _is_parquet(path):
        return 0
    ends, last = 0, b"\n"
    with _open_text(path) as file:
        for block in _blocks(file):
            ends += block.count(b"\n")
            last = block[-1:]
    return ends + (last != b"\n")


def check(settings: Settings, command: str) -> None:
    """Raises UsageError where ORDERS is no file of order lines for `command`, and ClvError where it cannot be read."""
    path = settings.orders
    if path.is_dir():
        raise UsageError(f"ORDERS={path} is a folder. Name one file of order lines: {', '.join(FORMATS)}.")
    if not path.exists():
        example = command_line(command, settings, ORDERS="orders.csv")
        raise UsageError(f"There is no file {path}. Name the file of order lines: {example}")
    if not path.name.lower().endswith(FORMATS):
        raise UsageError(f"{path} is not one of {', '.join(FORMATS)}: its name has to end so, to say what it is.")
    if not os.access(path, os.R_OK):
        raise UsageError(f"{path} cannot be read: permission denied. See who may: ls -l {shlex.quote(str(path))}")
    if path.stat().st_size == 0:
        raise ClvError(f"{path} is empty: it has no line that names the columns.")
    _check_header(settings, command)


def _check_header(settings: Settings, command: str) -> None:
    """Raises ClvError where the line that names the columns is not UTF-8: DuckDB would take the next one for it."""
    path = settings.orders
    if _is_parquet(path):
        return
    with _open_text(path) as file:
        header = file.readline(1 << 20)
    try:
        header.decode()
    except UnicodeDecodeError:
        encoding = "UTF-16" if header.startswith((b"\xff\xfe", b"\xfe\xff")) else "LATIN1"
        raise ClvError(
            f"{path}, line 1: the names of the columns are not UTF-8, perhaps {encoding}. "
            f"Convert the file: iconv -f {encoding} -t UTF-8 {shlex.quote(str(path))} > fixed.csv && "
            f"{command_line(command, settings, ORDERS=Path.cwd() / 'fixed.csv')}"
        ) from None


def stop_where_lines_are_lost(path: Path, lines: int, build: duckdb.DuckDBPyConnection) -> None:
    """Raises ClvError where the build holds fewer lines than the file: what a reader swallows must not go unseen."""
    records, line_breaks = build.execute("select count(*), sum(line_breaks) from orders").fetchall()[0]
    missing = lines - (1 + records + (line_breaks or 0))
    if missing > 0 and missing > _count_blank_lines(path):
        raise ClvError(
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
        raise ClvError(f"{path} is damaged or no gzip file: {error}. Get it anew: gzip -t {path} tests it.") from None


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    while block := file.read(1 << 20):
        yield block
