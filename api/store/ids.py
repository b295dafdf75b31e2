"""The ids of a build's customers, sorted: in memory, or, of a large build, in the Parquet files beside its file."""

from __future__ import annotations

import mmap
import threading
from abc import abstractmethod
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from api.store.errors import SnapshotError

STRIDE = 8  # every 8th id also stands in a plain list, where bisect compares in C: most of the way to any id
BATCH = 1 << 16
WHOLE = 200  # bytes that Parquet's statistics have of an id; of a longer one they may have the beginning, or nothing
KEPT = 16  # row groups of which the ids stay in memory: the pages of a list by id, the pieces of a file


class Unsorted(Exception):
    """The ids do not come sorted."""


class Ids(Sequence[bytes]):
    """A sequence of sorted ids as UTF-8 bytes, of which `_index` holds the first of each page."""

    _index: list[bytes]

    @abstractmethod
    def __getitem__(self, row: int) -> bytes:  # type: ignore[override]  # nobody asks for a slice; see between
        """The id of a row."""

    @abstractmethod
    def between(self, start: int, stop: int) -> pa.Array:
        """The ids of consecutive rows, as Arrow has them."""

    @abstractmethod
    def _start(self, page: int) -> int:
        """The first row of a page; the number of all rows behind the last one."""

    def at_or_after(self, customer_id: bytes, past: bool = False) -> int:
        """The first row whose id is not before this one (with `past`: is after it); n where there is none."""
        page = bisect_right(self._index, customer_id)
        bisect = bisect_right if past else bisect_left
        return bisect(self, customer_id, self._start(max(0, page - 1)), self._start(page))


class IdsInMemory(Ids):
    """Their characters in one array, beside the places where each begins."""

    def __init__(self, count: int, size: int) -> None:
        """For so many ids of so many bytes in all: `append` brings them, and `finish` makes them searchable."""
        starts, text = array(count + 1, np.uint32 if size < 1 << 32 else np.uint64), array(size, np.uint8)
        # Python reads single items of a memoryview in less time than those of an array.
        self._starts, self._text = memoryview(starts.data), memoryview(text.data)
        self._rows, self._last = 0, None

    def append(self, ids: pa.StringArray) -> None:
        """Raises Unsorted where they are not in order, or not behind those before them."""
        last, self._last = self._last, ids[-1]
        if last is not None and last.as_py().encode() > ids[0].as_py().encode():
            raise Unsorted
        if not pc.all(pc.less(ids[:-1], ids[1:]), min_count=0).as_py():
            raise Unsorted
        _, ends, characters = ids.cast(pa.large_string()).buffers()
        ends = np.frombuffer(ends, np.int64, len(ids) + 1, ids.offset)
        start, end = self._starts[self._rows], self._rows + len(ids)
        np.asarray(self._starts)[self._rows + 1 : end + 1] = start + ends[1:]
        np.asarray(self._text)[start : start + ends[-1]] = np.frombuffer(characters or b"", np.uint8, ends[-1])
        self._rows = end

    def finish(self) -> None:
        batches = (self.between(row, min(row + BATCH, len(self))) for row in range(0, len(self), BATCH))
        self._index = [customer_id.encode() for ids in batches for customer_id in ids[::STRIDE].to_pylist()]

    def __len__(self) -> int:
        return self._rows

    def __getitem__(self, row: int) -> bytes:  # type: ignore[override]
        return bytes(self._text[self._starts[row] : self._starts[row + 1]])

    def between(self, start: int, stop: int) -> pa.Array:
        ends = np.asarray(self._starts[start : stop + 1], np.int64)
        text = pa.py_buffer(self._text[ends[0] : ends[-1]])
        return pa.LargeStringArray.from_buffers(stop - start, pa.py_buffer(ends - ends[0]), text)

    def _start(self, page: int) -> int:
        return min(len(self), page * STRIDE)


class IdsInParquet(Ids):
    """A page is a row group: what the files themselves say of each is in memory, and the ids of a few.

    The files stay open, so that they can be read for as long as anybody answers from them.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        """The ids in these files, which are sorted from the first to the last; OSError where one cannot be read."""
        self._groups: list[tuple[pq.ParquetFile, int]] = []
        self._starts, self._index = [0], []
        self._kept: dict[int, pa.BinaryArray] = {}
        self._lock = threading.Lock()
        for path in files:
            file = pq.ParquetFile(path)
            column = file.schema_arrow.names.index("customer_id")
            for number in range(file.num_row_groups):
                group = file.metadata.row_group(number)
                self._groups.append((file, number))
                self._starts.append(self._starts[-1] + group.num_rows)
                said = group.column(column).statistics
                first = said.min.encode() if said and said.has_min_max else b""
                self._index.append(first if 0 < len(first) < WHOLE else self[self._starts[-2]])

    def __len__(self) -> int:
        return self._starts[-1]

    def __getitem__(self, row: int) -> bytes:  # type: ignore[override]
        page = bisect_right(self._starts, row) - 1
        return self._page(page)[row - self._starts[page]].as_py()

    def between(self, start: int, stop: int) -> pa.Array:
        found = [pa.array([], pa.string())]
        for page in range(bisect_right(self._starts, start) - 1, bisect_left(self._starts, stop)):
            first = self._starts[page]
            found.append(self._page(page)[max(0, start - first) : stop - first].cast(pa.string()))
        return pa.concat_arrays(found)

    def _start(self, page: int) -> int:
        return self._starts[page]

    def _page(self, page: int) -> pa.BinaryArray:
        file, number = self._groups[page]
        with self._lock:  # a file is read by one thread at a time
            ids = self._kept.pop(page, None)
            if ids is None:
                try:
                    [column] = file.read_row_group(number, columns=["customer_id"], use_threads=False).columns
                except (OSError, pa.ArrowException) as error:
                    raise SnapshotError(f"customer_value cannot be read: {error}") from None
                ids = column.combine_chunks().cast(pa.binary())
                if len(self._kept) == KEPT:
                    del self._kept[next(iter(self._kept))]
            self._kept[page] = ids  # as the last one to go
        return ids


def array(count: int, kind: type[np.generic]) -> np.ndarray:
    """Zeros in memory of their own: malloc would keep most of it after a switch, a mapping goes back to the system."""
    return np.frombuffer(mmap.mmap(-1, max(1, count * np.dtype(kind).itemsize)), kind, count)
