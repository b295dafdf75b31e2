"""A read-only SQL prompt, or one query, on the published file: DuckDB's own command line."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from pipeline.commands.extras import stop_unless_installed
from pipeline.engines.sql import literal
from pipeline.published import published_file
from pipeline.settings import Settings
from pipeline.warehouse import parquet


def query(settings: Settings, sql: str) -> None:
    """Becomes the `duckdb` program, with a prompt where `sql` is empty. Raises ClvError where nothing is published."""
    stop_unless_installed("sql")
    published = published_file(settings)
    program = Path(sys.executable).parent / "duckdb"
    command = [str(program), "-readonly", str(published)]
    if parquet.is_moved_out(published.resolve().parent):  # its views need it; patterns of one's own would be lost by it
        command += ["-cmd", f"set file_search_path = {literal(settings.warehouse)}"]
    os.execv(program, [*command, *(["-c", sql] if sql else [])])
