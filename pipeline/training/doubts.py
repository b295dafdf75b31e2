"""What makes a model doubtful though nothing about it is wrong: each in one plain sentence, with what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import numpy as np

from pipeline.errors import ClvError
from pipeline.events import Warned
from pipeline.settings import Settings, command_line, short
from pipeline.training.snapshots import Snapshots, some_of
from predictor.training import backtest
from predictor.training.snapshot import Snapshot

_FAR_APART = 10 * 365  # days without any order, which no shop has
_FEW_COME_BACK = 0.05  # of the customers; 1 in 2 or 3 is usual
_REGULAR = 0.3  # spread over mean of a customer's intervals; of purchases at random times it is near 1
_INTERVALS = 3  # that a customer needs to be looked at
_FEWEST, _MOST = 30, 100_000  # customers: of fewer, regularity is chance; more say the same
_FAR_OFF = 2.0  # times, predicted over actual or the other way round


def stop_where_orders_lie_ahead(snapshots: Snapshots, settings: Settings, today: date) -> None:
    """Raises ClvError where the last order is after tomorrow and AS_OF does not say that it should count."""
    last = snapshots.last_day
    if settings.as_of is None and last > today + timedelta(1):
        raise ClvError(
            f"{short(settings.orders)} has orders of {last}, which is yet to come: that day would be the model's. "
            f"Mend those lines, or name the last day that counts: {command_line('train', settings, AS_OF=today)}"
        )


def about_orders(snapshots: Snapshots, now: Snapshot) -> Iterator[Warned]:
    """What is unusual in the orders, all of them up to the last day."""
    yield from _days_far_apart(snapshots)
    yield from _few_come_back(now)
    yield from _regular_purchases(snapshots)


def about_test(test: Mapping[str, Any]) -> Iterator[Warned]:
    """What is unusual in the summary of a `Backtest`."""
    ratio = test["metrics"][backtest.OURS]["calibration"]
    days = f"In its own test, the {test['days']} days after {test['as_of']}, "
    advice = "Trust neither its amounts nor its sum; see the report, and train on a longer or more typical time."
    if ratio is None:
        yield Warned("test_without_revenue", f"{days}no customer brought anything. {advice}", {})
    elif not 1 / _FAR_OFF <= ratio <= _FAR_OFF:
        figures = {"predicted_over_actual": round(ratio, 4)}
        yield Warned("far_off_in_its_test", f"{days}the model predicted {ratio:.3g} times what came. {advice}", figures)


def _days_far_apart(snapshots: Snapshots) -> Iterator[Warned]:
    lines_by_day = snapshots.ask(
        f"select created_at_date, count(*) from stg_orders where created_at_date <= date '{snapshots.last_day}' "
        "group by created_at_date order by created_at_date"
    )
    lines = 0
    for (day, count), (next_day, _) in pairwise(lines_by_day):
        lines += count
        if (next_day - day).days >= _FAR_APART:
            years = (next_day - day).days // 365
            yield Warned(
                "orders_decades_apart",
                f"Order lines of {day} or before: {lines:,}, which is {years} years before all others. Where that day "
                "stands for an unknown one, take those lines out of the file.",
                {"lines": lines, "until": str(day), "years": years},
            )


def _few_come_back(now: Snapshot) -> Iterator[Warned]:
    came_back, customers = int(np.count_nonzero(now.features["frequency"] > 0)), len(now.customers)
    if came_back < _FEW_COME_BACK * customers:
        yield Warned(
            "few_come_back",
            f"{came_back:,} of {customers:,} customers have bought on more than one day, so there is little to learn "
            "from about who comes back. Take the values for a ranking at best; more history or a longer HORIZON helps.",
            {"came_back": came_back, "customers": customers},
        )


def _regular_purchases(snapshots: Snapshots) -> Iterator[Warned]:
    snapshots.rows(
        "select customer_id, order_date from int_customer_orders "
        f"where {some_of(snapshots.customers, _MOST)} group by customer_id, order_date having sum(revenue) > 0"
    ).create("purchase_days")
    customers, spread = snapshots.build.execute(
        f"""
        with intervals as (
            select customer_id, order_date - lag(order_date) over (partition by customer_id order by order_date) as days
            from purchase_days
        ),
        customers as (
            select stddev_samp(days) / avg(days) as spread from intervals
            group by customer_id having count(days) >= {_INTERVALS}
        )
        select count(*), median(spread) from customers
        """
    ).fetchall()[0]
    snapshots.build.execute("drop table purchase_days")  # so that it can be asked again
    if customers >= _FEWEST and spread < _REGULAR:
        yield Warned(
            "purchases_at_regular_intervals",
            f"Customers who come back do so at regular intervals (half of them vary by less than {spread:.0%}), as "
            "with subscriptions. The model takes purchases to come at random times and notices late that somebody "
            "has left: for subscriptions, predict who cancels, and multiply by the price.",
            {"customers": customers, "median_spread": round(spread, 4)},
        )
