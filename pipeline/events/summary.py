"""What a build prints at its end: what went in, what came out, where it is and what to type next."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from rich.console import Console

from pipeline.events.failures import rejected_by_reason
from pipeline.events.terminal import printable
from pipeline.settings import Settings, command_line, short
from pipeline.warehouse.folder import PUBLISHED_FILE, Warehouse

BARS = " ▁▂▃▄▅▆▇█"


def show(console: Console, settings: Settings, info: dict[str, Any], seconds: dict[str, float]) -> None:
    """Prints what the published file says; `info` is the row of its build_info, `seconds` are by step."""
    with Warehouse(settings.warehouse, settings.memory).read(settings.warehouse / PUBLISHED_FILE) as build:
        reasons = rejected_by_reason(build)
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

    def line(name: str, text: str) -> None:
        console.print(f"[bold]{name:<12}[/bold]{text}", highlight=False, soft_wrap=True)

    used = info["lines"] - info["lines_rejected"]
    line("Orders", _plain(short(settings.orders) if isinstance(settings.orders, Path) else info["orders_file"]))
    for position, fact in enumerate((info["read_as"] or "").splitlines()):
        line("" if position else "Read as", _plain(fact))
    line("Lines", f"{info['lines']:,} read, {used:,} used, {info['lines_rejected']:,} rejected")
    for reason, count, examples in reasons:
        line("", f"{count:>9,}  {reason}")
        for example in examples:
            line("", f"[dim]{'':>11}{_plain(example)}[/dim]")
    if missing := _missing(lost):
        line("", missing)
    if info["lines_after_as_of"]:
        line("", f"{info['lines_after_as_of']:,} of those used are dated after the as-of date and count for nothing")
    line("Customers", f"{info['customers']:,} with {info['orders']:,} orders as of {info['as_of_date']}")
    line("Model", _plain(_model(info)))
    line("Value", f"{total:,.2f} in total, {median:,.2f} in the median")
    if total > 0 and len(deciles) == 10:
        shares = [max(0, value) for (value,) in deciles]
        line("By decile", f"{_spark(shares)}  the top tenth of customers holds {shares[0] / total:.0%}")
    for position, (customer, value) in enumerate(top):
        line("" if position else "Top five", f"{value:>14,.2f}  {_plain(customer)}")
    line("Seconds", f"{sum(seconds.values()):.1f}: " + ", ".join(f"{name} {s:.1f}" for name, s in seconds.items()))
    warnings = json.loads(info["warnings"])
    for warning in warnings:
        console.print(f"[yellow]Warning[/yellow]     {_plain(warning['text'])}", highlight=False, soft_wrap=True)
    console.print()
    line("Published", f"{_plain(short(settings.warehouse / PUBLISHED_FILE))} and predictions.csv beside it")
    # What is published is read by who cannot type it, and need not know the places of this machine.
    to_train = ["train"] if "model_of_other_orders" in {warning["code"] for warning in warnings} else []
    commands = (command_line(command, settings) for command in (*to_train, "serve", "sql", "docs"))
    line("Next", _plain(" · ".join(commands)))


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


def _plain(text: str) -> str:
    """Text that stays what it is and on its line: no markup, nothing that a terminal takes for a command."""
    return printable(text).replace("\n", "�").replace("[", r"\[")
