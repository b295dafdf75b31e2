"""The places of those requests of which only so many may be answered at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable

from api.policy import Limit


class Places:
    """The places of every limit, and who is in them."""

    def __init__(self, limits: Iterable[Limit]) -> None:
        self._taken = dict.fromkeys(limits, 0)
        self._full_since: dict[Limit, float] = {}
        self._lock = threading.RLock()  # a place may be given back wherever Python frees its last reference

    def take(self, limit: Limit) -> Place | None:
        """A place, or None where all are taken."""
        with self._lock:
            if self._taken[limit] == limit.at_once:
                return None
            self._taken[limit] += 1
            if self._taken[limit] == limit.at_once:
                self._full_since[limit] = time.monotonic()
        return Place(self, limit)

    def give_back(self, limit: Limit) -> None:
        with self._lock:
            self._taken[limit] -= 1
            self._full_since.pop(limit, None)

    def taken(self) -> dict[Limit, int]:
        return dict(self._taken)

    def full_for(self, seconds: float) -> list[Limit]:
        """The limits of which no place has been free for so long."""
        with self._lock:
            return [limit for limit, since in self._full_since.items() if time.monotonic() - since > seconds]


class Place:
    """One place, until it is given back; at the latest when nothing refers to it any more."""

    def __init__(self, places: Places, limit: Limit) -> None:
        self._places: Places | None = places
        self._limit = limit

    def give_back(self) -> None:
        places, self._places = self._places, None
        if places is not None:
            places.give_back(self._limit)

    __del__ = give_back  # a server that fails to send an answer need not close its body
