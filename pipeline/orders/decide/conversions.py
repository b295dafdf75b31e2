"""Commands that make a file of orders of what cannot be read as it is, by DuckDB, as they can be pasted."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from pipeline.orders import layout
from pipeline.orders.layout import Layout
from pipeline.orders.sql import literal


def relation(each: Layout) -> str | None:
    """The SQL that names the file's rows, all text; None where DuckDB alone would read it otherwise."""
    if each.part.kind == "parquet":
        return layout.parquet(each.part)
    if each.part.kind != "text" or each.part.member or not each.names or each.encoding != "utf-8":
        return None
    if each.skipped != 1:  # a title, say, before the line of names
        return None
    return f"read_csv({layout.file_literal(each.part.path)}, all_varchar = true)"


def command(query: str, target: Path) -> str:
    """What writes the rows of a query into a CSV file."""
    sql = f"copy ({query}) to {literal(str(target))} (header)"
    # Double quotes around it are easier to read than what becomes of the single ones in it.
    shown = shlex.quote(sql) if re.search(r"[$`\\!]", sql) else '"' + sql.replace('"', r"\"") + '"'
    return f'.venv/bin/python -c "import duckdb, sys; duckdb.sql(sys.argv[1])" {shown}'
