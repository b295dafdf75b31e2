"""Traits of real shops' files that once gave wrong numbers, or stopped without need, each with the right numbers."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from decimal import Decimal
from pathlib import Path

import pytest
import yaml

from pipeline import orders

NAMES = "customer_id,order_id,quantity,revenue,order_date"
SHOPIFY = (
    "Name,Email,Financial Status,Created at,Discount Amount,Refunded Amount,"
    "Lineitem quantity,Lineitem name,Lineitem price\n"
    "#1,a@x,paid,2024-05-01 10:00:00 +0200,5.00,0.00,2,Tee,10.00\n#1,,,,,,1,Hat,30.00\n"
    "#2,b@x,partially_refunded,2024-05-13 10:00:00 +0200,0.00,7.00,1,Hat,30.00\n"
)


def of_dates(*dates: str, delimiter: str = ";") -> str:
    return "\n".join([f"customer_id{delimiter}revenue{delimiter}order_date"]
                     + [f"{n}{delimiter}10{delimiter}{day}" for n, day in enumerate(dates)]) + "\n"  # fmt: skip


DATES = {
    "German names of months": (("15. Januar 2024", "3. März 2024"), "2024-01-15 2024-03-03"),
    "German short names": (("15-Mai-2024", "03-Okt-2024", "01-Apr-2024"), "2024-05-15 2024-10-03 2024-04-01"),
    "French names": (("15 janvier 2024", "3 août 2024 10:05", "1 févr. 2024"), "2024-01-15 2024-08-03 2024-02-01"),
    "Spanish and Portuguese names": (("15 de enero de 2024", "3 de março de 2024"), "2024-01-15 2024-03-03"),
    "English names with a point": (("15 Jan. 2024", "3 Feb. 2024"), "2024-01-15 2024-02-03"),
    "month, day and year of two digits": (("Jan-05-24", "Feb-15-24"), "2024-01-05 2024-02-15"),
    "days of a spreadsheet": (("45292", "45300.75"), "2024-01-01 2024-01-09"),
    "seconds as a data frame writes them": (("1704448800.0", "1707127200.0"), "2024-01-05 2024-02-05"),
}  # fmt: skip


@pytest.mark.parametrize("trait", DATES)
def test_dates_are_read_and_the_mapping_that_inspect_writes_reads_them_alike(reader, trait):
    written, right = DATES[trait]
    path = reader.write("orders.csv", of_dates(*written))
    read = reader.read(path)
    assert " ".join(row["created_at_date"] for row in read.used) == right
    again = reader.read(path, orders.report(orders.find(str(path))).mapping)
    assert [row["created_at_date"] for row in again.used] == right.split()


def test_a_day_before_its_month_behind_the_year_is_asked_about_and_read_as_stated(reader):
    path = reader.write("orders.csv", of_dates("2024-15-01", "2024-16-02"))
    assert "2024-15-01" in str(reader.asked(path))
    read = reader.read(path, 'dates: "%Y-%d-%m"\n')
    assert [row["created_at_date"] for row in read.used] == ["2024-01-15", "2024-02-16"]


def test_round_money_with_a_dash_for_the_cents_is_not_less_than_nothing(reader):
    path = reader.write("orders.csv", "customer_id;revenue;order_date\n1;CHF 1'500.50;2024-01-15\n"
                        "2;CHF 20.-;2024-01-16\n3;CHF -5.50;2024-01-16\n4;7.00-;2024-01-16\n")  # fmt: skip
    assert reader.read(path).revenue == Decimal("1508.00")


def test_what_a_database_writes_for_nothing_is_nothing(reader):
    path = reader.write("orders.csv", f"{NAMES}\n\\N,1,2,10.50,2024-01-15\n3,3,\\N,20.00,2024-01-16\n")
    read = reader.read(path)
    assert (read.customers, read.rows[0]["customer_id"], read.rows[1]["num_items"]) == ({"3"}, None, None)


def test_where_there_is_no_discount_nothing_is_taken_off(reader):
    path = reader.write("orders.csv", "customer_id,order_id,quantity,unit_price,discount,order_date\n"
                        "1,1,2,10,5,2024-01-15\n2,2,1,20,,2024-01-16\n3,3,1,30,NA,2024-01-16\n"
                        "4,4,1,10,5,2024-01-16\n")  # fmt: skip
    assert "discount holds 10.00" in str(reader.asked(path))
    assert reader.answered(path).revenue == Decimal(70)
    assert reader.answered(path, choose=9).revenue == Decimal(80)


@pytest.mark.parametrize(("column", "orders_of_two_lines"), [("amount", 10), ("order total", 1)])
def test_money_that_is_alike_on_all_lines_of_enough_orders_may_be_the_order_s(reader, column, orders_of_two_lines):
    def written(several: int) -> tuple[Path, Decimal]:
        """A file in which so many orders have two lines, others one; and the money of all lines."""
        numbers = [*range(several), *range(several), *range(100, 105)]
        lines = [f"c{n},{n},{n}.50,2024-01-15" for n in numbers]
        content = "\n".join([f"customer_id,order_id,{column},order_date", *lines])
        return reader.write(f"{several}.csv", content + "\n"), sum(numbers) + Decimal("0.5") * len(numbers)

    enough, _ = written(orders_of_two_lines)
    assert "is the same on all lines of an order" in str(reader.asked(enough))
    few, money = written(orders_of_two_lines - 1)
    assert reader.read(few).revenue == money


@pytest.mark.parametrize(
    "discounts, revenue", [(("0.1", "NA", "0.25"), "60.5"), (("10%", "", "25%"), "70"), (("1", "0", "1"), "68")]
)
def test_a_discount_in_shares_is_asked_about_as_one(reader, discounts, revenue):
    lines = (f"{n},{n},{2 if n == 1 else 1},{n}0,{each},2024-01-15\n" for n, each in enumerate(discounts, 1))
    path = reader.write("orders.csv", f"customer_id,order_id,quantity,unit_price,discount,date\n{''.join(lines)}")
    assert reader.answered(path).revenue == Decimal(revenue)


def test_a_line_without_a_price_has_no_money_though_its_shipping_is_known(reader):
    lines = "1,1,5,2,10,2024-01-15\n2,2,5,2,,2024-01-16\n3,3,5,,10,2024-01-16\n"
    path = reader.write("orders.csv", f"customer_id,order_id,shipping,qty,price,date\n{lines}")
    read = reader.read(path, "columns: {revenue: shipping + qty * price}")
    assert [row["revenue"] for row in read.used] == ["25.00", None, None]


def test_a_known_export_says_what_it_does_not_take_off_and_how_to(reader):
    path = reader.write("orders.csv", SHOPIFY)
    read, taken = reader.read(path), ""
    assert read.revenue == Decimal(80)
    while read.loaded.warnings:
        taken = read.loaded.warnings[0].text.split("`")[1] + "\n"
        read = reader.read(path, taken)
    assert read.revenue == Decimal(68)
    assert yaml.safe_load(taken)["columns"]["revenue"].endswith("- Discount Amount - Refunded Amount")


def test_a_status_that_only_a_later_file_has_is_asked_about_and_its_answer_works(reader):
    reader.write("months/1.csv", f"{NAMES}\n1,1,1,10,2024-01-15\n")
    reader.write("months/2.csv", f"{NAMES},status\n2,3,1,500,2024-02-15,cancelled\n2,4,1,10,2024-02-16,paid\n")
    folder = reader.folder / "months"
    assert "cancelled: 1 line, 500.00" in str(reader.asked(folder))
    assert reader.answered(folder).revenue == Decimal(20)


def test_a_mark_of_what_was_paid_is_asked_about(reader):
    path = reader.write("orders.csv", f"{NAMES},is_paid\n1,1,1,20,2024-01-15,true\n2,2,1,500,2024-01-15,false\n")
    assert "is_paid" in str(reader.asked(path))
    assert reader.answered(path).revenue == Decimal(20)


def test_money_that_is_the_same_on_every_line_of_each_order_is_asked_about(reader):
    lines = [f"{n},{n},{n % 3 + 1},{50 + n},2024-01-15" for n in range(1, 20) for _ in "abc"]
    path = reader.write("orders.csv", "\n".join(["customer_id,order_id,quantity,amount,order_date", *lines]) + "\n")
    assert "amount is the same on all lines of an order" in str(reader.asked(path))
    assert reader.answered(path).revenue == sum(range(51, 70))
    assert reader.answered(path, choose=9).revenue == 3 * sum(range(51, 70))


def test_an_order_counts_once_on_its_first_line_that_is_not_left_out(reader):
    path = reader.write("orders.csv", "customer_id,order_id,order_total,order_date,status\n"
                        "1,1,50,2024-01-15,cancelled\n1,1,50,2024-01-15,paid\n1,1,50,2024-01-15,paid\n"
                        "2,2,7,2024-01-16,paid\n")  # fmt: skip
    read = reader.read(path, "once: [order_total]\nleave_out: {status: [cancelled]}\n")
    assert [row["revenue"] for row in read.used] == ["50", None, "7"]


def test_a_status_in_numbers_is_asked_about_and_the_usual_one_stays(reader):
    lines = ("1,1,1,20,2024-01-15,3", "1,2,1,20,2024-01-15,3", "2,3,1,500,2024-01-15,7")
    path = reader.write("orders.csv", "\n".join([f"{NAMES},order_status", *lines]) + "\n")
    assert "order_status may say" in str(reader.asked(path))
    assert reader.answered(path).revenue == Decimal(40)


def test_the_positions_that_are_proposed_for_a_file_without_names_fit_it(reader):
    path = reader.write("orders.txt", "00001 19970101  1   11.77\n00004 19970118 12   29.33\n")
    read = reader.answered(path)
    assert (read.customers, read.revenue, read.used[1]["num_items"]) == ({"00001", "00004"}, Decimal("41.10"), "12")


def test_records_within_records_are_columns(reader):
    records = [
        {"id": n, "created_at": "2024-01-15", "customer": {"id": 7, "orders_count": n}, "total_price": "10.00"}
        for n in (1, 2)
    ]
    path = reader.write(
        "orders.jsonl", "".join(json.dumps(each) + "\n" for each in [*records, {"customer": None, "total_price": "1"}])
    )
    read = reader.read(path)
    assert (read.customers, read.revenue, len(read.rows)) == ({"7"}, Decimal(20), 3)


def test_a_time_beside_a_date_is_no_second_date(reader):
    path = reader.write("orders.csv", "customer_id,revenue,date,time\n1,10,2024-01-15,10:00\n2,10,2024-02-15,3:05 PM\n")
    assert [row["created_at_date"] for row in reader.read(path).used] == ["2024-01-15", "2024-02-15"]


@pytest.mark.parametrize("last", [["30.00"], ["29.99"], ["30.01"], ["15.00"], ["-30.00"], ["30.00", "30.00"], [""]])
def test_a_line_of_nobody_and_no_day_is_a_total_only_where_its_money_is_that_of_all_others(reader, last):
    lines = [NAMES, "a,1,1,10.50,2024-01-15", "b,2,1,19.50,2024-01-16", *(f",,,{money}," for money in last), ""]
    read = reader.read(reader.write("orders.csv", "\n".join(lines)))
    assert sum(row["left_out"] for row in read.rows) == (last == ["30.00"])
    assert ("left out: 1 line of totals" in read.read_as) is (last == ["30.00"])


def test_lines_beside_orders_are_said_and_a_line_that_only_lacks_its_date_is_not_one_of_them(reader):
    path = reader.write("orders.csv", f"{NAMES}\n1,1,1,10,2024-01-15\n{NAMES}\n2,2,1,20,\n,,,20,\nTotal,,2,30,\n")
    read = reader.read(path)
    assert [row["left_out"] for row in read.rows] == [False, True, False, False, True]
    assert read.read_as[-2:] == ["left out: 1 line that repeats the names", "left out: 1 line of totals"]


@pytest.mark.parametrize(("line", "code"), [
    ("1.23E+12,1,1,10,2024-01-15", "shortened_ids"),
    ("1,1,-1,10,2024-01-15", "returns_that_add"),
])  # fmt: skip
def test_what_cannot_be_told_from_the_file_is_a_warning(reader, line, code):
    path = reader.write("orders.csv", f"{NAMES}\n2,2,1,10,2024-01-15\n3,3,-1,-10,2024-01-15\n4,4,-1,1e30,2024-01-15\n")
    assert not reader.read(path).loaded.warnings
    path = reader.write("orders.csv", f"{NAMES}\n{line}\n2,2,1,10,2024-01-15\n")
    assert [warning.code for warning in reader.read(path).loaded.warnings] == [code]


def test_a_file_that_is_no_orders_is_named_with_what_reads_the_others(reader):
    reader.write("export/README.txt", "Read me.\n")  # is passed over
    reader.write("export/a.csv", f"{NAMES}\n1,1,1,10,2024-01-15\n")
    reader.write("export/notes.txt", "Files of our shop.\nHandle with care.\n")
    with pytest.raises(orders.OrdersError) as stopped:
        reader.read(reader.folder / "export")
    pattern = str(stopped.value).split("ORDERS=")[1].split(". It has")[0]
    assert reader.read(pattern.strip("'")).revenue == Decimal(10)


CONTENT = "http://schemas.openxmlformats.org/package/2006/content-types"
RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def workbook(*merged: str, **sheets: list[list[str | int | None]]) -> bytes:
    """An .xlsx file of these sheets, as little of it as a reader needs; a text such as #N/A is a formula's error."""
    numbered = list(enumerate(sheets.items(), 1))
    files = {
        "[Content_Types].xml": f'<Types xmlns="{CONTENT}"><Default Extension="xml" '
        'ContentType="application/xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{RELATIONS}"><Relationship Id="r" Type="{OFFICE}/officeDocument" '
        'Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets>'
        + "".join(f'<sheet name="{name}" sheetId="{n}" r:id="r{n}"/>' for n, (name, _) in numbered)
        + "</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{RELATIONS}">'
        + "".join(f'<Relationship Id="r{n}" Type="{OFFICE}/worksheet" Target="s{n}.xml"/>' for n, _ in numbered)
        + "</Relationships>",
    }
    for n, (_, rows) in numbered:
        cells = (
            "".join(
                f'<c r="{chr(65 + i)}{r}"><v>{value}</v></c>' if isinstance(value, int)
                else f'<c r="{chr(65 + i)}{r}" t="e"><f>A1</f><v>{value}</v></c>' if value.startswith("#")
                else f'<c r="{chr(65 + i)}{r}" t="inlineStr"><is><t>{value}</t></is></c>'
                for i, value in enumerate(row)
                if value is not None
            )
            for r, row in enumerate(rows, 1)
        )  # fmt: skip
        lines = "".join(f'<row r="{r}">{row}</row>' for r, row in enumerate(cells, 1))
        places = "".join(f'<mergeCell ref="{place}"/>' for place in merged)
        merges = f"<mergeCells>{places}</mergeCells>" if merged else ""
        files[f"xl/s{n}.xml"] = f'<worksheet xmlns="{MAIN}"><sheetData>{lines}</sheetData>{merges}</worksheet>'
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


def test_sheets_with_the_same_columns_are_one_source_and_others_are_passed_over(reader):
    header: list[str | int] = ["Customer ID", "Order ID", "Revenue", "Order Date"]
    path = reader.write("orders.xlsx", workbook(
        Summary=[["Total"], [60]],
        First=[["Sales"], header, ["007", 1, 10, "2023-05-01"], ["008", 2, 20, "2023-05-02"]],
        Second=[header, ["007", 3, 30, "2024-05-01"]],
    ))  # fmt: skip
    read = reader.read(path)
    assert (read.customers, read.revenue, "2 sheets as one" in read.read_as) == (
        {"007", "008"},
        60,
        True,
    )
    assert [row["source_file"] for row in read.rows] == ["orders.xlsx/First"] * 2 + ["orders.xlsx/Second"]


@pytest.mark.parametrize(("left", "above"), [(0, 0), (1, 0), (0, 2), (3, 4)])
def test_a_merged_cell_is_of_all_its_rows_but_its_money_counts_once_and_a_failed_formula_is_no_money(
    reader, left, above
):
    """Wherever in its sheet the table begins."""
    merged = [
        f"{chr(65 + left + first)}{above + top}:{chr(65 + left + last)}{above + bottom}"
        for first, top, last, bottom in ((0, 1, 4, 1), (0, 3, 0, 4), (1, 3, 1, 4), (3, 3, 3, 4), (4, 3, 4, 4))
    ]
    rows: list[list[str | int | None]] = [
        ["Sales of January", "", "", "", ""],
        ["Customer ID", "Order ID", "SKU", "Revenue", "Order Date"],
        [7, 1, "a", 30, "2024-01-15"], ["", "", "b", "", ""], [8, 2, "c", "#N/A", "2024-01-16"],
    ]  # fmt: skip
    content = workbook(*merged, Sales=[*([[]] * above), *([*[None] * left, *row] for row in rows)])
    path = reader.write("orders.xlsx", content)
    columns = ("customer_id", "order_id", "revenue", "created_at_date")
    assert [tuple(row[column] for column in columns) for row in reader.read(path).rows] == [
        ("7", "1", "30", "2024-01-15"), ("7", "1", None, "2024-01-15"), ("8", "2", "#N/A", "2024-01-16")
    ]  # fmt: skip


def test_money_as_accounts_write_it(reader):
    path = reader.write("orders.csv", 'Customer ID,Revenue (USD),Order Date (UTC)\n1," $ 1,010.50 ",2024-01-15\n'
                        "2, $ (20.00),2024-01-16\n3, $ -   ,2024-01-16\n")  # fmt: skip
    assert [Decimal(row["revenue"]) for row in reader.read(path).used] == [Decimal("1010.50"), Decimal(-20), 0]


@pytest.mark.parametrize(("column", "values"), [
    ("WKZ", ("EUR", "CHF")), ("kind", ("charge", "refund")), ("Type", ("Invoice", "Credit Note")), ("S/H", ("S", "H")),
    ("Situação", ("Pago", "Cancelado")),
])  # fmt: skip
def test_columns_that_shops_name_otherwise_are_asked_about(reader, column, values):
    lines = (f"1,1,1,10,2024-01-15,{values[0]}", f"2,2,1,500,2024-01-15,{values[1]}", f"1,3,1,5,2024-01-15,{values[0]}")
    path = reader.write("orders.csv", "\n".join([f"{NAMES},{column}", *lines]) + "\n")
    assert column in str(reader.asked(path))
    assert reader.answered(path).revenue == Decimal(15)


@pytest.mark.parametrize("without, said", [(10, []), (11, [{"lines": 11, "of": 100}])])
def test_lines_without_a_price_are_said_where_they_are_over_a_tenth(reader, without, said):
    lines = [f"{n},{n},2,{'' if n < without else 10},2024-01-15" for n in range(100)]
    path = reader.write("orders.csv", "\n".join(["customer_id,order_id,qty,unit_price,date", *lines]) + "\n")
    assert [warning.figures for warning in reader.read(path).loaded.warnings] == said


@pytest.mark.parametrize(("name", "revenue"), [("quantity,price", "quantity*price"), ("1,2", '"5"')])
def test_a_line_that_ends_before_its_money_is_no_order_however_the_mapping_spells_the_money(reader, name, revenue):
    names = {"quantity,price": "customer_id,date,note,quantity,price,more\n"}.get(name, "")
    path = reader.write("orders.csv", f"{names}a,2024-01-15,x,1,10,\nb,2024-01-16,x,1\nc,2024-01-17,x,1,5\n")
    stated = "customer_id: customer_id, created_at_date: date" if names else "customer_id: 1, created_at_date: 2"
    read = reader.read(path, f"columns: {{{stated}, revenue: {revenue}}}\n")
    assert (read.customers, read.revenue) == ({"a", "c"}, 15)
    assert [row["malformed_line"] for row in read.rows if row["malformed_line"]] == ["b,2024-01-16,x,1"]


def test_a_number_of_the_order_that_stands_nowhere_is_none(reader):
    path = reader.write("orders.csv", "customer_id,transaction_id,revenue,date\n1,,10,2024-01-15\n1,,20,2024-01-16\n")
    assert [row["order_id"] for row in reader.read(path).used] == ["2024-01-15", "2024-01-16"]


def test_a_report_in_columns_is_read_by_its_blanks_though_its_amounts_have_commas(reader):
    head = "ACME LTD   SALES REGISTER   PAGE {}\n\nCUSTOMER  ORDER     DATE        QTY     AMOUNT\n"
    lines = "C000101   SO0001  15/01/2024    3   1,234.50\n" * 6 + "C000102   SO0002  16/01/2024    1      10.00\n"
    read = reader.read(reader.write("report.txt", "".join(head.format(page) + lines for page in (1, 2))))
    assert (read.customers, read.revenue) == ({"C000101", "C000102"}, Decimal("14834.00"))


@pytest.mark.parametrize(("head", "text"), [
    ("Client ref,Posting date,Sales value total", ""), ("Amount per customer and order date\nWer,Wann,Wieviel", ""),
    ("Wer,Wann,Wieviel,Text", ",for the customer with order and date"),
], ids=["names of several words", "a title", "a text in each line"])  # fmt: skip
def test_words_within_fields_do_not_make_a_report_in_columns(reader, head, text):
    lines = "".join(f"c{n},2024-01-{n},10.50{text}\n" for n in range(10, 20))
    who, day, money, *_ = head.split("\n")[-1].split(",")
    stated = f"columns: {{customer_id: {who}, created_at_date: {day}, revenue: {money}}}\n"
    assert reader.read(reader.write("orders.csv", f"{head}\n{lines}"), stated).revenue == 105


def test_what_stands_behind_a_quote_that_breaks_off_is_looked_at_too(reader):
    lines = 'a,"",2024-01-15,1.50\n"a"b,1,2024-01-15,2\nc,7,2024-01-15,3\nc,7,2024-01-16,4\nd,8,2024-01-17,"1,50"\n'
    path = reader.write("orders.csv", f"customer_id,order_id,date,revenue\n{lines}")
    assert "1.50" in str(reader.asked(path)) and "1,50" in str(reader.asked(path))
    read = reader.read(reader.write("orders.csv", path.read_text().replace('"1,50"', "5")))
    assert [row["order_id"] for row in read.rows if not row["malformed_line"]] == [None, "7", "7", "8"]


def test_a_last_line_that_is_cut_within_its_money_is_no_order(reader):
    lines = "a,2024-01-15,10.00,x,y\nb,2024-01-16,20.00\nc,2024-01-17,1"
    read = reader.read(reader.write("orders.csv", f"customer_id,date,revenue,note,more\n{lines}"))
    assert (read.customers, read.revenue) == ({"a", "b"}, 30)
    assert [row["malformed_line"] for row in read.rows if row["malformed_line"]] == ["c,2024-01-17,1"]


def test_a_last_line_that_is_cut_makes_no_file_of_short_lines(reader):
    read = reader.read(
        reader.write("orders.csv", "customer_id,date,revenue,note\na,2024-01-15,10.00,x\nb,2024-01-16,2")
    )
    assert (read.customers, read.read_as) == ({"a"}, reader.read(reader.write(
        "whole.csv", "customer_id,date,revenue,note\na,2024-01-15,10.00,x\n")).read_as)  # fmt: skip


@pytest.mark.parametrize(("short", "taken"), [(1, 20_000), (3, 20_003)])
def test_a_few_short_lines_of_a_large_file_are_no_reason_to_write_all_of_it_anew(reader, short, taken):
    lines = "a,10,2024-01-15,x\n" * 20_000 + "b,20,2024-01-16\n" * short
    read = reader.read(reader.write("orders.csv", f"customer_id,revenue,date,note\n{lines}"))
    assert (len(read.used), len(read.rows)) == (taken, 20_000 + short)


@pytest.mark.parametrize("encoding", ["utf-8", "windows-1252"])
def test_lines_that_end_before_columns_that_nobody_needs_are_whole_and_others_are_not(reader, encoding):
    """Excel leaves the last fields out where they are empty on sixteen lines. What is cut off before is no order."""
    header = "customer_id;order_id;revenue;date;note;cancelled_at"
    lines = [
        "Jörg;1;10,50;2024-01-15",
        "b;2;20,00;2024-01-16;x;",
        '"c;d";3;5,00;2024-01-17;"a note; of two\r\nlines"',
        "e;4;7,00",
        'f;5;1,00;2024-01-18;"y"',
        "g;6;1,00;2024-01-18;;;z",
    ]
    path = reader.write("orders.csv", "\r\n".join([header, *lines, ""]).encode(encoding))
    read = reader.read(path)
    assert (read.customers, read.revenue) == ({"Jörg", "b", "f"}, Decimal("31.50"))
    malformed = [row["malformed_line"] for row in read.rows if row["malformed_line"] is not None]
    assert {line.split(";")[0] for line in malformed} == {'"c', 'lines"', "e", "g"} and len(malformed) == 4
    assert "short lines: the fields that they lack at their end are empty" in read.read_as
    cancelled = "h;7;500,00;2024-01-19;;2024-01-20"
    path = reader.write("orders.csv", "\r\n".join([header, *lines[:2], cancelled, ""]).encode(encoding))
    assert "cancelled_at" in str(reader.asked(path))
    assert reader.answered(path).revenue == Decimal("30.50")


def test_lines_of_a_quoted_text_are_no_short_lines(reader):
    lines = "".join(f'c{n},10,2024-01-15,"Hello,\nring, please, twice\nthanks",x\n' for n in range(10))
    path = reader.write("orders.csv", f"customer_id,revenue,date,note,more\n{lines}")
    assert not [line for line in reader.read(path).read_as if line.startswith("short lines")]


def test_short_lines_that_only_the_load_meets_leave_those_of_another_file_whole(reader):
    header, short = "customer_id,revenue,date,note\n", "a,10,2024-01-16\n" * 10
    reader.write("months/1.csv", header + short)
    beginning = f"a,10,2024-01-15,{'x' * 2000}\n" * 1100  # all that is looked at of a packed file
    reader.write("months/2.csv.gz", gzip.compress((header + beginning + short).encode(), 1))
    assert len(reader.read(reader.folder / "months").used) == 1120


SUBTOTALS = "customer_id,order_id,date,product,revenue\n" + "a,1,2024-01-15,p,10\nb,2,2024-01-16,p,20\n,,,Sum,30\n" * 2


@pytest.mark.parametrize("stated", [
    "leave_out: {customer_id: empty}", "leave_out: {product: Sum}", "only: {product: p}", "only: {3: not empty}",
])  # fmt: skip
def test_lines_that_the_mapping_leaves_out_are_not_asked_about(reader, stated):
    assert reader.read(reader.write("orders.csv", SUBTOTALS), f"{stated}\n").revenue == 60


def test_a_status_that_stands_on_first_lines_only_does_not_settle_whose_the_others_are(reader):
    lines = "a,1,2024-01-15,paid,10\n,,,,5\nb,2,2024-01-16,void,20\n,,,,7\n"
    path = reader.write("orders.csv", f"customer_id,order_id,date,status,revenue\n{lines}")
    assert "on the first line of an order only" in str(reader.asked(path, "only: {status: paid}\n"))


def test_a_total_at_the_end_of_each_file_is_no_order_that_goes_on(reader):
    for month in "12":
        reader.write(f"months/{month}.csv", SUBTOTALS[: SUBTOTALS.index("Sum,30") + 7])
    assert reader.read(reader.folder / "months").revenue == 60


@pytest.mark.parametrize(("begun", "asked"), [(19, True), (18, False)])
def test_one_order_in_twenty_may_begin_where_nobody_looked(reader, begun, asked):
    lines = "".join(f"a,{n},2024-01-15,10\n,{n},,5\n" for n in range(begun))
    path = reader.write("orders.csv", f"customer_id,order_id,date,revenue\n{lines},99,,5\n")
    if asked:
        assert "fill_down" in str(reader.asked(path))
    else:
        assert reader.read(path).revenue == 180


@pytest.mark.parametrize(("undated", "asked"), [(2, False), (3, True), (20, True)])
def test_lines_that_only_follow_are_asked_about_where_they_are_over_one_in_a_hundred(reader, undated, asked):
    lines = [f"c{n},{n},2024-01-15,10" for n in range(200 - undated)]
    for n in range(undated):
        lines.insert(2 * n + 1, ",,,5")
    path = reader.write("orders.csv", "\n".join(["customer_id,order_id,date,revenue", *lines, ""]))
    if asked:
        assert "fill_down" in str(reader.asked(path))
    else:
        assert len(reader.read(path).used) == 200


def test_each_answer_about_money_that_stands_on_all_lines_of_an_order_does_what_it_says(reader):
    lines = [f"c{n % 7},{n},1,{10 + n},2024-01-15" for n in range(12)]
    path = reader.write("orders.csv", "\n".join(["customer_id,order_no,quantity,order_total,date", *lines, *lines, ""]))
    once = sum(10 + n for n in range(12))
    (question,) = reader.asked(path).questions
    said = {meaning: reader.read(path, line).revenue for line, meaning in question.answers}
    assert said == {"it is the order's, and counts once": once, "it is the line's, all the same": 2 * once}


def test_of_two_columns_of_one_name_the_answer_takes_the_position(reader):
    lines = "1,a,2024-01-15,10,x\n,,,5,\n2,b,2024-01-16,20,x\n,,,7,\n"
    path = reader.write("orders.csv", f"Order,Customer,Date,Total,Date\n{lines}")
    stated = "columns: {created_at_date: 3}\n"
    assert [reader.answered(path, stated, choose).revenue for choose in (0, 1)] == [42, 30]
