"""One published build, opened for reading: the hot columns in memory, the rest asked of DuckDB."""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa

from api.store.columns import Columns
from api.store.errors import SnapshotError

SCHEMA_VERSION = 2  # of build_info: which tables and columns there are, and what they mean
READ_MEMORY = "32MB"  # what DuckDB may keep of the file for the requests that ask it
BUILD_ID = re.compile(r"[\w.:-]{1,64}", re.ASCII)  # it stands in headers


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


class Snapshot:
    """Everything that one build says, unchanged from opening to closing, for any number of threads at once.

    `tag` is the same for the same build and another for any other; `build` is the row of build_info, and `warnings` are
    what it says to be doubtful: a list of {"code", "text", "figures"}.
    The file is closed when the last reference goes, which is when the last request that began on this snapshot is done.
    """

    def __init__(self, path: str | Path) -> None:
        """Open and load; raises SnapshotError where the file is not a whole published warehouse."""
        self._name = Path(path).name  # all that whoever asks need know of where it is
        self._warehouse = Path(path).parent.resolve()
        self._real_path = Path(path).resolve()  # stays when the next build is published, whose path leads elsewhere
        try:
            self._file = os.open(self._real_path, os.O_RDONLY)
        except OSError as error:
            raise SnapshotError(f"{self._name} cannot be opened: {error.strerror}.") from None
        self.identity = Identity.of(self._file)
        try:
            self._connection = self.connect(threads=1, memory_limit=READ_MEMORY)
            self.build = self._build_info()
            with self.connect(threads=1) as loading:  # closed again, so that what DuckDB needed to load is given back
                self.columns = Columns(loading, self._parquet_files())
        except (duckdb.Error, pa.ArrowException, OSError) as error:
            raise SnapshotError(f"{self._name} is not a readable published warehouse: {self._line(error)}") from None
        self.check()
        self.warnings: list[dict[str, Any]] = json.loads(self.build.pop("warnings"))
        self.tag = f"{self.build['build_id']}-{self.identity.inode:x}-{self.identity.mtime_ns:x}"
        self._kept: dict[str, Any] = {}
        self._lock = threading.Lock()

    def connect(self, before: Path | None = None, **config: Any) -> duckdb.DuckDBPyConnection:
        """A database of its own with the file attached as `published`, and that of another build as `before`.

        Raises SnapshotError where the file is not the one opened, and duckdb.Error where one cannot be read.
        """
        # duckdb.connect(path) would hand back the one that an older snapshot holds under the same path, and with it the
        # older file.
        connection = duckdb.connect(":memory:", config=config)
        for name, path in (("published", self._real_path), ("before", before)):
            if path is not None:
                connection.execute(f"attach '{str(path).replace(chr(39), chr(39) * 2)}' as {name} (read_only)")
        # A view may name any file of this machine, and may read those of builds only. DuckDB asks whether it may before
        # it has looked for the path in the warehouse, and after.
        connection.execute("set global file_search_path = $1", [str(self._warehouse)])
        connection.execute("set allowed_directories = $1", [["builds/", f"{self._warehouse}/builds/"]])
        connection.execute("set enable_external_access = false; set lock_configuration = true")
        if Identity.of(self._real_path) != self.identity:
            raise SnapshotError(f"{self._name} was replaced while it was opened.")
        return connection

    @property
    def previous(self) -> Path:
        """Where the file of the build before stands, if it is kept."""
        return self._real_path.parent / "previous" / self._real_path.name

    def _parquet_files(self) -> list[Path]:
        """Those of customer_value, where the build is so large that it was published as Parquet."""
        return sorted((self._warehouse / "builds" / self.build["build_id"] / "customer_value").glob("*.parquet"))

    def _build_info(self) -> dict[str, Any]:
        rows = self.query("select * from published.build_info")
        version = rows[0].get("schema_version") if len(rows) == 1 else None
        if version != SCHEMA_VERSION:
            raise SnapshotError(
                f"{self._name} has schema version {version}; this API reads version {SCHEMA_VERSION}. "
                "`make build` with the same WAREHOUSE, by the same version, publishes it anew."
            )
        build_id = str(rows[0]["build_id"])
        if not BUILD_ID.fullmatch(build_id):
            raise SnapshotError(f"{self._name} has the build id {build_id!a}, which no build gives.")
        return rows[0]

    @property
    def built_at(self) -> datetime:
        """When the build was made, with its time zone."""
        return self.build["built_at"].replace(tzinfo=UTC)

    def once(self, name: str, work: Callable[[Snapshot], Any]) -> Any:
        """What `work` makes of this snapshot: worked out at the first call, kept for all later ones."""
        with self._lock:
            if name not in self._kept:
                self._kept[name] = work(self)
            return self._kept[name]

    def query(self, sql: str, *parameters: Any) -> list[dict[str, Any]]:
        """Rows of the file, attached as `published`, as dictionaries; SnapshotError where it is not the one opened."""
        with self.reading(self._connection) as cursor:
            cursor.execute(sql, parameters)
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def table(self, sql: str, **parameters: Any) -> pa.Table:
        """The same as a table of Arrow, with parameters by name."""
        with self.reading(self._connection) as cursor:
            return cursor.sql(sql, params=parameters).to_arrow_table()

    @contextmanager
    def reading(self, connection: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor; SnapshotError where DuckDB cannot read, or may have read from something else than was opened."""
        try:
            with connection.cursor() as cursor:
                yield cursor
        except duckdb.Error as error:
            self.check()
            raise SnapshotError(f"{self._name} cannot be read: {self._line(error)}") from None
        self.check()

    def check(self) -> None:
        """Raise SnapshotError if the opened file was written to: what DuckDB reads from it then may be anything."""
        if Identity.of(self._file) != self.identity:
            raise SnapshotError(
                f"{self._name} was overwritten in place. `make build` with the same WAREHOUSE mends it."
            )

    def _line(self, error: Exception) -> str:
        line = str(error).partition("\n")[0]
        return line.replace(f"{self._real_path.parent}/", "").replace(f"{self._warehouse}/", "")

    def __del__(self) -> None:
        if hasattr(self, "_connection"):
            self._connection.close()
        if hasattr(self, "_file"):
            os.close(self._file)
