"""What the databases have in common: a table's name or a query to select from."""

from __future__ import annotations

from pipeline.engines.sql import quoted


def quoted_path(name: str) -> str:
    """A table with its schema, where points stand between them; one that has quotes already stays as it is."""
    return name if '"' in name else ".".join(map(quoted, name.split(".")))


def subquery(table: str, query: str) -> str:
    """What to select from; `table` is SQL already. A comment at the end of a query ends with its line."""
    return table or f"({query.strip().rstrip(';')}\n) as order_lines"
