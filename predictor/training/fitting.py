"""Fits a model: parameters from what is known now, the correction from past dates, no stage that has not proved itself.

A stage is kept when it predicts customers that were left out better than the stage before it, the first one only where
that is more than noise. So a file of a few hundred customers, or one that a few huge orders rule, gets the plain
expectation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from threadpoolctl import threadpool_limits

from predictor.training.correction import LINEAR_TERMS, Correction, LogLinear, Tree, Trees
from predictor.training.model import ValueModel, valid
from predictor.training.purchases import fit_purchases
from predictor.training.snapshot import Snapshot
from predictor.training.spend import fit_spend

SEED = 20050514
_ROWS = 200_000  # to learn from: more changes nothing but the time it takes
_BUYERS = 100  # rows with a value, below which a correction would learn noise
_FOLDS = 3
_PENALTIES = (0.01, 0.03, 0.1, 0.3, 1.0)
_TREES = (20, 40, 60)
_BELIEVED = 0.25
_TINY = 1e-12
_WINSORISED = 0.999  # the share of values that count in full: a few huge orders shape the level, not the ranking


@dataclass(frozen=True)
class Rows:
    """All customers at all cut-offs, in one: n rows."""

    customers: np.ndarray
    expected: np.ndarray
    actual: np.ndarray
    terms: np.ndarray

    def where(self, chosen: np.ndarray) -> Rows:
        return Rows(self.customers[chosen], self.expected[chosen], self.actual[chosen], self.terms[:, chosen])


def fit(now: Snapshot, past: Sequence[Snapshot], horizon: int, discount_rate: float) -> tuple[ValueModel, list[str]]:
    """The model as of `now`, and plain sentences about what went into it. `past` has to lie wholly before `now`."""
    plain = fit_expectation(now, horizon, discount_rate)
    rows = _rows(past, discount_rate)
    if rows is None or np.count_nonzero(rows.actual > 0) < _BUYERS:
        return plain, [
            "The file is too short or too small to learn a correction from: this is the plain expectation of BG/NBD "
            "and Gamma-Gamma."
        ]
    with threadpool_limits(1):  # the same bytes on any number of cores, and no threads that wait for busy ones
        correction, notes = _fit_correction(rows)
    return _at_believable_level(replace(plain, correction=correction), now, past), notes


def _at_believable_level(model: ValueModel, now: Snapshot, past: Sequence[Snapshot]) -> ValueModel:
    """The model with a quarter of the change of the total that the correction makes.

    Who is worth more than whom repeats itself; the total is mostly season, where the file has not seen many of them.
    The change is measured twice, with the parameters of each date and with today's, and their middle is taken.
    """
    expected, values = model.expectation(now.features)
    change = np.sum(expected * model.correction.factor(values)) / max(expected.sum(), _TINY)
    predicted = actual = 0.0
    for each in past:
        then, values = model.expectation(each.features, each.days)
        predicted += np.sum(then * model.correction.factor(values))
        actual += max(each.actual.sum(), 0.0)
    if min(change, predicted, actual) <= 0.0:
        return model
    with_todays_parameters = change * actual / predicted
    believed = np.clip((change * with_todays_parameters) ** (_BELIEVED / 2.0), 0.2, 5.0)
    level = float(model.correction.level * believed / change)
    return replace(model, correction=replace(model.correction, level=level))


def fit_expectation(now: Snapshot, horizon: int, discount_rate: float) -> ValueModel:
    """BG/NBD and Gamma-Gamma, from what is known of the customers at one date."""
    features = valid(now.features)
    frequency = features["frequency"]
    return ValueModel(
        purchases=fit_purchases(frequency, features["recency"], features["customer_age"]),
        spend=fit_spend(frequency + 1.0, features["monetary_value"]),
        horizon=horizon,
        discount_rate=discount_rate,
    )


def _rows(past: Sequence[Snapshot], discount_rate: float) -> Rows | None:
    """Each date with parameters of its own, as they were known then: their drift is part of what is learned."""
    parts = []
    total = sum(len(each.customers) for each in past)
    keep_one_in = -(-total // _ROWS) or 1
    for each in past:
        model = fit_expectation(each, each.days, discount_rate)
        chosen = each.customers % keep_one_in == 0
        expected, values = model.expectation({name: column[chosen] for name, column in each.features.items()})
        parts.append(
            Rows(each.customers[chosen], np.maximum(expected, _TINY), np.maximum(each.actual[chosen], 0.0), values)
        )
    if not parts:
        return None
    return Rows(
        np.concatenate([part.customers for part in parts]),
        np.concatenate([part.expected for part in parts]),
        np.concatenate([part.actual for part in parts]),
        np.concatenate([part.terms for part in parts], axis=1),
    )


def _fit_correction(rows: Rows) -> tuple[Correction, list[str]]:
    level = rows.actual.sum() / rows.expected.sum()
    cap = np.quantile(rows.actual[rows.actual > 0], _WINSORISED)
    shaped = replace(rows, actual=np.minimum(rows.actual, cap))
    folds = np.random.default_rng(SEED).integers(0, _FOLDS, rows.customers.max() + 1)[rows.customers]

    held_out = [_level_only(shaped, folds), *(_linear_held_out(shaped, folds, penalty) for penalty in _PENALTIES)]
    best = _simplest_of_the_best(shaped, held_out, simplest_first=[0, *range(len(_PENALTIES), 0, -1)])
    linear = _fit_linear(shaped, _PENALTIES[best - 1]) if best else None
    expected = shaped.expected * (linear.factor(shaped.terms) if linear else level)
    notes = ["No log-linear correction predicts left-out customers reliably better than the expectation."]
    if linear:
        penalty = f"{_PENALTIES[best - 1]:g}"
        notes = [
            f"A log-linear correction (penalty {penalty}) predicts left-out customers better than the expectation."
        ]

    grown = _trees_held_out(replace(shaped, expected=held_out[best]), folds)
    trees_best = int(np.argmin([_deviance(shaped.actual, each).sum() for each in grown]))
    trees = _fit_trees(replace(shaped, expected=expected), _TREES[trees_best - 1]) if trees_best else None
    notes.append(
        f"{_TREES[trees_best - 1]} boosted trees improve on that."
        if trees
        else "Boosted trees do not improve on that, so there are none."
    )
    correction = Correction(1.0, linear, trees)
    return replace(correction, level=rows.actual.sum() / (rows.expected @ correction.factor(rows.terms))), notes


def _simplest_of_the_best(rows: Rows, predictions: Sequence[np.ndarray], simplest_first: Sequence[int]) -> int:
    """The first that is within one standard error, over customers, of the one with the smallest deviance."""
    deviances = [_deviance(rows.actual, each) for each in predictions]
    best = min(range(len(deviances)), key=lambda i: deviances[i].sum())
    for candidate in simplest_first:
        excess = deviances[candidate] - deviances[best]
        by_customer = np.bincount(rows.customers, excess)
        if excess.sum() <= np.sqrt(np.sum(by_customer**2)):
            return candidate
    return best


def _deviance(actual: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Poisson deviance of each row: proper for a mean, and less ruled by a few big values than squares are."""
    bought = actual > 0
    log_ratio = np.log(np.where(bought, actual, 1.0) / np.where(bought, predicted, 1.0))
    return 2.0 * (actual * log_ratio - actual + predicted)


def _level_only(rows: Rows, folds: np.ndarray) -> np.ndarray:
    predicted = np.empty_like(rows.expected)
    for fold in range(_FOLDS):
        out = folds == fold
        level = rows.actual[~out].sum() / rows.expected[~out].sum()
        predicted[out] = np.maximum(rows.expected[out] * level, _TINY)
    return predicted


def _linear_held_out(rows: Rows, folds: np.ndarray, penalty: float) -> np.ndarray:
    predicted = np.empty_like(rows.expected)
    for fold in range(_FOLDS):
        out = folds == fold
        predicted[out] = rows.expected[out] * _fit_linear(rows.where(~out), penalty).factor(rows.terms[:, out])
    return predicted


def _fit_linear(rows: Rows, penalty: float) -> LogLinear:
    """Poisson regression of actual on expected with a ridge penalty, by Newton's method."""
    highest = np.quantile(rows.terms[:LINEAR_TERMS], 0.9995, axis=1)
    values = np.minimum(rows.terms[:LINEAR_TERMS], highest[:, None])
    weights = rows.expected / rows.expected.sum()
    actual = rows.actual / rows.expected.sum()
    means = values @ weights
    scales = np.sqrt((values - means[:, None]) ** 2 @ weights)
    scales = np.where(scales > 1e-6, scales, 1.0)
    design = np.vstack([np.ones(len(weights)), (values - means[:, None]) / scales[:, None]])
    ridge = penalty * np.r_[0.0, np.ones(LINEAR_TERMS)]

    def loss(b):
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


def _trees_held_out(rows: Rows, folds: np.ndarray) -> list[np.ndarray]:
    """Predictions of left-out customers with no trees, and with each number of _TREES."""
    predicted = [rows.expected.copy() for _ in (0, *_TREES)]
    for fold in range(_FOLDS):
        out = folds == fold
        grown = _fit_trees(rows.where(~out), _TREES[-1])
        for of_number, number in zip(predicted[1:], _TREES, strict=True):
            of_number[out] *= Trees(grown.start, grown.trees[:number]).factor(rows.terms[:, out])
    return predicted


def _fit_trees(rows: Rows, number: int) -> Trees:
    """Histogram gradient boosting of actual / expected, weighted by expected; scikit-learn's trees, put into arrays."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    boosting = HistGradientBoostingRegressor(
        loss="poisson",
        learning_rate=0.05,
        max_iter=number,
        max_leaf_nodes=6,
        min_samples_leaf=max(50, len(rows.expected) // 600),
        l2_regularization=30.0,
        early_stopping=False,
        random_state=SEED,
    )
    boosting.fit(rows.terms.T, rows.actual / rows.expected, sample_weight=rows.expected / rows.expected.mean())
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
