"""The formulas against a plain reading of the models that they come from: integrals by quadrature, and simulation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.special import betaln, expit, gammaln

from predictor.training.correction import Correction
from predictor.training.fitting import fit_expectation
from predictor.training.gamma_gamma import GammaGamma
from predictor.training.interval import spend_quantiles
from predictor.training.mbg_nbd import MbgNbd
from predictor.training.snapshot import Snapshot
from predictor.training.value_model import FEATURES, OUTPUTS, ValueModel

MODELS = st.builds(
    MbgNbd, st.floats(0.05, 20), st.floats(0.5, 1000), st.floats(0.1, 50), st.floats(0.1, 500), st.booleans()
)
SPEND = GammaGamma(3.0, 4.0, 120.0)
SHOP = ValueModel(MbgNbd(0.6, 40.0, 0.8, 2.5), SPEND, SPEND, horizon=180, discount_rate=0.10)


def one(*values: float) -> list[np.ndarray]:
    return [np.array([float(value)]) for value in values]


def log_integral(log_density) -> float:
    """Of exp(log_density(x)) over all x above 0."""
    log_x = np.linspace(-450.0, 50.0, 60_001)
    heights = log_density(np.exp(log_x)) + log_x
    return heights.max() + np.log(np.trapezoid(np.exp(heights - heights.max()), log_x))


@settings(deadline=None, max_examples=100)
@given(MODELS, st.integers(0, 200), st.floats(0, 1), st.floats(1, 2000))
def test_probability_alive_is_bayes_theorem_on_the_two_ways_to_this_past(model, x, share, T):
    # Either the customer stayed after every purchase and none fell into all of T, or left after the last, at t_x.
    recency = T * share if x else 0.0
    stays = x if not model.dropout_at_first else x + 1

    def rates(until):  # of x purchases until a time, over rates that are Gamma(r, alpha)
        return log_integral(lambda rate: (model.r + x - 1) * np.log(rate) - (model.alpha + until) * rate)

    def leaving(times, stayed):  # over chances to leave that are Beta(a, b)
        return betaln(model.a + times, model.b + stayed)

    active = rates(T) + leaving(0, stays)
    left = rates(recency) + leaving(1, stays - 1) if stays else -np.inf
    alive = model.probability_alive(*one(x, recency, T))
    assert alive == pytest.approx([expit(active - left)], abs=1e-6)


@settings(deadline=None, max_examples=100)
@given(MODELS, st.integers(0, 100), st.floats(0, 2000), st.integers(1, 100), st.integers(1, 6))
def test_at_least_so_many_purchases_fall_into_the_time_and_the_customer_stays_until_the_last(model, x, T, h, count):
    def too_few(rate):
        of_count = [np.exp(k * np.log(rate * h) - rate * h - gammaln(k + 1)) for k in range(count)]
        return np.sum(of_count, axis=0)

    def rates(weight):
        return log_integral(lambda rate: (model.r + x - 1) * np.log(rate) - (model.alpha + T) * rate + weight(rate))

    with np.errstate(divide="ignore"):
        in_time = 1 - np.exp(rates(lambda rate: np.log(too_few(rate))) - rates(lambda rate: 0.0))
    stayed = model.b + x + model.dropout_at_first
    stays = np.prod([(stayed + k) / (model.a + stayed + k) for k in range(count - 1)])
    assert model.at_least(count, h, *one(x, T)) == pytest.approx([in_time * stays], abs=1e-6)


@given(MODELS, st.integers(0, 100), st.floats(0, 1), st.floats(1, 2000), st.integers(1, 2000))
def test_the_chance_to_buy_is_that_of_being_alive_and_of_the_published_closed_form(model, x, share, T, h):
    history = one(x, T * share if x else 0, T)
    closed = 1 - ((model.alpha + T) / (model.alpha + T + h)) ** (model.r + x)
    chance = model.purchase_probability(h, *history)
    assert chance == pytest.approx(model.probability_alive(*history) * closed, abs=1e-9)


@settings(deadline=None, max_examples=50)
@given(MODELS, st.integers(0, 30), st.floats(10, 2000), st.integers(1, 60))
def test_the_expected_number_of_purchases_is_the_sum_of_the_chances_of_at_least_one_two_three(model, x, T, h):
    assume(model.r + x <= model.alpha + T)  # no more than one purchase a day
    history = one(x, T, T)
    counts = np.arange(1, 1 + int(60 + 30 * h * (model.r + x) / (model.alpha + T)))
    chances = [model.at_least(int(count), h, *one(x, T))[0] for count in counts]
    expected = model.expected_purchases(h, *history) / model.probability_alive(*history)
    assert expected == pytest.approx([sum(chances)], rel=0.02)


@settings(deadline=None, max_examples=100)
@given(st.floats(0.1, 50), st.floats(1.2, 40), st.floats(0.1, 1000), st.integers(1, 200), st.floats(0.1, 1000))
def test_expected_spend_is_the_mean_of_a_purchase_over_the_rates_that_the_past_leaves_likely(p, q, v, x, mean):
    # A purchase is Gamma(p, rate), whose mean is p / rate; rates are Gamma(q, v).
    def likely(rate):
        return (q - 1 + p * x) * np.log(rate) - (v + x * mean) * rate

    expected = p * np.exp(log_integral(lambda rate: likely(rate) - np.log(rate)) - log_integral(likely))
    assert GammaGamma(p, q, v).expected_spend(*one(x, mean)) == pytest.approx([expected], rel=1e-4)


class Customers:
    """`n` customers of a shop that is exactly as `SHOP` says: their features, and what they then did."""

    def __init__(self, n: int, seed: int):
        random = np.random.default_rng(seed)
        purchases, spend = SHOP.purchases, SHOP.spend
        T = random.integers(30, 700, n).astype(float)
        rate = random.gamma(purchases.r, 1 / purchases.alpha, n)
        leaves = random.beta(purchases.a, purchases.b, n)
        spend_rate = random.gamma(spend.q, 1 / spend.v, n)
        frequency, recency, spent = np.zeros(n), np.zeros(n), random.gamma(spend.p, 1 / spend_rate)
        logarithms = np.log(spent)
        self.purchases, self.value = np.zeros(n), np.zeros(n)
        when, active = np.zeros(n), random.random(n) > leaves
        while active.any():
            when = np.where(active, when + random.exponential(1 / rate), when)
            active &= when < T + SHOP.horizon
            amount = random.gamma(spend.p, 1 / spend_rate)
            known, ahead = active & (when <= T), active & (when > T)
            frequency, spent, logarithms = (
                frequency + known,
                spent + known * amount,
                logarithms + known * np.log(amount),
            )
            recency = np.where(known, when, recency)
            self.purchases += ahead
            self.value += ahead * amount * (1 + SHOP.discount_rate) ** (-(when - T) / 365)
            active &= random.random(n) > leaves
        columns = {"frequency": frequency, "recency": recency, "customer_age": T}
        columns["monetary_value"] = spent / (frequency + 1)
        features = {name: columns.get(name, np.ones(n)) for name in FEATURES}
        self.x = np.column_stack(list(features.values()))
        mean = spent / (frequency + 1)
        self.features = {**features, "log_spread": np.log(mean) - logarithms / (frequency + 1)}
        self.answers = dict(zip(OUTPUTS, SHOP.predict_columns(self.x).T, strict=True))


@pytest.fixture(scope="module")
def customers() -> Customers:
    return Customers(100_000, seed=4)


def test_value_chance_and_number_of_purchases_are_what_simulated_customers_do_in_every_tenth(customers):
    answers = customers.answers
    for name, happened, tolerance in (
        ("predicted_clv", customers.value, 0.08),
        ("expected_purchases", customers.purchases, 0.05),
        ("purchase_probability", customers.purchases > 0, 0.05),
    ):
        assert answers[name].mean() == pytest.approx(happened.mean(), rel=0.02), name
        for tenth in np.array_split(np.argsort(-answers[name]), 10)[:5]:
            assert answers[name][tenth].mean() == pytest.approx(happened[tenth].mean(), rel=tolerance), name


def test_an_undiscounted_value_is_the_purchases_times_the_spend_that_all_purchase_days_make_likely(customers):
    x = customers.x[:500]
    plain = replace(SHOP, discount_rate=0.0)
    frequency, recency, T, mean_spend = x.T[:4]
    purchases = SHOP.purchases.expected_purchases(180, frequency, recency, T)
    assert plain.predict(x) == pytest.approx(purchases * SHOP.spend.expected_spend(frequency + 1, mean_spend))


def test_a_discounted_value_is_the_sum_of_the_days_values_each_in_money_of_today(customers):
    x = customers.x[:200]
    frequency, recency, T, mean_spend = x.T[:4]
    until = [SHOP.purchases.expected_purchases(day, frequency, recency, T) for day in range(SHOP.horizon + 1)]
    in_money_of_today = 1.1 ** (-(np.arange(SHOP.horizon) + 0.5) / 365)
    purchases = in_money_of_today @ np.diff(until, axis=0)
    value = purchases * SHOP.spend.expected_spend(frequency + 1, mean_spend)
    assert SHOP.predict(x) == pytest.approx(value, rel=2e-4)


@pytest.mark.parametrize(
    ("given", "counts_as"),
    [
        ({"recency": 900}, {"recency": 500}),  # of a customer for 500 days
        ({"recency": -1}, {"recency": 0}),
        ({"frequency": -2}, {"frequency": 0}),
        ({"frequency": np.nan}, {"frequency": 0}),
        ({"customer_age": -7}, {"customer_age": 0, "recency": 0}),
        ({"monetary_value": -30}, {"monetary_value": 0}),
    ],
)
def test_what_no_past_can_be_counts_as_the_nearest_that_can(given: dict[str, float], counts_as: dict[str, float]):
    usual = {"frequency": 3.0, "recency": 400.0, "customer_age": 500.0, "monetary_value": 60.0}
    rows = np.array([[(usual | row).get(name, 5.0) for name in FEATURES] for row in (given, counts_as, usual)])
    odd, nearest, other = SHOP.predict_columns(rows)
    assert odd == pytest.approx(nearest, rel=1e-12)
    assert odd != pytest.approx(other, rel=1e-3)


def test_one_in_ten_lies_above_the_interval_and_one_in_ten_below_wherever_both_can_happen(customers):
    answers, value = customers.answers, customers.value
    lower, upper, chance = answers["clv_lower"], answers["clv_upper"], answers["purchase_probability"]
    assert ((upper > 0) == (chance > 0.1)).all() and ((lower > 0) == (chance > 0.9)).all()
    assert np.mean(value[upper > 0] > upper[upper > 0]) == pytest.approx(0.1, abs=0.004)
    assert np.mean(value[lower > 0] < lower[lower > 0]) == pytest.approx(0.1, abs=0.02)


@pytest.mark.parametrize("past", [(0, 0, 10, 80), (2, 150, 200, 25), (40, 690, 700, 60)], ids=["new", "some", "often"])
def test_quantiles_are_those_of_two_hundred_thousand_simulated_futures(past):
    x, recency, T, mean = past
    purchases, spend, n = SHOP.purchases, SHOP.spend, 200_000
    random = np.random.default_rng(8)
    alive = random.random(n) < purchases.probability_alive(*one(x, recency, T))
    bought = random.poisson(random.gamma(purchases.r + x, 1 / (purchases.alpha + T), n) * 180)
    stays_for = random.geometric(random.beta(purchases.a, purchases.b + x + 1, n))
    count = np.where(alive, np.minimum(bought, stays_for), 0)
    rate = random.gamma(spend.q + spend.p * (x + 1), 1 / (spend.v + (x + 1) * mean), n)
    spent = np.where(count > 0, random.gamma(np.maximum(spend.p * count, 1e-9), 1 / rate), 0.0)

    levels = (0.1, 0.5, 0.8, 0.9, 0.95)
    found = spend_quantiles(levels, 180, purchases, spend, tuple(one(x, recency, T)), one(mean)[0])[:, 0]
    assert found == pytest.approx(np.quantile(spent, levels), rel=0.06, abs=0.5)


def test_all_columns_have_the_same_bits_alone_and_in_any_batch_and_the_value_is_that_of_predict(customers):
    x = customers.x[:3000]
    whole = SHOP.predict_columns(x)
    assert whole[:, 0].tobytes() == SHOP.predict(x).tobytes()
    for size, end in ((1, 30), (7, 140), (999, 3000)):
        parts = [SHOP.predict_columns(x[start : start + size]) for start in range(0, end, size)]
        assert np.concatenate(parts)[:end].tobytes() == whole[:end].tobytes(), size


def test_nobody_is_expected_to_buy_on_more_days_than_there_are():
    ten_a_day = np.array([[30_000.0, 3000, 3000, 20, 30_000, 1, 20, 1, 0, 300, 900, 3001]])
    _, chance, expected, lower, upper = replace(SHOP, horizon=5, discount_rate=0.0).predict_columns(ten_a_day)[0]
    assert expected == 5 and chance == pytest.approx(1, abs=1e-3)
    assert 0 < lower < 5 * 20 < upper < 10 * 20


def test_a_correction_moves_value_and_interval_alike_and_leaves_the_purchases(customers):
    doubled = replace(SHOP, correction=Correction(level=2.0)).predict_columns(customers.x[:500]).T
    for name, column in zip(OUTPUTS, doubled, strict=True):
        factor = 1.0 if "purchase" in name else 2.0
        assert column == pytest.approx(factor * customers.answers[name][:500]), name


def test_the_interval_has_a_spend_of_its_own(customers):
    other = replace(SHOP, spend=GammaGamma(9.0, 4.0, 40.0)).predict_columns(customers.x[:2000]).T
    value, *others = (customers.answers[name][:2000] for name in OUTPUTS)
    assert not np.allclose(other[0], value)
    assert np.allclose(other[1:], others, rtol=1e-12, atol=0)


def test_spend_is_fitted_on_every_purchase_day_the_first_included(customers):
    now = Snapshot(None, np.arange(len(customers.x)), customers.features)
    model = fit_expectation(now, 180, 0.0)
    for spend in (model.spend, model.interval_spend):
        assert [spend.p, spend.q, spend.v] == pytest.approx([3, 4, 120], rel=0.03)
