"""Orders that are read while dbt starts: what stops a build stops that too."""

from __future__ import annotations

import re
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from typing import Any

import duckdb
import pytest

from pipeline import orders
from pipeline.build import build
from pipeline.errors import ClvError
from pipeline.runners.on_duckdb import OnDuckDB
from pipeline.settings import ROOT, Settings
from pipeline.warehouse.folder import Warehouse

DEMO = ROOT / "dbt_project" / "seeds" / "orders.csv"
ENDLESS = "select max(hash(a.range, b.range)) from range(1000000000) as a, range(1000000000) as b"


def is_there(value: Any) -> Future[Any]:
    done: Future[Any] = Future()
    done.set_result(value)
    return done


@pytest.mark.timeout(60)
def test_orders_that_nobody_wants_any_more_are_not_read_to_their_end(tmp_path, monkeypatch):
    reading = Event()

    def endless(build, *others):
        reading.set()
        build.execute(ENDLESS)

    monkeypatch.setattr(orders, "load", endless)
    engine = OnDuckDB(Settings(), Warehouse(tmp_path))
    with (
        ThreadPoolExecutor(1) as executor,
        pytest.raises(KeyboardInterrupt),
        engine.bringing_orders(executor, is_there(None), is_there(None)) as brought,
    ):
        reading.wait()
        raise KeyboardInterrupt
    assert isinstance(brought.exception(), duckdb.InterruptException)
    Warehouse(tmp_path).open_build().close()  # which fails where it is still open for something else


@pytest.mark.parametrize("place", [0, 1], ids=["the build file", "the orders"])
def test_orders_are_not_read_where_what_comes_before_has_failed(tmp_path, place):
    before = [is_there(None), is_there(None)]
    before[place] = Future()
    before[place].set_exception(OSError("full"))
    engine = OnDuckDB(Settings(), Warehouse(tmp_path))
    with ThreadPoolExecutor(1) as executor, engine.bringing_orders(executor, *before) as brought:
        assert isinstance(brought.exception(), OSError)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_orders_that_are_gone_before_they_are_read_are_named(tmp_path, monkeypatch):
    file = tmp_path / "orders.csv"
    file.write_bytes(DEMO.read_bytes())
    load = orders.load

    def taken_away(*given):
        file.unlink()
        return load(*given)

    monkeypatch.setattr(orders, "load", taken_away)
    with pytest.raises(ClvError, match=f"{re.escape(str(file))} is no longer there. Build again when"):
        build(Settings(orders=file, warehouse=tmp_path / "warehouse"), print)
