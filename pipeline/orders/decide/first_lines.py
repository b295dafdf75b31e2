"""What stands on the first line of an order only, and holds for all of its lines: to be asked about."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeline.orders.decide import guards
from pipeline.orders.decide.questions import Question, line
from pipeline.orders.errors import plain
from pipeline.orders.mapping import Expression, Mapping
from pipeline.orders.reading import Rows

_OF_THE_ORDER = ("customer_id", "order_id", "created_at_date")


def ask(
    titles: tuple[str, ...], stated: Mapping, expressions: dict[str, Expression | None], rows: Rows
) -> Iterator[Question]:
    """`titles` are the columns of the file. Lines that do not say whose they are would be lost without an answer."""
    customer, order, day = (
        expression.positions[0] if (expression := expressions[name]) else None for name in _OF_THE_ORDER
    )
    settled = {*stated.leave_out, *stated.only}
    if not titles or stated.fill_down or day is None or not rows or not rows[0][day] or titles[day] in settled:
        return
    following = [row for row in rows if not row[day]]
    if len(following) * 100 <= len(rows):
        return
    bare = {i for i in range(len(titles)) if titles[i] and not any(row[i] for row in following)}
    if order is not None and order not in bare:
        begun = {row[order] for row in rows if row[day]}
        if any(row[order] not in begun for row in following):
            return
    elif customer not in bare or all(not row[day] for row in rows[rows.index(following[0]) :]):
        return  # nothing begins after them: they are totals
    told = guards.find(titles, ()) + guards.telling(titles, rows, ())
    said = {guard.position for guard in told if guard.kind in ("status", "paid", "currency")}
    said |= {guard.position for guard in told if guard.kind == "flag" and not _holds_amounts(rows, guard.position)}
    filled = sorted(bare & ({customer, order, day} | said))
    yield Question(
        f"{plain(', '.join(titles[i] for i in filled))}: empty on {len(following):,} of {len(rows):,} lines that were "
        "looked at, below lines where they are given, as where they stand on the first line of an order only.",
        (
            (line("fill_down", [titles[i] for i in filled]), "they hold for all lines of the order"),
            (line("leave_out", {titles[day]: "empty"}), "lines without them are no purchases"),
        ),
    )


def _holds_amounts(rows: Rows, position: int) -> bool:
    values = {row[position] for row in rows if row[position]} - {"0", "1"}
    return bool(values) and all(re.fullmatch(r"[-+]?[\d.,]+", str(value)) for value in values)
