"""An order's total that stands on each of the order's lines would be added up once a line: to be asked about."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeline.orders import names
from pipeline.orders.decide.columns import Columns
from pipeline.orders.decide.questions import Question, line
from pipeline.orders.errors import plain
from pipeline.orders.mapping import Expression
from pipeline.orders.reading import Rows

_ORDER_TOTAL = re.compile(
    r"(?!.*(line|item|row)).*(order|grand|invoice|basket|cart|receipt).*|purchase(sum|total)|total|totalprice|totalamount"
)


def ask(
    titles: tuple[str, ...], columns: Columns, expressions: dict[str, Expression | None], rows: Rows
) -> Iterator[Question]:
    """`titles` are the columns of the file; all orders of several lines have to speak for it."""
    revenue, order = expressions["revenue"], expressions["order_id"]
    if not revenue or not revenue.is_column or not order or columns["revenue"] == "revenue":
        return
    money = str(columns["revenue"])
    is_named_so = _ORDER_TOTAL.fullmatch(names.normalised(money))
    found: dict[str, list[str]] = {}
    for row in rows:
        number, amount = row[order.positions[0]], row[revenue.positions[0]]
        if number and amount:
            found.setdefault(number, []).append(amount)
    several = [amounts for amounts in found.values() if len(amounts) > 1]
    if len(several) < (1 if is_named_so else 10) or any(len(set(amounts)) > 1 for amounts in several):
        return
    if len({amounts[0] for amounts in (found.values() if is_named_so else several)}) < (2 if is_named_so else 5):
        return
    prices, pieces = next(names.candidates("unit_price", titles), []), columns["num_items"]
    answers = [
        (line("once", [money]), "it is the order's, and counts once"),
        (line("columns", {"revenue": money}), "it is the line's, all the same"),
    ]
    if prices:
        product = f"{pieces} * {titles[prices[0]]}" if pieces else titles[prices[0]]
        answers.insert(0, (line("columns", {"revenue": product}), "the line's own money"))
    yield Question(
        f"{plain(money)} is the same on all lines of an order: it may be the order's total, "
        "which would count once a line.",
        tuple(answers),
    )
