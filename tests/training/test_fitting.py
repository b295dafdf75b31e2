"""When a correction is kept, how far the total follows it, and for which days the model is made."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from predictor.training import fitting
from predictor.training.correction import LINEAR_TERMS, Correction, LogLinear, Tree, Trees, terms
from predictor.training.fitting import (
    LOG_SPREAD,
    Rows,
    _rows,
    _window,
    believed_level,
    fit,
    fit_correction,
    fit_expectation,
    fit_plain,
)
from predictor.training.gamma_gamma import GammaGamma, fit_p
from predictor.training.mbg_nbd import MbgNbd

CUSTOMERS, DATES = 300, 6


def rows(actual: np.ndarray, dates: int = DATES) -> Rows:
    """Each customer once at each date, expected to spend 1; the only term is the customer's number."""
    customers = np.tile(np.arange(CUSTOMERS), dates)
    return Rows(np.repeat(np.arange(dates), CUSTOMERS), customers, np.ones(len(customers)), actual, customers[None, :])


def test_a_corrections_factor_is_its_level_times_the_mean_of_both_models_and_of_none_at_half_weight():
    term = np.array([[-1.0, 0.5, 9.0]])
    linear = LogLinear(0.1, np.array([2.0] + [0.0] * 6), np.full(7, 0.5), np.full(7, 4.0), np.full(7, 2.5))
    stump = Tree(np.zeros(3, int), np.array([0.5, 0, 0]), np.array([1, -1, -1]), np.array([2, -1, -1]),
                 np.array([0.0, -0.7, 0.4]))  # fmt: skip
    both = Correction(3.0, 0.8, linear, Trees(0.2, (stump, stump)))
    of_linear = np.exp(0.1 + (np.array([-1.0, 0.5, 2.5]) - 0.5) / 4 * 2)  # nobody is taken beyond the highest, 2.5
    of_trees = np.exp(0.2 + 2 * np.array([-0.7, -0.7, 0.4]))
    assert both.factor(np.repeat(term, 8, axis=0)) == pytest.approx(3.0 * (0.4 + of_linear + of_trees) / 2.5)


# x, recency, T, mean spend, highest spend, pieces, longest gap, purchase days among the last 30, 90 and 365: none, two
# and thirty purchases after the first.
CUSTOMER = [
    (0, 0, 100, 8.0, 8.0, 3, 100, 0, 0, 1),
    (2, 60, 90, 20.0, 35.0, 7, 45, 1, 2, 3),
    (30, 900, 1000, 0.0, -1.0, -4, 90, 0, 0, 9),
]


@pytest.mark.parametrize("currency", [1.0, 1000.0])
def test_the_terms_of_a_correction_are_what_plain_arithmetic_makes_of_a_customer_in_any_currency(currency):
    x, recency, T, mean, highest, pieces, gap, *late = np.array(CUSTOMER).T
    mean, highest, next_spend = currency * mean, currency * highest, currency * np.array([9.0, 18.0, 0.0])
    names = "frequency recency customer_age monetary_value max_revenue total_num_items longest_interval"
    names += " purchase_days_30 purchase_days_90 purchase_days_365"
    features = dict(zip(names.split(), (x, recency, T, mean, highest, pieces, gap, *late), strict=True))
    purchases, spend = MbgNbd(0.6, 40.0, 0.8, 2.5), GammaGamma(3.0, 4.0, 120.0 * currency)
    alive = np.log(purchases.probability_alive(x, recency, T))
    typical = currency * 3.0 * (120 + 120) / (3 + 4 - 1)  # expected of one purchase of v
    rate = [(0.6 + n) / (40 + age) * 40 / 0.6 for n, age in zip(x, T, strict=True)]
    mean = np.maximum(mean, typical / 1000)
    many, per_day = np.log([4.0, 8.0, 1.0]), np.log([3.5 / 1, 7.5 / 3, 0.5 / 31])
    linear = [alive, np.log(rate), np.log(np.maximum(next_spend, 1e-12) / typical), [1, 0, 0], many, per_day,
              np.log([101.0, 31.0, 101.0])]  # fmt: skip
    paces = np.log([
        np.array([0.5, 1.5, 0.5]) / [1 * 30 / 101 + 0.5, 3 * 30 / 91 + 0.5, 31 * 30 / 1001 + 0.5],
        np.array([0.5, 2.5, 0.5]) / [1 * 90 / 101 + 0.5, 3 * 90 / 91 + 0.5, 31 * 90 / 1001 + 0.5],
        np.array([1.5, 3.5, 9.5]) / [1 + 0.5, 3 + 0.5, 31 * 365 / 1001 + 0.5],
    ])  # fmt: skip
    irregular = [0, np.log(48 * 2 / 63), np.log(93 * 30 / 903)]
    trees = [alive, [0, 2, 20], x / (T + 1), recency / (T + 1), gap / (T + 1), irregular, mean / typical,
             highest / mean, many, per_day, *paces]  # fmt: skip
    found = terms(features, purchases, spend, next_spend)
    assert found[:LINEAR_TERMS] == pytest.approx(np.array(linear))
    assert found[LINEAR_TERMS:] == pytest.approx(np.array(trees))


@dataclass(frozen=True)
class Memory(Correction):
    """Knows what the customers that it has seen spent, and nothing of any other."""

    seen: dict[int, float] = field(default_factory=dict)

    def factor(self, values: np.ndarray) -> np.ndarray:
        return np.array([self.seen.get(who, self.uncorrected) for who in values[0]])


@dataclass(frozen=True)
class Rule(Correction):
    """The factor of each customer, whoever it was learned from."""

    factors: np.ndarray = field(default_factory=lambda: np.ones(CUSTOMERS))
    learned_from: int = 0

    def factor(self, values: np.ndarray) -> np.ndarray:
        return self.factors[values[0].astype(int)]


def test_who_only_remembers_customers_predicts_nobody_who_was_left_out():
    spent = np.tile(np.random.default_rng(1).gamma(0.5, 2.0, CUSTOMERS), DATES)

    def remember(some: Rows) -> Memory:
        return Memory(seen=dict(zip(some.terms[0], some.actual, strict=True)))

    assert fit_correction(rows(spent), remember) is None


def test_a_correction_that_holds_for_customers_left_out_is_made_of_all_and_kept():
    truth = np.where(np.arange(CUSTOMERS) % 2, 1.8, 0.2)
    spent = truth * np.random.default_rng(2).gamma(2.0, 0.5, (DATES, CUSTOMERS))

    def learn(some: Rows) -> Rule:
        return Rule(factors=truth, learned_from=len(np.unique(some.customers)))

    kept = fit_correction(rows(spent.ravel()), learn)
    assert isinstance(kept, Rule) and kept.learned_from == CUSTOMERS


def test_a_correction_that_is_wrong_or_rests_on_one_customer_is_not_kept():
    guess = Rule(factors=np.r_[1.5, 1.2, np.ones(CUSTOMERS - 2)])
    spent = np.ones((DATES, CUSTOMERS))
    assert fit_correction(rows(spent.ravel()), lambda some: guess) is None
    spent[:, 0] = 1.5  # it gains more on this customer than it loses on the next
    assert fit_correction(rows(spent.ravel()), lambda some: guess) is None
    spent[:, 1] = 1.2
    assert fit_correction(rows(spent.ravel()), lambda some: guess) is guess


@pytest.mark.slow
def test_the_log_linear_correction_adds_up_to_what_was_spent_but_for_a_thousandth_of_huge_values():
    """As any Poisson regression whose intercept is not held back does to what it was fitted to."""
    chance, n = np.random.default_rng(3), DATES * CUSTOMERS
    terms = chance.normal(size=(LINEAR_TERMS + 2, n))
    spent = np.where(chance.random(n) < 0.4, 0.0, 2.0 * np.exp(terms[0]) * chance.gamma(2.0, 0.5, n))
    kept = fit_correction(replace(rows(spent), terms=terms))
    usual = np.minimum(spent, np.quantile(spent[spent > 0], 0.999))
    assert kept.linear.factor(terms[:LINEAR_TERMS]).sum() == pytest.approx(usual.sum(), rel=1e-4)
    assert kept.uncorrected == pytest.approx(spent.mean())


@given(
    change=st.floats(0.25, 4.0),
    spread=st.floats(0.0, 1.0),
    more=st.floats(0.02, 1.0),
)
def test_the_total_follows_the_correction_the_less_the_more_the_past_dates_swing(change, spread, more):
    def followed(swing: float) -> float:
        """The logarithm by which the total is moved, where past dates were off by plus or minus `swing`."""
        ratio = np.exp(np.repeat(np.tile([swing, -swing], DATES // 2), CUSTOMERS))
        correction = Correction(level=change)
        level = believed_level(rows(ratio), np.ones(5), np.zeros((1, 5)), correction)
        return np.log(level * change)

    whole, less, least = np.log(change), followed(spread), followed(spread + more)
    assert followed(0.0) == pytest.approx(whole, abs=1e-9)
    assert abs(least) <= abs(less) <= abs(whole) + 1e-9
    assert least * whole >= 0
    assert followed(0.1) == pytest.approx(whole / 2, abs=1e-9)
    assert abs(least) < abs(whole) or abs(whole) < 1e-9


def test_two_past_dates_say_nothing_about_the_total():
    level = believed_level(rows(np.ones(2 * CUSTOMERS), 2), np.ones(5), np.zeros((1, 5)), Correction(level=3.0))
    assert level * 3.0 == pytest.approx(1.0)


def test_a_model_is_made_for_the_horizon_whatever_days_it_learned_from(snapshots):
    past = [snapshots[day] for day in (280, 300, 320)]
    fitted = {days: fit(snapshots[380], past, days, 0.0)[0] for days in (60, 240)}
    assert [model.horizon for model in fitted.values()] == [60, 240]
    total = {days: model.value(snapshots[380].features).sum() for days, model in fitted.items()}
    assert 2.0 < total[240] / total[60] < 4.0


RATE = 0.5  # so high that a value which is not discounted shows


def test_the_value_takes_the_p_of_the_amounts_and_the_interval_that_of_their_means(snapshots):
    features = snapshots[320].features
    model, plain = fit_expectation(snapshots[320], 60, RATE), fit_plain(snapshots[320], 60, RATE, dropout_at_first=True)
    assert model.spend.p == pytest.approx(fit_p(features["frequency"] + 1.0, features[LOG_SPREAD]))
    assert model.spend != plain.spend
    assert replace(model, spend=plain.spend) == plain  # all else is as without the customers' own amounts
    assert model.purchases.dropout_at_first


def test_each_past_date_is_expected_by_what_was_known_then_and_held_to_what_came_discounted_alike(snapshots):
    """A return that is worth more than all else of a customer counts as nothing."""
    past = [snapshots[280], replace(snapshots[320], actual=snapshots[320].outcome() - 5.0)]
    found, undiscounted = _rows(past, RATE), _rows(past, 0.0)
    for number, each in enumerate(past):
        of_date, alone = found.where(found.dates == number), _rows([replace(each, actual=each.actual[::-1])], RATE)
        assert of_date.expected.tolist() == alone.expected.tolist()
        assert of_date.terms.tolist() == alone.terms.tolist()
        assert of_date.customers.tolist() == each.customers.tolist()
        assert of_date.actual.tolist() == [max(came, 0.0) for came in each.outcome()]
        share = of_date.expected.sum() / undiscounted.expected[undiscounted.dates == number].sum()
        assert (1 + RATE) ** (-each.days / 365) < share < 1

        window = _window(each, RATE)
        assert (window.start, window.buyers) == (each.as_of, sum(came > 0 for came in each.outcome()))
        assert window.expected == pytest.approx(of_date.expected.sum())
        assert window.actual == pytest.approx(of_date.actual.sum())
    assert _rows([], RATE) is None


@pytest.mark.parametrize(("most", "one_in"), [(10**6, 1), (10_000, 1), (2_000, 2), (999, 4)])
def test_of_more_rows_than_can_be_learned_from_the_same_customers_are_taken_at_each_date(
    snapshots, monkeypatch, most, one_in
):
    past = [snapshots[280], snapshots[320]]
    monkeypatch.setattr(fitting, "_ROWS", most)
    found = _rows(past, RATE)
    for number, each in enumerate(past):
        taken = each.customers[each.customers % one_in == 0]
        assert found.customers[found.dates == number].tolist() == taken.tolist()
