"""Rows from all over the files, by which formats are decided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from pipeline.orders import layout
from pipeline.orders.errors import OrdersError
from pipeline.orders.layout import Layout
from pipeline.orders.mapping import Expression
from pipeline.orders.reading import Rows

_ROWS = 20_000


@dataclass(frozen=True)
class Sample:
    """`rows` are of all files, as the columns of the first one lie; `is_whole` where there are no others.

    `unread` are values, by column of ours, that an earlier reading of the same files could not read.
    """

    rows: Rows
    is_whole: bool
    unread: Sequence[tuple[str, str]] = field(default=())

    def values(self, name: str, expression: Expression | None) -> list[str]:
        """What stands in the columns of which `name` is made."""
        if expression is None:
            return []
        found = [value for row in self.rows for position in expression.positions if (value := row[position])]
        return found + [value for column, value in self.unread if column == name]


def take(layouts: Sequence[Layout], folder: Path, unread: Sequence[tuple[str, str]]) -> Sample:
    """Reads as many rows of each file. Raises OrdersError where one cannot be read."""
    found: list[tuple[str | None, ...]] = []
    is_whole = all(each.sampled_whole for each in layouts)
    share = max(200, _ROWS // len(layouts))
    with duckdb.connect() as memory:
        for each in layouts:
            order = _as_in(layouts[0], each)
            with layout.sampled(each, folder) as files:
                for path, before in files:
                    rows = layout.rows(each, path, skip=before)
                    rows = f"select {order} from ({rows}) where malformed_line is null"
                    try:
                        seen = memory.execute(f"{rows} limit {share}").fetchall()
                    except duckdb.Error as error:
                        raise OrdersError(f"{each.part.path} cannot be read: {str(error).splitlines()[0]}") from None
                    is_whole &= len(seen) < share
                    found += seen
    return Sample(found, is_whole, unread)


def _as_in(first: Layout, other: Layout) -> str:
    """The columns of another file in the order of the first one's, null where it lacks one."""
    if other.names == first.names or not other.names:
        places = {i: i for i in range(other.fields)}
    else:
        spelled = {name: i for i, name in enumerate(other.names)}
        places = {i: spelled[name] for i, name in enumerate(first.names) if name in spelled}
    return ", ".join(f"field_{places[i]}" if i in places else "null" for i in range(first.fields))
