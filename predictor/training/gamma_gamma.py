"""What customers spend at a purchase: the Gamma-Gamma model.

Fader and Hardie (2013), "The Gamma-Gamma Model of Monetary Value". Spend at a purchase is gamma-distributed around a
mean of the customer's own, and those means vary over customers by an inverse gamma distribution. A customer's observed
mean is drawn towards everybody's, the more the fewer purchases it rests on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln, psi

_PRIOR_CENTRE = np.array([1.0, 1.0, 1.0])
_PRIOR_WIDTH = 2.0
_LOG_BOUNDS = [(-5.0, 6.0), (-3.0, 6.0), (-6.0, 8.0)]
_SEVERAL = 50  # customers of several purchases, below which their amounts say too little about p


@dataclass(frozen=True)
class GammaGamma:
    """The parameters p, q and v of the paper (its gamma is called v here); q is above 1, so that the mean exists."""

    p: float
    q: float
    v: float

    def expected_spend(self, purchases: np.ndarray, mean_spend: np.ndarray) -> np.ndarray:
        """Expected spend at the next purchase, (n,), in the currency of `mean_spend`; equation 5 of the paper.

        `purchases` is the number that `mean_spend` is the mean of. A mean below 0, where returns prevail, counts as 0.
        """
        return self.p * self.known(purchases, mean_spend) / (self.p * purchases + self.q - 1.0)

    def known(self, purchases: np.ndarray, mean_spend: np.ndarray) -> np.ndarray:
        """v and all spend so far, (n,): a customer's rate of spend is then gamma(q + p purchases, known)."""
        return self.v + purchases * np.maximum(mean_spend, 0.0)


def fit_p(purchases: np.ndarray, log_spread: np.ndarray) -> float | None:
    """The p that makes the amounts of each customer most likely, given their sum; None where too few tell of it.

    `log_spread` is the logarithm of the mean of a customer's `purchases` amounts less the mean of their logarithms.
    Means alone, which `fit_gamma_gamma` looks at, do not tell how far one purchase is from the next: where shops differ
    from the model in anything, their p takes that up too.
    """
    from scipy.optimize import minimize_scalar

    several = purchases > 1
    if np.count_nonzero(several) < _SEVERAL:
        return None
    n, spread = purchases[several], log_spread[several]
    counts, of_count = np.unique(n, return_inverse=True)
    customers, total_spread = np.bincount(of_count), float(n @ spread)

    def objective(log_p: float) -> float:
        """Given their sum, the shares of the amounts in it have a Dirichlet distribution."""
        p = np.exp(log_p)
        of_counts = gammaln(counts * p) - counts * (gammaln(p) + p * np.log(counts))
        return float(p * total_spread - customers @ of_counts) / len(n)

    return float(np.exp(minimize_scalar(objective, bounds=_LOG_BOUNDS[0], method="bounded").x))


def fit_gamma_gamma(purchases: np.ndarray, mean_spend: np.ndarray, known_p: float | None = None) -> GammaGamma:
    """The most likely parameters over the customers who spent something, with a weak prior for tiny files.

    A `known_p` is kept as it is. Where nobody spent anything, the expected spend is 0.
    """
    from scipy.optimize import minimize  # half a second, which a model that predicts need not wait for

    spent = (purchases > 0) & (mean_spend > 0)
    if not spent.any():
        return GammaGamma(1.0, 2.0, 0.0)
    x = purchases[spent].astype(float)
    scale = float(np.exp(np.mean(np.log(mean_spend[spent]))))  # the geometric mean: one huge order does not move it
    m = mean_spend[spent] / scale
    counts, of_count = np.unique(x, return_inverse=True)
    log_m = np.log(m)

    def objective(logarithms: np.ndarray) -> tuple[float, np.ndarray]:
        p, q, v = np.exp(logarithms) + (0.0, 1.0, 0.0)
        total = np.log(x * m + v)
        of_counts = gammaln(p * counts + q) - gammaln(p * counts) + p * counts * np.log(counts)
        likelihood = of_counts[of_count] - gammaln(q) + q * np.log(v) + (p * x - 1.0) * log_m - (p * x + q) * total
        slopes = (
            x * ((psi(p * counts + q) - psi(p * counts) + np.log(counts))[of_count] + log_m - total),
            psi(p * counts + q)[of_count] - psi(q) + np.log(v) - total,
            q / v - (p * x + q) / (x * m + v),
        )
        away = (logarithms - _PRIOR_CENTRE) / _PRIOR_WIDTH
        value = likelihood.sum() - 0.5 * np.sum(away**2)
        gradient = np.array([slope.sum() for slope in slopes]) * np.exp(logarithms) - away / _PRIOR_WIDTH
        return -value / len(x), -gradient / len(x)

    bounds = [(np.log(known_p),) * 2, *_LOG_BOUNDS[1:]] if known_p else _LOG_BOUNDS
    found = minimize(objective, _PRIOR_CENTRE, jac=True, method="L-BFGS-B", bounds=bounds)
    p, q, v = np.exp(found.x) + (0.0, 1.0, 0.0)
    return GammaGamma(float(p), float(q), float(v * scale))
