"""What a build makes of the files that people really have: clear words, nothing lost, the published file untouched."""

from __future__ import annotations

import csv
import gzip
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

import duckdb
import pytest

from pipeline import orders
from pipeline.build import build
from pipeline.errors import ClvError
from pipeline.settings import Settings
from tests.pipeline.conftest import HEADER, ROOT

CDNOW = ROOT.parent / "shared" / "data" / "cdnow" / "orders.csv"
IDS = ["O'Brien", "Ł-7", "a b", "../x", "'; drop table orders; --", 'say "hi"', "0007", "x,y"]
LINES = [(id, f"o{n}", "1", "2", f"{10 + n}.5", f"2017-09-{n + 1:02d}") for n, id in enumerate(IDS)]
COLUMNS = HEADER.split(",")


def write(path: Path, rows, header=COLUMNS, bom="", end="\n", quoting=csv.QUOTE_MINIMAL) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(bom)
        csv.writer(file, lineterminator=end, quoting=quoting).writerows([header, *rows])
    return path


@pytest.fixture(scope="module")
def published(once, tmp_path_factory, shop_class):
    """A warehouse with a build in it, which no failed build may touch."""

    def build(folder: Path) -> None:
        shop = shop_class(folder)
        write(shop.orders, LINES)
        shop.run()

    folder = tmp_path_factory.mktemp("input") / "shop"
    shutil.copytree(once("built-of-odd-ids", build), folder, symlinks=True)
    return shop_class(folder)


@pytest.fixture(scope="module")
def compared(tmp_path_factory, shop_class):
    """A warehouse for builds of which only the last one counts: dbt parses the project once for all of them."""
    return shop_class(tmp_path_factory.mktemp("compared"))


def bytes_of(shop) -> dict[str, bytes]:
    return {name: (shop.warehouse / name).read_bytes() for name in ("clv.duckdb", "predictions.csv")}


def stopped(shop, status: int, *said: str, **given: str) -> None:
    before = bytes_of(shop)
    printed = shop.run(status=status, **given)
    is_told(printed, *said)
    assert bytes_of(shop) == before


def is_told(printed: str, *said: str) -> None:
    for words in said:
        assert words in printed, printed
    assert len(printed.splitlines()) <= 12, printed


def test_an_id_is_only_an_id(published):
    with (published.warehouse / "predictions.csv").open(encoding="utf-8", newline="") as file:
        assert sorted(row["customer_id"] for row in csv.DictReader(file)) == sorted(IDS)


def test_arguments_that_cannot_be_used_are_named(published, typed, tmp_path):
    def refused(status: int, *said: str, **given: str) -> None:
        ended = typed("build", **{"WAREHOUSE": str(published.warehouse), "ORDERS": str(published.orders), **given})
        assert ended.status == status
        is_told(ended.stderr, *said)

    before = bytes_of(published)
    folder, empty, other = tmp_path / "folder.csv", tmp_path / "empty.csv", tmp_path / "orders.doc"
    folder.mkdir()
    empty.touch()
    other.write_text("x")
    refused(2, "There is no file", "nowhere.csv", ORDERS=str(tmp_path / "nowhere.csv"))
    refused(2, "is a folder without a file of orders", ORDERS=str(folder))
    refused(1, "is empty", "empty.csv", ORDERS=str(empty))
    refused(2, ".parquet", "orders.doc", ORDERS=str(other))
    refused(2, "AS_OF=17/10/2017 is not a date", AS_OF="17/10/2017")
    refused(2, "AS_OF=2017-02-30 is not a date", AS_OF="2017-02-30")
    refused(2, "MAX_REJECTED=many is not a share", MAX_REJECTED="many")
    refused(2, "MAX_REJECTED=2 is not a share", MAX_REJECTED="2")
    refused(1, "There is no model file", MODEL=str(tmp_path / "nowhere.dill"))
    assert bytes_of(published) == before


@pytest.mark.slow
def test_a_damaged_file_is_called_damaged(published, tmp_path):
    plain = write(tmp_path / "orders.csv", [(f"c{n}", f"o{n}", "1", "1", f"{n}.25", "2017-09-01") for n in range(3000)])
    whole = gzip.compress(plain.read_bytes())
    middle = len(whole) // 2
    for name, content in {
        "cut.csv.gz": whole[:middle],
        "flipped.csv.gz": whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :],
        "plain.csv.gz": plain.read_bytes(),
    }.items():
        (tmp_path / name).write_bytes(content)
        stopped(published, 1, f"{name} is damaged or no gzip file", ORDERS=str(tmp_path / name))
    (tmp_path / "text.parquet").write_bytes(plain.read_bytes())
    stopped(published, 1, "text.parquet cannot be read", "parquet", ORDERS=str(tmp_path / "text.parquet"))


def test_a_missing_column_is_named_beside_those_that_were_found(published, tmp_path):
    orders = write(tmp_path / "orders.csv", [], ["customer_id", "Order_ID", "num_items", "cost"])
    said = ("revenue", "created_at_date", "Order_ID, num_items, cost", "columns: {revenue:", "MAPPING=orders.yml")
    stopped(published, 1, str(orders), *said, ORDERS=str(orders))


@pytest.mark.slow
def test_files_without_a_usable_line_are_named(published, tmp_path):
    header_only = write(tmp_path / "header.csv", [])
    stopped(published, 1, str(header_only), "no order lines", ORDERS=str(header_only))
    unusable = write(tmp_path / "unusable.csv", [("", "1", "1", "1", "1", "2017-01-01")])
    stopped(published, 1, "1 of 1 lines", "missing_customer_id", "line 2", MAX_REJECTED="1", ORDERS=str(unusable))
    twice = write(tmp_path / "twice.csv", [], [*HEADER.split(","), "Revenue"])
    stopped(published, 1, "revenue and Revenue", "columns: {revenue: Revenue}", ORDERS=str(twice))


@pytest.mark.slow
def test_an_as_of_date_before_the_first_order_is_told_from_when_on_there_are_orders(published):
    stopped(published, 1, "AS_OF=2016-01-01 is before the first order", "2017-09-01", AS_OF="2016-01-01")


@pytest.mark.slow
def test_too_many_rejected_lines_stop_the_build_with_examples_and_the_way_on(published, tmp_path):
    bad = [("a", "1", "1", "abc", "1", "2017-01-01"), ("b", "1", "1", "1", "nan", "2017-01-01"), ("c", "1")]
    odd = [("d", "1", "1", "-1", "5", "2017-01-01")]
    orders = write(tmp_path / "orders.csv", [*LINES, *bad, *odd])
    said = (
        "3 of 12 lines",
        "Warning: 1 line has negative pieces and positive money",
        "invalid_num_items",
        "line 10: a,1,1,abc,1,2017-01-01",
        "line 11",
        "line 12: c,1",
        "MAX_REJECTED=0.5",
    )
    stopped(published, 1, *said, ORDERS=str(orders))


@pytest.mark.slow
@pytest.mark.parametrize("filling", [0, 400_000], ids=["small", "in the middle of a large file"])
def test_a_quote_that_is_never_closed_stops_the_build_and_names_the_line(published, tmp_path, filling):
    long = ("c", "1", "a description of the item" * 8, "1", "1", "2017-01-01")
    orders = write(tmp_path / "orders.csv", [*LINES, *([long] * filling)])
    with orders.open("a") as file:
        file.write('"a,1,1,1,1,2017-01-01\n')
        file.writelines(["b,1,1,1,1,2017-01-01\n"] * (3 + filling))
    assert orders.stat().st_size > 200 * filling  # large: more than the reader takes in one piece
    stopped(published, 1, f"line {len(LINES) + filling + 2}", "quote", ORDERS=str(orders))


@pytest.mark.slow
def test_every_kind_of_file_gives_the_same_predictions(published, compared, tmp_path):
    names = ["Created_At_Date", "note", "REVENUE", "num_items", "order_item_id", "Order_Id", "customer_id"]
    shuffled = [(d, 'of "two"\nlines', r, n, i, o, c) for c, o, i, n, r, d in LINES]
    awkward = tmp_path / "it's [a] *strange* file?.csv"
    write(awkward, shuffled, names, bom="\ufeff", end="\r\n", quoting=csv.QUOTE_ALL)
    zipped = tmp_path / "orders.csv.gz"
    zipped.write_bytes(gzip.compress(published.orders.read_bytes()))
    typed = tmp_path / "typed.parquet"
    with duckdb.connect() as memory:
        memory.execute(
            "create table t(customer_id text, order_id text, order_item_id int, num_items int,"
            " revenue double, d timestamp)"
        )
        memory.executemany(
            "insert into t values (?, ?, ?, ?, ?, ?)", [(*line[:5], f"{line[5]} 13:14:15") for line in LINES]
        )
        memory.execute(f"copy (select d as created_at_date, * exclude (d) from t) to '{typed}'")

    wanted = bytes_of(published)["predictions.csv"]
    for path in (awkward, zipped, typed):
        compared.run(ORDERS=str(path))
        assert (compared.warehouse / "predictions.csv").read_bytes() == wanted, path


@pytest.mark.slow
def test_two_builds_give_the_same_bytes_with_one_core_and_with_all(compared):
    demo = str(ROOT / "dbt_project" / "seeds" / "orders.csv")
    compared.run(ORDERS=demo)
    with_all = (compared.warehouse / "predictions.csv").read_bytes()
    one_core = str(min(os.sched_getaffinity(0)))
    compared.run(ORDERS=demo, prefix=("taskset", "-c", one_core))
    assert (compared.warehouse / "predictions.csv").read_bytes() == with_all


@pytest.fixture(scope="module")
def cdnow():
    if not CDNOW.exists():
        assert not os.environ.get("CI"), f"{CDNOW} is missing"
        pytest.skip(f"the orders of CDNOW are not beside this project: {CDNOW}")
    return CDNOW


@pytest.mark.slow
def test_the_features_of_cdnow_are_the_known_ones(cdnow, compared):
    shop = compared
    printed = shop.run(ORDERS=str(cdnow), AS_OF="1997-09-30")
    assert "69,659 read, 69,659 used, 0 rejected" in printed
    assert shop.query("select lines, lines_rejected, lines_after_as_of, customers from build_info") == [
        (69_659, 0, 20_573, 23_570)
    ]
    six = "max_num_items, max_revenue, total_revenue, total_orders, days_since_last_order, longest_interval"
    sums = shop.query(f"select {', '.join(f'sum({name})' for name in six.split(', '))} from customer_features")[0]
    assert sums == pytest.approx((62_054, 954_226.75, 1_723_354.50, 47_907, 4_270_092, 5_262_715.678), abs=0.0005)
    assert shop.query("select distinct as_of_date from predictions") == [(date(1997, 9, 30),)]


@pytest.mark.slow
def test_without_a_date_cdnow_is_taken_at_the_day_after_its_last_order(cdnow, compared):
    shop = compared
    shop.run(ORDERS=str(cdnow))
    assert shop.query("select as_of_date, lines_after_as_of, customers, orders from build_info") == [
        (date(1998, 7, 1), 0, 23_570, shop.query("select count(*) from int_customer_orders")[0][0])
    ]
    assert shop.query("select sum(total_revenue) from customer_features")[0][0] == pytest.approx(
        2_500_315.63, abs=0.005
    )


@pytest.mark.slow
def test_make_builds_and_hands_on_that_a_build_was_stopped(published, tmp_path):
    def make(**given: str) -> subprocess.CompletedProcess:
        environment = os.environ | {"WAREHOUSE": str(published.warehouse), "AS_OF": "", "MODEL": ""} | given
        return subprocess.run(["make", "build"], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)

    before = bytes_of(published)
    nowhere = make(ORDERS=str(tmp_path / "nowhere.csv"))
    assert nowhere.returncode == 2  # make has no other
    assert "There is no file" in nowhere.stderr and "Traceback" not in nowhere.stderr
    assert bytes_of(published) == before

    done = make(ORDERS=str(published.orders))
    assert done.returncode == 0, done.stderr
    assert "8 read, 8 used, 0 rejected" in done.stdout
    assert bytes_of(published)["predictions.csv"] == before["predictions.csv"]


@pytest.mark.slow
def test_dbts_own_commands_work_from_the_root_on_a_fresh_warehouse(published, tmp_path):
    names = ("ORDERS", "AS_OF", "MODEL", "STRICT", "HISTORY_DAYS", "MAX_REJECTED")
    environment = {name: value for name, value in os.environ.items() if name not in names}
    environment |= {
        "WAREHOUSE": str(tmp_path),
        "DBT_TARGET_PATH": str(tmp_path / "target"),
        "DBT_LOG_PATH": str(tmp_path),
    }
    environment["ORDERS"] = str(published.orders)
    dbt = str(Path(sys.executable).with_name("dbt"))
    show = ("show", "--select", "customer_features", "--output", "json", "--limit", "-1")
    for command in (("build",), ("docs", "generate"), show):
        run = subprocess.run(
            [dbt, *command, "--project-dir", "dbt_project"],
            cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300,
        )  # fmt: skip
        assert run.returncode == 0, run.stdout
    assert all(f'"{word}"' in run.stdout for word in ("customer_id", "longest_interval", "0007")), run.stdout
    with duckdb.connect(tmp_path / "build.duckdb", read_only=True) as build:
        assert build.sql("select count(*) from predictions").fetchall() == [(len(IDS),)]
    assert (tmp_path / "target" / "catalog.json").exists()


def test_lines_that_a_reader_swallowed_are_counted_against_the_file(tmp_path):
    path = tmp_path / "orders.csv"
    path.write_text(f'{HEADER}\n\na,1,"two\nlines",1,1,2017-01-01\n\nb,1,1,1,1,2017-01-01\nc,1,1,1,1,2017-01-01')
    source = orders.find(str(path))
    counted = orders.fingerprint(source)
    assert counted.lines == (7,)
    with duckdb.connect() as build:
        orders.load(build, "orders", source, None, tmp_path)
        orders.stop_where_lines_are_lost(source, counted, build, "orders")
        build.execute("delete from orders where line_breaks = 1")
        with pytest.raises(orders.OrdersError, match="4 of them were swallowed"):
            orders.stop_where_lines_are_lost(source, counted, build, "orders")


@pytest.mark.slow
def test_a_build_stops_where_its_reader_has_swallowed_a_line(shop, monkeypatch):
    """As if the file had one more than were found in it."""
    count = orders.fingerprint

    def count_one_more(source: orders.Source) -> orders.Fingerprint:
        counted = count(source)
        return replace(counted, lines=tuple(lines + 1 for lines in counted.lines))

    monkeypatch.setattr(orders, "fingerprint", count_one_more)
    with pytest.raises(ClvError, match="has 5 lines, and 1 of them were swallowed"):
        build(Settings(orders=shop.orders, warehouse=shop.warehouse), lambda event: None)
    assert not (shop.warehouse / "clv.duckdb").exists()
