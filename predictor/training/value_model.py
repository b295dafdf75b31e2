"""The model that `make train` writes: MBG/NBD times Gamma-Gamma, corrected by what customers went on to spend.

Times the season, as far as a year before shows it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from predictor.training.correction import OF_LATE, Correction, terms
from predictor.training.gamma_gamma import GammaGamma
from predictor.training.interval import spend_quantiles
from predictor.training.mbg_nbd import MbgNbd
from predictor.training.season import Season

FEATURES = (
    "frequency",
    "recency",
    "customer_age",
    "monetary_value",
    "total_num_items",
    "longest_interval",
    "max_revenue",
    "max_num_items",
    "as_of_day",
    *OF_LATE.values(),
)
VALUE = "predicted_clv"
OUTPUTS = (VALUE, "purchase_probability", "expected_purchases", "clv_lower", "clv_upper")
_INTERVAL = (0.1, 0.9)
_DISCOUNT_STEPS = 4
_HIGHEST = np.finfo(float).max / 1e6


@dataclass(frozen=True)
class ValueModel:
    """Predicts a customer's value over the next `horizon` days, discounted to today at `discount_rate` a year.

    See `mbg_nbd` and `gamma_gamma` for the papers; time is in days.
    """

    purchases: MbgNbd
    spend: GammaGamma
    interval_spend: GammaGamma
    horizon: int
    discount_rate: float = 0.0
    correction: Correction = field(default_factory=Correction)
    season: Season = field(default_factory=Season)

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of what `predict_columns` answers."""
        return OUTPUTS

    def parameters(self) -> dict[str, Any]:
        """All numbers that the model is made of, as JSON can hold them, for people to read and compare."""
        return {
            "purchases": asdict(self.purchases),
            "spend": asdict(self.spend),
            "interval_spend": asdict(self.interval_spend),
            "correction": self.correction.parameters(),
            "season": self.season.parameters(),
        }

    def predict(self, x: np.ndarray) -> np.ndarray:
        """The value of each customer, (n,), finite and not negative, in the currency of `monetary_value`.

        `x` is (n, 12), the columns of FEATURES in their order. Each row is predicted by itself: its neighbours and the
        size of the batch change no digit.
        """
        return self.value(_by_name(x))

    def predict_columns(self, x: np.ndarray) -> np.ndarray:
        """All that the model answers, (n, 5), the columns of OUTPUTS; rows as in `predict`, whose value comes first."""
        return np.column_stack(list(self.answers(_by_name(x)).values()))

    def answers(self, features: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """All that the model answers from columns by name, each (n,).

        `purchase_probability` is the chance of at least one purchase day within the horizon, `expected_purchases` the
        expected number of them. With a chance of 80 % the value lies between `clv_lower` and `clv_upper`: of 1 in 10
        it is higher. Each is 0 where the chance not to buy at all reaches so far.
        """
        features = valid(features)
        history = tuple(features[name] for name in ("frequency", "recency", "customer_age"))
        next_spend = self._next_spend(features)
        expected_purchases, discounted = self.purchases_ahead(features, self.horizon)
        expected, undiscounted = discounted * next_spend, expected_purchases * next_spend
        factor = self._factor(features, terms(features, self.purchases, self.spend, next_spend))
        per_spend = factor * np.divide(expected, undiscounted, out=np.ones_like(expected), where=undiscounted > 0)
        lower, upper = per_spend * spend_quantiles(
            _INTERVAL, self.horizon, self.purchases, self.interval_spend, history, features["monetary_value"]
        )
        chance = self.purchases.purchase_probability(self.horizon, *history)
        columns = (expected * factor, chance, np.minimum(expected_purchases, self.horizon), lower, upper)
        return {name: _finite(column) for name, column in zip(OUTPUTS, columns, strict=True)}

    def value(self, features: dict[str, np.ndarray]) -> np.ndarray:
        """The value from columns by name, each (n,)."""
        expected, values = self.expectation(features)
        return _finite(expected * self._factor(features, values))

    def expectation(self, features: dict[str, np.ndarray], days: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Expected discounted value in the next `days` (default: the horizon), (n,), and the correction's terms."""
        features = valid(features)
        next_spend = self._next_spend(features)
        _, discounted = self.purchases_ahead(features, days or self.horizon)
        return discounted * next_spend, terms(features, self.purchases, self.spend, next_spend)

    def _factor(self, features: dict[str, np.ndarray], values: np.ndarray) -> np.ndarray:
        """What the expectation is multiplied by, (n,), from the correction's terms."""
        return self.correction.factor(values) * self.season.factor(features["as_of_day"])

    def _next_spend(self, features: dict[str, np.ndarray]) -> np.ndarray:
        return self.spend.expected_spend(features["frequency"] + 1.0, features["monetary_value"])

    def purchases_ahead(self, features: dict[str, np.ndarray], days: int) -> tuple[np.ndarray, np.ndarray]:
        """Expected purchases in the next `days`, and the same discounted to today, each (n,)."""
        history = [features[name] for name in ("frequency", "recency", "customer_age")]
        if not self.discount_rate:
            expected = self.purchases.expected_purchases(days, *history)
            return expected, expected
        steps = range(1, _DISCOUNT_STEPS + 1)
        until = self.purchases.expected_by([days * step / _DISCOUNT_STEPS for step in steps], *history)
        total = before = np.zeros(len(history[0]))
        for step, expected in zip(steps, until, strict=True):
            middle = days * (step - 0.5) / _DISCOUNT_STEPS
            total = total + (expected - before) * (1.0 + self.discount_rate) ** (-middle / 365.0)
            before = expected
        return expected, total


def _by_name(x: np.ndarray) -> dict[str, np.ndarray]:
    columns = np.ascontiguousarray(np.asarray(x, dtype=float).T)
    return dict(zip(FEATURES, columns, strict=True))


def _finite(column: np.ndarray) -> np.ndarray:
    return np.nan_to_num(column, nan=0.0, posinf=_HIGHEST)


def valid(features: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The features within what the formulas are defined for: no negative time, the last purchase not after today."""
    within = {name: np.clip(np.nan_to_num(features[name]), -1e15, 1e15) for name in FEATURES}
    for name in ("frequency", "recency", "customer_age", "longest_interval"):
        within[name] = np.clip(within[name], 0.0, 1e6)
    for name in OF_LATE.values():
        within[name] = np.clip(within[name], 0.0, within["frequency"] + 1.0)
    within["recency"] = np.minimum(within["recency"], within["customer_age"])
    # Each purchase had a piece, whatever came back later: with none, who returned everything would be like nobody else.
    within["total_num_items"] = np.maximum(within["total_num_items"], within["frequency"] + 1.0)
    return within
