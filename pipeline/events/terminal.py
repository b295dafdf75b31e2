"""Text from files as it may stand on a terminal."""

from __future__ import annotations


def printable(text: object) -> str:
    """The text and its lines, with no control characters that could move a cursor or forge a line."""
    return "".join(c if c.isprintable() or c == "\n" else "�" for c in str(text))
