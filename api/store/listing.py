"""Pages of customers by value or by id, and the cursors that lead from one page to the next."""

from __future__ import annotations

import base64
import json
import math
from bisect import bisect_left, bisect_right
from typing import NamedTuple

import numpy as np

from api.schemas.common import LIFECYCLES, TIERS
from api.schemas.customers import Filters, ListingQuery
from api.store.columns import Columns
from api.store.snapshot import BUILD_ID

BLOCK = 1 << 15


class Cursor(NamedTuple):
    """The last customer of a page: the next page begins after it, in this build or in any later one."""

    build: str
    order: str
    clv: float
    customer_id: str

    def text(self) -> str:
        return base64.urlsafe_b64encode(json.dumps(self).encode()).decode().rstrip("=")

    @classmethod
    def read(cls, text: str) -> Cursor:
        """The cursor that `text` made; ValueError where it was not made here."""
        try:
            fields = json.loads(base64.urlsafe_b64decode(text.encode("ascii") + b"=="))
        except RecursionError:
            raise ValueError("not a cursor") from None
        if not isinstance(fields, list) or [type(field) for field in fields] != [str, str, float, str]:
            raise ValueError("not a cursor")
        cursor = cls(*fields)
        cursor.customer_id.encode()  # half a surrogate pair is a UnicodeEncodeError, which is a ValueError
        if not BUILD_ID.fullmatch(cursor.build) or not math.isfinite(cursor.clv):
            raise ValueError("not a cursor")
        return cursor


def page(columns: Columns, query: ListingQuery, after: Cursor | None) -> tuple[np.ndarray, bool]:
    """The rows of one page, and whether any follow."""
    start, end = _range(columns, query, after)
    found = np.empty(0, np.int64)
    while start < end and len(found) <= query.limit:
        stop = min(start + BLOCK, end)
        rows = columns.by_value[start:stop] if query.order == "value" else np.arange(start, stop)
        found = np.concatenate([found, rows[wanted(columns, rows, query)]])
        start = stop
    return found[: query.limit], len(found) > query.limit


def wanted(columns: Columns, rows: np.ndarray, filters: Filters) -> np.ndarray:
    """Which of the rows pass the filters, (n,)."""
    passing = np.ones(len(rows), bool)
    if filters.min_clv is not None:
        passing &= columns.clv[rows] >= filters.min_clv
    if filters.max_clv is not None:
        passing &= columns.clv[rows] <= filters.max_clv
    if filters.decile is not None:
        passing &= columns.decile[rows] == filters.decile
    if filters.tier is not None:
        passing &= columns.tier[rows] == TIERS.index(filters.tier) + 1
    if filters.lifecycle is not None:
        passing &= columns.lifecycle[rows] == LIFECYCLES.index(filters.lifecycle) + 1
    return passing


def _range(columns: Columns, query: ListingQuery, after: Cursor | None) -> tuple[int, int]:
    """From where to where in the order the page can lie."""
    if query.order == "id":
        start = columns.at_or_after(after.customer_id.encode(), past=True) if after else 0
        return start, len(columns)
    by_value, clv = columns.by_value, columns.clv
    start, end = 0, len(columns)
    if query.max_clv is not None:
        start = bisect_left(by_value, -query.max_clv, key=lambda row: -clv[row])
    if query.min_clv is not None:
        end = bisect_right(by_value, -query.min_clv, key=lambda row: -clv[row])
    if after:
        last = (-after.clv, after.customer_id.encode())
        start = max(start, bisect_right(by_value, last, key=lambda row: (-clv[row], columns[row])))
    return start, end
