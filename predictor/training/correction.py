"""What the expectation does not know, learned from what customers went on to spend: a factor on it for each customer.

Two models predict the ratio of actual to expected value, each by itself: a log-linear one, which ranks customers of
another period best, and a hundred small trees, which miss big spenders by less. The correction is the mean of the two
and of no correction at all, which weighs half: three opinions that err in different ways, so their mean errs less than
any of them.
Applying it takes numpy only, so that a model file holds plain arrays and no object of scikit-learn's, whose pickles are
tied to its version.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from predictor.training.gamma_gamma import GammaGamma
from predictor.training.mbg_nbd import MbgNbd

_NONE = 0.5  # the weight of no correction beside 1 for each model
LINEAR_TERMS = 7  # these are for the log-linear model, the ones after them for the trees
OF_LATE = {days: f"purchase_days_{days}" for days in (30, 90, 365)}  # the features of the last so many days
_LIMIT = 6.0  # of the logarithm of a factor


def terms(features: dict[str, np.ndarray], purchases: MbgNbd, spend: GammaGamma, next_spend: np.ndarray) -> np.ndarray:
    """What the correction looks at, (m, n); nothing in it depends on the currency.

    What the trees are given does not grow with a customer's age either: they know nothing beyond the ages that they
    have seen. `next_spend` is the expected spend at the next purchase, (n,).
    """
    x, recency, T = features["frequency"], features["recency"], features["customer_age"]
    pieces = np.log1p(np.maximum(features["total_num_items"], 0.0))
    pieces_per_day = np.log((np.maximum(features["total_num_items"], 0.0) + 0.5) / (x + 1.0))
    typical_spend = max(spend.expected_spend(np.ones(1), np.array([spend.v]))[0], 1e-12)
    mean_spend = np.maximum(features["monetary_value"], 1e-3 * typical_spend)
    with np.errstate(divide="ignore"):
        alive = np.maximum(np.log(purchases.probability_alive(x, recency, T)), -_LIMIT)
    # Purchase days of late beside those that an even pace would have brought: who speeds up and who slows down.
    paces = [
        np.log(features[name] + 0.5) - np.log((x + 1.0) * np.minimum(days / (T + 1.0), 1.0) + 0.5)
        for days, name in OF_LATE.items()
    ]
    gap = np.log((features["longest_interval"] + 3.0) * np.maximum(x, 1.0) / (recency + 3.0))
    return np.stack(
        [
            alive,
            np.log(purchases.purchase_rate(x, T) * purchases.alpha / purchases.r),
            np.log(np.maximum(next_spend, 1e-12) / typical_spend),
            np.where(x > 0, 0.0, 1.0),
            pieces,
            pieces_per_day,
            np.log1p(np.maximum(T - recency, 0.0)),
            # Those for the trees.
            alive,
            np.minimum(x, 20.0),
            x / (T + 1.0),
            recency / (T + 1.0),
            features["longest_interval"] / (T + 1.0),
            np.where(x > 0, np.clip(gap, -3.0, 3.0), 0.0),
            mean_spend / typical_spend,
            features["max_revenue"] / mean_spend,
            pieces,
            pieces_per_day,
            *paces,
        ]
    )


@dataclass(frozen=True)
class LogLinear:
    """exp(intercept + weights · standardised terms); a term above `highest` counts as that: nobody is extrapolated."""

    intercept: float
    weights: np.ndarray
    means: np.ndarray
    scales: np.ndarray
    highest: np.ndarray

    def factor(self, values: np.ndarray) -> np.ndarray:
        """The factor of each customer, (n,), from its `terms`, (m, n)."""
        total = np.full(values.shape[1], self.intercept)
        # Term by term and not as a product of matrices, whose last digits depend on the number of rows.
        columns = zip(values, self.weights, self.means, self.scales, self.highest, strict=True)
        for value, weight, mean, scale, most in columns:
            total += (np.minimum(value, most) - mean) / scale * weight
        return np.exp(np.clip(total, -_LIMIT, _LIMIT))


@dataclass(frozen=True)
class Tree:
    """A small binary tree in arrays: at a node, `term` <= `threshold` goes `left`, a leaf has left = -1."""

    term: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    right: np.ndarray
    value: np.ndarray

    def nodes(self) -> list[str]:
        """Node by node: which term is compared with what and where it leads, or the value of a leaf."""
        columns = (each.tolist() for each in (self.term, self.threshold, self.left, self.right, self.value))
        return [
            str(value) if left < 0 else f"term {term} <= {threshold}: node {left}, else node {right}"
            for term, threshold, left, right, value in zip(*columns, strict=True)
        ]

    def __call__(self, values: np.ndarray, node: int = 0) -> np.ndarray | float:
        """The value of each customer's leaf. Whole columns at a time: with few leaves that beats following each row."""
        if self.left[node] < 0:
            return self.value[node]
        goes_left = values[self.term[node]] <= self.threshold[node]
        return np.where(goes_left, self(values, self.left[node]), self(values, self.right[node]))


@dataclass(frozen=True)
class Trees:
    """exp(start + the sum of the trees)."""

    start: float
    trees: tuple[Tree, ...]

    def factor(self, values: np.ndarray) -> np.ndarray:
        """The factor of each customer, (n,), from its `terms`, (m, n)."""
        total = np.full(values.shape[1], self.start)
        for tree in self.trees:
            total += tree(values)
        return np.exp(np.clip(total, -_LIMIT, _LIMIT))


@dataclass(frozen=True)
class Correction:
    """`level` times the mean of both models and, at half their weight, `uncorrected`: the ratio of all together."""

    level: float = 1.0
    uncorrected: float = 1.0
    linear: LogLinear | None = None
    trees: Trees | None = None

    def parameters(self) -> dict[str, Any]:
        """All numbers of it, as JSON can hold them; of the models, where there are any."""
        found: dict[str, Any] = {"level": self.level, "uncorrected": self.uncorrected}
        if self.linear is not None and self.trees is not None:
            arrays = asdict(self.linear)
            found["linear"] = {name: np.asarray(array).tolist() for name, array in arrays.items()}
            found["trees"] = {"start": self.trees.start, "trees": [tree.nodes() for tree in self.trees.trees]}
        return found

    def factor(self, values: np.ndarray) -> np.ndarray:
        """Actual over expected value, as it is predicted for each customer, (n,), from their `terms`, (m, n)."""
        if self.linear is None or self.trees is None:
            return np.full(values.shape[1], self.level)
        learned = self.linear.factor(values[:LINEAR_TERMS]) + self.trees.factor(values[LINEAR_TERMS:])
        return self.level * (_NONE * self.uncorrected + learned) / (_NONE + 2.0)
