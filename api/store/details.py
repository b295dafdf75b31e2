"""All that is known of customers: the rows of customer_value, a piece at a time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from api.schemas.customers import Filters
from api.store.listing import wanted
from api.store.snapshot import Snapshot

PIECE = 1 << 15  # customers that are looked at, and at most in memory, at a time

SOME = """
select * from published.customer_value
where customer_id between $first and $last and customer_id in (select unnest($ids)) order by customer_id
"""


def of_rows(snapshot: Snapshot, rows: np.ndarray) -> pa.Table:
    """The customers of these rows, in their order."""
    ids = [snapshot.columns[row].decode() for row in np.sort(rows)]
    found = snapshot.table(SOME, ids=ids, first=ids[0] if ids else "", last=ids[-1] if ids else "")
    return found.take(np.searchsorted(np.sort(rows), rows))


def pieces(snapshot: Snapshot, filters: Filters) -> Iterator[pa.Table]:
    """All customers that pass the filters, by id; at least one piece, which may be empty."""
    yield of_rows(snapshot, np.empty(0, np.int64))
    for start in range(0, len(snapshot.columns), PIECE):
        rows = np.arange(start, min(start + PIECE, len(snapshot.columns)))
        found = rows[wanted(snapshot.columns, rows, filters)]
        if len(found):
            yield of_rows(snapshot, found)
