"""BG/NBD and Gamma-Gamma against what was published, and against their own definitions."""

from __future__ import annotations

import csv
from collections import defaultdict
from dataclasses import asdict
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.special import betaln

from predictor.training.gamma_gamma import GammaGamma, fit_gamma_gamma, fit_p
from predictor.training.mbg_nbd import MbgNbd, fit_mbg_nbd

# BG/NBD on CDNOW, in weeks: table 2 of the paper of 2005.
PUBLISHED = MbgNbd(r=0.243, alpha=4.414, a=0.793, b=2.426, dropout_at_first=False)
# Gamma-Gamma on the means of their repeat purchases: the note of 2013.
PUBLISHED_SPEND = GammaGamma(p=6.25, q=3.74, v=15.44)
CDNOW = Path(__file__).resolve().parents[3] / "shared" / "data" / "cdnow" / "orders.csv"


def test_the_expectation_is_the_published_one():
    # The worked example of Fader and Hardie: two repeat purchases, the last after 30.43 of 38.86 weeks, 39 weeks ahead.
    expected = PUBLISHED.expected_purchases(39, np.array([2.0]), np.array([30.43]), np.array([38.86]))
    assert expected == pytest.approx([1.226], abs=0.0005)


@settings(deadline=None, max_examples=200)
@given(
    r=st.floats(0.05, 20),
    alpha=st.floats(0.5, 1000),
    a=st.floats(0.1, 50),
    b=st.floats(0.1, 500),
    x=st.integers(0, 3000),
    age=st.floats(0, 2000),
    horizon=st.integers(1, 2000),
    first=st.booleans(),
)
def test_the_expectation_is_the_mean_over_the_chance_to_leave(r, alpha, a, b, x, age, horizon, first):
    assume(r + x <= alpha + age)  # no more than one purchase a day
    logit = np.linspace(-300, 100, 80_001)
    log_p, log_stay = -np.logaddexp(0, -logit), -np.logaddexp(0, logit)
    density = np.exp(a * log_p + (b + first + x) * log_stay - betaln(a, b + first + x))
    purchases = -np.expm1(-(r + x) * np.log1p(np.exp(log_p) * horizon / (alpha + age))) / np.exp(log_p)
    reference = np.trapezoid(density * purchases, logit)

    expected = MbgNbd(r, alpha, a, b, first).expected_purchases(
        horizon, *(np.array([v], dtype=float) for v in (x, age, age))
    )
    alive = MbgNbd(r, alpha, a, b, first).probability_alive(*(np.array([v], dtype=float) for v in (x, age, age)))
    assert expected / alive == pytest.approx([reference], rel=0.02)


@pytest.mark.parametrize("first", [False, True], ids=["BG/NBD", "MBG/NBD"])
def test_the_parameters_are_found_again_in_simulated_purchases(first):
    random = np.random.default_rng(5)
    rows = []
    for rate, leaves in zip(random.gamma(0.8, 1 / 30, 20_000), random.beta(0.9, 2.5, 20_000), strict=True):
        times = [0.0]
        while (
            random.random() > (leaves if first or len(times) > 1 else 0)
            and (t := times[-1] + random.exponential(1 / rate)) < 400
        ):
            times.append(t)
        rows.append((len(times) - 1, times[-1]))
    frequency, recency = np.array(rows, dtype=float).T
    found = fit_mbg_nbd(frequency, recency, np.full(len(rows), 400.0), first)
    assert [found.r, found.alpha, found.a, found.b] == pytest.approx([0.8, 30, 0.9, 2.5], rel=0.12)


def test_the_spend_parameters_are_found_again_in_simulated_spend():
    random = np.random.default_rng(6)
    purchases = random.integers(1, 12, 20_000)
    mean = random.gamma(6.0 * purchases, 15.0 / random.gamma(4.0, 1, 20_000)) / purchases
    found = fit_gamma_gamma(purchases, mean)
    assert [found.p, found.q, found.v] == pytest.approx([6, 4, 15], rel=0.12)


def test_a_customer_of_many_purchases_is_expected_to_spend_what_he_spent_before():
    assert GammaGamma(6, 4, 15).expected_spend(np.array([5000.0]), np.array([80.0])) == pytest.approx([80], rel=0.001)


@pytest.mark.skipif(not CDNOW.exists(), reason="the CDNOW orders are not on this machine")
def test_the_estimates_on_cdnow_are_the_published_ones():
    """On all 23,570 customers, of whom the papers took a tenth: their estimates have to lie where a tenth puts them."""
    amounts: dict[str, dict[int, float]] = defaultdict(lambda: defaultdict(float))
    with CDNOW.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            day = (date.fromisoformat(row["created_at_date"]) - date(1997, 1, 1)).days
            if day <= 272:  # 39 weeks
                amounts[row["customer_id"]][day] += float(row["revenue"])
    weeks = np.array([(len(each) - 1, max(each) - min(each), 272 - min(each)) for each in amounts.values()]) / (1, 7, 7)
    repeats = [[each[day] for day in sorted(each)[1:] if each[day] > 0] for each in amounts.values()]
    n, mean = np.array([(len(each), sum(each) / max(len(each), 1)) for each in repeats]).T
    x, t_x, T = weeks.T
    assert len(x[0::10]) == 2357
    tenths = [slice(start, None, 10) for start in range(10)]
    purchases = [fit_mbg_nbd(x[each], t_x[each], T[each], dropout_at_first=False) for each in tenths]
    spend = [fit_gamma_gamma(n[each], mean[each]) for each in tenths]
    for published, found in ((PUBLISHED, purchases), (PUBLISHED_SPEND, spend)):
        for name, value in asdict(published).items():
            estimates = np.array([getattr(each, name) for each in found])
            assert abs(value - estimates.mean()) <= 2.5 * estimates.std(ddof=1), name


def test_the_spread_of_each_customers_own_amounts_is_found_again_where_their_means_are_not_as_the_model_has_them():
    """Means that are lognormal over customers mislead a p that is read off them, and amounts apart as p says do not."""
    random = np.random.default_rng(7)
    purchases = random.integers(1, 12, 20_000)
    typical = np.exp(random.normal(3.0, 1.2, len(purchases)))
    amounts = [random.gamma(6.0, each, n) for each, n in zip(typical, purchases, strict=True)]
    mean = np.array([each.mean() for each in amounts])
    log_spread = np.array([np.log(each.mean()) - np.log(each).mean() for each in amounts])

    assert fit_p(purchases, log_spread) == pytest.approx(6.0, rel=0.02)
    assert fit_p(purchases[:60], log_spread[:60]) is not None
    several = np.flatnonzero(purchases > 1)
    for enough, those in ((False, several[:49]), (True, several[:50])):
        # However many there are who came once: what they spent then tells nothing of the next time.
        of_all = np.r_[purchases[those], np.ones(1000)], np.r_[log_spread[those], np.zeros(1000)]
        assert (fit_p(*of_all) is not None) == enough
    assert abs(fit_gamma_gamma(purchases, mean).p - 6.0) > 1.0
    kept = fit_gamma_gamma(purchases, mean, 6.0)
    assert kept.p == pytest.approx(6.0)
