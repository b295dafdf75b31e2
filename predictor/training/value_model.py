"""The model that `make train` writes: MBG/NBD times Gamma-Gamma, corrected by what customers went on to spend."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from predictor.training.correction import Correction, terms
from predictor.training.gamma_gamma import GammaGamma
from predictor.training.mbg_nbd import MbgNbd

FEATURES = (
    "frequency",
    "recency",
    "customer_age",
    "monetary_value",
    "total_num_items",
    "longest_interval",
    "max_revenue",
    "max_num_items",
)
_DISCOUNT_STEPS = 4


@dataclass(frozen=True)
class ValueModel:
    """Predicts a customer's value over the next `horizon` days, discounted to today at `discount_rate` a year.

    See `mbg_nbd` and `gamma_gamma` for the papers; time is in days.
    """

    purchases: MbgNbd
    spend: GammaGamma
    horizon: int
    discount_rate: float = 0.0
    correction: Correction = field(default_factory=Correction)

    def predict(self, x: np.ndarray) -> np.ndarray:
        """The value of each customer, (n,), finite and not negative, in the currency of `monetary_value`.

        `x` is (n, 8), the columns of FEATURES in their order. Each row is predicted by itself: its neighbours and the
        size of the batch change no digit.
        """
        columns = np.ascontiguousarray(np.asarray(x, dtype=float).T)
        return self.value(dict(zip(FEATURES, columns, strict=False)))

    def value(self, features: dict[str, np.ndarray]) -> np.ndarray:
        """The same from columns by name, each (n,)."""
        expected, values = self.expectation(features)
        return np.nan_to_num(expected * self.correction.factor(values), nan=0.0, posinf=np.finfo(float).max / 1e6)

    def expectation(self, features: dict[str, np.ndarray], days: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Expected discounted value in the next `days` (default: the horizon), (n,), and the correction's terms."""
        features = valid(features)
        next_spend = self.spend.expected_spend(features["frequency"] + 1.0, features["monetary_value"])
        expected = self._discounted_purchases(features, days or self.horizon) * next_spend
        return expected, terms(features, self.purchases, self.spend, next_spend)

    def _discounted_purchases(self, features: dict[str, np.ndarray], days: int) -> np.ndarray:
        history = [features[name] for name in ("frequency", "recency", "customer_age")]
        if not self.discount_rate:
            return self.purchases.expected_purchases(days, *history)
        total, before = 0.0, 0.0
        for step in range(1, _DISCOUNT_STEPS + 1):
            until = self.purchases.expected_purchases(days * step / _DISCOUNT_STEPS, *history)
            middle = days * (step - 0.5) / _DISCOUNT_STEPS
            total = total + (until - before) * (1.0 + self.discount_rate) ** (-middle / 365.0)
            before = until
        return total


def valid(features: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The features within what the formulas are defined for: no negative time, the last purchase not after today."""
    within = {name: np.clip(np.nan_to_num(features[name]), -1e15, 1e15) for name in FEATURES}
    for name in ("frequency", "recency", "customer_age", "longest_interval"):
        within[name] = np.clip(within[name], 0.0, 1e6)
    within["recency"] = np.minimum(within["recency"], within["customer_age"])
    return within
