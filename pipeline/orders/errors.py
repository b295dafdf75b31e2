"""How reading a shop's orders stops: with lines that say what is wrong, where, and what to type next."""

from __future__ import annotations

from typing import Any


class OrdersError(Exception):
    """The orders cannot be read as they are; str() is what the user sees."""


class NoSuchOrders(OrdersError):
    """The argument itself cannot be used: nothing is there, or it cannot be opened."""


class NoMapping(NoSuchOrders):
    """There is no file of a mapping where one is named."""


class Undecided(OrdersError):
    """More than one reading fits, and a person has to say which one; `questions` are the same as data."""

    def __init__(self, text: str, questions: tuple[Any, ...]):
        super().__init__(text)
        self.questions = questions


def plain(text: str, most: int = 200) -> str:
    """Text from a file as it may be shown: no control characters that move a terminal's cursor, and not endless."""
    shown = "".join(c if c.isprintable() else "�" for c in str(text)[: most + 1])
    return shown if len(shown) <= most else shown[:most] + "…"
