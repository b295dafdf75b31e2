"""Between which values a customer's spend in a time to come will lie, by MBG/NBD and Gamma-Gamma together.

How often one buys and what one spends at a purchase are independent in these models, and their distributions given a
customer's past are known. So nothing is drawn at random: both are taken at the points of a lattice, whose quantiles are
as good as those of several times as many draws, are the same in every run, and for customers who are alike.
"""

from __future__ import annotations

import numpy as np
from scipy.special import gammaincinv

from predictor.training.gamma_gamma import GammaGamma
from predictor.training.mbg_nbd import MbgNbd, distinct

_POINTS = 512
_CHUNK = 4096  # histories at a time, which bounds the memory
# A lattice in three dimensions: i / n beside multiples of these (Roberts 2018, the generalised golden ratio).
_STEPS = (0.7548776662466927, 0.5698402909980532)
_OF_SPEND, _OF_RATE = ((0.5 + np.arange(_POINTS) * step) % 1.0 for step in _STEPS)


def spend_quantiles(
    levels: tuple[float, ...],
    horizon: int,
    purchases: MbgNbd,
    spend: GammaGamma,
    history: tuple[np.ndarray, ...],
    mean_spend: np.ndarray,
) -> np.ndarray:
    """What a customer's spend in the next `horizon` days is at most with these probabilities, (levels, n).

    `history` is frequency, recency and T, in days; `mean_spend` the mean over frequency + 1 purchases. There is at most
    one purchase a day. 0 for a level that the chance not to buy at all reaches.
    """
    frequency, _, T = history
    chance = purchases.purchase_probability(horizon, *history)
    found = np.zeros((len(levels), len(chance)))
    buyers = np.flatnonzero(chance > 1.0 - max(levels))  # the quantiles of all others are 0
    # Given that they buy at all, customers of one frequency and T differ by a factor only.
    histories, at = distinct(frequency[buyers], T[buyers])
    by_history = np.argsort(at, kind="stable")
    buyers, at = buyers[by_history], at[by_history]
    for first in range(0, histories.shape[1], _CHUNK):
        some = slice(*np.searchsorted(at, (first, first + _CHUNK)))
        spent = _spend_of_buyers(horizon, purchases, spend, *histories[:, first : first + _CHUNK])
        for row, level in enumerate(levels):
            of_buyers = 1.0 - (1.0 - level) / chance[buyers[some]]
            found[row, buyers[some]] = _at_level(spent, at[some] - first, of_buyers)
    return found * spend.known(frequency + 1.0, mean_spend)


def _spend_of_buyers(
    horizon: int, purchases: MbgNbd, spend: GammaGamma, frequency: np.ndarray, T: np.ndarray
) -> np.ndarray:
    """The spend of m histories at each point, given that they buy, in ascending order, (m, points).

    The gamma distribution of a purchase's spend has a rate of the customer's own, which is gamma-distributed too; the
    unit is what Gamma-Gamma knows of the customer, `GammaGamma.known`.
    """
    counts = _purchases_of_buyers(horizon, purchases, frequency, T)
    of_count = gammaincinv(spend.p * np.arange(1, counts.max() + 1)[:, None], _OF_SPEND)
    amounts = of_count[counts - 1, np.arange(_POINTS)]
    befores, of_before = np.unique(frequency, return_inverse=True)
    rates = gammaincinv(spend.q + spend.p * (befores[:, None] + 1.0), _OF_RATE)[of_before]
    return np.sort(amounts / rates, axis=1)


def _purchases_of_buyers(horizon: int, purchases: MbgNbd, frequency: np.ndarray, T: np.ndarray) -> np.ndarray:
    """The number of purchases of m histories at each point, given at least one, in descending order, (m, points)."""
    last_with_more = np.zeros((len(frequency), _POINTS), dtype=np.int16)
    rows = np.arange(len(frequency))
    at_least_one = purchases.at_least(1, horizon, frequency, T)
    for count in range(2, horizon + 1):
        at_least = purchases.at_least(count, horizon, frequency[rows], T[rows]) / at_least_one[rows]
        points = np.ceil(_POINTS * at_least - 0.5).astype(int)
        rows, points = rows[points > 0], points[points > 0]
        if not len(rows):
            break
        last_with_more[rows, points - 1] += 1
    return 1 + np.cumsum(last_with_more[:, ::-1], axis=1, dtype=np.int16)[:, ::-1]


def _at_level(ordered: np.ndarray, rows: np.ndarray, level: np.ndarray) -> np.ndarray:
    """The quantile of each row of `ordered` at its own level, (n,); 0 for a level of 0 or less."""
    place = np.clip(level * _POINTS - 0.5, 0.0, _POINTS - 1.0)
    below = np.minimum(place.astype(int), _POINTS - 2)
    low, high = ordered[rows, below], ordered[rows, below + 1]
    return np.where(level > 0, low + (place - below) * (high - low), 0.0)
