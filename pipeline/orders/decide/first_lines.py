"""What stands on the first line of an order only, and holds for all of its lines: to be asked about."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence

from pipeline.orders import mapping
from pipeline.orders.decide import guards
from pipeline.orders.decide.questions import Question, line
from pipeline.orders.errors import plain
from pipeline.orders.layout import Layout
from pipeline.orders.mapping import EMPTY, NOT_EMPTY, Expression, Mapping
from pipeline.orders.reading import Rows

_OF_THE_ORDER = ("customer_id", "order_id", "created_at_date")


def ask(
    first: Layout, stated: Mapping, expressions: dict[str, Expression | None], files: Sequence[Rows]
) -> Iterator[Question]:
    """`files` are the rows of each, as the columns of the first lie.

    Lines that do not say whose they are would be lost without an answer.
    """
    customer, order, day = (
        expression.positions[0] if (expression := expressions[name]) else None for name in _OF_THE_ORDER
    )
    titles, rows = first.names, [row for file in files for row in file]
    if not titles or stated.fill_down or day is None or not rows or not rows[0][day]:
        return
    is_settled = _settled(first, stated)

    def is_undated(row: Sequence[str | None]) -> bool:
        return not row[day] and not is_settled(row)

    following = [row for row in rows if is_undated(row)]
    if len(following) * 100 <= len(rows):
        return
    bare = {i for i in range(len(titles)) if titles[i] and not any(row[i] for row in following)}
    if order is not None and order not in bare:
        begun: set[str | None] = set()
        without = 0
        for row in rows:
            if row[day]:
                begun.add(row[order])
            elif row[order] not in begun:
                without += is_undated(row)
        if without * 20 > len(following):  # the pieces that are looked at of a large file may begin within an order
            return
    elif customer not in bare or not any(
        _begins_after([row for row in file if row[day] or is_undated(row)], day) for file in files
    ):
        return  # nothing begins after them: they are totals
    told = guards.find(titles, ()) + guards.telling(titles, rows, ())
    said = {guard.position for guard in told if guard.kind in ("status", "paid", "currency")}
    said |= {guard.position for guard in told if guard.kind == "flag" and not _holds_amounts(rows, guard.position)}
    filled = sorted(bare & ({customer, order, day} | said))
    names = [name if titles.count(name) == 1 else i + 1 for i, name in enumerate(titles)]
    yield Question(
        f"{plain(', '.join(titles[i] for i in filled))}: empty on {len(following):,} of {len(rows):,} lines that were "
        "looked at, below lines where they are given, as where they stand on the first line of an order only.",
        (
            (line("fill_down", [names[i] for i in filled]), "they hold for all lines of the order"),
            (line("leave_out", {names[day]: EMPTY}), "lines without them are no purchases"),
        ),
    )


def _settled(first: Layout, stated: Mapping) -> Callable[[Sequence[str | None]], bool]:
    """Whether the mapping leaves a line out by what stands on it, or by words about what is empty."""

    def place(column: mapping.Column) -> int | None:
        if isinstance(column, str) and column not in first.names:  # it is of other files
            return None
        return mapping.resolve(column, first.names, first.fields, str(first.part.path)).positions[0]

    def text(row: Sequence[str | None], place: int | None) -> str:
        return "" if place is None else (row[place] or "").strip()

    def is_one(text: str, values: Collection[str]) -> bool:
        return (NOT_EMPTY if text else EMPTY) in values or text in map(str.strip, values)

    leave_out = [(place(column), values) for column, values in stated.leave_out.items()]
    only = [(place(column), values) for column, values in stated.only.items()]

    def is_settled(row: Sequence[str | None]) -> bool:
        return any(is_one(text(row, place), values) for place, values in leave_out) or any(
            not is_one(found, values) for place, values in only if (found := text(row, place)) or NOT_EMPTY in values
        )

    return is_settled


def _begins_after(rows: Rows, day: int) -> bool:
    """Whether an order begins below the first line that has no day."""
    first = next((i for i, row in enumerate(rows) if not row[day]), len(rows))
    return any(row[day] for row in rows[first:])


def _holds_amounts(rows: Rows, position: int) -> bool:
    values = {row[position] for row in rows if row[position]} - {"0", "1"}
    return bool(values) and all(re.fullmatch(r"[-+]?[\d.,]+", str(value)) for value in values)
