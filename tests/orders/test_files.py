"""Files of every kind that people have, one at a time and together; nothing in them is lost."""

from __future__ import annotations

import gzip
import io
import json
import os
import shutil
import zipfile
from datetime import date, datetime, time, timedelta
from decimal import Decimal

import duckdb
import pytest

from pipeline import orders
from pipeline.orders import excel, layout, mapping

HEADER = "customer_id,order_id,num_items,revenue,created_at_date"
LINES = ("a,1,1,10.00,2024-01-01", "b,2,2,20.00,2024-01-02", "a,3,1,30.00,2024-01-03")
PLAIN = "\n".join([HEADER, *LINES]) + "\n"


def test_the_plain_contract_is_read_without_a_word(reader):
    read = reader.read(reader.write("orders.csv", PLAIN.replace("revenue", "REVENUE")))
    assert (read.revenue, read.loaded.reading.mapping.delimiter, read.loaded.warnings) == (Decimal(60), None, ())
    assert [fact for fact in read.read_as if "order_item_id" in fact] == []


@pytest.mark.parametrize("packed", ["", ".gz", ".zip"])
@pytest.mark.parametrize("ending", [".csv", ".tsv", ".txt", ".jsonl", ".ndjson", ".CSV", ".Jsonl"])
def test_a_file_is_read_by_each_ending_that_is_named_in_small_and_in_capital_letters(reader, ending, packed):
    names, *lines = (line.split(",") for line in PLAIN.split())
    records = "".join(json.dumps(dict(zip(names, line, strict=True))) + "\n" for line in lines)
    content = (records if "json" in ending.lower() else PLAIN).encode()
    if packed == ".gz":
        content = gzip.compress(content)
    elif packed:
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr(f"orders{ending}", content)
        content = file.getvalue()
    path = reader.write(f"shop/orders{ending}{packed.upper() if ending.isupper() else packed}", content)
    for given in (path, path.parent):
        assert reader.read(given).revenue == 60


def test_what_programs_leave_beside_files_of_orders_is_passed_over_in_a_folder_and_in_an_archive(reader):
    passed_over = ("~$orders.csv", ".orders.csv", "_orders.csv", "README.csv", "readme-orders.txt", "notes.pdf")
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in ("orders.csv", "in/more.csv", "__MACOSX/orders.csv", "in/a.csv.gz", *passed_over):
            archive.writestr(name, PLAIN)
    for name in ("orders.csv", *passed_over):
        reader.write(f"shop/{name}", PLAIN)
    assert [part.name for part in orders.find(str(reader.folder / "shop")).parts] == ["orders.csv"]
    found = orders.find(str(reader.write("shop.zip", file.getvalue()))).parts
    assert [part.name for part in found] == ["shop.zip/in/more.csv", "shop.zip/orders.csv"]


@pytest.mark.parametrize(
    "changed",
    [
        lambda path: path.write_bytes(path.read_bytes()),  # written anew, though the same
        lambda path: path.write_bytes(path.read_bytes().replace(b"10.00", b"90.00")),  # of the same length
        lambda path: path.write_bytes(path.read_bytes() + b"c,9,1,1.00,2024-02-01\n"),
        lambda path: os.replace(shutil.copy2(path, path.with_suffix(".new")), path),  # another one with all its dates
        lambda path: path.unlink(),
    ],
    ids=["same", "other bytes", "longer", "another file", "gone"],
)
def test_a_file_that_changes_between_two_looks_stops_whatever_was_read(reader, changed):
    path = reader.write("orders.csv", PLAIN)
    source = orders.find(str(path))
    before = orders.fingerprint(source)
    orders.stop_where_changed(source, before)
    os.utime(path, ns=(1, 1))
    before = orders.fingerprint(source)
    changed(path)
    with pytest.raises(orders.OrdersError, match=r"changed while it was read|is no longer there"):
        orders.stop_where_changed(source, before)


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (7.0, "7"), (-7.0, "-7"), (0.5, "0.5"), (1234567890.0, "1234567890"), (123456789012345.0, "123456789012345"),
        (0.1 + 0.2, "0.30000000000000004"), (True, "true"), (False, "false"), ("007", "007"),
        (date(2024, 1, 15), "2024-01-15"), (datetime(2024, 1, 15), "2024-01-15"),
        (datetime(2024, 1, 15, 10, 30), "2024-01-15 10:30:00"),
        (datetime(2024, 1, 15, 23, 59, 59, 900_000), "2024-01-15 23:59:59"), (time(10, 30), "10:30:00"),
        (timedelta(hours=26), "1 day, 2:00:00"), ("", ""), ("two\nlines", "two lines"),
    ],
    ids=str,
)  # fmt: skip
def test_a_cell_of_excel_is_the_text_that_is_meant_by_it(cell, text):
    assert excel._text(cell) == text


def test_a_folder_is_one_source_whose_lines_name_their_file(reader):
    reader.write(
        "shop/b.csv", "\n".join([HEADER, "c,9,1,1.00,2024-02-01", "broken,line", "d,10,1,2.00,2024-02-02"]) + "\n"
    )
    reader.write("shop/a.csv", PLAIN)
    reader.write("shop/notes.pdf", "no orders")
    for given in (reader.folder / "shop", reader.folder / "shop" / "*.csv"):
        read = reader.read(given)
        assert [(row["source_file"], row["customer_id"]) for row in read.rows] == [
            ("a.csv", "a"), ("a.csv", "b"), ("a.csv", "a"), ("b.csv", "c"), ("b.csv", "d"), ("b.csv", None)
        ]  # fmt: skip
        assert read.rows[-1]["malformed_line"] == "broken,line"
        assert read.revenue == 63


def test_files_of_one_export_may_spell_their_names_otherwise_and_a_table_of_something_else_is_named(reader):
    reader.write("shop/1.csv", PLAIN)
    reader.write("shop/2.csv", "Created at date;Customer ID;Order-ID;Num Items;REVENUE\n2024-02-01;c;9;1;5\n")
    read = reader.read(reader.folder / "shop")
    assert (read.customers, read.revenue) == ({"a", "b", "c"}, 65)
    reader.write("shop/0-customers.csv", "customer_id,e-mail\na,a@x\n")
    with pytest.raises(orders.OrdersError, match=r"0-customers\.csv has customer_id, e-mail; 1\.csv has") as stopped:
        reader.read(reader.folder / "shop")
    assert reader.read(str(stopped.value).split("ORDERS=")[1].rstrip(".")).revenue == 60


def test_lines_in_two_files_count_twice_with_a_warning_or_once_where_the_mapping_says_so(reader):
    reader.write("shop/1.csv", PLAIN)
    reader.write("shop/2.csv", PLAIN + "c,4,1,5.00,2024-01-09\n")
    twice = reader.read(reader.folder / "shop")
    assert [(warning.code, warning.figures) for warning in twice.loaded.warnings] == [
        ("lines_in_several_files", {"lines": 3})
    ]
    once = reader.read(reader.folder / "shop", "overlap: once")
    assert (twice.revenue, once.revenue, len(once.rows), once.loaded.warnings) == (125, 65, 7, ())
    fewer = reader.read(reader.folder / "shop", "leave_out: {customer_id: [a]}")
    assert [warning.figures for warning in fewer.loaded.warnings] == [{"lines": len(fewer.used) // 2}]


def test_the_file_decides_and_not_its_folders_name(reader):
    folder = reader.folder / "customer_id=EVERYBODY" / "revenue=1000"
    folder.mkdir(parents=True)
    with duckdb.connect() as memory:
        path = reader.write("plain.csv", PLAIN)
        memory.execute(f"copy (from read_csv('{path}')) to '{folder / 'orders.parquet'}'")
    read = reader.read(folder / "orders.parquet")
    assert (read.customers, read.revenue) == ({"a", "b"}, 60)


def test_a_moment_in_parquet_is_of_the_day_that_it_is_in_utc_whatever_the_zone_of_the_machine(reader):
    path = reader.folder / "orders.parquet"
    with duckdb.connect() as memory:
        memory.execute("set TimeZone = 'Asia/Tokyo'")
        memory.execute(f"copy (select timestamptz '2024-01-15 23:30:00+00' as created_at_date) to '{path}'")
        each = layout.of(orders.find(str(path)).parts[0], mapping.Mapping(), reader.folder)
        assert memory.execute(layout.rows(each, path)).fetchall()[0][0] == "2024-01-15 23:30:00"


def test_json_lines_are_columns_by_their_keys_and_a_broken_one_is_kept(reader):
    content = (
        '{"customer_id": "a", "order_id": 1, "revenue": 10.5, "created_at_date": "2024-03-01"}\n{"customer_id": \n'
    )
    read = reader.read(reader.write("orders.jsonl", content))
    assert [row["malformed_line"] for row in read.rows] == [None, '{"customer_id": ']
    assert read.revenue == Decimal("10.5")


def test_ids_that_a_data_frame_wrote_are_folded_and_that_is_said(reader):
    content = "\n".join([HEADER, "17850.0,1,1,10.00,2024-01-01", "17850,2,1,20.00,2024-01-02"]) + "\n"
    read = reader.read(reader.write("orders.csv", content))
    assert read.customers == {"17850"}
    assert any(".0" in fact for fact in read.read_as)
    versions = reader.read(reader.write("v.csv", content.replace("17850,2", "1.1,2")))
    assert versions.customers == {"17850.0", "1.1"}  # with true decimals among them they are names


def test_what_the_sample_has_not_seen_decides_too(reader):
    lines = [f"c{n % 99},{n},1,{n % 50}.50,2024-01-{1 + n % 12:02d}" for n in range(130_000)]
    late = [*lines, 'x,1,1,"8,980.50",2024-01-01', "9.0,1,1,1.00,2024-01-01"]
    read = reader.read(reader.write("late.csv", "\n".join([HEADER, *late]) + "\n"))
    assert [row["revenue"] for row in read.rows[-2:]] == ["8980.50", "1.00"]
    assert read.rows[-1]["customer_id"] == "9"
    assert "dates" in str(
        reader.asked(reader.write("dates.csv", "\n".join([HEADER, *lines, "x,1,1,1.00,03/04/2024"]) + "\n"))
    )
    latin = "\n".join([HEADER, *lines, "Zoë,1,1,1.00,2024-01-01"]).encode("windows-1252")
    assert reader.read(reader.write("latin.csv", latin)).rows[-1]["customer_id"] == "Zoë"


def test_more_than_a_thousand_columns_are_no_hindrance(reader):
    wide = "".join(f"{line}{',x' * 1500}\n" for line in LINES)
    names = ",".join(f"more_{n}" for n in range(1500))
    assert reader.read(reader.write("wide.csv", f"{HEADER},{names}\n{wide}")).revenue == 60


def test_a_first_line_without_an_end_is_named_and_a_terminal_is_left_alone(reader):
    with pytest.raises(orders.OrdersError, match="line 1: it goes on for more than 2 MB"):
        reader.read(reader.write("long.csv", b"x" * 5_000_000 + b"\n" + PLAIN.encode()))
    text = str(reader.asked(reader.write("evil.csv", "customer_id,a\x1b[2Jb,date\nx,1,2024-01-01\n")))
    assert "\x1b" not in text and "a\ufffd[2Jb" in text


def test_a_file_that_changes_while_it_is_read_is_noticed(reader):
    path = reader.write("orders.csv", PLAIN)
    source = orders.find(str(path))
    before = orders.fingerprint(source)
    orders.stop_where_changed(source, before)
    path.write_text(PLAIN + "c,4,1,5.00,2024-01-09\n")
    with pytest.raises(orders.OrdersError, match="changed while it was read"):
        orders.stop_where_changed(source, before)


@pytest.mark.parametrize(
    "stated, said",
    [
        ("colums: {}", "Is columns meant"),
        ("columns: {custmer_id: x}", "Is customer_id meant"),
        ("columns: {customer_id: Nobody}", "has no column Nobody"),
        ("columns: {customer_id: 0}", "columns are numbered from 1 to 5"),
        ("columns: {customer_id: 6}", "the mapping names number 6, and the columns are numbered from 1 to 5"),
        ("decimal: comma", 'is not "." or ","'),
        ('dates: "%Y"\ndates: "%d"', "stands there twice"),
        ("dates: soon", "strftime"),
        ("encoding: klingon", "an encoding that is known"),
        ("leave_out: {nothing: [x]}", "has no column nothing"),
        ("ignore: [nothing]", "has no column nothing"),
        ("columns: {customer_id: [1", "line 1"),
        ("? [a, b]\n: x", "a value that YAML cannot take"),
        ("dates: 2017-99-99", "a value that YAML cannot take"),
        ("columns: " + "[" * 3900, "a value that YAML cannot take"),
        ("leave_out: {status: {a: b}}", "no column status"),
        ('currency: "\\e[31m"', "is not a text of one line"),
    ],
    ids=lambda text: text[:30],
)
def test_a_mapping_that_does_not_fit_says_what_to_mend(reader, stated, said):
    path = reader.write("orders.csv", PLAIN)
    with pytest.raises(orders.OrdersError, match=said):
        reader.read(path, stated)


def test_answers_that_stand_one_below_the_other_all_count(reader):
    content = reader.write("orders.yml", "leave_out: {a: [x]}\nleave_out: {b: not empty}\nignore: [c]\nignore: [d]\n")
    stated = mapping.load(content)
    assert (stated.leave_out, stated.ignore) == ({"a": ("x",), "b": ("not empty",)}, ("c", "d"))


def test_what_is_left_out_and_what_is_malformed_is_counted_each_under_its_own_word(reader):
    lines = ["a,1,1,5.00,2024-01-15", "a,2,1,5.00,2024-03-01,x,y", "b,3,1,0.50,2023-12-31", "c,4,1,1.00,2025-01-01"]
    path = reader.write(
        "orders.csv", "\n".join(["customer_id,order_id,num_items,revenue,created_at_date", *lines]) + "\n"
    )
    stated = mapping.load(reader.write("orders.yml", "leave_out: {customer_id: [b, c]}"))
    told = orders.report(orders.find(str(path)), stated).lines
    assert told == ("4 lines of 1 customer, 2023-12-31 to 2025-01-01", "2 left out, 1 malformed")
