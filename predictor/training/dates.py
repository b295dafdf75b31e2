"""Which past dates a model learns from, given how far the orders reach back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

_CUTOFFS = 8
_HISTORY = 30  # days of orders before the first date that is learned from
_SHORTEST_LABEL = 14
_YEAR = 365
_WINDOWS = 5
_SEASON_HISTORY = 60  # days of orders before the first window: the expectation has to know the customers of its time
_SEASON_SPAN = 90  # days from the first window to the last, below which they are nearly the same


@dataclass(frozen=True)
class Schedule:
    """For a model of `as_of`: cut-offs, newest first, each with the `days` after it, all of it known by `as_of`.

    `year_ago`: days that show the season, each with the horizon after it; see `a_year_ago`.
    """

    as_of: date
    days: int
    cutoffs: tuple[date, ...]
    year_ago: tuple[date, ...]


def schedule(first_order: date, as_of: date, horizon: int) -> Schedule:
    """Several cut-offs, so that no season is taken for the rule; none where the orders are too few days for any.

    A label as long as the horizon would leave short files without cut-offs. A fifth of the history is enough, because
    what is learned is the *ratio* to the expectation, and that carries to the whole horizon.
    """
    span = (as_of - first_order).days
    days = min(horizon, span // 5)
    if days < _SHORTEST_LABEL:
        return Schedule(as_of, days, (), ())
    step = max(1, round(days / 4))
    dates = (as_of - timedelta(days + step * i) for i in range(_CUTOFFS))
    cutoffs = tuple(each for each in dates if (each - first_order).days >= _HISTORY)
    return Schedule(as_of, days, cutoffs, a_year_ago(first_order, as_of, horizon))


def a_year_ago(first_order: date, as_of: date, horizon: int) -> tuple[date, ...]:
    """Days within the year before `as_of`, the first a year ago, with `horizon` days after each, all known by `as_of`.

    They show the season. None where the orders do not reach back so far, or the horizon is most of a year.
    """
    first, span = as_of - timedelta(_YEAR), _YEAR - horizon
    if span < _SEASON_SPAN or (first - first_order).days < _SEASON_HISTORY:
        return ()
    return tuple(first + timedelta(span * i // (_WINDOWS - 1)) for i in range(_WINDOWS))


def longest_horizon(first_order: date, last_day: date) -> int:
    """The most days that a model can be tested on: half as many have to be left before them to learn from, at least 30.

    0 where the orders are too few days for any horizon.
    """
    span = (last_day - first_order).days
    longest = min(span * 2 // 3, span - _HISTORY)
    return longest if longest >= _SHORTEST_LABEL else 0
