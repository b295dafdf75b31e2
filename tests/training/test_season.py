"""What a year before says about the season, for which days, and when it says nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from predictor.training.dates import a_year_ago
from predictor.training.fitting import fit, fit_expectation
from predictor.training.season import EPOCH, Season, Window, season_of

FIRST = date(2020, 1, 1)
BUYERS = 100


def windows(*ratios: float, buyers: int = BUYERS) -> list[Window]:
    """One window every 40 days, that brought so many times what was expected."""
    return [Window(FIRST + timedelta(40 * i), ratio * 700.0, 700.0, buyers) for i, ratio in enumerate(ratios)]


def on(day: date) -> np.ndarray:
    return np.array([float((day - EPOCH).days)])


def test_half_of_how_far_a_window_was_from_the_mean_of_its_year_is_expected_again_a_year_later():
    season = season_of(windows(4.0, 1.0, 0.25))
    year_later = FIRST + timedelta(365)
    for after, factor in ((0, 2.0), (40, 1.0), (60, (1.0 + 0.5) / 2), (80, 0.5), (100, 0.75), (120, 1.0), (900, 1.0)):
        assert season.factor(on(year_later + timedelta(after))) == pytest.approx([factor]), after
    assert season.parameters() == pytest.approx(
        {"2020-12-31": 2.0, "2021-02-09": 1.0, "2021-03-21": 0.5, "2021-04-30": 1.0}
    )


def test_in_words_it_is_the_factor_of_the_day_and_the_first_day_without_any():
    season = season_of(windows(4.0, 1.0, 0.25))
    for day, factor in ((date(2020, 12, 31), "2.00"), (date(2021, 3, 21), "0.50"), (date(2022, 1, 1), "1.00")):
        said = season.in_words(day)
        assert said == (
            f"By the season of a year ago, all values as of {day} are times {factor}; from 2021-04-30 on times 1."
        )


def test_a_shop_that_grows_or_shrinks_evenly_has_no_season():
    assert season_of(windows(3.0, 3.0, 3.0)).factor(on(date(2021, 1, 1))) == pytest.approx([1.0])


@pytest.mark.parametrize(
    "of_a_year", [[], windows(2.0), windows(2.0, 1.0, buyers=BUYERS - 1), windows(2.0, 0.0)],
    ids=["too short", "one window", "few buyers", "a time without revenue"],
)  # fmt: skip
def test_where_a_year_says_nothing_there_is_no_season(of_a_year):
    assert season_of(of_a_year) == Season()
    assert Season().factor(np.zeros(3)).tolist() == [1.0] * 3
    assert Season().parameters() == {}


@given(first=st.dates(FIRST, date(2022, 1, 1)), history=st.integers(0, 1500), horizon=st.integers(14, 400))
def test_the_windows_begin_a_year_ago_and_each_is_known_whole_and_at_its_beginning(first, history, horizon):
    as_of = first + timedelta(history)
    days = a_year_ago(first, as_of, horizon)
    assert bool(days) == (history >= 365 + 60 and horizon <= 365 - 90)
    if days:
        assert days[0] == as_of - timedelta(365)
        assert days[-1] + timedelta(horizon) == as_of
        assert len({*np.diff([each.toordinal() for each in days]) // 2}) <= 2  # evenly, but for whole days


def test_a_fit_takes_the_season_from_what_the_customers_of_a_year_ago_brought_beside_what_was_to_be_expected(snapshots):
    """Of two windows alike but for what came, 4 times and once the expected: the first one's season is 2 times that."""
    now, then = snapshots[380], snapshots[280]
    expected = fit_expectation(then, 60, 0.0).value(then.features)
    year_ago = [
        replace(then, as_of=now.as_of - timedelta(days), actual=expected * times)
        for days, times in ((365, 4.0), (300, 1.0))
    ]
    without, _ = fit(now, [], 60, 0.0)
    model, notes = fit(now, [], 60, 0.0, year_ago)
    before = without.answers(now.features)
    for after, factor in ((0, 2**0.5), (65, 2**-0.5), (130, 1.0)):
        as_of_day = np.full(len(now.customers), on(now.as_of + timedelta(after))[0])
        answers = model.answers({**now.features, "as_of_day": as_of_day})
        assert answers["predicted_clv"].tobytes() == model.value({**now.features, "as_of_day": as_of_day}).tobytes()
        for name in ("predicted_clv", "clv_lower", "clv_upper"):
            assert answers[name] == pytest.approx(before[name] * factor), (name, after)
        for name in ("purchase_probability", "expected_purchases"):
            assert answers[name].tobytes() == before[name].tobytes(), name
    assert any("season" in each and "1.41" in each for each in notes)
