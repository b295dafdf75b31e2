"""What a build prints at its end: what went in, what came out, where it is and what to type next."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from rich.console import Console

from pipeline.events.failures import rejected_by_reason
from pipeline.events.terminal import as_it_is, fact, warning
from pipeline.settings import Settings, command_line, short
from pipeline.warehouse.folder import PUBLISHED_FILE, Warehouse

BARS = " ▁▂▃▄▅▆▇█"


Line = tuple[str, str]  # what it is about, empty where it goes on, and rich's markup


@dataclass(frozen=True)
class _Figures:
    """Of the published file. `lost`: customers and money in the lines that are not used; `top`: the first five."""

    reasons: list[tuple[str, int, list[str]]]
    lost: tuple[int, Decimal]
    total: float
    median: float
    deciles: list[float]
    top: list[tuple[str, float]]


def show(console: Console, settings: Settings, info: dict[str, Any], seconds: dict[str, float]) -> None:
    """Prints what the published file says; `info` is the row of its build_info, `seconds` are by step."""
    figures, warnings = _figures(settings), json.loads(info["warnings"])
    for name, text in (*_orders(settings, info, figures), *_values(info, figures)):
        fact(console, name, text)
    fact(console, "Seconds", in_words(seconds))
    for each in warnings:
        warning(console, each["text"])
    console.print()
    fact(console, "Published", f"{as_it_is(short(settings.warehouse / PUBLISHED_FILE))} and predictions.csv beside it")
    # What is published is read by who cannot type it, and need not know the places of this machine.
    to_train = ["train"] if "model_of_other_orders" in {each["code"] for each in warnings} else []
    commands = (command_line(command, settings) for command in (*to_train, "serve", "sql", "docs"))
    fact(console, "Next", as_it_is(" · ".join(commands)))


def in_words(seconds: dict[str, float]) -> str:
    """All of them, and by step."""
    return f"{sum(seconds.values()):.1f}: " + ", ".join(f"{name} {each:.1f}" for name, each in seconds.items())


def _figures(settings: Settings) -> _Figures:
    with Warehouse(settings.warehouse, settings.memory).read(settings.warehouse / PUBLISHED_FILE) as build:
        lost = build.sql(
            "select count(distinct customer_id) "
            "filter (customer_id not in (select customer_id from customer_features)), "
            "coalesce(sum(revenue), 0) from rejected_orders where reason <> 'left_out'"
        ).fetchall()[0]
        total, median = build.sql("select sum(predicted_clv), median(predicted_clv) from predictions").fetchall()[0]
        deciles = build.sql(
            "select sum(predicted_clv) from customer_value group by clv_decile order by clv_decile"
        ).fetchall()
        top = build.sql(
            "select customer_id, predicted_clv from customer_value order by clv_rank, customer_id limit 5"
        ).fetchall()
        return _Figures(rejected_by_reason(build), lost, total, median, [value for (value,) in deciles], top)


def _orders(settings: Settings, info: dict[str, Any], figures: _Figures) -> Iterator[Line]:
    """What was read, and what of it is not used."""
    used = info["lines"] - info["lines_rejected"]
    yield "Orders", as_it_is(short(settings.orders) if isinstance(settings.orders, Path) else info["orders_file"])
    for position, read_as in enumerate((info["read_as"] or "").splitlines()):
        yield "" if position else "Read as", as_it_is(read_as)
    yield "Lines", f"{info['lines']:,} read, {used:,} used, {info['lines_rejected']:,} rejected"
    for reason, count, examples in figures.reasons:
        yield "", f"{count:>9,}  {reason}"
        yield from (("", f"[dim]{'':>11}{as_it_is(example)}[/dim]") for example in examples)
    if missing := _missing(figures.lost):
        yield "", missing
    if info["lines_after_as_of"]:
        yield "", f"{info['lines_after_as_of']:,} of those used are dated after the as-of date and count for nothing"
    yield "Customers", f"{info['customers']:,} with {info['orders']:,} orders as of {info['as_of_date']}"


def _values(info: dict[str, Any], figures: _Figures) -> Iterator[Line]:
    """What is predicted, by which model."""
    total, deciles = figures.total, figures.deciles
    yield "Model", as_it_is(_model(info))
    yield "Value", f"{total:,.2f} in total, {figures.median:,.2f} in the median"
    if total > 0 and len(deciles) == 10:
        shares = [max(0, value) for value in deciles]
        yield "By decile", f"{_spark(shares)}  the top tenth of customers holds {shares[0] / total:.0%}"
    for position, (customer, value) in enumerate(figures.top):
        yield "" if position else "Top five", f"{value:>14,.2f}  {as_it_is(customer)}"


def _missing(lost: tuple[int, Decimal]) -> str:
    """What the lines that cannot be used take away, as far as it can be read in them."""
    customers, money = lost
    who = f"{customers:,} customer{'s' * (customers != 1)} and " if customers else ""
    return f"with them {who}{money:,.2f} of money are missing" if customers or money else ""


def _model(info: dict[str, Any]) -> str:
    """The model, what it was trained on and over which time its values are; where its manifest tells."""
    if info["horizon_days"] is None:
        return info["model_id"]
    orders = "these orders" if info["trained_on_these_orders"] else f"orders up to {info['trained_as_of']}"
    return f"{info['model_id']}, trained on {orders}; a value is that of the next {info['horizon_days']} days"


def _spark(values: list[float]) -> str:
    largest = max(values)
    return "".join(BARS[max(1, round(8 * value / largest))] for value in values)
