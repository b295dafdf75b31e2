"""The hot columns of a build in memory: who there is, what each is worth, and in which order."""

from __future__ import annotations

import mmap
from bisect import bisect_left, bisect_right
from collections.abc import Sequence

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from api.schemas import LIFECYCLES, TIERS

BATCH = 1 << 16
STRIDE = 8  # every 8th id also stands in a plain list, where bisect compares in C: most of the way to any id

ROWS = f"""
select
    customer_id, predicted_clv, clv_rank::uinteger, clv_decile::utinyint,
    list_position({list(TIERS)}, value_tier)::utinyint, list_position({list(LIFECYCLES)}, lifecycle)::utinyint
from published.customer_value
"""
SIZES = "select count(*), coalesce(sum(strlen(customer_id)), 0) from published.customer_value"


class Unsorted(Exception):
    """The rows do not come sorted by customer_id."""


class Columns(Sequence[bytes]):
    """The customers of one build, sorted by id: a sequence of their ids as UTF-8 bytes.

    `clv` (n, float64), `decile`, `tier` and `lifecycle` (n, uint8; the latter count from 1 in TIERS and LIFECYCLES)
    stand in the same order; `by_value` (n, uint32) lists the rows from the highest value to the lowest, equal values by
    id. One id of 32 characters takes about 50 bytes in all, where Python's own dictionary takes 200.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Read the columns from the database attached as `published`; duckdb.Error where it cannot be read."""
        try:
            ranks = self._fill(connection, ROWS)
        except Unsorted:
            ranks = self._fill(connection, f"{ROWS} order by customer_id")
        self.by_value = _by_rank(ranks)
        batches = (self.ids(slice(row, row + BATCH)) for row in range(0, len(self), BATCH))
        self._index = [customer_id.encode() for ids in batches for customer_id in ids[::STRIDE].to_pylist()]

    def _fill(self, connection: duckdb.DuckDBPyConnection, sql: str) -> np.ndarray:
        """Copy batch by batch into arrays of the final size, so that nothing is ever held twice. Returns the ranks."""
        [(count, size)] = connection.execute(SIZES).fetchall()
        starts = _array(count + 1, np.uint32 if size < 1 << 32 else np.uint64)
        text = _array(size, np.uint8)
        self.clv, ranks = _array(count, np.float64), _array(count, np.uint32)
        self.decile, self.tier, self.lifecycle = (_array(count, np.uint8) for _ in range(3))
        row, last = 0, None
        for batch in connection.sql(sql).to_arrow_reader(BATCH):
            ids = batch.column(0)
            before, last = last, ids[-1]
            if before is not None and before.as_py().encode() > ids[0].as_py().encode():
                raise Unsorted
            if not pc.all(pc.less(ids[:-1], ids[1:]), min_count=0).as_py():
                raise Unsorted
            end = row + len(batch)
            self.clv[row:end] = batch.column(1)
            ranks[row:end] = batch.column(2)
            self.decile[row:end] = batch.column(3)
            self.tier[row:end] = batch.column(4)
            self.lifecycle[row:end] = batch.column(5)
            _, ends, characters = ids.cast(pa.large_string()).buffers()
            ends = np.frombuffer(ends, np.int64, len(batch) + 1, ids.offset)
            start = int(starts[row])
            starts[row + 1 : end + 1] = start + ends[1:]
            text[start : start + ends[-1]] = np.frombuffer(characters or b"", np.uint8, ends[-1])
            row = end
        self._starts, self._text = memoryview(starts.data), memoryview(text.data)
        return ranks

    def __len__(self) -> int:
        return len(self.clv)

    def __getitem__(self, row: int) -> bytes:  # type: ignore[override]  # nobody asks for a slice; see ids
        return bytes(self._text[self._starts[row] : self._starts[row + 1]])

    def ids(self, rows: slice) -> pa.Array:
        """The ids of consecutive rows, as Arrow has them."""
        start, stop, _ = rows.indices(len(self))
        ends = np.asarray(self._starts[start : stop + 1], np.int64)
        text = pa.py_buffer(self._text[ends[0] : ends[-1]])
        return pa.LargeStringArray.from_buffers(stop - start, pa.py_buffer(ends - ends[0]), text)

    def at_or_after(self, customer_id: bytes, past: bool = False) -> int:
        """The first row whose id is not before this one (with `past`: is after it); n where there is none."""
        page = bisect_right(self._index, customer_id)
        bisect = bisect_right if past else bisect_left
        return bisect(self, customer_id, max(0, (page - 1) * STRIDE), min(len(self), page * STRIDE))

    def find(self, customer_id: str) -> int | None:
        """The row of a customer, or None."""
        try:
            key = customer_id.encode()
        except UnicodeEncodeError:  # half a surrogate pair out of JSON is no text that an id could be
            return None
        row = self.at_or_after(key)
        return row if row < len(self) and self[row] == key else None


def _by_rank(ranks: np.ndarray) -> np.ndarray:
    """The rows from rank 1 on, (n, uint32); those that share a rank in their own order.

    To sort 20 million values takes ten times as long, while nobody is answered.
    """
    places = ranks - 1
    rows, taken = _array(len(ranks), np.uint32), np.zeros(len(ranks) + 1, bool)
    rows[places] = np.arange(len(ranks), dtype=np.uint32)
    taken[places] = taken[-1] = True
    shared = ~(taken[:-1] & taken[1:])  # the places of a rank that several share: all but the first are left free
    sharing = np.flatnonzero(shared[places])
    rows[shared] = sharing[np.argsort(places[sharing], kind="stable")]
    return rows


def _array(count: int, kind: type[np.generic]) -> np.ndarray:
    """Zeros in memory of their own: malloc would keep most of it after a switch, a mapping goes back to the system."""
    return np.frombuffer(mmap.mmap(-1, max(1, count * np.dtype(kind).itemsize)), kind, count)
