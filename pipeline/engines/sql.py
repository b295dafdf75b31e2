"""What stands in SQL as text or as a name, on every engine. The room of the orders knows no other, and has its own."""

from __future__ import annotations


def literal(text: object) -> str:
    return "'" + str(text).replace("'", "''") + "'"


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
