"""The dates of a training: all that each needs is known by then; and the longest horizon that works is named."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import ClvError
from pipeline.settings import Settings
from pipeline.training.plan import make_plan
from predictor.training import dates

FIRST = date(2020, 1, 1)


@given(reach=st.integers(0, 150) | st.integers(0, 1500), horizon=st.integers(14, 60) | st.integers(14, 800))
def test_the_test_ends_with_the_last_day_and_each_date_is_known_whole_by_the_date_of_what_learns_from_it(
    reach, horizon
):
    last, longest = FIRST + timedelta(reach), dates.longest_horizon(FIRST, FIRST + timedelta(reach))
    settings = Settings(orders=Path("orders.csv"), horizon=horizon)
    if horizon > longest:
        with pytest.raises(ClvError) as refused:
            make_plan(FIRST, last, settings)
        assert f"from {FIRST} to {last}, {reach + 1:,} days: too few to learn from" in str(refused.value)
        assert (f"The longest horizon that works is {longest} days: " in str(refused.value)) == bool(longest)
        assert (f"HORIZON={longest}" in str(refused.value)) == bool(longest)
        return
    plan = make_plan(FIRST, last, settings)
    assert (plan.last_day, plan.horizon) == (last, horizon)
    assert plan.final.as_of == plan.test.as_of + timedelta(horizon) == last
    newest = plan.test.cutoffs[:1]  # where the same test is made of an earlier time
    assert newest or not plan.earlier_year_ago

    needed = {(plan.test.as_of, horizon)}
    for schedule in (plan.test, plan.final):
        needed |= {(each, schedule.days) for each in schedule.cutoffs} | {(each, horizon) for each in schedule.year_ago}
        assert all(each + timedelta(schedule.days) <= schedule.as_of for each in schedule.cutoffs)
        assert all(each + timedelta(horizon) <= schedule.as_of for each in schedule.year_ago)
    needed |= {(each, plan.test.days) for each in plan.earlier_year_ago}
    assert all(each + timedelta(plan.test.days) <= newest[0] for each in plan.earlier_year_ago)
    assert plan.labelled == sorted(needed)
    assert all(each >= FIRST and each + timedelta(days) <= last for each, days in plan.labelled)
