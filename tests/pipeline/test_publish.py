"""What readers meet while builds are published, rolled back or adopted: one whole build, never half of one."""

from __future__ import annotations

import csv
import http.client
import itertools
import json
import os
import random
import re
import shutil
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import duckdb
import pytest

from pipeline.build import export_predictions
from pipeline.warehouse.build_lock import build_lock
from pipeline.warehouse.folder import Warehouse
from tests.api.conftest import Server, serving, write_tables
from tests.pipeline.conftest import ROOT, Shop

PUBLISH = """
import shutil, sys
from pathlib import Path
from pipeline.warehouse.build_lock import build_lock
from pipeline.warehouse.build_lock import build_lock
from pipeline.warehouse.folder import Warehouse

warehouse, prepared, build_id = Warehouse(Path(sys.argv[1])), Path(sys.argv[2]), sys.argv[3]
warehouse.create()
with build_lock(warehouse.lock_file):
    warehouse.discard_unfinished()
    shutil.copyfile(prepared / "clv.duckdb", warehouse.build_file)
    shutil.copyfile(prepared / "predictions.csv", warehouse.new_folder(build_id) / "predictions.csv")
    warehouse.publish(build_id)
"""


def test_the_published_file_is_whole_by_itself_and_says_what_it_is_made_of(built: Shop):
    build_id = built.assert_whole()
    built.assert_tidy()
    lone = built.folder / "elsewhere.duckdb"
    shutil.copyfile(built.warehouse / "clv.duckdb", lone)
    info = built.query("select build_id, orders_file, lines, customers, as_of_date::varchar from build_info", lone)
    assert info == [(build_id, "orders.csv", 3, 3, "2017-10-17")]


def test_the_csv_is_sorted_by_customer_and_holds_every_digit_whatever_order_an_engine_has_written(tmp_path: Path):
    rows = [("b", 0.1), ("a,1", 1 / 3), ('"', 1e-7), ("é", 12345678.9), ("B", 0.0)]
    with duckdb.connect() as file:
        file.execute("create table predictions (customer_id varchar, predicted_clv double)")
        file.executemany("insert into predictions values (?, ?)", rows)
        export_predictions(file, tmp_path / "predictions.csv")
    with (tmp_path / "predictions.csv").open(newline="", encoding="utf-8") as written:
        header, *lines = csv.reader(written)
    assert header == ["customer_id", "predicted_clv"]
    assert [(customer, float(value)) for customer, value in lines] == sorted(rows)


def test_rollback_publishes_the_build_before_and_says_which(built: Shop):
    newest = built.build_id()
    printed = built.run("rollback")
    before = built.assert_whole()
    assert before != newest
    assert printed == f"Back to build {before}: orders.csv as of 2017-10-16. The next build goes on from there.\n"

    printed = built.run("rollback", status=1)
    assert "No earlier build is kept" in printed
    assert built.assert_whole() == before


def test_rollback_to_a_damaged_file_is_refused_and_to_nothing_makes_nothing(built: Shop):
    published = built.build_id()
    (built.warehouse / "current" / "previous" / "clv.duckdb").write_bytes(b"not a database" * 1000)
    printed = built.run("rollback", status=1)
    assert "cannot be read" in printed and re.search(r"build again instead: make build .*WAREHOUSE=", printed)
    assert built.assert_whole() == published

    nowhere = built.folder / "nowhere"
    assert "No earlier build is kept" in built.run("rollback", status=1, WAREHOUSE=str(nowhere))
    assert not nowhere.exists()


def test_while_a_build_runs_nothing_is_rolled_back(built: Shop):
    published = built.build_id()
    with build_lock(built.warehouse / "build.lock"):
        printed = built.run("rollback", status=1)
    assert f"Another build of {built.warehouse} is running (pid {os.getpid()}, since " in printed
    assert built.assert_whole() == published


@pytest.mark.slow
def test_a_build_after_a_rollback_goes_on_from_the_build_before(built: Shop):
    built.run("rollback")
    before = built.build_id()
    built.run(AS_OF="2017-10-20")
    dates = built.query("select distinct as_of_date::varchar from prediction_history order by 1")
    assert dates == [("2017-10-16",), ("2017-10-20",)]
    assert (built.warehouse / "current" / "previous").resolve().name == before
    built.assert_tidy()


@pytest.mark.slow
def test_an_open_prompt_neither_disturbs_a_build_nor_sees_anything_of_it(built: Shop):
    published = built.build_id()
    prompt = subprocess.Popen(
        [Path(sys.executable).with_name("duckdb"), "-readonly", "-csv", "-noheader", built.warehouse / "clv.duckdb"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    question = "select build_id, (select count(*) from predictions) from build_info;\n"
    prompt.stdin.write(question)
    prompt.stdin.flush()
    assert prompt.stdout.readline() == f"{published},3\n"

    built.write_orders({"a": 10})
    built.run(AS_OF="2017-10-18")
    built.run(AS_OF="2017-10-19")  # by now, the folder of the file that the prompt reads is gone
    answer = prompt.communicate(question)[0]
    assert answer == f"{published},3\n"
    assert built.query("select count(*) from predictions") == [(1,)]


@pytest.mark.slow
def test_a_file_open_for_writing_elsewhere_stops_the_build_instead_of_losing_its_history(built: Shop):
    published = built.build_id()
    with duckdb.connect(built.warehouse / "clv.duckdb"):
        printed = built.run(status=1)
    assert "is open for writing in another program" in printed
    assert built.assert_whole() == published


def test_a_copy_of_a_warehouse_that_followed_its_links_is_published_to_as_well(built: Shop):
    prepared = built.folder / "prepared"
    shutil.copytree(built.warehouse / "current", prepared, symlinks=True)
    copied = built.folder / "copied"
    shutil.copytree(built.warehouse, copied)
    publish(copied, prepared, built.build_id())
    assert (copied / "current").is_symlink()
    Shop.assert_whole(at(built, copied))


def test_everything_is_on_the_disk_before_the_link_is_swapped(built: Shop):
    if not shutil.which("strace"):
        pytest.skip("strace is not installed")
    prepared = built.folder / "prepared"
    shutil.copytree(built.warehouse / "current", prepared, symlinks=True)
    log = built.folder / "strace.txt"
    watched = "fsync,fdatasync,rename,renameat,renameat2"
    publish(built.warehouse, prepared, "next", "strace", "-f", "-y", "-o", str(log), "-e", f"trace={watched}")

    calls = re.findall(r"(fsync|rename)\w*\((.*)\) += 0", log.read_text())
    swap = next(n for n, (call, arguments) in enumerate(calls) if call == "rename" and "current" in arguments)
    synced_before = " ".join(arguments for call, arguments in calls[:swap] if call == "fsync")
    for path in ("builds/next/clv.duckdb>", "builds/next/predictions.csv>", "builds/next>", "builds>"):
        assert path in synced_before
    assert any(call == "fsync" and f"{built.warehouse}>" in arguments for call, arguments in calls[swap:])


@pytest.mark.slow
@pytest.mark.parametrize(
    "damage", ["link deleted", "file deleted", "empty", "garbage in its place", "half overwritten"]
)
def test_the_next_build_heals_a_damaged_file_and_goes_on_with_the_history_that_is_left(built: Shop, damage: str):
    newest, before = built.build_id(), (built.warehouse / "current" / "previous").resolve().name
    link = built.warehouse / "clv.duckdb"
    file = link.resolve()
    if damage == "link deleted":
        link.unlink()
    elif damage == "file deleted":
        file.unlink()
    elif damage == "empty":
        file.write_bytes(b"")
    elif damage == "garbage in its place":
        link.unlink()
        link.write_bytes(b"garbage" * 10_000)
    else:
        with file.open("r+b") as opened:
            opened.seek(file.stat().st_size // 4)
            opened.write(random.Random(1).randbytes(file.stat().st_size // 2))

    printed = built.run(AS_OF="2017-10-18")
    built.assert_whole()
    built.assert_tidy()
    kept = [day for (day,) in built.query("select distinct as_of_date::varchar from prediction_history order by 1")]
    if damage in ("link deleted", "garbage in its place"):  # the last build itself is whole
        assert kept == ["2017-10-16", "2017-10-17", "2017-10-18"]
        assert (built.warehouse / "current" / "previous").resolve().name == newest
    else:
        assert kept == ["2017-10-16", "2017-10-18"]
    if damage in ("file deleted", "empty"):
        assert (built.warehouse / "current" / "previous").resolve().name == before
    assert "was gone: this build puts it back" in printed if "deleted" in damage else "is damaged" in printed
    assert "the history goes on from" in printed


def ask_without_pause(server: Server, until: threading.Event, wrong: list[str], answers: Counter) -> None:
    """One client, on one connection as long as it lasts; notes what no reader may ever meet."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    for path in itertools.cycle(["/predictions/c1", "/customers/c2", "/predictions/c3"]):
        if until.is_set():
            return
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            body = json.loads(response.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            wrong.append(repr(error))
            connection.close()
            continue
        build = response.headers["ETag"].strip('W/"').partition("-")[0] if response.status == 200 else ""
        if build != f"build{body.get('clv', 0):.0f}":
            wrong.append(f"{response.status}, {build}: {body}")
        answers[build] += 1


@pytest.mark.slow
def test_through_100_publishes_no_request_of_8_clients_fails_or_mixes_two_builds(tmp_path: Path):
    """Build n says n of every customer, so that a mixture of two builds shows."""
    warehouse = Warehouse(tmp_path / "warehouse")

    def publish_next(number: int) -> None:
        warehouse.create()
        with build_lock(warehouse.lock_file):
            warehouse.discard_unfinished()
            with warehouse.open_build() as file:
                file.execute(f"create table given as select 'c' || n as customer_id, {number}::double as predicted_clv "
                             "from range(100) t(n)")  # fmt: skip
                write_tables(file, f"build{number}")
            (warehouse.new_folder(f"build{number}") / "predictions.csv").write_text("customer_id,predicted_clv\n")
            warehouse.publish(f"build{number}")

    publish_next(0)
    wrong: list[str] = []
    answers: Counter = Counter()
    until = threading.Event()
    with serving(warehouse.folder) as server:
        given = (server, until, wrong, answers)
        clients = [threading.Thread(target=ask_without_pause, args=given) for _ in range(8)]
        for client in clients:
            client.start()
        for number in range(1, 101):
            publish_next(number)
            server.wait(lambda: server.get("/health").json["build_id"] == f"build{number}")  # noqa: B023
        until.set()
        for client in clients:
            client.join()
        server.wait(
            lambda: {Path(path).parent.name for path in server.open_files() if "/builds/" in path} == {"build100"}
        )
    print(f"{sum(answers.values()):,} answers from {len(answers)} builds; failed or mixed: {len(wrong)}")
    assert wrong == []
    assert len(answers) > 90


def publish(warehouse: Path, prepared: Path, build_id: str, *prefix: str) -> None:
    subprocess.run([*prefix, sys.executable, "-c", PUBLISH, warehouse, prepared, build_id], cwd=ROOT, check=True)


def at(shop: Shop, warehouse: Path) -> Shop:
    other = Shop(shop.folder)
    other.warehouse = warehouse
    return other
