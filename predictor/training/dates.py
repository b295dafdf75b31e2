"""Which past dates a model learns from, given how far the orders reach back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

_CUTOFFS = 8
_HISTORY = 30  # days of orders before the first date that is learned from
_SHORTEST_LABEL = 14


@dataclass(frozen=True)
class Schedule:
    """For a model of `as_of`: cut-offs, newest first, each with the `days` after it, all of it known by `as_of`."""

    as_of: date
    days: int
    cutoffs: tuple[date, ...]


def schedule(first_order: date, as_of: date, horizon: int) -> Schedule:
    """Several cut-offs, so that no season is taken for the rule; none where the orders are too few days for any.

    A label as long as the horizon would leave short files without cut-offs. A fifth of the history is enough, because
    what is learned is the *ratio* to the expectation, and that carries to the whole horizon.
    """
    span = (as_of - first_order).days
    days = min(horizon, span // 5)
    if days < _SHORTEST_LABEL:
        return Schedule(as_of, days, ())
    step = max(1, round(days / 4))
    dates = (as_of - timedelta(days + step * i) for i in range(_CUTOFFS))
    return Schedule(as_of, days, tuple(each for each in dates if (each - first_order).days >= _HISTORY))


def longest_horizon(first_order: date, last_day: date) -> int:
    """The most days that a model can be tested on: half as many have to be left before them to learn from, at least 30.

    0 where the orders are too few days for any horizon.
    """
    span = (last_day - first_order).days
    longest = min(span * 2 // 3, span - _HISTORY)
    return longest if longest >= _SHORTEST_LABEL else 0
