"""What the time of the year changes for all customers alike, as far as one year before shows it.

Actual over expected value of the days that begin a year ago, beside the same ratio at other times of that year, is
the season and chance in unknown shares; so half of its logarithm is believed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

EPOCH = date(1970, 1, 1)  # the day 0 of the feature `as_of_day`
_YEAR = timedelta(365)
_BELIEVED = 0.5
_BUYERS = 100  # in each window, below which its ratio is chance
_LIMIT = 1.5  # of the logarithm of a factor


@dataclass(frozen=True)
class Window:
    """`actual` and `expected` value of the horizon that began on `start`: totals of the customers known then."""

    start: date
    actual: float
    expected: float
    buyers: int


@dataclass(frozen=True)
class Season:
    """A factor on all values by the day that they begin on: `factors` at `days`, ascending, in days since EPOCH.

    On a line between two of them; before the first day its factor, after the last one the last. None says nothing.
    """

    days: tuple[int, ...] = ()
    factors: tuple[float, ...] = ()

    def factor(self, as_of_day: np.ndarray) -> np.ndarray:
        """The factor of each customer, (n,), from the day that its features are of."""
        return np.interp(as_of_day, self.days, self.factors) if self.days else np.ones(len(as_of_day))

    def in_words(self, as_of: date) -> str:
        """What it does to the values of a day, and until when it does anything."""
        (factor,) = self.factor(np.array([float((as_of - EPOCH).days)]))
        end = EPOCH + timedelta(self.days[-1])
        return f"By the season of a year ago, all values as of {as_of} are times {factor:.2f}; from {end} on times 1."

    def parameters(self) -> dict[str, float]:
        """The factors by day, as JSON can hold them."""
        days = ((EPOCH + timedelta(each)).isoformat() for each in self.days)
        return dict(zip(days, self.factors, strict=True))


def season_of(windows: Sequence[Window]) -> Season:
    """What follows for the year to come from `windows`, which began at evenly spaced days of the year before.

    A day a year after the last of them knows no season: from there on the factor goes back to 1 within one space.
    """
    if len(windows) < 2 or any(min(each.actual, each.expected) <= 0 or each.buyers < _BUYERS for each in windows):
        return Season()
    ratios = np.log([each.actual / each.expected for each in windows])
    factors = np.exp(_BELIEVED * np.clip(ratios - ratios.mean(), -_LIMIT, _LIMIT))
    days = [(each.start + _YEAR - EPOCH).days for each in windows]
    return Season((*days, 2 * days[-1] - days[-2]), (*factors.tolist(), 1.0))
