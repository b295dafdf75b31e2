"""What was known of the customers at one past date, and what they went on to spend."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np


@dataclass(frozen=True)
class Snapshot:
    """Features of the n customers known at `as_of`, columns by name, each (n,).

    `customers` numbers them, the same in every snapshot, (n,). `actual` is each one's value in the `days` after
    `as_of`, discounted to it, (n,); None where that is not known yet.
    """

    as_of: date
    customers: np.ndarray
    features: dict[str, np.ndarray]
    days: int = 0
    actual: np.ndarray | None = None

    def outcome(self) -> np.ndarray:
        """`actual`, where it is known; ValueError where it is not."""
        if self.actual is None:
            raise ValueError(f"what followed {self.as_of} is not known")
        return self.actual
