"""What the tests of training share: a simulated shop, and what a snapshot of it says, computed without SQL."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from predictor.training.correction import OF_LATE
from predictor.training.season import EPOCH
from predictor.training.snapshot import Snapshot

START = date(2020, 1, 1)


class Shop:
    """Orders of a buy-till-you-die process: one row each, `customer`, `day` (from START) and `revenue`, each (m,)."""

    def __init__(self, customers: int, days: int, seed: int):
        random = np.random.default_rng(seed)
        joined = random.integers(0, int(days * 0.8), customers)
        rate = random.gamma(0.8, 1 / 40, customers)
        leaves = random.beta(0.8, 3.0, customers)
        spend = 40 * 3 / random.gamma(4, 1, customers)
        rows = []
        for who in range(customers):
            day = float(joined[who])
            while day <= days:
                rows.append((who, int(day), spend[who] * random.gamma(5, 1 / 5)))
                day = day + random.exponential(1 / rate[who]) if random.random() > leaves[who] else np.inf
        self.customer, self.day, self.revenue = (np.array(column) for column in zip(*rows, strict=True))
        self.customer, self.day = self.customer.astype(int), self.day.astype(int)

    def snapshot(self, day: int, days: int = 0) -> Snapshot:
        known = self.day <= day
        who, when, revenue = self.customer[known], self.day[known], self.revenue[known]
        customers = np.unique(who)
        rows = []
        for each in customers:
            mine = who == each
            distinct = np.unique(when[mine])
            gaps = np.diff(np.sort(when[mine]))
            total = revenue[mine].sum()
            amounts = np.array([revenue[mine][when[mine] == day].sum() for day in distinct])
            rows.append(
                {
                    "frequency": len(distinct) - 1,
                    "recency": distinct[-1] - distinct[0],
                    "customer_age": day - distinct[0],
                    "monetary_value": total / len(distinct),
                    "total_num_items": mine.sum(),
                    "longest_interval": gaps.max() if len(gaps) else day - distinct[0],
                    "max_num_items": 1,
                    "max_revenue": revenue[mine].max(),
                    "total_revenue": total,
                    "total_orders": mine.sum(),
                    "days_since_last_order": day - distinct[-1],
                    "log_spread": np.log(amounts.mean()) - np.log(amounts).mean(),
                    "mean_repeat_spend": amounts[1:].mean() if len(amounts) > 1 else 0.0,
                    **{name: (distinct > day - late).sum() for late, name in OF_LATE.items()},
                    "as_of_day": (START + timedelta(day) - EPOCH).days,
                }
            )
        features = {name: np.array([row[name] for row in rows], dtype=float) for name in rows[0]}
        ahead = (self.day > day) & (self.day <= day + days)
        actual = np.bincount(self.customer[ahead], self.revenue[ahead], minlength=customers.max() + 1)[customers]
        return Snapshot(START + timedelta(day), customers, features, days, actual if days else None)


@pytest.fixture(scope="session")
def shop() -> Shop:
    return Shop(2500, 500, seed=3)


@pytest.fixture(scope="session")
def snapshots(shop: Shop) -> dict[int, Snapshot]:
    """Three past days with the 60 days after each, all known on day 380, and that day itself with the 120 after it."""
    return {**{day: shop.snapshot(day, 60) for day in (280, 300, 320)}, 380: shop.snapshot(380, 120)}
