"""How good a model would have been: made of what was known at a past date, tested on what customers then spent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

import numpy as np

from predictor.training.fitting import REPEAT_SPEND, SEED, fit, fit_plain, one_thread
from predictor.training.gamma_gamma import fit_gamma_gamma
from predictor.training.metrics import Metrics, deciles, gains, measure, measure_chances, measure_interval
from predictor.training.snapshot import Snapshot
from predictor.training.value_model import FEATURES, VALUE, ValueModel, valid

# What the baselines need beside the features of the model.
SIX = ("max_num_items", "max_revenue", "total_revenue", "total_orders", "days_since_last_order", "longest_interval")
OURS = "this model"
EXPECTATION = "BG/NBD + Gamma-Gamma"
WITH_FIRST = "with first purchases"


@dataclass(frozen=True)
class Backtest:
    """One test out of time: figures of the model and the baselines on the same n customers and the same days.

    `answers` are the model's outputs by name, each (n,).
    """

    test: Snapshot
    answers: dict[str, np.ndarray]
    metrics: dict[str, Metrics]
    importance: dict[str, float]
    notes: list[str]

    @property
    def predicted(self) -> np.ndarray:
        """The predicted values, (n,)."""
        return self.answers[VALUE]

    @property
    def bought(self) -> np.ndarray:
        """Whose value was above 0, (n,)."""
        return self.test.outcome() > 0

    def summary(self) -> dict[str, Any]:
        """What JSON can hold of it."""
        actual, answers = self.test.outcome(), self.answers
        chance = answers["purchase_probability"]
        return {
            "as_of": self.test.as_of.isoformat(),
            "until": (self.test.as_of + timedelta(self.test.days)).isoformat(),
            "days": self.test.days,
            "customers": len(actual),
            "customers_who_bought": int(np.count_nonzero(self.bought)),
            "mean_actual_value": float(actual.mean()),
            "metrics": {name: asdict(each) for name, each in self.metrics.items()},
            "deciles": deciles(actual, self.predicted),
            "chance_to_buy": {
                **asdict(measure_chances(self.bought, chance)),
                "deciles": deciles(self.bought, chance),
            },
            "interval": asdict(measure_interval(actual, answers["clv_lower"], answers["clv_upper"])),
            "cumulative_gains": _at_percents(gains(actual, self.predicted)),
            "permutation_importance": self.importance,
            "notes": self.notes,
        }


@one_thread()
def backtest(
    test: Snapshot, past: Sequence[Snapshot], discount_rate: float, year_ago: Sequence[Snapshot] = ()
) -> Backtest:
    """Fits as of `test.as_of` from `past` and `year_ago`, as `fit` takes them, and compares with `test.actual`.

    Raises ValueError where one of them reaches into the time of the test.
    """
    for each in (*past, *year_ago):
        if each.as_of + timedelta(each.days) > test.as_of:
            raise ValueError(f"what followed {each.as_of} was not all known on {test.as_of}")
    model, notes = fit(test, past, test.days, discount_rate, year_ago)
    answers = model.answers(test.features)
    actual = test.outcome()
    metrics = {OURS: measure(actual, answers[VALUE])}
    metrics |= {name: measure(actual, each) for name, each in _baselines(test, discount_rate).items()}
    return Backtest(test, answers, metrics, _importance(model, test), notes)


def earlier(past: Sequence[Snapshot], discount_rate: float, year_ago: Sequence[Snapshot] = ()) -> list[Backtest]:
    """The same test at the newest of the past dates, from those fully known by then; none where there are none.

    `year_ago`: a year before that date and later, each with as many days as `past`.

    It is of a time that the last test knows nothing of, so a change to the recipe is judged here first.
    """
    if not past:
        return []
    newest = max(past, key=lambda each: each.as_of)
    known = [each for each in past if each.as_of + timedelta(each.days) <= newest.as_of]
    return [backtest(newest, known, discount_rate, year_ago)] if known else []


def _baselines(test: Snapshot, discount_rate: float) -> dict[str, np.ndarray]:
    features = test.features
    plain = fit_plain(test, test.days, discount_rate)
    return {
        EXPECTATION: _as_published(plain, features),
        WITH_FIRST: plain.value(features),
        "past revenue rate": features["total_revenue"] / np.maximum(features["customer_age"], 1.0) * test.days,
        "sum of six": sum((features[name] for name in SIX), np.zeros(len(test.customers))),
        "zero": np.zeros(len(test.customers)),
    }


def _as_published(plain: ValueModel, features: dict[str, np.ndarray]) -> np.ndarray:
    """The value with Gamma-Gamma as the paper has it, and the packages that people use: of repeat purchases only.

    So whoever has bought once is expected to spend what everybody does. Days on which returns prevail are left out, as
    the paper knows no spend below 0, while `monetary_value`, on which the other expectation rests, is net of them.
    """
    frequency, mean_spend = valid(features)["frequency"], features[REPEAT_SPEND]
    spend = fit_gamma_gamma(frequency, mean_spend)
    _, discounted = plain.purchases_ahead(valid(features), plain.horizon)
    return discounted * spend.expected_spend(frequency, mean_spend)


def _importance(model: ValueModel, test: Snapshot) -> dict[str, float]:
    """How much Gini is lost when one feature's values are dealt out anew among the customers, largest loss first."""
    actual = test.outcome()
    whole = measure(actual, model.value(test.features)).gini
    if whole is None:
        return {}
    lost = {}
    for name in FEATURES:
        if not np.ptp(test.features[name]):
            continue  # what is the same for everybody says nothing about who is worth more
        shuffled = np.random.default_rng(SEED).permutation(test.features[name])
        without = measure(actual, model.value({**test.features, name: shuffled})).gini
        lost[name] = whole - (without or 0.0)
    return dict(sorted(lost.items(), key=lambda item: -item[1]))


def _at_percents(curve: np.ndarray) -> list[float]:
    at = np.linspace(0, len(curve) - 1, 101)
    total = curve[-1] or 1.0
    return [round(float(each), 6) for each in np.interp(at, np.arange(len(curve)), curve) / total]
