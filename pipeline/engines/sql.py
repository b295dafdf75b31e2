"""What stands in SQL as text, the same on every engine. The room of the orders knows no other, and has its own."""

from __future__ import annotations


def literal(text: object) -> str:
    return "'" + str(text).replace("'", "''") + "'"
