"""Rows from all over the files, by which formats are decided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
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
    """`files` are the rows of each, as the columns of the first one lie; `is_whole` where there are no others.

    `unread` are values, by column of ours, that an earlier reading of the same files could not read. `numbers` are the
    positions of columns that are numbers by their type, in every file.
    """

    files: Sequence[Rows]
    is_whole: bool
    unread: Sequence[tuple[str, str]] = field(default=())
    numbers: frozenset[int] = frozenset()

    @cached_property
    def rows(self) -> Rows:
        return [row for file in self.files for row in file]

    def values(self, name: str, expression: Expression | None) -> list[str]:
        """What stands in the columns of which `name` is made."""
        return self._of(name, expression.positions if expression else ())

    def written(self, name: str, expression: Expression | None) -> list[str]:
        """The same, but for numbers that nobody has written: their type says which they are."""
        return self._of(name, [i for i in expression.positions if i not in self.numbers] if expression else ())

    def _of(self, name: str, positions: Sequence[int]) -> list[str]:
        if not positions:
            return []
        found = [value for row in self.rows for position in positions if (value := row[position])]
        return found + [value for column, value in self.unread if column == name]


def take(layouts: Sequence[Layout], folder: Path, unread: Sequence[tuple[str, str]]) -> Sample:
    """Reads as many rows of each file. Raises OrdersError where one cannot be read."""
    found: list[list[tuple[str | None, ...]]] = []
    is_whole = all(each.sampled_whole for each in layouts)
    share = max(200, _ROWS // len(layouts))
    with duckdb.connect() as memory:
        for each in layouts:
            found.append([])
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
                    found[-1] += seen
    typed = ({i for i, place in _places(layouts[0], each).items() if place in each.numbers} for each in layouts)
    return Sample(found, is_whole, unread, frozenset.intersection(*map(frozenset, typed)))


def _as_in(first: Layout, other: Layout) -> str:
    """The columns of another file in the order of the first one's, null where it lacks one."""
    places = _places(first, other)
    return ", ".join(f"field_{places[i]}" if i in places else "null" for i in range(first.fields))


def _places(first: Layout, other: Layout) -> dict[int, int]:
    """Where another file has the columns of the first one, by their positions in that."""
    if other.names == first.names or not other.names:
        return {i: i for i in range(other.fields)}
    spelled = {name: i for i, name in enumerate(other.names)}
    return {i: spelled[name] for i, name in enumerate(first.names) if name in spelled}
