"""Where one reading ends and another begins: each limit tried just below it, at it and above it."""

from __future__ import annotations

from decimal import Decimal

import pytest

from pipeline import orders
from pipeline.orders import mapping
from pipeline.orders.numbers import NumberEvidence
from pipeline.orders.report import report
from tests.orders.test_traits import workbook

HEADER = "customer_id,order_id,quantity,revenue,order_date"


def text(*lines: str, header: str = HEADER) -> str:
    return "\n".join([header, *lines, ""])


@pytest.mark.parametrize(("guests", "asked"), [(1, False), (2, True), (50, True)])
def test_guests_are_asked_about_where_they_are_over_one_line_in_a_hundred(reader, guests, asked):
    lines = [f"{'' if n < guests else n},{n}@x,{n},10,2024-01-15" for n in range(100)]
    path = reader.write("orders.csv", text(*lines, header="Customer ID,Email,Order ID,Total,Order Date"))
    if asked:
        assert f"names nobody on {guests} of 100 lines" in str(reader.asked(path))
    else:
        assert len(reader.read(path).used) == 100


@pytest.mark.parametrize(("orders_of_two", "amounts", "asked"), [
    (10, 5, True), (9, 5, False), (10, 4, False), (30, 30, True),
])  # fmt: skip
def test_money_is_taken_for_that_of_orders_where_ten_of_them_have_the_same_on_each_line_and_five_amounts(
    reader, orders_of_two, amounts, asked
):
    lines = [f"c,{n},1,{10 + n % amounts},2024-01-15" for n in range(orders_of_two) for _ in range(2)]
    path = reader.write("orders.csv", text(*lines, header="customer_id,order_id,quantity,Amount,order_date"))
    if asked:
        assert "is the same on all lines of an order" in str(reader.asked(path))
    else:
        assert len(reader.read(path).used) == len(lines)


@pytest.mark.parametrize(("whole", "encoding"), [(0, "windows-1252"), (1, "utf-8"), (50, "utf-8")])
def test_one_word_in_a_hundred_that_is_utf_8_proves_that_the_others_are_damaged(reader, whole, encoding):
    lines = [f"Zo{'ë' if n < whole else '?'}-{n},{n},1,10,2024-01-15" for n in range(100)]
    content = text(*lines).encode().replace(b"?", "ë".encode("windows-1252"))
    read = reader.read(reader.write("orders.csv", content))
    assert {each.encoding for each in read.loaded.reading.layouts} == {encoding}
    assert "Zoë-0" in read.customers


@pytest.mark.parametrize(("size", "said"), [(99_999, "99,999 bytes"), (100_000, "0.1 MB"), (1_949_999, "1.9 MB")])
def test_a_size_is_in_bytes_as_long_as_it_is_small(reader, size, said):
    start = text(*(f"c{n % 9},{n},1,10,2024-01-15" for n in range(size // 40)))
    path = reader.write("orders.csv", start + "c,x,1,10,2024-01-15\n".rjust(size - len(start), "0"))
    assert path.stat().st_size == size
    assert report(orders.find(str(path))).orders == (str(path), said)


def test_of_several_sheets_the_one_that_knows_three_of_our_columns_has_the_orders(reader):
    header: list[str | int | None] = ["Customer ID", "Order ID", "Revenue", "Order Date"]
    row: list[str | int | None] = ["007", 1, 10, "2023-05-01"]
    two = workbook(Notes=[["Customer ID", "Order Date"], ["007", "2023-05-01"]], Orders=[header, row])
    assert reader.read(reader.write("two.xlsx", two)).revenue == 10
    both = workbook(Old=[[*header[:3], "Date"], row], Orders=[header, row])
    with pytest.raises(orders.OrdersError, match=r"several sheets that may hold the orders: Old, Orders\."):
        reader.read(reader.write("both.xlsx", both))


def test_a_setting_may_stand_several_times_as_answers_are_pasted_and_may_not_say_two_things(reader):
    path = reader.write(
        "orders.yml",
        "columns: {revenue: Total}\nignore: [a]\ncolumns: {order_id: Number}\nignore: [b, c]\n"
        'decimal: ","\nleave_out: {Status: [void]}\nleave_out: {Kind: [gift]}\ndecimal: ","\n',
    )
    found = mapping.load(path)
    assert found.columns == {"revenue": "Total", "order_id": "Number"}
    assert (found.ignore, found.decimal) == (("a", "b", "c"), ",")
    assert found.leave_out == {"Status": ("void",), "Kind": ("gift",)}
    with pytest.raises(orders.OrdersError, match="decimal stands there twice, with two values"):
        mapping.load(reader.write("orders.yml", 'decimal: ","\ndecimal: "."\n'))


@pytest.mark.parametrize(("numbers", "are_those_of_lines"), [((1, 2, 3), True), ((5, 6, 7), True), ((1, 3, 4), False)])
def test_what_stands_before_the_first_name_is_the_number_of_the_line_only_where_it_counts(
    reader, numbers, are_those_of_lines
):
    lines = [f"{number},c{number},{number},1,10,2024-01-15" for number in numbers]
    path = reader.write("orders.csv", text(*lines))
    customers = {f"c{number}" for number in numbers} if are_those_of_lines else set()  # else they have a field too many
    assert reader.read(path).customers == customers


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", ["", "end", "\n"])
@pytest.mark.parametrize("lines", [2, 3, 50])
def test_lines_are_counted_whatever_ends_them(reader, end, last, lines):
    """Also where a tool has put one line feed behind a file of carriage returns."""
    content = end.join([HEADER, *(f"c,{n},1,10,2024-01-15" for n in range(lines))]) + (end if last == "end" else last)
    path = reader.write("orders.csv", content)
    (counted,) = orders.fingerprint(orders.find(str(path))).lines
    assert counted == lines + 1
    assert len(reader.read(path).used) == lines


@pytest.mark.parametrize(("stated", "left"), [
    ("leave_out: {status: [void]}", 2), ("leave_out: {status: [' void ']}", 2), ("only: {status: [paid]}", 2),
    ("leave_out: {status: [' void ', paid]}", 0), ("leave_out: {status: [Void]}", 3),
    ("leave_out: {status: [void], customer_id: [c3]}", 1),
])  # fmt: skip
def test_a_value_is_the_same_with_blanks_around_it_and_another_in_capital_letters(reader, stated, left):
    header = f"{HEADER},status"
    lines = ("c1,1,1,10,2024-01-15, paid ", "c2,2,1,10,2024-01-15,void ", "c3,3,1,10,2024-01-15,paid")
    path = reader.write("orders.csv", text(*lines, header=header))
    assert len(reader.read(path, f"{stated}\nignore: [status]\n").used) == left


@pytest.mark.parametrize(("expression", "amounts"), [
    ("Price - Off", ["9.00", "10.00", "10.00", "x ?"]), ("quantity * Price - Off", ["19.00", "20.00", "20.00", None]),
    ("Price + Off", ["11.00", "10.00", "10.00", None]), ("Price - quantity * Off", ["8.00", "10.00", "10.00", None]),
])  # fmt: skip
def test_where_nothing_stands_nothing_is_taken_off_or_added(reader, expression, amounts):
    lines = [f"c{n},{n},2,10,{off},2024-01-15" for n, off in enumerate(["1", "", "NA"])]
    path = reader.write("orders.csv", text(*lines, header="customer_id,order_id,quantity,Price,Off,order_date"))
    rows = reader.read(path, f"columns: {{revenue: {expression}}}\n").rows
    assert [Decimal(row["revenue"]) for row in rows] == [Decimal(amount) for amount in amounts[:3]]


@pytest.mark.parametrize(("written", "amount"), [
    ("€ 1.010,50", "1010.50"), ("-€5,00", "-5.00"), ("€-5,00", "-5.00"), ("5,00-", "-5.00"), ("(5,00 €)", "-5.00"),
    ("--5,00 €", None), ("-5,00- €", None), ("+-5,00 €", None), ("5,0,0 €", None),
])  # fmt: skip
def test_a_number_has_one_sign(reader, written, amount):
    lines = [f"c;{n};1;{money};2024-01-15" for n, money in enumerate(["€ 7,50"] * 20 + [written])]
    path = reader.write("orders.csv", text(*lines, header=HEADER.replace(",", ";")))
    found = reader.read(path).rows[-1]["revenue"]
    if amount:
        assert Decimal(found) == Decimal(amount)
    else:
        with pytest.raises(ArithmeticError):
            Decimal(found)


@pytest.mark.parametrize(("written", "currencies"), [
    (["$5", "US$7"], {"USD"}), (["$5", "€7"], {"$", "EUR"}), (["5 kr", "7 kr."], {"kr"}), (["5", "7"], set()),
    (["US$5", "€7", "$9"], {"USD", "EUR"}),
])  # fmt: skip
def test_a_currency_that_is_written_in_two_ways_is_one(written, currencies):
    assert set(NumberEvidence.of(written).currencies) == currencies
