"""What readers meet while builds are published, rolled back or adopted: one whole build, never half of one."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from tests.pipeline.conftest import ROOT, Shop

PUBLISH = """
import shutil, sys
from pathlib import Path
from pipeline.lock import only_one
from pipeline.warehouse import Warehouse

warehouse, prepared, build_id = Warehouse(Path(sys.argv[1])), Path(sys.argv[2]), sys.argv[3]
warehouse.create()
with only_one(warehouse.lock_file):
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
    assert "cannot be read" in built.run("rollback", status=1)
    assert built.assert_whole() == published

    nowhere = built.folder / "nowhere"
    assert "No earlier build is kept" in built.run("rollback", status=1, WAREHOUSE=str(nowhere))
    assert not nowhere.exists()


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


def publish(warehouse: Path, prepared: Path, build_id: str, *prefix: str) -> None:
    subprocess.run([*prefix, sys.executable, "-c", PUBLISH, warehouse, prepared, build_id], cwd=ROOT, check=True)


def at(shop: Shop, warehouse: Path) -> Shop:
    other = Shop(shop.folder)
    other.warehouse = warehouse
    return other
