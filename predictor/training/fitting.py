"""Fits a model: parameters from what is known now, the correction from past dates, unless it has not proved itself.

A correction is kept where it predicts customers that were left out better than the expectation does, by more than
noise. So a file of a few hundred customers, or one that a few huge orders rule, gets the plain expectation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
from threadpoolctl import threadpool_limits

from predictor.training.correction import LINEAR_TERMS, Correction, LogLinear, Tree, Trees
from predictor.training.gamma_gamma import fit_gamma_gamma, fit_p
from predictor.training.mbg_nbd import fit_mbg_nbd
from predictor.training.season import Window, season_of
from predictor.training.snapshot import Snapshot
from predictor.training.value_model import ValueModel, valid

SEED = 20050514
# Of the amounts of each customer, what only a training looks at and a model does not; see `fit_p` and `backtest`.
LOG_SPREAD = "log_spread"
REPEAT_SPEND = "mean_repeat_spend"
OF_AMOUNTS = (LOG_SPREAD, REPEAT_SPEND)
_ROWS = 200_000  # to learn from: more changes nothing but the time it takes
_BUYERS = 100  # rows with a value, below which a correction would learn noise
_FOLDS = 3
_PENALTY = 0.03  # of the log-linear weights
_TREES, _LEAVES = 100, 8
_USUAL_SPREAD = 0.1  # of the logarithm of the level between past dates, at which half of a change of it is believed
_USUAL = 0.999  # the share of values that count in full: a few huge orders say nothing about the customers like those
_TINY = 1e-12


@dataclass(frozen=True)
class Rows:
    """All customers at all cut-offs, in one: n rows. `dates` and `customers` number them."""

    dates: np.ndarray
    customers: np.ndarray
    expected: np.ndarray
    actual: np.ndarray
    terms: np.ndarray

    def where(self, chosen: np.ndarray) -> Rows:
        dates, customers, expected, actual = (
            column[chosen] for column in (self.dates, self.customers, self.expected, self.actual)
        )
        return Rows(dates, customers, expected, actual, self.terms[:, chosen])


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread for each sum, so that its last digits are the same on any number of cores; the folds keep those busy.

    The limit is the whole process's: set here around everything, because of threads that each set and lift it, one
    would lift it for the others.
    """
    import sklearn.ensemble  # noqa: F401 - only what is loaded by now is limited

    with threadpool_limits(1):
        yield


@one_thread()
def fit(
    now: Snapshot,
    past: Sequence[Snapshot],
    horizon: int,
    discount_rate: float,
    year_ago: Sequence[Snapshot] = (),
) -> tuple[ValueModel, list[str]]:
    """The model as of `now`, and plain sentences about what went into it. `past` has to lie wholly before `now`.

    So has `year_ago`: what was known a year before `now` and at evenly spaced days after that, and the value of the
    `horizon` days after each.
    """
    plain = fit_expectation(now, horizon, discount_rate)
    correction, about_correction = _correction(plain, now, _rows(past, discount_rate))
    season = season_of([_window(each, discount_rate) for each in year_ago])
    about_season = [season.in_words(now.as_of)] if season.days else []
    return replace(plain, correction=correction, season=season), [about_correction, *about_season]


def _correction(plain: ValueModel, now: Snapshot, rows: Rows | None) -> tuple[Correction, str]:
    """The correction of `plain` as of `now`, one that does nothing where there is none to learn; and what it is."""
    if rows is None or np.count_nonzero(rows.actual > 0) < _BUYERS:
        return Correction(), (
            "The file is too short or too small to learn a correction from: this is the plain expectation of MBG/NBD "
            "and Gamma-Gamma."
        )
    correction = fit_correction(rows)
    if correction is None:
        return Correction(), (
            "No correction predicts left-out customers reliably better than the expectation: this is it."
        )
    level = believed_level(rows, *plain.expectation(now.features), correction)
    return replace(correction, level=level), (
        "The expectation of MBG/NBD and Gamma-Gamma, corrected by what customers went on to spend, which predicts "
        "left-out customers better than the expectation does."
    )


def believed_level(rows: Rows, expected: np.ndarray, terms: np.ndarray, correction: Correction) -> float:
    """What the correction is multiplied by, so that it changes the total only as far as the past dates agree on it.

    Who is worth more than whom repeats itself; the total also has seasons, of which a file has seen one or two. Where
    actual over expected swung from one past date to the next, the next months may be anything.
    """
    change = max(np.sum(expected * correction.factor(terms)) / max(expected.sum(), _TINY), _TINY)
    actual = np.maximum(np.bincount(rows.dates, rows.actual), _TINY)
    spread = np.std(np.log(actual / np.bincount(rows.dates, rows.expected)))
    believed = 1.0 / (1.0 + (spread / _USUAL_SPREAD) ** 2) if len(actual) > 2 else 0.0
    return float(np.clip(change**believed, 0.2, 5.0) / change)


def fit_expectation(now: Snapshot, horizon: int, discount_rate: float) -> ValueModel:
    """MBG/NBD and Gamma-Gamma, from what is known of the customers at one date.

    The value takes the p of the customers' own amounts, the interval that of their means, which is wide enough where
    a shop is not as the model has it.
    """
    plain = fit_plain(now, horizon, discount_rate, dropout_at_first=True)
    purchase_days = valid(now.features)["frequency"] + 1.0
    known_p = fit_p(purchase_days, now.features[LOG_SPREAD])
    if known_p is None:
        return plain
    return replace(plain, spend=fit_gamma_gamma(purchase_days, now.features["monetary_value"], known_p))


def fit_plain(now: Snapshot, horizon: int, discount_rate: float, dropout_at_first: bool = False) -> ValueModel:
    """BG/NBD (MBG/NBD with `dropout_at_first`), and Gamma-Gamma of all purchases.

    The papers leave the first ones out. What somebody spent who came once is all that is known of him, and tells much.
    """
    features = valid(now.features)
    spend = fit_gamma_gamma(features["frequency"] + 1.0, features["monetary_value"])
    return ValueModel(
        purchases=fit_mbg_nbd(features["frequency"], features["recency"], features["customer_age"], dropout_at_first),
        spend=spend,
        interval_spend=spend,
        horizon=horizon,
        discount_rate=discount_rate,
    )


def _window(snapshot: Snapshot, discount_rate: float) -> Window:
    """How much the customers of a date brought, and what was to be expected then."""
    expected, _ = fit_expectation(snapshot, snapshot.days, discount_rate).expectation(snapshot.features)
    actual = np.maximum(snapshot.outcome(), 0.0)
    return Window(snapshot.as_of, float(actual.sum()), float(expected.sum()), int(np.count_nonzero(actual)))


def _rows(past: Sequence[Snapshot], discount_rate: float) -> Rows | None:
    """Each date with parameters of its own, as they were known then: their drift is part of what is learned."""
    parts = []
    total = sum(len(each.customers) for each in past)
    keep_one_in = -(-total // _ROWS) or 1
    for number, each in enumerate(past):
        model = fit_expectation(each, each.days, discount_rate)
        chosen = each.customers % keep_one_in == 0
        expected, values = model.expectation({name: column[chosen] for name, column in each.features.items()})
        customers, actual = each.customers[chosen], np.maximum(each.outcome()[chosen], 0.0)
        parts.append(Rows(np.full(len(customers), number), customers, np.maximum(expected, _TINY), actual, values))
    if not parts:
        return None
    return Rows(
        np.concatenate([part.dates for part in parts]),
        np.concatenate([part.customers for part in parts]),
        np.concatenate([part.expected for part in parts]),
        np.concatenate([part.actual for part in parts]),
        np.concatenate([part.terms for part in parts], axis=1),
    )


def _learn(rows: Rows) -> Correction:
    level = float(rows.actual.sum() / rows.expected.sum())
    usual = np.quantile(rows.actual[rows.actual > 0], _USUAL) if level > 0 else 0.0
    rows = replace(rows, actual=np.minimum(rows.actual, usual))
    return Correction(1.0, level, _fit_linear(rows), _fit_trees(rows))


def fit_correction(rows: Rows, learn: Callable[[Rows], Correction] = _learn) -> Correction | None:
    """What `learn` makes of all rows; None where made of some customers it does not predict the others better.

    Better means than the level alone, and by a standard error of the customers' deviances.
    """
    folds = np.random.default_rng(SEED).integers(0, _FOLDS, rows.customers.max() + 1)[rows.customers]

    def gain(fold: int) -> np.ndarray:
        """What the correction from the other folds takes off the deviance of this one; 0 outside it."""
        out = folds == fold
        learned, held_out = learn(rows.where(~out)), rows.where(out)
        level = max(learned.uncorrected, _TINY)
        corrected = np.maximum(held_out.expected * learned.factor(held_out.terms), _TINY)
        gained = np.zeros_like(rows.expected)
        gained[out] = _deviance(held_out.actual, held_out.expected * level) - _deviance(held_out.actual, corrected)
        return gained

    with ThreadPoolExecutor() as pool:
        correction = pool.submit(learn, rows)
        gained = sum(pool.map(gain, range(_FOLDS)), np.zeros_like(rows.expected))
    by_customer = np.bincount(rows.customers, gained)
    return correction.result() if gained.sum() > np.sqrt(np.sum(by_customer**2)) else None


def _deviance(actual: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Poisson deviance of each row: proper for a mean, and less ruled by a few big values than squares are."""
    bought = actual > 0
    log_ratio = np.log(np.where(bought, actual, 1.0) / np.where(bought, predicted, 1.0))
    return 2.0 * (actual * log_ratio - actual + predicted)


def _fit_linear(rows: Rows) -> LogLinear:
    """Poisson regression of actual on expected with a ridge penalty, by Newton's method."""
    highest = np.quantile(rows.terms[:LINEAR_TERMS], 0.9995, axis=1)
    values = np.minimum(rows.terms[:LINEAR_TERMS], highest[:, None])
    weights = rows.expected / rows.expected.sum()
    actual = rows.actual / rows.expected.sum()
    means = values @ weights
    scales = np.sqrt((values - means[:, None]) ** 2 @ weights)
    scales = np.where(scales > 1e-6, scales, 1.0)
    design = np.vstack([np.ones(len(weights)), (values - means[:, None]) / scales[:, None]])
    ridge = _PENALTY * np.r_[0.0, np.ones(LINEAR_TERMS)]

    def loss(b: np.ndarray) -> tuple[float, np.ndarray]:
        line = np.clip(b @ design, -30.0, 30.0)
        predicted = weights * np.exp(line)
        return predicted.sum() - actual @ line + 0.5 * ridge @ b**2, predicted

    b = np.r_[np.log(max(actual.sum(), _TINY)), np.zeros(LINEAR_TERMS)]
    value, predicted = loss(b)
    for _ in range(50):
        curvature = (design * predicted) @ design.T + np.diag(ridge + 1e-12)
        step = np.linalg.solve(curvature, design @ (predicted - actual) + ridge * b)
        size = 1.0
        new_value, new_predicted = loss(b - step)
        while new_value > value and size > 1e-6:
            size /= 2.0
            new_value, new_predicted = loss(b - size * step)
        if new_value > value - 1e-10 * abs(value):
            break
        b, value, predicted = b - size * step, new_value, new_predicted
    return LogLinear(float(b[0]), b[1:], means, scales, highest)


def _fit_trees(rows: Rows) -> Trees:
    """Histogram gradient boosting of actual / expected, weighted by expected; scikit-learn's trees, put into arrays."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    boosting = HistGradientBoostingRegressor(
        loss="poisson",
        learning_rate=0.1,
        max_iter=_TREES,
        max_leaf_nodes=_LEAVES,
        min_samples_leaf=min(200, max(50, len(rows.expected) // 600)),
        l2_regularization=200.0,
        early_stopping=False,
        random_state=SEED,
    )
    boosting.fit(
        rows.terms[LINEAR_TERMS:].T, rows.actual / rows.expected, sample_weight=rows.expected / rows.expected.mean()
    )
    return Trees(
        float(boosting._baseline_prediction.item()), tuple(_tree(each[0].nodes) for each in boosting._predictors)
    )


def _tree(nodes: np.ndarray) -> Tree:
    leaf = nodes["is_leaf"].astype(bool)
    return Tree(
        term=nodes["feature_idx"].astype(np.int64),
        threshold=nodes["num_threshold"].astype(float),
        left=np.where(leaf, -1, nodes["left"].astype(np.int64)),
        right=np.where(leaf, -1, nodes["right"].astype(np.int64)),
        value=nodes["value"].astype(float),
    )
