"""The figures of a test, against other ways to say the same."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata, spearmanr

from predictor.training.metrics import deciles, gains, measure

VALUES = st.integers(0, 12) | st.floats(0, 1e6)  # small whole numbers, so that many customers are alike
CUSTOMER = st.tuples(VALUES, VALUES)
# Lists are mostly short, and only where a tenth has three customers is a mean another figure than a median.
CUSTOMERS = st.lists(CUSTOMER, min_size=1, max_size=12) | st.lists(CUSTOMER, min_size=30, max_size=80)


@given(CUSTOMERS)
def test_gini_is_the_covariance_of_value_and_predicted_rank_over_that_of_value_and_its_own_rank(customers):
    actual, predicted = np.array(customers, dtype=float).T
    gini = measure(actual, predicted).gini
    best = np.cov(actual, rankdata(actual), bias=True)[0, 1]
    if best > 1e-9 * actual.sum():
        assert gini == pytest.approx(np.cov(actual, rankdata(predicted), bias=True)[0, 1] / best, abs=1e-6)


def test_customers_of_one_value_have_no_order_and_a_shop_without_revenue_no_share_of_it():
    assert measure(np.ones(5), np.arange(5.0)).gini is None
    nothing = measure(np.zeros(5), np.arange(5.0))
    assert (nothing.gini, nothing.calibration, nothing.top_decile, nothing.spearman) == (None,) * 4


def test_gini_is_1_for_the_right_order_minus_1_for_the_reverse_and_0_for_none():
    actual = np.array([0.0, 0.0, 0.0, 1.0, 5.0, 40.0])
    assert measure(actual, actual**3).gini == pytest.approx(1)
    assert measure(actual, -actual).gini == pytest.approx(-1)
    assert measure(actual, np.ones(6)).gini == pytest.approx(0)


@given(CUSTOMERS)
def test_the_other_figures_are_what_their_names_say(customers):
    actual, predicted = np.array(customers, dtype=float).T
    figures = measure(actual, predicted)
    assert figures.mae == pytest.approx(sum(abs(a - p) for a, p in customers) / len(customers))
    assert figures.rmse**2 == pytest.approx(sum((a - p) ** 2 for a, p in customers) / len(customers))
    if actual.sum() > 0:
        assert figures.calibration == pytest.approx(predicted.sum() / actual.sum())
        alike = [sum(a for a, p in customers if p == mine) / sum(p == mine for _, p in customers) for _, mine in
                 sorted(customers, key=lambda each: -each[1])]  # fmt: skip
        tenth = max(1, round(len(customers) / 10))
        assert figures.top_decile == pytest.approx(sum(alike[:tenth]) / actual.sum())
    if len(set(actual)) > 1 and len(set(predicted)) > 1:
        assert figures.spearman == pytest.approx(spearmanr(actual, predicted).statistic, abs=1e-9)


@given(CUSTOMERS)
def test_gains_end_with_the_total_and_nobody_gains_by_the_order_of_the_file(customers):
    actual, predicted = np.array(customers, dtype=float).T
    curve = gains(actual, predicted)
    assert len(curve) == len(customers) + 1
    assert curve[0] == 0 and curve[-1] == pytest.approx(actual.sum())
    assert curve == pytest.approx(gains(actual[::-1], predicted[::-1]))


@given(CUSTOMERS)
def test_tenths_start_with_the_highest_predictions_and_hold_everybody_once(customers):
    actual, predicted = np.array(customers, dtype=float).T
    rows = deciles(actual, predicted)
    assert [row["decile"] for row in rows] == list(range(1, min(10, len(customers)) + 1))
    assert max(row["customers"] for row in rows) - min(row["customers"] for row in rows) <= 1
    highest_first = np.sort(predicted)[::-1]
    start = 0
    for row in rows:
        assert row["predicted"] == pytest.approx(highest_first[start : start + row["customers"]].mean())
        start += row["customers"]
    assert start == len(customers)
    assert sum(row["actual"] * row["customers"] for row in rows) == pytest.approx(actual.sum())


def test_each_tenths_actual_value_is_that_of_the_same_customers():
    actual = np.array([7.0, 3.0, 9.0] * 10)
    predicted = np.tile([3.0, 1.0, 2.0], 10)
    rows = deciles(actual, predicted)
    assert [row["actual"] for row in rows] == pytest.approx([7, 7, 7, 25 / 3, 9, 9, 7, 3, 3, 3])
