"""The reader of orders alone, without dbt: files in, the rows of the seed's table out."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
import yaml

from pipeline import orders
from pipeline.orders import mapping
from pipeline.orders.spoken import read_as


@dataclass(frozen=True)
class Read:
    loaded: orders.Loaded
    rows: list[dict]

    @property
    def used(self) -> list[dict]:
        return [row for row in self.rows if not row["left_out"] and row["malformed_line"] is None]

    @property
    def revenue(self) -> Decimal:
        return sum((Decimal(row["revenue"] or 0) for row in self.used if row["customer_id"]), Decimal(0))

    @property
    def read_as(self) -> list[str]:
        return read_as(self.loaded.reading)

    @property
    def customers(self) -> set[str]:
        return {row["customer_id"] for row in self.used if row["customer_id"]}


class Reader:
    def __init__(self, folder: Path):
        self.folder = folder

    def write(self, name: str, content: str | bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def read(self, given: Path | str, stated: str = "") -> Read:
        """Reads as a build does, held to the independent count of lines; `stated` is a mapping's text."""
        source = orders.find(str(given))
        counted = orders.fingerprint(source)
        known = mapping.load(self.write("orders.yml", stated)) if stated else None
        with duckdb.connect() as memory:
            loaded = orders.load(memory, "orders", source, known, self.folder)
            orders.stop_where_lines_are_lost(source, counted, memory, "orders")
            orders.stop_where_changed(source, counted)
            found = memory.execute("select * from orders order by rowid")
            names = [name for name, *_ in found.description]
            return Read(loaded, [dict(zip(names, row, strict=True)) for row in found.fetchall()])

    def asked(self, given: Path | str, stated: str = "") -> orders.Undecided:
        with pytest.raises(orders.Undecided) as stopped:
            self.read(given, stated)
        return stopped.value

    def answered(self, given: Path | str, stated: str = "", choose: int = 0) -> Read:
        """Reads with the answer that stands at `choose` to each question, as it would be pasted."""
        lines = [stated]
        for question in self.asked(given, stated).questions:
            lines.append(question.answers[min(choose, len(question.answers) - 1)][0])
        text = "\n".join(lines)
        assert yaml.safe_load(text)
        return self.read(given, text)


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    return Reader(tmp_path)


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    return Reader(tmp_path_factory.mktemp("room"))
