"""Which dates are learned from, for orders of any length: all that is known by then, and nothing else."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import example, given
from hypothesis import strategies as st

from predictor.training.dates import longest_horizon, schedule

FIRST = date(2020, 1, 1)
DAYS = st.integers(0, 200) | st.integers(0, 2000)
HORIZONS = st.integers(1, 60) | st.integers(1, 800)


@given(DAYS, HORIZONS)
@example(72, 60)  # the eighth date has exactly thirty days before it
def test_a_model_learns_from_up_to_eight_dates_with_thirty_days_before_each_and_a_whole_label_behind(reach, horizon):
    as_of = FIRST + timedelta(reach)
    found = schedule(FIRST, as_of, horizon)
    assert (found.as_of, found.days) == (as_of, min(horizon, reach // 5))
    if found.days < 14:
        assert not found.cutoffs and not found.year_ago
        return
    step = max(1, round(found.days / 4))
    known = [reach - found.days - step * i for i in range(8)]
    assert [(each - FIRST).days for each in found.cutoffs] == [each for each in known if each >= 30]


@given(DAYS)
def test_the_longest_horizon_leaves_half_as_many_days_to_learn_from_and_thirty_at_least(reach):
    fit = [days for days in range(14, reach + 1) if reach - days >= max(days / 2, 30)]
    assert longest_horizon(FIRST, FIRST + timedelta(reach)) == max(fit, default=0)
