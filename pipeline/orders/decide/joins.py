"""A shop's database written table by table: which of the tables make lines of orders when they are joined."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from fnmatch import fnmatch
from pathlib import Path

import duckdb

from pipeline.orders import exports, names
from pipeline.orders.decide import conversions
from pipeline.orders.layout import Layout
from pipeline.orders.source import Source

_NEEDED = ("customer_id", "created_at_date")
_MOST_BYTES = 2 << 30  # to see that a key is one takes a look at all of them


def command(source: Source, layouts: Sequence[Layout]) -> str | None:
    """What writes the joined tables into one file, as it can be pasted; None where no join is sure."""
    if source.called:  # a copy, which nobody can run a command on
        return None
    # Files of the same columns, such as one a month, are pieces of one table, and no piece has all of its keys.
    alike = Counter(frozenset(each.names) for each in layouts)
    whole = [each for each in layouts if alike[frozenset(each.names)] == 1]
    tables = {each: relation for each in whole if (relation := conversions.relation(each))}
    if len(tables) < 2 or sum(each.part.path.stat().st_size for each in tables) > _MOST_BYTES:
        return None
    with_money = [each for each in tables if _has(each.names, "revenue") or _has(each.names, "unit_price")]
    joins = [found for each in with_money if (found := _join(each, tables))]
    if not joins:
        return None
    # Lines of orders are what the most names are known of: payments have money and customers too.
    query, _ = max(joins, key=lambda join: (exports.recognise(join[1]) is not None, names.known(join[1])))
    target = _target(source.given, tables)
    return conversions.command(query, target) if target else None


def _target(given: str, tables: Iterable[Layout]) -> Path | None:
    """A file beside the folder with all the tables, and none that `given`, a folder or a pattern, names too."""
    common = Path(os.path.commonpath([each.part.path.parent for each in tables]))
    targets = [each.with_name(f"{each.name}-joined.csv") for each in (common, *common.parents) if each.name]
    pattern = given.replace("**/", "*")  # ** may be no folder at all
    return next((each for each in targets if not fnmatch(str(each), pattern)), None)


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
        known = exports.recognise(found) is not None
        if not lacking and known and len(others) + 1 < len(tables):
            return query, found
        for other in others:
            key = next(
                (name for name in other.names if name in found and re.fullmatch(r"(?i)\w+(id|key|no)", name)), None
            )
            more = [*found, *(name for name in other.names if name not in found)]
            adds = any(_has(more, column) for column in lacking)
            helps = len(more) > len(found) and (adds or (not known and exports.recognise(more) is not None))
            if key and helps and _is_key(key, tables[other], query):
                # A line whose key is not there stays, to be counted as one that cannot be used.
                query += f" left join {tables[other]} as with_{key} using ({key})"
                found, others = more, [each for each in others if each is not other]
                break
        else:
            return None if lacking or " join " not in query else (query, found)


def _is_key(key: str, relation: str, query: str) -> bool:
    """Whether a value of it stands once in the table, and most of those that the query gives stand there."""
    with duckdb.connect() as memory:
        try:
            ((is_unique,),) = memory.execute(f"select count(*) = count(distinct {key}) from {relation}").fetchall()
            if not is_unique:
                return False
            ((share,),) = memory.execute(
                f"select avg(cast({key} in (select {key} from {relation}) as int)) from ({query}) where {key} <> ''"
            ).fetchall()
        except duckdb.Error:
            return False
    return (share or 0) > 0.5
