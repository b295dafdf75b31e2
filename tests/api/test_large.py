"""A build published as Parquet answers every request as the same build in one file does."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import duckdb
import pytest

from pipeline.warehouse import parquet
from tests.api.conftest import IDS, Server, link, publish, serving

MANY = {name: 1000.1 / (n + 3) for n, name in enumerate(IDS)} | {f"c{n:05}": n % 500 * 0.1 for n in range(20_000)}
MANY |= {"x" * 299 + end: 7.0 for end in "yz"}  # longer than what Parquet's statistics say of an id
MANY["Ł" + "é" * 200] = 8.0  # the last of all: of the row group that it is in they say nothing
FILE_ROWS = 9000  # so that there are several files, and several row groups in each


def in_one_file(warehouse: Path) -> None:
    """Two builds, the second with another value for each third customer."""
    changed = {name: value + (n % 3 == 0) for n, (name, value) in enumerate(MANY.items())}
    for build_id, values in (("one", MANY), ("two", changed)):
        file = publish(warehouse, build_id, values) / "clv.duckdb"
        with duckdb.connect(file) as db:
            db.execute("create or replace table customer_value as from customer_value order by customer_id")
            for table in ("customer_features", "predictions"):
                db.execute(f"create table {table} as from customer_value")
    (warehouse / "builds" / "two" / "previous").symlink_to("../one")


def as_parquet(warehouse: Path) -> None:
    for folder in (warehouse / "builds").iterdir():
        with duckdb.connect(folder / "clv.duckdb", config=parquet.searching(warehouse)) as file:
            parquet.move_out(file, folder, FILE_ROWS)


def walk(server: Server, path: str) -> list[bytes]:
    """The pages that a client is given who follows each cursor to the next."""
    pages, cursor = [], ""
    while cursor is not None:
        answer = server.get(f"{path}{cursor and '&cursor='}{cursor}")
        assert answer.status == 200
        pages.append(answer.body)
        cursor = answer.json["next_cursor"]
    return pages


def answers(server: Server) -> dict[str, object]:
    """What it says to all that can be asked of customers; by what was asked."""
    some = [
        *list(MANY)[:200],
        *list(MANY)[200::97],
        "x" * 300,
        "x" * 299 + "y",
        "unknown",
        "",
        "c08191",
        "c08192",
        "zz",
    ]
    paths = [f"/predictions/{name}" for name in ("c00000", "c00500", "c19999", "007", "unknown", "x" * 299 + "z", "~")]
    paths += [f"/customers/{name}" for name in ("c00001", "c19999", "unknown")] + ["/customers?customer_id=a%2Fb"]
    paths += ["/customers/c00003/history", "/history?customer_id=a%2Fb", "/customers/unknown/history"]
    paths += ["/predictions.csv", "/customers.csv", "/customers.csv?tier=high&lifecycle=new"]
    paths += [
        "/customers.csv?changed_since=one",
        "/customers.csv?changed_since=one&min_clv=40",
        "/segments",
        "/summary",
    ]
    said: dict[str, object] = {path: (answer := server.get(path)).body + bytes([answer.status % 251]) for path in paths}
    said["lookup"] = server.post("/predictions/lookup", {"user_ids": some}).body
    said |= {
        path: walk(server, path)
        for path in (
            "/predictions?limit=1000&min_clv=45",
            "/predictions?limit=1000&order=id",
            "/customers?limit=500&tier=high",
            "/customers?limit=700&order=id&decile=3",
            "/customers?limit=1000&order=id&changed_since=one&max_clv=2",
        )
    }
    return said


@pytest.mark.slow
def test_both_forms_of_a_build_give_the_same_answers_also_where_the_folder_was_moved(tmp_path: Path) -> None:
    small, made, large = (tmp_path / name / "warehouse" for name in ("small", "made", "moved 'here'"))
    in_one_file(small)
    shutil.copytree(small, made, symlinks=True)
    as_parquet(made)
    large.parent.mkdir()
    made.rename(large)
    with serving(small) as one, serving(large) as other:
        expected, found = answers(one), answers(other)
        assert json.loads(expected["lookup"])["unknown"] == ["unknown", "", "zz"]  # type: ignore[arg-type]
        assert len(expected["/customers.csv"]) > 3e6  # type: ignore[arg-type]
        for asked, said in expected.items():
            assert found[asked] == said, asked
        link(large, "one")
        other.wait(lambda: other.get("/health").json["build_id"] == "one")
        assert other.get("/predictions/c00000").json["clv"] == MANY["c00000"]


@pytest.mark.slow
def test_a_large_build_whose_files_are_damaged_or_gone_is_said_to_be_and_the_next_heals_it(tmp_path: Path) -> None:
    warehouse = tmp_path / "warehouse"
    in_one_file(warehouse)
    as_parquet(warehouse)
    first, *others = sorted((warehouse / "builds" / "two" / "customer_value").iterdir())
    with serving(warehouse) as server:
        for file in (first, *others):
            with file.open("r+b") as opened:
                opened.truncate(100)
        assert server.get("/predictions/c09999").status == 503
        assert server.get("/customers/c19999").status == 503
        shutil.rmtree(first.parent)
        link(warehouse, "one")
        server.wait(lambda: server.get("/health").json["build_id"] == "one")
        assert server.get("/predictions/c19999").json["clv"] == MANY["c19999"]
        link(warehouse, "two")
        server.wait(lambda: server.get("/health").json["status"] == "degraded")
        assert "customer_value" in server.get("/health").json["problem"]
        assert server.get("/predictions/c19999").json["clv"] == MANY["c19999"]
