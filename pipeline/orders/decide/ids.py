"""Ids that a spreadsheet or a data frame made numbers of: 17850.0 for 17850."""

from __future__ import annotations

from pipeline.orders.decide.sample import Sample
from pipeline.orders.mapping import Expression


def folded(expressions: dict[str, Expression | None], sample: Sample) -> tuple[str, ...]:
    """Which of our columns hold such ids; where others have decimals that are no 0, they are names like any other."""
    found = []
    for name in ("customer_id", "order_id"):
        values = sample.values(name, expressions[name])
        decimals = [value for value in values if "." in value and value.replace(".", "", 1).strip().isdigit()]
        if decimals and all(value.strip().endswith(".0") for value in decimals):
            found.append(name)
    return tuple(found)
