"""A build touches nothing in its folder that a build did not make, and follows no link that somebody planted there."""

from __future__ import annotations

import os
import re
import shutil
import stat
import threading
import time
from pathlib import Path

import pytest

from pipeline.warehouse.files import copy
from pipeline.warehouse.folder import Warehouse
from tests.pipeline.conftest import Shop


def contents(folder: Path) -> dict[str, bytes | None]:
    return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None for p in folder.rglob("*")}


def test_a_folder_of_ones_own_is_left_alone_and_named(shop: Shop):
    for name in ("builds/mine.txt", "training/notes.txt", "temporary/x", "build.duckdb.backup", "build.duckdb"):
        path = shop.warehouse / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("mine")
    before = contents(shop.warehouse)
    says = f"{shop.warehouse} is not a warehouse: it holds build.duckdb, build.duckdb.backup, builds and 2 more"
    for command in ("build", "train"):
        assert says in shop.run(command, status=1)
        assert contents(shop.warehouse) == before


@pytest.mark.parametrize("refused", [".", "builds"])
def test_a_folder_that_may_not_be_written_to_is_refused_before_anything_is_read(tmp_path, monkeypatch, refused):
    warehouse = Warehouse(tmp_path)
    warehouse.create()
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path / refused)  # root may write anywhere
    with pytest.raises(PermissionError, match=re.escape(str(tmp_path))):
        warehouse.create()


@pytest.mark.slow
def test_what_somebody_keeps_in_a_warehouse_stays(built: Shop):
    mine = ("build.duckdb.backup", "training/notes.txt", "temporary/notes.txt", "builds/mine/notes.txt", ".swap-mine")
    for name in mine:
        path = built.warehouse / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("mine")
    built.run(AS_OF="2017-10-18")
    assert [(built.warehouse / name).read_text() for name in mine] == ["mine"] * len(mine)
    built.assert_whole()


def test_all_that_a_killed_build_has_left_goes_and_what_is_published_or_ones_own_stays(built: Shop):
    warehouse, before = Warehouse(built.warehouse), contents(built.warehouse)
    warehouse.build_file.with_name("build.duckdb.tmp").mkdir()
    (warehouse.temporary / "orders").mkdir(parents=True)
    (warehouse.new_folder("20991231T000000-ffffff") / "predictions.csv").touch()
    for name in (
        "build.duckdb",
        "build.duckdb.wal",
        "build.duckdb.tmp/spilled",
        ".clv-temporary/orders/orders.parquet",
    ):
        (built.warehouse / name).touch()
    for name in ("clv.duckdb", "predictions.csv", "current"):
        (built.warehouse / f".swap-{name}").symlink_to("nowhere")
    own = dict.fromkeys(("build.duckdb.backup", ".swap-mine"), b"")
    for name in own:
        (built.warehouse / name).touch()
    warehouse.discard_unfinished()
    assert contents(built.warehouse) == before | own


def test_published_is_the_newest_build_and_the_one_before_it_and_no_other(built: Shop):
    warehouse, newest, unfinished = Warehouse(built.warehouse), built.build_id(), "20991231T000000-ffffff"
    before = warehouse.previous().name
    assert before != newest
    (warehouse.new_folder(unfinished) / "predictions.csv").touch()
    published = [warehouse.has_published(each) for each in (newest, before, unfinished, "20981231T000000-ffffff")]
    assert published == [True, True, False, False]
    warehouse.discard_unfinished()


@pytest.mark.parametrize("in_the_kernel", [True, False])
def test_a_copy_is_whole_or_an_error_and_takes_the_place_of_nothing(tmp_path, monkeypatch, in_the_kernel):
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(os.urandom(3_000_000))
    if not in_the_kernel:
        monkeypatch.delattr(os, "copy_file_range")
    copy(source, target)
    assert target.read_bytes() == source.read_bytes()
    with pytest.raises(FileExistsError):
        copy(source, target)
    target.unlink()
    if in_the_kernel:
        monkeypatch.setattr(os, "copy_file_range", lambda *_: 0)
    else:
        monkeypatch.setattr(shutil, "copyfileobj", lambda readable, writable: writable.write(readable.read(10)))
    with pytest.raises(OSError, match="Only a part of it could be copied"):
        copy(source, target)


def test_a_training_begins_in_an_empty_folder_whatever_a_killed_one_has_left(tmp_path: Path):
    warehouse = Warehouse(tmp_path)
    (warehouse.new_training_folder() / "left.parquet").write_text("of a training that was killed")
    assert list(warehouse.new_training_folder().iterdir()) == []
    warehouse.discard_training()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["build.lock", "builds", "logs", "target", "logs/dbt.log", "training_report.html"])
def test_a_planted_link_is_not_followed(built: Shop, name: str):
    outside = built.folder / "outside"
    path = built.warehouse / name
    if name in ("builds", "logs", "target"):
        outside.mkdir()
        path.rename(built.folder / "before")
    else:
        outside.write_text("not the warehouse's")
        path.unlink(missing_ok=True)
    path.symlink_to(outside)
    before = contents(built.folder / "outside") if outside.is_dir() else outside.read_text()
    assert f"{path} is a link" in built.run(status=1, AS_OF="2017-10-18")
    assert before == (contents(outside) if outside.is_dir() else outside.read_text())


@pytest.mark.slow
@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o640), (0o077, 0o600)])
def test_what_is_published_is_not_everybodys_to_read(shop: Shop, umask: int, mode: int):
    before = os.umask(umask)
    try:
        shop.run()
    finally:
        os.umask(before)
    for name in ("clv.duckdb", "predictions.csv"):
        assert stat.S_IMODE((shop.warehouse / name).stat().st_mode) == mode


@pytest.mark.parametrize("character", ["?", "#", "\\"])
def test_a_folder_whose_name_duckdb_cannot_open_is_refused(shop: Shop, character: str):
    folder = shop.folder / f"ware{character}house"
    printed = shop.run(status=2, WAREHOUSE=str(folder))
    assert f"{character} is in its path" in printed and len(printed.splitlines()) == 1
    assert not folder.exists()


@pytest.mark.slow
def test_orders_that_grow_while_they_are_read_stop_the_build(built: Shop):
    published = built.build_id()
    process = built.start(AS_OF="2017-10-18")
    until = threading.Event()

    def grow() -> None:
        for number in range(10_000):
            with built.orders.open("a") as file:
                file.write(f"g,g{number},1,1,1,2017-10-01\n")
            if until.wait(0.02):
                return

    while not (built.warehouse / "build.lock").exists() and process.poll() is None:
        time.sleep(0.01)
    writer = threading.Thread(target=grow)
    writer.start()
    printed = process.communicate(timeout=300)[0]
    until.set()
    writer.join()
    assert process.returncode == 1, printed
    assert f"{built.orders} changed while it was read" in printed
    assert built.assert_whole() == published
