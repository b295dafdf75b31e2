"""How good predictions were, once it is known what customers spent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import rankdata


@dataclass(frozen=True)
class Metrics:
    """Figures for n customers; None where there is nothing to divide by.

    `gini` is 1 for the right order of customers and 0 for chance; `spearman` is the rank correlation. `mae` and `rmse`
    are in the currency of the values. `calibration` is the predicted total over the actual one, `top_decile` the share
    of the actual total that went to the tenth of customers with the highest predictions.
    """

    gini: float | None
    spearman: float | None
    mae: float
    rmse: float
    calibration: float | None
    top_decile: float | None


@dataclass(frozen=True)
class ChanceMetrics:
    """How good the predicted chances to buy of n customers were.

    `mean` is the mean chance and `bought` the share of the customers who bought. `brier` is the mean squared distance
    of the chance from 1 for those who bought and from 0 for the others; `brier_of_base_rate` is the same for a forecast
    that gives everybody `bought`, which nobody knows beforehand.
    """

    mean: float
    bought: float
    brier: float
    brier_of_base_rate: float


@dataclass(frozen=True)
class IntervalMetrics:
    """How often the value was outside of its interval: both shares should be 0.1.

    `above` is the share above the upper end, of the customers whose upper end is above 0; `below` that under the lower
    end, of those whose lower end is; None where there are none. Of all others it is known that 0 is inside.
    """

    above: float | None
    below: float | None


def measure(actual: np.ndarray, predicted: np.ndarray) -> Metrics:
    """All figures of `predicted` against `actual`, each (n,) with n above 0."""
    total = actual.sum()
    best = _area(actual, actual)
    return Metrics(
        gini=_area(actual, predicted) / best if total > 0 and best > 0 else None,
        spearman=_correlation(rankdata(actual), rankdata(predicted)),
        mae=float(np.mean(np.abs(actual - predicted))),
        rmse=float(np.sqrt(np.mean((actual - predicted) ** 2))),
        calibration=float(predicted.sum() / total) if total > 0 else None,
        top_decile=float(gains(actual, predicted)[_tenth(len(actual))] / total) if total > 0 else None,
    )


def measure_chances(bought: np.ndarray, chance: np.ndarray) -> ChanceMetrics:
    """The figures of chances to buy, (n,), where `bought`, (n,), says who did."""
    share = float(bought.mean())
    return ChanceMetrics(
        mean=float(chance.mean()),
        bought=share,
        brier=float(np.mean((chance - bought) ** 2)),
        brier_of_base_rate=share * (1.0 - share),
    )


def measure_interval(actual: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> IntervalMetrics:
    """How often `actual` was outside of the interval from `lower` to `upper`, each (n,)."""
    can_be_above, can_be_below = upper > 0, lower > 0
    return IntervalMetrics(
        above=float(np.mean((actual > upper)[can_be_above])) if can_be_above.any() else None,
        below=float(np.mean((actual < lower)[can_be_below])) if can_be_below.any() else None,
    )


def gains(actual: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """What the best 0, 1, … n customers by prediction spent together, (n + 1,); those predicted alike share alike."""
    order = np.argsort(-predicted, kind="stable")
    ordered, ranked = actual[order], predicted[order]
    starts = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]])
    sizes = np.diff(np.r_[starts, len(ranked)])
    return np.r_[0.0, np.cumsum(np.repeat(np.add.reduceat(ordered, starts) / sizes, sizes))]


def deciles(actual: np.ndarray, predicted: np.ndarray) -> list[dict[str, Any]]:
    """For each tenth of customers, highest predictions first: how many, and the means of predicted and actual value."""
    parts = np.array_split(np.argsort(-predicted, kind="stable"), min(10, len(actual)))
    return [
        {
            "decile": number,
            "customers": len(part),
            "predicted": float(predicted[part].mean()),
            "actual": float(actual[part].mean()),
        }
        for number, part in enumerate(parts, start=1)
    ]


def _area(actual: np.ndarray, predicted: np.ndarray) -> float:
    """Between the curve of cumulative gains and the diagonal, as a share of the total."""
    total = actual.sum()
    return float(gains(actual, predicted)[1:].mean() / total - 0.5 - 0.5 / len(actual)) if total > 0 else 0.0


def _correlation(a: np.ndarray, b: np.ndarray) -> float | None:
    a, b = a - a.mean(), b - b.mean()
    spread = np.sqrt((a @ a) * (b @ b))
    return float(a @ b / spread) if spread > 0 else None


def _tenth(customers: int) -> int:
    return max(1, round(customers / 10))
