"""What makes the values of a build doubtful though nothing about it failed: each in one plain sentence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

import duckdb

import predictor
from pipeline import orders_sample
from pipeline.errors import ClvError
from pipeline.events import Warned
from pipeline.settings import Settings
from predictor.doubts import HIGH

_SAME_CUSTOMERS = 0.1  # the share that two counts of them may differ by: one is estimated, and lines get mended


def about_box(box: predictor.Box, settings: Settings) -> Iterator[Warned]:
    """Raises ClvError where a wall is missing and the settings do not allow that."""
    if not box.missing:
        return
    missing = ", ".join(box.missing)
    if settings.require_box:
        raise ClvError(
            f"Stopped, because REQUIRE_BOX=1: this system does not offer the model's box {missing}. "
            "See docs/models-and-the-box.md for what that takes."
        )
    text = f"the model's box lacks {missing}, which this system does not offer: {box}. REQUIRE_BOX=1 would stop here"
    yield Warned("box_walls_missing", text, {"missing": missing})


def about_training(
    training: Mapping[str, Any], trained_here: bool, build: duckdb.DuckDBPyConnection
) -> Iterator[Warned]:
    """What is doubtful about a model for these orders, by what its manifest says of its training.

    `trained_here`: whether the very files of this build were its orders.
    """
    trained_as_of = date.fromisoformat(training["trained_as_of"])
    ((as_of,),) = build.execute("select any_value(as_of_date) from predictions").fetchall()
    if not trained_here and not _are_the_same_orders(training, build):
        yield Warned(
            "model_of_other_orders",
            f"the model was trained on other orders than these: on {training['orders']:,} orders of "
            f"{training['customers']:,} customers, {training['trained_from']} to {trained_as_of}. Its values say "
            "little about these customers until you train one of your own with make train",
            {name: training[name] for name in ("orders", "customers", "trained_from", "trained_as_of")},
        )
    elif trained_as_of > as_of:
        yield Warned(
            "model_knows_later_orders",
            f"the model was trained on these orders up to {trained_as_of}, so it knows what came after {as_of}: its "
            f"values look better than they are. To judge it by what came, train with AS_OF={as_of}",
            {"trained_as_of": str(trained_as_of), "as_of": str(as_of)},
        )


def about_values(horizon_days: int | None, build: duckdb.DuckDBPyConnection) -> Iterator[Warned]:
    """What is odd about the predicted values beside what the same customers have brought before.

    A model that does not say how many days its values cover is held to all that they have brought.
    """
    # Apart, because the audit has found the same customers in both: to bring them together takes longer than all this.
    customers, only_0_and_1, negative, mean = build.execute(
        "select count(*), bool_and(predicted_clv in (0, 1)), bool_and(predicted_clv < 0), avg(predicted_clv) "
        "from predictions"
    ).fetchall()[0]
    spent, usual = build.execute(
        """
        select
            avg(total_revenue),
            avg(total_revenue * coalesce(least(1, $horizon_days / greatest(customer_age, 1)), 1))
        from customer_features
        """,
        {"horizon_days": horizon_days},
    ).fetchall()[0]
    figures = {"customers": customers, "mean_predicted": round(mean, 2), "mean_past_revenue": round(float(spent), 2)}
    who = f"for {customers:,} customers, who have brought {spent:,.2f} each in the mean before"
    if only_0_and_1:
        text = f"the model answers only 0 and 1, as a classifier does, {who}; a value in money is expected"
        yield Warned("model_answers_classes", text, figures)
    elif negative:
        text = f"the model predicts less than 0, {mean:,.2f} in the mean, {who}"
        yield Warned("model_answers_negative", text, figures)
    elif mean > HIGH * usual > 0:
        within = f" in as long a time ({horizon_days:,} days)" if horizon_days else ""
        text = f"the model predicts {mean:,.2f} in the mean {who}: {mean / usual:,.0f} times as much{within}"
        yield Warned("model_answers_high", text, figures | {"times": round(mean / usual, 1)})


def _are_the_same_orders(training: Mapping[str, Any], build: duckdb.DuckDBPyConnection) -> bool:
    """Whether these are orders of the same shop as a training's: gone on since, mended, or without the oldest ones.

    A model that has no sample of its orders is held to the first day and the number of customers.
    """
    if sample := training.get("orders_sample"):
        first, last = (date.fromisoformat(training[name]) for name in ("trained_from", "trained_as_of"))
        return orders_sample.is_of(sample, first, last, build)
    first, customers = build.execute(
        "select min(created_at_date), approx_count_distinct(customer_id) from stg_orders where created_at_date <= ?",
        [training["trained_as_of"]],
    ).fetchall()[0]
    differ = abs(customers - training["customers"])
    return str(first) == training["trained_from"] and differ <= _SAME_CUSTOMERS * training["customers"]
