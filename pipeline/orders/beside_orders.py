"""Lines that a table of orders has beside them, its names once more and totals: they are left out, and that is said."""

from __future__ import annotations

from dataclasses import replace

import duckdb

from pipeline.orders.reading import Reading
from pipeline.orders.sql import literal

# How the line's first words begin in English, German, French, Spanish, Portuguese, Italian and Dutch.
_TOTAL = (
    r"((grand|sub|overall|zwischen|gesamt|end|eind|sous)[ -]?)?"
    r"(totals?|totale|totaal|totaux|summen?|somme|suma|soma|gesamt|betrag|ergebnis|insgesamt)\b.*"
)
_NO_DATE = "malformed_line is null and not left_out and coalesce(created_at_date, '') not like '____-__-__%'"


def leave_out(connection: duckdb.DuckDBPyConnection, table: str, reading: Reading) -> Reading:
    """Marks such lines of the table, of which none has a date, and returns the reading that says how many there are."""
    if not connection.execute(f"select 1 from {table} where {_NO_DATE} limit 1").fetchall():
        return reading
    found = []
    for test, one, several in (
        (_repeats_names(reading), "line that repeats the names", "lines that repeat the names"),
        (_is_total(table), "line of totals", "lines of totals"),
    ):
        ((count,),) = connection.execute(f"update {table} set left_out = true where {_NO_DATE} and {test}").fetchall()
        if count:
            found.append(f"{count:,} {one if count == 1 else several}")
    return replace(reading, beside_orders=tuple(found))


def _repeats_names(reading: Reading) -> str:
    names = reading.layouts[0].names
    tests = [
        f"lower(trim({column})) = {literal(names[expression.positions[0]].lower())}"
        for column in ("customer_id", "created_at_date")
        if names and (expression := reading.columns[column])
    ]
    return " and ".join(tests) or "false"


def _is_total(table: str) -> str:
    """A line that calls itself so; or one of nobody and no day, where its money is that of all others of its file."""
    words = " or ".join(
        f"regexp_full_match(lower(trim(coalesce({column}, ''))), {literal(_TOTAL)})"
        for column in ("customer_id", "order_id", "created_at_date")
    )
    nothing = " and ".join(f"coalesce(trim({column}), '') = ''" for column in ("customer_id", "created_at_date"))
    file, money = "coalesce(source_file, '')", "try_cast(revenue as decimal(18, 6))"
    twice = f"select {file}, sum({money}) from {table} where not left_out group by source_file"  # it is in the sum too
    return f"({words} or ({nothing} and ({file}, 2 * {money}) in ({twice})))"
