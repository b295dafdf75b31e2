"""A read-only SQL prompt, or one query, on the published file: DuckDB's own command line."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from pipeline.errors import Stop
from pipeline.settings import warehouse_folder


def query(environment: Mapping[str, str]) -> None:
    """Becomes the `duckdb` program. Raises Stop where nothing is published."""
    published = published_file(environment)
    program = Path(sys.executable).parent / "duckdb"
    given = environment.get("Q", "").strip()
    os.execv(program, [str(program), "-readonly", str(published), *(["-c", given] if given else [])])


def published_file(environment: Mapping[str, str]) -> Path:
    published = warehouse_folder(environment) / "clv.duckdb"
    if not published.exists():
        raise Stop(f"Nothing is published in {published.parent} yet. Build first: make build")
    return published
