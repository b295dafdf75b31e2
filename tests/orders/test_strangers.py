"""Files as strangers have them: written down with what is right for each before any was tried."""

from __future__ import annotations

import gzip
import io
import json
import os
import subprocess
import sys
import zipfile
from decimal import Decimal

import pytest

from pipeline import orders

DATES = {  # two days as they are written: the first of them
    "20240105103000 20240215113000": "2024-01-05",
    "1704448800000000 1707127200000000": "2024-01-05",
    "1704448800000000000 1707127200000000000": "2024-01-05",
    "20240105T103000Z 20240215T113000Z": "2024-01-05",
    "2024-01-15T10:30:00.123456789Z 2024-01-16T10:30:00Z": "2024-01-15",
    "15.01.2024 10:30 Uhr|28.02.2024 9:05 Uhr": "2024-01-15",
    "Mo 15.01.2024 10:30|Mi 28.02.2024 10:35": "2024-01-15",
    "Montag, 15. Januar 2024|Mittwoch, 28. Februar 2024": "2024-01-15",
    "15/01/2024 10h30|28/02/2024 9h05": "2024-01-15",
    "lun. 15 janv. 2024|mer. 28 févr. 2024": "2024-01-15",
    "15/01/2024 10:30:00 a. m.|28/02/2024 01:30:00 p. m.": "2024-01-15",
    "mar 15 ene 2024|mié 16 ene 2024": "2024-01-15",
    "15 de enero de 2024 10:00 hs.|16 de febrero de 2024 9:05 hs.": "2024-01-15",
    "15 gennaio 2024|3 maggio 2024": "2024-01-15",
    "15 mei 2024|3 maart 2024": "2024-03-03",
    "15 jan 2024 om 10.30|16 mrt 2024 om 9.05": "2024-01-15",
    "15. 1. 2024|28. 2. 2024 10:30": "2024-01-15",
    "15-01-2024 10.30|28-02-2024 11.45.20": "2024-01-15",
    "January 5th, 2024|Feb 22nd, 2024|March 3rd, 2024": "2024-01-05",
    "January 15, 2024 at 10:30 AM|February 16, 2024 at 10:35 PM": "2024-01-15",
    "Mon, 15 Jan 2024 10:30:00 GMT|Wed, 28 Feb 2024 10:30:00 +0100": "2024-01-15",
    "Mon Jan 15 10:30:00 UTC 2024|Tue Jan 16 10:30:00 CET 2024": "2024-01-15",
    "Mon Jan 15 2024 10:30:00 GMT+0100 (Central European Standard Time)|Tue Jan 16 2024 09:30:00 GMT": "2024-01-15",
    "15/Jan/2024:10:30:00 +0000|16/Jan/2024:10:30:00 +0000": "2024-01-15",
    "2024年01月15日|2024年02月16日": "2024-01-15",
    "15.01.2024 24:00|28.02.2024 10:00": "2024-01-15",
    "01/15/2024 00:30 AM|01/16/2024 13:30 PM|01/17/2024 01:30 PM": "2024-01-15",
    "45306,25 45307,5": "2024-01-15",
    "15-JAN-24 10.30.00.000000 AM|16-FEB-24 11.30.00.000000 PM": "2024-01-15",
    "15JAN2024|16FEB2024:10:30:00": "2024-01-15",
    "15 Jan '24|3 Sept. '24": "2024-01-15",
    "31/12/23|15/01/24": "2023-12-31",
    "31/12/2023|15/01/24": "2023-12-31",
    "\u200e15\u200e/\u200e01\u200e/\u200e2024|\u200e16\u200e/\u200e01\u200e/\u200e2024": "2024-01-15",
    "01/15/2024 8:26 AM EST|01/16/2024 8:26 PM EST|01/17/2024 8:26 AM": "2024-01-15",
}  # fmt: skip
MONEY = {  # what stands in the column: what it comes to
    "CHF 1'234.50|CHF 10.00": "1244.50",
    "₹1,23,456.00|₹10.50": "123466.50",
    "12,50-|1.000,00": "987.50",
    "$10.00 USD|$20.00 USD": "30",
    "Rs. 500.00|Rs. 1,250.50": "1750.50",
    "R 150.00|R 1 250.50": "1400.50",
    "100,50 kr|1 250,00 kr": "1350.50",
    "12 500 Ft|900 Ft": "13400",
    "−12.50|100.00": "87.50",
    "-$12.50|$100.00|$-10.00": "77.50",
    "1\u202f234,50\u00a0€|10,00\u00a0€": "1244.50",
    "1 234,5|0,25": "1234.75",
    "\u200e1.234,50\u200f|\ufeff10,00": "1244.50",
}
CENTS = ("amount_cents", "amountCents", "Total (cents)", "Betrag in Cent", "totale_centesimi")
NAMES = {  # encoding: names in it
    "windows-1250": (
        "Łukasz Wójcik",
        "Żółty Róg",
        "Dvořák Jiří",
        "Małgorzata Dąbrowska",
        "Šťastný Ondřej",
        "Kőszegi Gergő",
    ),
    "windows-1254": ("Şükrü Işık", "Ayşe Yıldız", "Çağlar Güneş"),
    "windows-1257": ("Jānis Ozoliņš", "Žemaitė Šiaulių"),
    "iso-8859-15": ("Müller, 10 €", "Groß, 20 €"),
    "utf-32": ("Müller", "Groß"),
    "windows-1252": ("Père Noël", "Søren Kjær", "Müller", "Women’s Club", "Niño Muñoz", "João"),
    "windows-1251": ("Иван Петров", "Мария Сидорова"),
    "cp850": ("Müller", "Schröder", "Groß"),
    "mac-roman": ("Müller", "Schröder", "Groß"),
}
OF_LANGUAGES = ("windows-1250", "windows-1252")  # each name a file too, but the last, which fits both
HEADER = "customer_id,order_id,name,revenue,date"
FILES = {  # content: (first customer, lines, revenue)
    "backslash": (f"{HEADER}\n" + "".join(
        f'"c{i}","{i}","Tin \\"Large\\", box","{i}.50","2024-01-1{i}"\n' for i in range(1, 6)), ("c1", 5, "17.50")),
    "single quotes": (f"{HEADER}\n".replace(",", ";") + "".join(
        f"'c{i}';'{i}';'it''s; large';'{i},50';'2024-01-1{i}'\n" for i in range(1, 6)), ("c1", 5, "17.50")),
    "apostrophes": (f"{HEADER}\n't Hart,1,5' pole,10,2024-01-15\nO'Brien,2,'x',20,2024-01-16\nd'Arc,3,y,5,2024-01-17\n",
                    ("'t Hart", 3, "35")),
    "inches": (f'{HEADER}\nc1,1,5" pipe,10,2024-01-15\nc2,2,"a ""quoted"" one",20,2024-01-16\n', ("c1", 2, "30")),
    "formulas": ('customer_id,order_id,revenue,date\n="00123",="1",="10.50",2024-01-15\n="",="2",="20",2024-01-16\n',
                 ("00123", 2, "10.50")),
    "names of two lines": ('"Customer\nID","Order ID","Line\nTotal","Order\nDate"\nc1,1,30,2024-01-15\n',
                           ("c1", 1, "30")),
    "numbered lines": ("customer_id,order_id,revenue,date\n1,c1,1,10,2024-01-15\n2,c2,2,20,2024-01-16\n",
                       ("c1", 2, "30")),
    "carets": ("customer_id^order_id^revenue^date\nc1^1^10^2024-01-15\nc2^2^20^2024-01-16\n", ("c1", 2, "30")),
    "Hive": ("customer_id\x01order_id\x01revenue\x01date\nc1\x011\x0110\x012024-01-15\n", ("c1", 1, "10")),
    "units": ("customer_id;order_id;quantity;unit_price;date\nc1;1;2 Stk;12,50 €;2024-01-15\n",
              ("c1", 1, "25")),
    "no numbers, but addresses": ("customer_id,email,revenue,date\n,a@x,10,2024-01-15\n,b@x,20,2024-01-16\n",
                                  ("a@x", 2, "30")),
    "currency of any case": ("customer_id,revenue,date,currency\nc1,10,2024-01-15,eur\nc2,20,2024-01-15,EUR\n",
                             ("c1", 2, "30")),
    "a mark for paid": ("customer_id,amount,date,paid\nc1,10,2024-01-15,true\n", ("c1", 1, "10")),
    "Italian": ("Codice Cliente;Numero Ordine;Quantità;Importo;Data Ordine\nC1;1;2;1.234,50;15/01/2024\n",
                ("C1", 1, "1234.50")),
    "Dutch": ("klant,bestelling,stuksprijs,aantal,datum\nK1,1,2.50,4,2024-05-15\n", ("K1", 1, "10")),
    "a delimiter behind each line": ("customer_id,order_id,revenue,date\n7,1,10,2024-01-15,\n8,2,20,2024-01-16,\n",
                                     ("7", 2, "30")),
    "names once more, and a total": (
        "Kunde;Betrag;Datum;Status\nc1;10,00;15.01.2024;bezahlt\nKunde;Betrag;Datum;Status\nc2;20,50;16.01.2024;bezahlt\n"
        "Zwischensumme;30,50;;\n", ("c1", 4, "30.50")),
    "a total without a name": ("Customer,Qty,Amount,Date\nc1,1,10.00,2024-01-15\nc2,1,20.50,2024-01-16\n,2,30.50,\n",
                               ("c1", 3, "30.50")),
    "a day of the month beside the date": ("customer_id,Date,Day,Month,Revenue\n7,2024-01-15,15,January,10\n",
                                           ("7", 1, "10")),
    "a key beside the date": ("customer_id,OrderDateKey,OrderDate,Revenue\n7,20240115,2024-01-15,10\n", ("7", 1, "10")),
    "collected": ("customer_id,revenue,date,order_type,status\n7,10,2024-01-15,Click & Collect,Click and collect\n"
                  "8,5,2024-01-16,Home delivery,Delivered\n", ("7", 2, "15")),
    "donations": ("donation_id,donor_id,donation_date,donation_amount\n1,D1,15 May 2024,$10\n", ("D1", 1, "10")),
    "tax behind the name": ("Customer ID,Order Total (inc. tax),Order Date\nK1,2.50,2024-05-15\n", ("K1", 1, "2.50")),
}  # fmt: skip
ASKED = {  # content: what the question has to name, and what comes of the first answer
    "guests": ("customer_id,email,revenue,date\n,a@x,10,2024-01-15\n7,b@x,20,2024-01-16\n", "email does there", 2),
    "guests as 0": ("customer_id,email,revenue,date\n" + "".join(
        f"{0 if i % 2 else i + 1},g{i}@x,10,2024-01-15\n" for i in range(40)), "email does there", 40),
    "taxes": ("Customer ID,Order Date,Total (inc tax),Total (ex tax)\n7,2024-01-15,12,11\n", "Total (inc tax)", 1),
    "two dates": ("customer_id,date,revenue,date\nc1,2024-01-15,10,2024-02-15\n", "more than one column", 1),
    "Italian status": ("Cliente;Importo;Data;Stato\nC1;10,00;15/01/2024;Completato\nC2;500,00;16/01/2024;Rimborsato\n",
                       "Rimborsato", 1),
    "Dutch status": ("Klant;Bedrag;Datum;Status\nC1;10,00;15/01/2024;Afgerond\nC2;5,00;16/01/2024;Geannuleerd\n",
                     "Geannuleerd", 1),
    "events": ("email,event,value,timestamp\na@x,Placed Order,10,2024-01-15T10:00:00+00:00\n"
               "b@x,Opened Email,10,2024-01-15T10:00:00+00:00\nc@x,Refunded Order,5,2024-01-15T10:00:00+00:00\n",
               "Opened Email", 1),
    "money of a payment service": ("email,type,gross,date\na@x,Express Checkout Payment,10,2024-01-15\n"
                                   "me@x,General Withdrawal,-9,2024-01-16\n", "Withdrawal", 1),
    "what came back": ("CustomerKey,DateKey,SalesAmount,ReturnAmount\n7,2024-01-15,10,2\n", "ReturnAmount", 1),
    "dates that begin late": ("customer_id,revenue,order_date,invoice_date\n" + "".join(
        f"{i},1,{'2024-01-15' if i > 300 else ''},2024-01-16\n" for i in range(400)),
        "order_date and invoice_date", 400),
    "clicks": ("customer_id,revenue,date,event\n7,10,2024-01-15,purchase\n8,5,2024-01-16,Clicked\n", "Clicked", 1),
    "yen in cents": ("customer_id,amount_cents,date,currency\n7,1000,2024-01-15,JPY\n", "has no cents", 1),
}  # fmt: skip


def of_column(name: str, values: list[str], day: str = "") -> str:
    lines = [f"c{i};{'10' if day else value};{value if day else '2024-01-15'}" for i, value in enumerate(values)]
    return "\n".join([f"customer_id;{'revenue' if day else name};{name if day else 'order_date'}", *lines]) + "\n"


@pytest.mark.parametrize("written", DATES)
def test_a_date_however_it_is_written_is_its_day(reader, written):
    days = written.split("|" if "|" in written else " ")
    path = reader.write("orders.csv", of_column("order_date", days, day="x"))
    read = reader.read(path)
    found = [row["created_at_date"][:10] for row in read.used]
    assert min(found) == DATES[written] and all(len(day) == 10 and day[4] == "-" for day in found)
    again = reader.read(path, orders.report(orders.find(str(path))).mapping)
    assert again.rows == read.rows


@pytest.mark.parametrize("written", MONEY)
def test_money_however_it_is_written_is_its_amount(reader, written):
    assert reader.read(reader.write("orders.csv", of_column("revenue", written.split("|")))).revenue == Decimal(
        MONEY[written]
    )


@pytest.mark.parametrize("name", CENTS)
def test_money_in_cents_by_its_name_is_a_hundredth(reader, name):
    path = reader.write("orders.csv", of_column(name, ["1050", "2000"]))
    read = reader.read(path)
    assert (read.revenue, f"revenue: {name} * 0.01" in read.read_as) == (Decimal("30.50"), True)
    assert reader.read(path, orders.report(orders.find(str(path))).mapping).rows == read.rows


@pytest.mark.parametrize(
    ("encoding", "names"),
    [(encoding, [name]) for encoding in OF_LANGUAGES for name in NAMES[encoding][:-1]]
    + [*NAMES.items(), ("cp850", ["Muñoz"])],
)
def test_names_in_an_encoding_that_is_not_named_are_themselves(reader, encoding, names):
    lines = "".join(f"{name};{n};10;2024-01-15\n" for n, name in enumerate(names))
    read = reader.read(reader.write("orders.csv", f"customer_id;order_id;revenue;date\n{lines}".encode(encoding)))
    assert read.customers == set(names)


@pytest.mark.parametrize("kind", FILES)
def test_a_file_of_one_reading_is_read(reader, kind):
    content, (customer, lines, revenue) = FILES[kind]
    read = reader.read(reader.write("orders.csv", content))
    assert (read.used[0]["customer_id"], len(read.rows), read.revenue) == (customer, lines, Decimal(revenue))


@pytest.mark.parametrize("kind", ASKED)
def test_a_file_of_two_readings_is_asked_about_and_the_answer_works(reader, kind):
    content, said, customers = ASKED[kind]
    path = reader.write("orders.csv", content)
    assert said in str(reader.asked(path))
    assert len(reader.answered(path).customers) == customers


def packed(name: str, content: str) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr(name, content)
    return archive.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("orders.csv", b"<!DOCTYPE html>\n<html><body>Please log in</body></html>\n", "page of the web"),
        ("orders.csv", b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n", "lfs pull"),
        ("orders.csv", packed("orders.csv", HEADER), "orders.csv.zip"),
        ("orders.csv", gzip.compress(HEADER.encode()), "orders.csv.gz"),
        ("orders.dat", HEADER.encode(), "orders.dat.csv"),
        ("orders.xls", b"\xd0\xcf\x11\xe0", "Save it as .xlsx"),
    ],
)
def test_what_is_no_text_of_orders_is_named_as_what_it_is(reader, name, content, said):
    with pytest.raises(orders.OrdersError, match=said):
        reader.read(reader.write(name, content))


def test_the_conversion_of_a_json_list_is_right_when_pasted(reader):
    content = json.dumps([{"customer_id": "a", "revenue": 1, "date": "2024-01-15"}] * 2, indent=1)
    with pytest.raises(orders.OrdersError) as stopped:
        reader.read(reader.write("it's all.json", content))
    command = str(stopped.value).split("for each order: ")[1]
    subprocess.run(command, shell=True, check=True)
    assert reader.read(reader.folder / "it's all-lines.jsonl").revenue == 2


def test_files_in_folders_within_a_folder_are_named_by_the_pattern_that_is_shown(reader):
    for month in ("01", "02"):
        reader.write(f"2024/{month}/orders.csv", f"customer_id,revenue,date\nc{month},10,2024-{month}-15\nbroken\n")
    with pytest.raises(orders.NoSuchOrders) as stopped:
        reader.read(reader.folder / "2024")
    read = reader.read(str(stopped.value).split("ORDERS=")[1].strip("'"))
    assert (read.customers, read.revenue, len(read.rows)) == ({"c01", "c02"}, 20, 4)
    assert [row["source_file"] for row in read.rows if row["malformed_line"]] == ["01/orders.csv", "02/orders.csv"]


def test_a_mapping_that_is_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(pipe := tmp_path / "orders.yml")
    with pytest.raises(orders.NoSuchOrders, match="is a pipe, not a file"):
        orders.load_mapping(pipe)


def run_as_shown(command: str) -> None:
    """As a person would paste it who stands in the project's folder, with the Python of its environment."""
    assert command.startswith(".venv/bin/python ")
    subprocess.run(command.replace(".venv/bin/python", sys.executable, 1), shell=True, check=True)


TABLES = {  # as Olist publishes them
    "customers": "customer_id,customer_unique_id,city\nk1,u1,x\nk2,u1,x\nk3,u2,y\n",
    "items": "order_id,order_item_id,product_id,price\n01,1,p,10.50\n01,2,q,5\n02,1,p,20\n03,1,p,7\n04,1,p,3\n",
    "payments": "order_id,payment_type,payment_value\n01,card,10\n01,voucher,5.50\n02,card,20\n",
    "orders": "order_id,customer_id,order_status,order_purchase_timestamp\n01,k1,delivered,2024-01-15 10:00:00\n"
              "02,k2,delivered,2024-02-15 10:00:00\n03,k3,canceled,2024-03-15 10:00:00\n",
}  # fmt: skip


def test_a_shop_s_tables_are_joined_by_the_command_that_is_shown(reader):
    """Payments are more than one for an order, and must not double its lines; no line of items may be lost."""
    for name, content in TABLES.items():
        reader.write(f"shop/{name}.csv", content)
    with pytest.raises(orders.OrdersError, match="tables one by one") as stopped:
        reader.read(reader.folder / "shop")
    run_as_shown(str(stopped.value).split("build from: ")[1])
    read = reader.read(reader.folder / "shop-joined.csv")
    assert (read.customers, read.revenue, len(read.rows)) == ({"u1"}, Decimal("35.50"), 5)
    assert {row["order_id"] for row in read.used} == {"01", "02", "04"}


@pytest.mark.parametrize(
    ("given", "target"),
    [
        ("shop/tables", "shop/tables-joined.csv"),
        ("shop/tables/*.csv", "shop/tables-joined.csv"),
        ("shop/**/*.csv", "shop-joined.csv"),
        ("shop/*/*.csv", "shop/tables-joined.csv"),
    ],
)
def test_joined_tables_go_into_a_file_that_is_none_of_those_that_were_named(reader, given, target):
    for name, content in TABLES.items():
        reader.write(f"shop/tables/{name}.csv", content)
    with pytest.raises(orders.OrdersError, match="tables one by one") as stopped:
        reader.read(reader.folder / given)
    assert f"to '{reader.folder / target}' (header)" in str(stopped.value)


@pytest.mark.parametrize("months", [("jan", "mar"), ("jan", "feb", "mar")])
def test_a_month_that_lacks_a_column_is_no_table_of_another_kind(reader, months):
    names = "order_id,customer_id,total_price,created_timestamp,cancelled_timestamp,financial_status"
    for n, month in enumerate(months):
        line = f"{n},7,97.03,2025-07-12 09:00:00,,paid"
        has_all = month != "mar"
        reader.write(f"{month}.csv", f"{names},order_adjusted_total\n{line},90\n" if has_all else f"{names}\n{line}\n")
    with pytest.raises(orders.OrdersError, match=r"mar\.csv has no column order_adjusted_total"):
        reader.read(reader.folder)


def test_no_command_is_shown_that_names_a_copy_which_nobody_can_reach(reader):
    path = reader.write("copy.csv", "household_key,DAY,SALES_VALUE\n01,1,2.50\n")
    for name, content in TABLES.items():
        reader.write(f"shop/{name}.csv", content)
    for given in (path, reader.folder / "shop"):
        with pytest.raises(orders.OrdersError) as stopped:
            orders.decide(orders.find(str(given), "as it was called"))
        assert "import duckdb" not in str(stopped.value)


def test_days_that_are_counted_become_dates_by_the_command_that_is_shown(reader):
    path = reader.write("it's.csv", "household_key,BASKET_ID,DAY,SALES_VALUE\n01,1,1,2.50\n02,2,40,3\n")
    command = str(reader.asked(path)).split("2000-01-01: ")[1].splitlines()[0]
    run_as_shown(command.replace("2000-01-01", "2016-12-31"))
    read = reader.read(reader.folder / "it's-dated.csv")
    assert [(row["customer_id"], row["created_at_date"]) for row in read.used] == [
        ("01", "2017-01-01"),
        ("02", "2017-02-09"),
    ]


def test_no_command_is_shown_for_a_file_with_a_title_which_duckdb_takes_for_names(reader):
    path = reader.write("orders.csv", "Sales of our shop\nhousehold_key,DAY,SALES_VALUE\n01,1,2.50\n")
    undecided = reader.asked(path)
    assert "is not a date that is known" in str(undecided) and "import duckdb" not in str(undecided)


def test_a_customer_s_column_is_proposed_by_what_stands_in_it_and_not_by_its_place(reader):
    lines = "".join(f"{n},shipped,D{n % 40:05},{n}.50,Card,2024-01-{n % 28 + 1:02}\n" for n in range(200))
    path = reader.write("orders.csv", f"index,delivery status,giver,total,method,date\n{lines}")
    ((first, _), *others) = reader.asked(path).questions[0].answers
    assert first == "columns: {customer_id: giver}" and not any(
        "status" in line or "method" in line for line, _ in others
    )
    assert len(reader.answered(path).customers) == 40
