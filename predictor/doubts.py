"""What is odd about a model's numbers, for customers that are made up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy

from predictor.settings import FEATURES

CUSTOMERS = 256
HIGH = 20  # times what the customers have spent in all the time before


@dataclass(frozen=True)
class Doubt:
    """What may be wrong though everything works: a code, words for people, and the figures in them."""

    code: str
    text: str
    figures: Mapping[str, float | str]

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


def made_up_customers(features: Sequence[str]) -> numpy.ndarray | None:
    """Plausible rows of these features, (256, features), the same each time; None where some are not of the six."""
    if not set(features) <= set(FEATURES):
        return None
    random = numpy.random.default_rng(1)
    orders = random.geometric(0.35, CUSTOMERS).astype(float)
    mean_revenue = random.gamma(2.0, 25.0, CUSTOMERS)
    interval = random.gamma(2.0, 30.0, CUSTOMERS)
    columns = {
        "max_num_items": numpy.ceil(random.gamma(1.5, 2.0, CUSTOMERS)),
        "max_revenue": mean_revenue * (1.0 + 0.3 * numpy.log(orders)),
        "total_revenue": mean_revenue * orders,
        "total_orders": orders,
        "days_since_last_order": numpy.floor(random.gamma(1.2, 90.0, CUSTOMERS)),
        "longest_interval": numpy.floor(interval),
    }
    return numpy.ascontiguousarray(numpy.column_stack([columns[name].round(2) for name in features]))


def doubts_about(values: numpy.ndarray, customers: numpy.ndarray, features: Sequence[str]) -> list[Doubt]:
    """What is odd about the values that a model predicts for made-up customers, beside what these have spent."""
    mean = float(values.mean())
    if set(values.tolist()) <= {0.0, 1.0}:
        return [
            Doubt(
                "model_answers_classes",
                f"It answers only 0 and 1 for {len(values)} made-up customers, as a classifier does; "
                "what is expected is a value in the currency of revenue.",
                {"mean": mean},
            )
        ]
    if (values < 0).all():
        text = f"It predicts less than 0 for each of {len(values)} made-up customers, {mean:,.2f} in the mean."
        return [Doubt("model_answers_negative", text, {"mean": mean})]
    if "total_revenue" in features:
        spent = float(customers[:, list(features).index("total_revenue")].mean())
        if mean > HIGH * spent:
            text = (
                f"It predicts {mean:,.2f} in the mean for made-up customers who have spent {spent:,.2f} in the mean "
                f"before, {mean / spent:,.0f} times as much."
            )
            return [Doubt("model_answers_high", text, {"mean": mean, "spent": spent})]
    return []
