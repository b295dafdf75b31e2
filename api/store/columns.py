"""The hot columns of a build in memory: who there is, what each is worth, and in which order."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from api.schemas.common import LIFECYCLES, TIERS
from api.store.ids import BATCH, Ids, IdsInMemory, IdsInParquet, Unsorted, array

VALUES = f"""
    predicted_clv, clv_rank::uinteger, clv_decile::utinyint,
    list_position({list(TIERS)}, value_tier)::utinyint, list_position({list(LIFECYCLES)}, lifecycle)::utinyint
from published.customer_value
"""
SIZES = "select count(*), coalesce(sum(strlen(customer_id)), 0) from published.customer_value"


class Columns(Sequence[bytes]):
    """The customers of one build, sorted by id: a sequence of their ids as UTF-8 bytes.

    `clv` (n, float64), `decile`, `tier` and `lifecycle` (n, uint8; the latter count from 1 in TIERS and LIFECYCLES)
    stand in the same order; `by_value` (n, uint32) lists the rows from the highest value to the lowest, equal values by
    id. That is 15 bytes a customer; an id of 32 characters takes 44 more, or next to none where it stays in Parquet.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, files: Sequence[Path] = ()) -> None:
        """Read the columns from the database attached as `published`; duckdb.Error where it cannot be read.

        `files`: those of `customer_value`, where it is published as Parquet.
        """
        self._ids: Ids
        if files:
            self._ids = IdsInParquet(files)
            ranks = self._fill(connection, len(self._ids), f"select {VALUES}")
        else:
            rows = f"select customer_id, {VALUES}"
            try:
                ranks = self._fill_with_ids(connection, rows)
            except Unsorted:
                ranks = self._fill_with_ids(connection, f"{rows} order by customer_id")
        self.by_value = _by_rank(ranks)

    def _fill_with_ids(self, connection: duckdb.DuckDBPyConnection, sql: str) -> np.ndarray:
        [(count, size)] = connection.execute(SIZES).fetchall()
        self._ids = ids = IdsInMemory(count, size)
        ranks = self._fill(connection, count, sql, ids)
        ids.finish()
        return ranks

    def _fill(
        self, connection: duckdb.DuckDBPyConnection, count: int, sql: str, ids: IdsInMemory | None = None
    ) -> np.ndarray:
        """Copy batch by batch into arrays of the final size, so that nothing is ever held twice. Returns the ranks."""
        self.clv, ranks = array(count, np.float64), array(count, np.uint32)
        self.decile, self.tier, self.lifecycle = (array(count, np.uint8) for _ in range(3))
        row = 0
        for batch in connection.sql(sql).to_arrow_reader(BATCH):
            if ids is not None:
                ids.append(batch.column(0))
            end = row + len(batch)
            columns = (self.clv, ranks, self.decile, self.tier, self.lifecycle)
            for column, values in zip(columns, batch.columns[-len(columns) :], strict=True):
                column[row:end] = values
            row = end
        return ranks

    def __len__(self) -> int:
        return len(self.clv)

    def __getitem__(self, row: int) -> bytes:  # type: ignore[override]  # nobody asks for a slice; see ids
        return self._ids[row]

    def ids(self, rows: slice) -> pa.Array:
        """The ids of consecutive rows, as Arrow has them."""
        start, stop, _ = rows.indices(len(self))
        return self._ids.between(start, stop)

    def at_or_after(self, customer_id: bytes, past: bool = False) -> int:
        """The first row whose id is not before this one (with `past`: is after it); n where there is none."""
        return self._ids.at_or_after(customer_id, past)

    def find(self, customer_id: str) -> int | None:
        """The row of a customer, or None."""
        try:
            key = customer_id.encode()
        except UnicodeEncodeError:  # half a surrogate pair out of JSON is no text that an id could be
            return None
        row = self._ids.at_or_after(key)
        return row if row < len(self) and self._ids[row] == key else None


def _by_rank(ranks: np.ndarray) -> np.ndarray:
    """The rows from rank 1 on, (n, uint32); those that share a rank in their own order.

    To sort 20 million values takes ten times as long, while nobody is answered.
    """
    places = ranks - 1
    rows, taken = array(len(ranks), np.uint32), np.zeros(len(ranks) + 1, bool)
    rows[places] = np.arange(len(ranks), dtype=np.uint32)
    taken[places] = taken[-1] = True
    shared = ~(taken[:-1] & taken[1:])  # the places of a rank that several share: all but the first are left free
    sharing = np.flatnonzero(shared[places])
    rows[shared] = sharing[np.argsort(places[sharing], kind="stable")]
    return rows
