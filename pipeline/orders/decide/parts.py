"""Files that are read as one have the same columns; where one has not, what it may be and how to name the others."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from pipeline.orders import mapping
from pipeline.orders.decide.columns import Columns
from pipeline.orders.layout import Layout
from pipeline.orders.mapping import Column, Mapping
from pipeline.orders.source import Source


def stop_where_columns_differ(source: Source, layouts: Sequence[Layout], stated: Mapping, columns: Columns) -> None:
    """Raises OrdersError that names the file, the column that it lacks, and what to type."""
    for each in layouts[1:]:
        for column in columns.values():
            if column is not None:
                where = f"{each.part.path}{f', {each.part.member}' if each.part.member else ''}"
                named_by = _named_by(source, layouts[0], each, column, stated)
                mapping.resolve(column, each.names, each.fields, where, named_by)


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
