"""The API under a warehouse that changes: new builds, no build, a damaged file."""

from __future__ import annotations

import http.client
import json
import os
import random
import shutil
import threading
import time
from pathlib import Path
from unittest.mock import Mock

import duckdb
import pytest

from api.store import snapshot
from api.store.publication import Publication
from api.store.snapshot import SnapshotError
from pipeline.warehouse import build_info
from tests.api.conftest import Answer, Server, link, publish, serving

ASKED = [f"c{n}" for n in range(50)]


@pytest.fixture
def warehouse(tmp_path: Path) -> Path:
    folder = tmp_path / "the shop's"  # which SQL has to take as it is
    publish(folder, "one", dict.fromkeys(ASKED, 1.0))
    return folder


def serves(server: Server, build_id: str) -> bool:
    answer = server.get("/health").json
    return (answer["status"], answer["build_id"]) == ("ok", build_id)


def degraded(server: Server) -> bool:
    return server.get("/health").json["status"] == "degraded"


def build_of(answer: Answer) -> str:
    return answer.headers["etag"].split('"')[1].partition("-")[0]


def test_a_new_build_is_served_without_a_restart_and_the_old_file_let_go(warehouse: Path) -> None:
    with serving(warehouse) as server:
        before = server.get("/predictions/c1")
        publish(warehouse, "two", dict.fromkeys(ASKED, 2.0))
        server.wait(lambda: serves(server, "two"))
        after = server.get("/predictions/c1", If_None_Match=before.headers["etag"])
        assert (before.json["clv"], after.status, after.json["clv"]) == (1.0, 200, 2.0)
        server.wait(lambda: not [file for file in server.open_files() if "/builds/one/" in file], seconds=2)
        link(warehouse, "one")
        server.wait(lambda: serves(server, "one"))
        assert server.get("/predictions/c1").headers["etag"] == before.headers["etag"]


def test_a_walk_through_pages_goes_on_across_a_publish_and_says_so(warehouse: Path) -> None:
    with serving(warehouse) as server:
        first = server.get("/predictions?order=id&limit=20").json
        publish(warehouse, "two", dict.fromkeys(ASKED, 2.0))
        server.wait(lambda: serves(server, "two"))
        second = server.get(f"/predictions?order=id&limit=1000&cursor={first['next_cursor']}")
        found = [one["user_id"] for one in first["predictions"] + second.json["predictions"]]
        assert found == sorted(ASKED)
        assert (second.headers["build-id"], second.headers["cursor-build-id"]) == ("two", "one")


def test_while_nothing_is_published_it_says_so_and_the_first_build_heals_it(tmp_path: Path) -> None:
    warehouse = tmp_path / "warehouse"
    with serving(warehouse) as server:
        answer = server.get("/predictions/c1")
        assert (answer.status, answer.headers["content-type"]) == (503, "application/problem+json")
        assert "make build" in answer.json["detail"]
        assert answer.headers["retry-after"] == "5"
        assert server.get("/health").status == 503
        publish(warehouse, "one", dict.fromkeys(ASKED, 1.0))
        server.wait(lambda: serves(server, "one"))
        assert server.get("/predictions/c1").json["clv"] == 1.0


@pytest.mark.parametrize("damage", ["deleted", "garbage", "empty", "another database", "folder"])
def test_a_published_file_that_is_damaged_does_not_stop_it_and_the_next_build_heals_it(
    warehouse: Path, damage: str
) -> None:
    with serving(warehouse) as server:
        published, beside = warehouse / "clv.duckdb", warehouse / "beside"
        if damage == "deleted":
            shutil.rmtree(warehouse / "builds")
        elif damage == "folder":
            published.unlink()
            published.mkdir()
        else:
            if damage == "another database":
                duckdb.connect(beside).close()
            else:
                beside.write_bytes(random.Random(1).randbytes(100_000) if damage == "garbage" else b"")
            os.replace(beside, published)
        server.wait(lambda: degraded(server))
        problem = server.get("/health").json["problem"]
        assert "clv.duckdb" in problem and str(warehouse) not in problem
        assert server.get("/predictions/c1").json["clv"] == 1.0
        assert server.get("/customers/c1").json["clv"] == 1.0
        if published.is_dir():
            published.rmdir()
        publish(warehouse, "two", dict.fromkeys(ASKED, 2.0))
        server.wait(lambda: serves(server, "two"))
        assert server.get("/customers/c1").json["clv"] == 2.0


def test_a_problem_is_over_as_soon_as_the_same_file_is_back(warehouse: Path) -> None:
    with serving(warehouse) as server:
        published, beside = warehouse / "clv.duckdb", warehouse / "beside"
        target = os.readlink(published)
        published.unlink()
        server.wait(lambda: degraded(server))
        beside.symlink_to(target)
        os.replace(beside, published)
        server.wait(lambda: serves(server, "one"))
        assert server.get("/health").json["problem"] is None
        assert server.log.read_text().count("serving build") == 1  # it was never closed


def test_a_file_that_could_not_be_opened_is_tried_again_though_it_stays_as_it_is(
    warehouse: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publication = Publication(warehouse.parent / "later")
    try:
        with monkeypatch.context() as patch:
            failing = Mock(side_effect=SnapshotError("no memory"))
            patch.setattr("api.store.publication.Snapshot", failing)
            (warehouse.parent / "later").symlink_to(warehouse)
            publication.refresh()
            assert publication.problem == "no memory"
            publication.refresh()
            assert failing.call_count == 1  # not at each look
            patch.setattr("api.store.publication.RETRY_SECONDS", 0)
            publication.refresh()
            assert failing.call_count > 1
        monkeypatch.setattr("api.store.publication.RETRY_SECONDS", 0)
        publication.refresh()
        assert (publication.problem, len(publication.snapshot.columns)) == (None, 50)
    finally:
        publication.close()


@pytest.mark.parametrize(
    "planted",
    [
        "create view customer_value as select secret as customer_id, 1.0 as predicted_clv, 1 as clv_rank, "
        "1 as clv_decile, 'low' as value_tier, 'new' as lifecycle "
        "from read_csv('{secret}', header = false, names = ['secret'])",
        "create view customer_value as select content as customer_id, 1.0 as predicted_clv, 1 as clv_rank, "
        "1 as clv_decile, 'low' as value_tier, 'new' as lifecycle "
        "from read_text('{secret}')",
        "create view prediction_history as select content as customer_id, current_date as as_of_date, "
        "1.0 as predicted_clv, now() as predicted_at from read_text('{secret}')",
    ],
    ids=["csv", "text", "history"],
)
def test_a_view_in_the_published_file_cannot_read_another_one(warehouse: Path, planted: str) -> None:
    secret = warehouse.parent / "secret"
    secret.write_text("c1\n")
    other = publish(warehouse.parent / "other", "other", dict.fromkeys(ASKED, 1.0)) / "clv.duckdb"
    with duckdb.connect(other) as db:
        db.execute(f"drop table {planted.split()[2]}")
        db.execute(planted.format(secret=secret))
    with serving(warehouse.parent / "other") as server:
        answers = [server.get(path) for path in ("/predictions.csv", "/customers/c1", "/history?customer_id=c1%0A")]
        assert {answer.status for answer in answers} <= {200, 404, 503}
        assert not any(answer.status == 200 and b"c1\n" in answer.body for answer in answers)
        assert any(b"disabled" in answer.body for answer in answers)


@pytest.mark.parametrize("content", ["garbage", "another build", "cut short"])
def test_a_file_overwritten_in_place_never_gives_a_wrong_answer(warehouse: Path, content: str) -> None:
    # So many, and so many values, that DuckDB has to go back to the file for them.
    more = {"large": 0.25, "other": 0.75, "next": 0.5}  # than the customer's number, by build

    def values(build: str) -> dict[str, float]:
        return {f"c{n}": n + more[build] for n in range(20_000)}

    file = publish(warehouse, "large", values("large")) / "clv.duckdb"
    other = publish(warehouse.parent / "other", "other", values("other")) / "clv.duckdb"
    with serving(warehouse) as server:
        if content == "cut short":
            os.truncate(file, 50_000)
        else:
            new = other.read_bytes() if content == "another build" else random.Random(1).randbytes(file.stat().st_size)
            with file.open("r+b") as opened:
                opened.write(new)
        asked = json.dumps({"user_ids": [f"c{n}" for n in range(0, 20_000, 100)]}).encode()
        for n in range(25):
            for path in (f"/customers/c{n * 700}", f"/predictions/c{n * 700}", "/customers?limit=200", "/predictions"):
                answer = server.get(path)
                if answer.status == 503:
                    assert path.startswith("/customers") and "was overwritten in place" in answer.json["detail"]
                    continue
                found = answer.json.get("customers") or answer.json.get("predictions") or [answer.json]
                assert {one["clv"] - int(one["user_id"][1:]) for one in found} == {more[build_of(answer)]}
            many = server.request("POST", "/predictions/lookup", asked, Content_Type="application/json")
            found = many.json["predictions"]
            assert {one["clv"] - int(one["user_id"][1:]) for one in found} == {more[build_of(many)]}
            assert server.get("/summary").status in (200, 503)
            time.sleep(0.005)
        publish(warehouse, "next", values("next"))
        server.wait(lambda: serves(server, "next"))
        assert server.get("/customers/c300").json["clv"] == 300.5


def test_the_api_reads_the_schema_that_a_build_writes() -> None:
    assert snapshot.SCHEMA_VERSION == build_info.SCHEMA_VERSION


@pytest.mark.parametrize("version", ["1", "3", "null", "absent"])
def test_a_file_with_another_schema_is_refused_in_one_line_and_the_one_served_stays(
    warehouse: Path, version: str
) -> None:
    other = publish(warehouse.parent / "other", "other", {"c1": 2.0}) / "clv.duckdb"
    with duckdb.connect(other) as db:
        if version == "absent":
            db.execute("alter table build_info drop column schema_version")
        else:
            db.execute(f"update build_info set schema_version = {version}")
    with serving(warehouse) as server:
        os.replace(other, warehouse / "clv.duckdb")
        server.wait(lambda: degraded(server))
        problem = server.get("/health").json["problem"]
        assert f"schema version {version if version.isdigit() else None}; this API reads version 2" in problem
        assert "\n" not in problem
        assert server.get("/predictions/c1").json["clv"] == 1.0


def test_a_build_without_customers_is_served(tmp_path: Path) -> None:
    publish(tmp_path / "warehouse", "none", {})
    with serving(tmp_path / "warehouse") as server:
        assert server.get("/predictions/c1").status == 404
        assert server.get("/predictions").json == {"predictions": [], "next_cursor": None}
        assert server.get("/summary").json["total"] == 0
        assert server.get("/predictions.csv").body == b"customer_id,predicted_clv\n"


def test_rows_that_stand_in_no_order_are_found_all_the_same(tmp_path: Path) -> None:
    values = {f"c{n}": float(n) for n in range(5000)}
    names = list(values)
    random.Random(2).shuffle(names)
    file = publish(tmp_path / "warehouse", "shuffled", {}) / "clv.duckdb"
    with duckdb.connect(file) as db:
        db.execute("drop table customer_value")
        db.execute(
            "create table customer_value as select unnest(?) as customer_id, unnest(?) as predicted_clv, "
            "5000 - predicted_clv::bigint as clv_rank, 1 as clv_decile, 'low' as value_tier, 'new' as lifecycle",
            [names, [values[n] for n in names]],
        )
    with serving(tmp_path / "warehouse") as server:
        found = server.post("/predictions/lookup", {"user_ids": names}).json
        assert found == {"predictions": [{"user_id": name, "clv": values[name]} for name in names], "unknown": []}


@pytest.mark.slow
def test_100_publishes_under_8_clients_fail_no_request_and_mix_no_answer(warehouse: Path) -> None:
    stop, counts = threading.Event(), [0] * 8
    wrong: list[object] = []

    def client(number: int, port: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        body = json.dumps({"user_ids": ASKED})
        while not stop.is_set():
            try:
                if number % 3 == 0:
                    connection.request("POST", "/predictions/lookup", body, {"Content-Type": "application/json"})
                else:
                    connection.request("GET", "/customers/c7" if number % 3 == 1 else "/predictions/c7")
                answer = connection.getresponse()
                content = json.loads(answer.read())
                build = answer.headers["ETag"].split('"')[1].partition("-")[0]
                found = content.get("predictions") or [content]
                values = {one["clv"] for one in found}
                if answer.status != 200 or values != {1.0 if build == "one" else float(build.removeprefix("b"))}:
                    wrong.append((answer.status, build, values))
            except Exception as error:
                wrong.append(error)
                connection.close()
            counts[number] += 1

    with serving(warehouse) as server:
        clients = [threading.Thread(target=client, args=(number, server.port)) for number in range(8)]
        for one in clients:
            one.start()
        try:
            for n in range(2, 102):
                publish(warehouse, f"b{n}", dict.fromkeys(ASKED, float(n)))
                if n > 4:
                    shutil.rmtree(warehouse / "builds" / f"b{n - 2}")
                time.sleep(0.1)
            server.wait(lambda: serves(server, "b101"))
        finally:
            stop.set()
            for one in clients:
                one.join()
        assert not wrong
        assert min(counts) > 100


@pytest.mark.slow
def test_1000_switches_leave_no_file_thread_or_memory_behind(warehouse: Path) -> None:
    publish(warehouse, "two", {f"c{n}": 2.0 for n in range(1000)})
    publication = Publication(warehouse)

    def resources() -> tuple[int, int, int]:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task")), pages * os.sysconf("SC_PAGE_SIZE")

    def switch(times: int) -> None:
        for n in range(times):
            link(warehouse, "one" if n % 2 == 0 else "two")
            publication.refresh()
            assert publication.snapshot.build["build_id"] == ("one" if n % 2 == 0 else "two")

    try:
        switch(100)
        files, threads, memory = resources()
        switch(1000)
        files_after, threads_after, memory_after = resources()
    finally:
        publication.close()
    assert files_after <= files
    assert threads_after <= threads
    assert memory_after - memory < 20e6
