"""The commands in this process, for what they say and what they leave."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from pipeline import orders_file
from pipeline.cli import main
from pipeline.settings import TAKES, Settings
from tests.pipeline.conftest import built, shop
from tests.postgres import PASSWORD

__all__ = ["built", "shop"]

Command = Callable[..., str]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs one with these variables, compares its exit status, and returns what it printed, without a password."""
    for name in {name for names in TAKES.values() for name in names}:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PGPASSWORD", PASSWORD)

    def run(name: str, status: int = 0, /, **given: str) -> str:
        with monkeypatch.context() as environment:
            for variable, value in given.items():
                environment.setenv(variable, value)
            assert main([name]) == status
        printed = "".join(capsys.readouterr())
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
