"""When a correction is kept, how far the total follows it, and for which days the model is made."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from predictor.training.correction import Correction
from predictor.training.fitting import Rows, believed_level, fit, fit_correction

CUSTOMERS, DATES = 300, 6


def rows(actual: np.ndarray, dates: int = DATES) -> Rows:
    """Each customer once at each date, expected to spend 1; the only term is the customer's number."""
    customers = np.tile(np.arange(CUSTOMERS), dates)
    return Rows(np.repeat(np.arange(dates), CUSTOMERS), customers, np.ones(len(customers)), actual, customers[None, :])


@dataclass(frozen=True)
class Memory:
    """Knows what the customers that it has seen spent, and nothing of any other."""

    seen: dict[int, float]
    uncorrected: float = 1.0

    def factor(self, terms: np.ndarray) -> np.ndarray:
        return np.array([self.seen.get(who, self.uncorrected) for who in terms[0]])


def test_who_only_remembers_customers_predicts_nobody_who_was_left_out():
    spent = np.tile(np.random.default_rng(1).gamma(0.5, 2.0, CUSTOMERS), DATES)

    def remember(some: Rows) -> Memory:
        return Memory(dict(zip(some.terms[0], some.actual, strict=True)))

    assert fit_correction(rows(spent), remember) is None


def test_a_correction_that_holds_for_customers_left_out_is_made_of_all_and_kept():
    rng = np.random.default_rng(2)
    spent = np.where(np.arange(CUSTOMERS) % 2, 1.8, 0.2) * rng.gamma(2.0, 0.5, (DATES, CUSTOMERS))

    @dataclass(frozen=True)
    class Odd(Memory):
        def factor(self, terms):
            return np.where(terms[0] % 2, 1.8, 0.2)

    def learn(some: Rows) -> Odd:
        return Odd({int(who): 0.0 for who in some.customers})

    kept = fit_correction(rows(spent.ravel()), learn)
    assert len(kept.seen) == CUSTOMERS


def test_a_correction_that_is_wrong_or_rests_on_one_customer_is_not_kept():
    @dataclass(frozen=True)
    class Guess(Memory):
        def factor(self, terms):
            return np.select([terms[0] == 0, terms[0] == 1], [1.5, 1.2], 1.0)

    spent = np.ones((DATES, CUSTOMERS))
    assert fit_correction(rows(spent.ravel()), lambda some: Guess({})) is None
    spent[:, 0] = 1.5  # it gains more on this customer than it loses on the next
    assert fit_correction(rows(spent.ravel()), lambda some: Guess({})) is None
    spent[:, 1] = 1.2
    assert fit_correction(rows(spent.ravel()), lambda some: Guess({})) is not None


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
