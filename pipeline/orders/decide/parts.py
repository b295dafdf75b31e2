"""Files that are read as one have the same columns; where one has not, what it may be and how to name the others."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace

from pipeline.orders import exports, layout, mapping, names
from pipeline.orders.decide import joins
from pipeline.orders.decide.columns import Columns
from pipeline.orders.errors import OrdersError, plain
from pipeline.orders.layout import Layout
from pipeline.orders.mapping import Column, Mapping
from pipeline.orders.names import normalised
from pipeline.orders.reading import Reading
from pipeline.orders.source import Part, Source

_TO_BE_JOINED = (
    "holds a shop's tables one by one. This joins those that make lines of orders into one file to build from:"
)


def spelled_alike(layouts: Sequence[Layout]) -> tuple[Layout, ...]:
    """The layouts with names that differ by case, blanks or underscores spelled as in the first of them."""
    first = {normalised(name): name for name in layouts[0].names}

    def spelled(each: Layout) -> tuple[str, ...]:
        found = tuple(name if name in layouts[0].names else first.get(normalised(name), name) for name in each.names)
        return found if len(set(found)) == len(set(each.names)) else each.names

    return (layouts[0], *(replace(each, names=spelled(each)) for each in layouts[1:]))


def stop_where_the_first_is_another_table(source: Source, layouts: Sequence[Layout], stated: Mapping) -> None:
    """Raises OrdersError where one that comes later is known to hold orders, and the first is not: customers, say."""

    def lacks(each: Layout) -> int:
        return sum(not any(names.candidates(column, each.names)) for column in ("revenue", "created_at_date"))

    first = layouts[0]
    if not first.names or stated.columns or exports.recognise(first.names) or lacks(first) < 2:
        return
    if other := next((each for each in layouts[1:] if not lacks(each)), None):
        mine, theirs = first.part, other.part
        if theirs.member:
            advice = f"unpack it and name the files that are orders: unzip {shlex.quote(str(theirs.path))}"
        elif joined := joins.command(source, layouts):
            raise OrdersError(f"{source.given} {_TO_BE_JOINED} {joined}")
        else:
            advice = f"name those that are orders, such as ORDERS={shlex.quote(str(theirs.path))}"
        raise OrdersError(
            f"{source.given} holds tables of several kinds: {plain(mine.name)} has "
            f"{plain(', '.join(first.names), 150)}; {plain(theirs.name)} has {plain(', '.join(other.names), 150)}. "
            f"Files that are read as one have the same columns: {advice}."
        )


def stop_where_columns_differ(source: Source, layouts: Sequence[Layout], stated: Mapping, columns: Columns) -> None:
    """Raises OrdersError that names the file, the column that it lacks, and what to type."""
    for each in layouts[1:]:
        for column in columns.values():
            if column is not None:
                where = f"{each.part.path}{f', {each.part.member}' if each.part.member else ''}"
                named_by = _named_by(source, layouts[0], each, column, stated)
                try:
                    mapping.resolve(column, each.names, each.fields, where, named_by)
                except OrdersError:
                    if joined := joins.command(source, layouts):
                        raise OrdersError(f"{source.given} {_TO_BE_JOINED} {joined}") from None
                    raise


def _named_by(source: Source, first: Layout, each: Layout, column: Column, stated: Mapping) -> str:
    """Why a file has to have this column, and what to do where it has it not."""
    if column in stated.columns.values():
        return "the mapping names."
    mine, theirs = each.part, first.part
    problem = f"{theirs.member or theirs.path.name} has: files that are read as one have the same columns."
    if not each.names and each.fields == first.fields and not mine.is_packed:
        files = " ".join(shlex.quote(str(path)) for path in source.files[:4])
        return f"{problem} Glue pieces of one file together: cat {files} > orders.csv."
    if mine.member:
        return f"{problem} Unpack it and name the files that are orders: unzip {shlex.quote(str(mine.path))}."
    if mine.path.suffix != theirs.path.suffix:
        pattern = mine.path.parent / f"*{theirs.path.suffix}"
        return f"{problem} Name those that are orders, with a pattern: ORDERS={shlex.quote(str(pattern))}."
    return f"{problem} Name one of them, or keep those that are orders in a folder of their own."


def with_short_lines(reading: Reading) -> dict[Part, int]:
    """The files many of whose lines only lack fields at their end that nobody needs, with the fewest that they have.

    It is seen in a sample, so that not all of them are rejected before it is known.
    """
    found = {}
    for each in reading.layouts:
        least = reading.least_fields(each)
        if each.can_be_padded and least < each.fields and layout.is_habit(*layout.short_lines(each, least)):
            found[each.part] = least
    return found
