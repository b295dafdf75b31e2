"""A sample of orders by which a model's training knows its orders again in a later file, and that nobody can read.

An order is told by who, when and how much, as a digest. The sample is the smallest of all digests (a bottom-k sketch,
Cohen and Kaplan 2007), so that of any other file of the same orders the same ones fall into it. An order's number is
not part of its digest: a shop's exports write that in more than one way.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import duckdb

_ORDERS = 256  # so that even a twentieth of them, which is what is left of a year after eleven months, is a dozen
_HEX = 8  # of each digest: long enough to tell orders apart, too short to prove that one was there
_TEXT = "concat_ws('|', customer_id, cast(order_date as string), cast(cast(revenue as decimal(38, 6)) as string))"
_DIGEST = f"left(md5({_TEXT}), {_HEX})"


def take(ask: Callable[[str], list[tuple[Any, ...]]]) -> str:
    """The digests of `int_customer_orders`, in hex, one behind the other. `ask` gives the rows of a query."""
    smallest = f"select {_DIGEST} as digest from int_customer_orders order by digest limit {_ORDERS}"
    return "".join(digest for (digest,) in ask(smallest))


def is_of(sample: str, first: date, last: date, orders: duckdb.DuckDBPyConnection) -> bool:
    """Whether at least half of the orders in `int_customer_orders` from `first` to `last` are those of the sample."""
    known = [sample[at : at + _HEX] for at in range(0, len(sample), _HEX)]
    largest = known[-1] if len(known) == _ORDERS else "f" * _HEX  # of fewer orders, all are in it
    found, same = orders.execute(
        f"""
        select count(*), count(*) filter (list_contains($known, digest))
        from (select {_DIGEST} as digest from int_customer_orders where order_date between $first and $last)
        where digest <= $largest
        """,
        {"known": known, "first": first, "last": last, "largest": largest},
    ).fetchall()[0]
    return found > 0 and 2 * same >= found
