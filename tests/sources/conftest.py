"""The commands in this process, for what they say and what they leave."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from pipeline import orders_file
from pipeline.settings import Settings
from tests.pipeline.conftest import Typed, built, shop, typed
from tests.postgres import PASSWORD

__all__ = ["built", "shop", "typed"]

Command = Callable[..., str]


@pytest.fixture
def command(typed: Typed, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs one with these variables, compares its exit status, and returns what it printed, without a password."""
    monkeypatch.setenv("PGPASSWORD", PASSWORD)

    def run(name: str, status: int = 0, /, **given: str) -> str:
        ended = typed(name, **given)
        printed = ended.stdout + ended.stderr
        assert ended.status == status, printed
        assert PASSWORD not in printed
        return printed

    return run


def copied(folder: Path, settings: Settings) -> list[dict[str, object]]:
    """The rows of the copy that a command would read, each by the names of its columns."""
    found = orders_file.find(settings, folder / "copy").fetch()
    with duckdb.connect() as memory:
        rows = memory.execute(f"from read_parquet('{found.given}')")
        names = [name for name, *_ in rows.description]
        return [dict(zip(names, row, strict=True)) for row in rows.fetchall()]
