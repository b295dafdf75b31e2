"""One published build, opened for reading: the hot columns in memory, the rest asked of DuckDB."""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import numpy as np
import pyarrow as pa

READ_MEMORY = "128MB"  # what DuckDB may keep of the file once the hot columns are loaded


class SnapshotError(Exception):
    """The file cannot be served; its text is the plain line that a reader of /health sees."""


class Identity(NamedTuple):
    """What changes as soon as anyone replaces a file or writes into it."""

    device: int
    inode: int
    size: int
    mtime_ns: int

    @classmethod
    def of(cls, file: str | Path | int) -> Identity:
        stat = os.stat(file)
        return cls(stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns)


class Ids(Sequence):
    """Sorted UTF-8 ids in one block of bytes: a tenth of what a list of `str` takes, and found by bisection."""

    def __init__(self, column: pa.ChunkedArray) -> None:
        _, ends, text = column.cast(pa.large_string()).combine_chunks().buffers()
        self._ends = memoryview(ends).cast("q")
        self._text = memoryview(text) if text else memoryview(b"")
        self._length = len(column)

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, row: int) -> bytes:
        return bytes(self._text[self._ends[row] : self._ends[row + 1]])


class Snapshot:
    """Everything that one build says, unchanged from opening to closing.

    `ids` (n, sorted bytes), `clv` (n, float64) and `decile` (n, uint8) stand row by row; `by_value` (n, uint32) lists
    the rows from the highest value to the lowest, equal values by id. Any number of threads may read at once. The file
    is closed when the last reference goes, which is when the last request that began on this snapshot is done.
    """

    def __init__(self, path: str | Path) -> None:
        """Open and load; raises SnapshotError where the file is not a whole published warehouse."""
        self._path = Path(path)
        try:
            self._file = os.open(self._path.resolve(strict=True), os.O_RDONLY)
        except OSError as error:
            raise SnapshotError(f"{self._path} cannot be opened: {error.strerror}.") from None
        try:
            self.identity = Identity.of(self._file)
            self._connect()
            self._load()
            self.check()
        except (duckdb.Error, pa.ArrowException) as error:
            self.close()
            reason = str(error).partition("\n")[0]
            raise SnapshotError(f"{self._path} is not a readable published warehouse: {reason}") from None
        except BaseException:
            self.close()
            raise

    def _connect(self) -> None:
        # A database of its own per snapshot: duckdb.connect(path) would hand back the connection that an older snapshot
        # holds on the same path, and with it the older file.
        self._connection = duckdb.connect(":memory:")
        path = str(self._path.resolve()).replace("'", "''")
        self._connection.execute(f"attach '{path}' as published (read_only)")

    def _load(self) -> None:
        table = self._connection.execute(
            "select customer_id, predicted_clv, clv_decile::utinyint as clv_decile "
            "from published.customer_value order by customer_id"
        ).to_arrow_table()
        self.ids = Ids(table["customer_id"])
        self.clv = table["predicted_clv"].to_numpy()
        self.decile = table["clv_decile"].to_numpy()
        self.by_value = np.argsort(-self.clv, kind="stable").astype(np.uint32)
        self.build = self._build_info()
        self._connection.execute(f"set threads = 1; set memory_limit = '{READ_MEMORY}'")
        del table
        pa.default_memory_pool().release_unused()

    def _build_info(self) -> dict[str, Any]:
        """The one row of build_info; {} in a file from before that table, null where a column came later."""
        rows = self.query("select * from published.build_info") if self.has("build_info") else []
        return rows[0] if rows else {}

    def has(self, table: str) -> bool:
        sql = "select 1 from duckdb_tables() where database_name = 'published' and table_name = ?"
        return bool(self.query(sql, table))

    @property
    def tag(self) -> str:
        """The same text for the same build, another for any other: what an ETag needs."""
        return f"{self.build.get('build_id', 'build')}-{self.identity.inode:x}-{self.identity.mtime_ns:x}"

    def find(self, customer_id: str) -> int | None:
        """The row of a customer, or None."""
        try:
            key = customer_id.encode()
        except UnicodeEncodeError:  # half a surrogate pair out of JSON is no text that an id could be
            return None
        row = bisect_left(self.ids, key)
        return row if row < len(self.ids) and self.ids[row] == key else None

    def query(self, sql: str, *parameters: Any) -> list[dict[str, Any]]:
        """Rows of the published file as dictionaries; SnapshotError where the file is no longer the one opened."""
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(sql, parameters)
                names = [column[0] for column in cursor.description]
                rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        except duckdb.Error as error:
            self.check()
            raise SnapshotError(f"{self._path} cannot be read: {str(error).partition(chr(10))[0]}") from None
        self.check()
        return rows

    def check(self) -> None:
        """Raise SnapshotError if the opened file was written to: what DuckDB reads from it then may be anything."""
        if Identity.of(self._file) != self.identity:
            raise SnapshotError(f"{self._path} was overwritten in place; publish again with `make build`.")

    def close(self) -> None:
        if hasattr(self, "_connection"):
            self._connection.close()
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def __del__(self) -> None:
        if hasattr(self, "_file"):
            self.close()
