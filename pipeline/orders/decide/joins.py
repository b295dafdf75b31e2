"""A shop's database written table by table: which of the tables make lines of orders when they are joined."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import duckdb

from pipeline.orders import exports, names
from pipeline.orders.decide import conversions
from pipeline.orders.layout import Layout

_NEEDED = ("customer_id", "created_at_date")
_MOST_BYTES = 2 << 30  # to see that a key is one takes a look at all of them


def command(given: str, layouts: Sequence[Layout]) -> str | None:
    """What writes the joined tables into one file, as it can be pasted; None where no join is sure."""
    tables = {each: relation for each in layouts if (relation := conversions.relation(each))}
    if len(tables) < 2 or sum(each.part.path.stat().st_size for each in tables) > _MOST_BYTES:
        return None
    with_money = [each for each in tables if _has(each.names, "revenue") or _has(each.names, "unit_price")]
    joins = [found for each in with_money if (found := _join(each, tables))]
    if not joins:
        return None
    # Lines of orders are what the most names are known of: payments have money and customers too.
    query, _ = max(joins, key=lambda join: (exports.recognise(join[1]) is not None, names.known(join[1])))
    folder = Path(given)
    return conversions.command(query, folder.with_name(f"{folder.name}-joined.csv"))


def _has(titles: Sequence[str], column: str) -> bool:
    return any(names.candidates(column, titles))


def _join(lines: Layout, tables: dict[Layout, str]) -> tuple[str, list[str]] | None:
    """The query that adds to the lines what other tables know of their keys, and the names that come of it."""
    query, found, others = (
        f"select * from {tables[lines]} as lines",
        list(lines.names),
        [x for x in tables if x is not lines],
    )
    while True:
        lacking = [column for column in _NEEDED if not _has(found, column)]
        if not lacking and exports.recognise(found) and len(others) + 1 < len(tables):
            return query, found
        for other in others:
            key = next(
                (name for name in other.names if name in found and re.fullmatch(r"(?i)\w+(id|key|no)", name)), None
            )
            more = [*found, *(name for name in other.names if name not in found)]
            adds = any(_has(more, column) for column in lacking)
            if key and (adds or exports.recognise(more)) and _is_unique(key, tables[other]):
                query += f" join {tables[other]} as with_{key} using ({key})"
                found, others = more, [each for each in others if each is not other]
                break
        else:
            return None if lacking or " join " not in query else (query, found)


def _is_unique(key: str, relation: str) -> bool:
    with duckdb.connect() as memory:
        try:
            ((is_unique,),) = memory.execute(f"select count(*) = count(distinct {key}) from {relation}").fetchall()
        except duckdb.Error:
            return False
    return bool(is_unique)
