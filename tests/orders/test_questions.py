"""What only a person can say is asked, each time with lines that answer it as they are pasted."""

from __future__ import annotations

from decimal import Decimal

import pytest

HEADER = "customer_id,order_id,num_items,revenue,created_at_date"


def file(*lines: str, header: str = HEADER) -> str:
    return "\n".join([header, *lines]) + "\n"


TWO_DATES = file("a,1,1,10.00,03/04/2024", "b,2,1,20.00,05/06/2024")
CASES = {  # name: (file, words of the question, revenue with the first answer, with the last one)
    "dates that fit two readings": (TWO_DATES, ("03/04/2024 is 2024-04-03 (day first) or 2024-03-04",), "30", "30"),
    "dates that no one reading fits": (
        file("a,1,1,10.00,13/04/2024", "b,2,1,20.00,05/16/2024"),
        ("No one reading", "05/16/2024", "13/04/2024"), "30", "30",
    ),
    "numbers that fit two readings": (
        file("a;1;1;1.204;2024-01-01", "b;2;1;3.500;2024-01-02", header=HEADER.replace(",", ";")),
        ("1.204 is 1.204 with a decimal point or 1204 with a decimal comma",), "4.704", "4704",
    ),
    "two columns that could be the money": (
        file("a,1,2024-01-01,10.00,12.00", header="customer_id,order_id,date,amount,total"),
        ("amount and total",), "10", "12",
    ),
    "a price of one piece or of the line": (
        file("a,1,3,10.00,2024-01-01", header="customer_id,order_id,qty,price,date"), ("price could be",), "30", "10"
    ),
    "a status": (
        file("a,1,1,10.00,2024-01-01,paid", "b,2,1,500.00,2024-01-02,cancelled", header=f"{HEADER},status"),
        ("status", "cancelled: 1 line, 500.00"), "10", "510",
    ),
    "a status by its words alone, in another language": (
        file("a,1,1,10.00,2024-01-01,Выполнен", "b,2,1,500.00,2024-01-02,Отменён",
             "c,3,1,1.00,2024-01-02,remove the test label", header=f"{HEADER},Этап"),
        ("Этап", "Отменён: 1 line, 500.00"), "11", "511",
    ),
    "lines that take back what was paid": (
        file("a,1,1,10.00,2024-01-01,Payment", "b,2,1,50.00,2024-01-02,Payment", "b,3,1,-50.00,2024-01-03,Refund",
             header=f"{HEADER},Event Type"),
        ("Refund: 1 line, -50.00",), "10", "60",
    ),
    "a mark in another language": (
        file("a,1,1,10.00,2024-01-01,N", "b,2,1,500.00,2024-01-02,J", header=f"{HEADER},Storniert"),
        ("Storniert marks lines", "J: 1 line, 500.00"), "10", "510",
    ),
    "amounts with a sign that may have to be taken off": (
        file("a,1,1,10.00,2024-01-01,$0.00", "b,2,1,50.00,2024-01-02,$20.00", header=f"{HEADER},Partial Refunds"),
        ("Partial Refunds holds amounts",), "40", "60",
    ),
    "payments that were not authorised": (
        file("a,1,1,10.00,2024-01-01,Y", "b,2,1,500.00,2024-01-02,N", header=f"{HEADER},authorized_flag"),
        ("authorized_flag", "N: 1 line, 500.00"), "10", "510",
    ),
    "events that are no purchase": (
        file("a,1,1,10.00,2024-01-01,purchase", "b,2,1,0,2024-01-02,page_view", "b,3,1,7.00,2024-01-02,begin_checkout",
             header=f"{HEADER},event_name"),
        ("page_view: 1 line", "begin_checkout: 1 line, 7.00"), "10", "17",
    ),
    "deals that came to nothing": (
        file("a,1,1,10.00,2024-01-01,Closed Won", "b,2,1,50.00,2024-01-02,Closed Lost", header=f"{HEADER},Stage"),
        ("Closed Lost: 1 line, 50.00",), "10", "60",
    ),
    "offers beside orders": (
        file("a,1,1,10.00,2024-01-01,Sales Order", "b,2,1,50.00,2024-01-02,Quotation", header=f"{HEADER},Status"),
        ("Quotation: 1 line, 50.00",), "10", "60",
    ),
    "a column of another name that holds currencies": (
        file("a,1,1,10.00,2024-01-01,EUR", "b,2,1,500.00,2024-01-02,XAF", "c,3,1,1.00,2024-01-02,EUR",
             "d,4,1,2.00,2024-01-02,NULL", header=f"{HEADER},pays_in"),
        ("pays_in", "XAF: 1 line, 500.00"), "11", "513",
    ),
    "what stands on the first line of an order only": (
        file("a,1,10.00,2024-01-01,paid", ",1,20.00,,", "b,2,5.00,2024-01-02,paid", ",2,7.00,,",
             header="customer_id,order_id,revenue,created_at_date,status"),
        ("customer_id, created_at_date, status: empty on 2 of 4 lines",), "42", "15",
    ),
    "the same where the number of the order does too": (
        file("1,a,10.00,2024-01-01", ",,20.00,", "2,b,5.00,2024-01-02", ",,7.00,",
             header="Order,Customer,Total,Date"),
        ("Order, Customer, Date: empty on 2 of 4 lines",), "42", "15",
    ),
    "amounts of which none may be the line's": (
        file("a,1,3,10.00,30.00,34.00,2024-01-01", header="customer_id,order_id,qty,unit_price,subtotal,total,date"),
        ("total and subtotal", "qty * unit_price"), "34", "30",
    ),
    "a date of cancelling": (
        file("a,1,1,10.00,2024-01-01,", "b,2,1,500.00,2024-01-02,2024-01-03", header=f"{HEADER},cancelled_at"),
        ("cancelled_at",), "10", "510",
    ),
    "a mark of tests": (
        file("a,1,1,10.00,2024-01-01,False", "b,2,1,500.00,2024-01-02,True", header=f"{HEADER},is_test"),
        ("is_test", "True: 1 line, 500.00"), "10", "510",
    ),
    "a mark of what is no test": (
        file("a,1,1,10.00,2024-01-01,true", "b,2,1,500.00,2024-01-02,false", header=f"{HEADER},Livemode"),
        ("Livemode", "false: 1 line, 500.00"), "10", "510",
    ),
    "amounts given back": (
        file("a,1,1,10.00,2024-01-01,0.00", "b,2,1,500.00,2024-01-02,100.00", header=f"{HEADER},refunded_amount"),
        ("refunded_amount",), "410", "510",
    ),
    "refunds with the currency's code": (
        file("a,1,1,10.00,2024-01-01,EUR 0.00", "b,2,1,50.00,2024-01-02,20.00 EUR", header=f"{HEADER},Refunded amount"),
        ("Refunded amount holds amounts",), "40", "60",
    ),
    "shares given back": (
        file("a,1,1,10.00,2024-01-01,0%", "b,2,1,50.00,2024-01-02,100%", header=f"{HEADER},Refund %"),
        ("Refund % is filled in for some lines",), "10", "60",
    ),
    "a mark with a word on every line": (
        file("a,1,1,10.00,2024-01-01,none asked", "b,2,1,50.00,2024-01-02,granted", "c,3,1,1.00,2024-01-02,none asked",
             header=f"{HEADER},Refund"),
        ("Refund is filled in for all lines", "granted: 1 line, 50.00"), "61", "11",
    ),
    "a status on odd lines only": (
        file("a,1,1,10.00,2024-01-01,", "b,2,1,500.00,2024-01-02,Ungültig", "c,3,1,7.00,2024-01-02,",
             header=f"{HEADER},Status"),
        ("Ungültig: 1 line, 500.00",), "17", "517",
    ),
    "currencies by their numbers": (
        file("a,1,1,10.00,2024-01-01,978", "b,2,1,500.00,2024-01-02,392", header=f"{HEADER},Currency Code"),
        ("several currencies",), "500", "510",
    ),
    "currencies, and a line that is shifted": (
        file("a,1,1,10.00,2024-01-01,EUR", "b,2,1,500.00,2024-01-02,JPY", "c,3,1,7.00,2024-01-02,12",
             "d,4,1,1.00,2024-01-02,EUR", header=f"{HEADER},Currency"),
        ("several currencies", "JPY: 1 line, 500.00"), "11", "518",
    ),
    "a reference of the customer's, another one each time": (
        file("ACME,PO1,1,10.00,2024-01-01", "ACME,PO2,2,20.00,2024-01-02", "BETA,PO3,3,5.00,2024-01-03",
             header="Customer,Customer Ref,Order No,Total,Order Date"),
        ("Customer and Customer Ref",), "35", "35",
    ),
    "two addresses": (
        file("a@x,a@x,1,10.00,2024-01-01", "a@x,b@x,2,20.00,2024-01-02", "c@x,c@x,3,5.00,2024-01-03",
             header="Email,Billing Email,Order No,Total,Order Date"),
        ("Email and Billing Email",), "35", "35",
    ),
    "a number that comes once only": (
        file("7,a1,1,10.00,2024-01-01", "7,a2,2,20.00,2024-01-02", "8,a3,3,5.00,2024-01-03",
             header="User,Username,Order No,Total,Order Date"),
        ("Username and User",), "35", "35",
    ),
    "a column of several currencies": (
        file("a,1,1,10.00,2024-01-01,EUR", "b,2,1,500.00,2024-01-02,JPY", "c,3,1,1.00,2024-01-02,EUR",
             header=f"{HEADER},currency"),
        ("currency", "EUR: 2 lines, 11.00", "JPY: 1 line, 500.00"), "11", "511",
    ),
    "a total on all lines of an order": (
        file(*(f"a,{n},2,{n}0.00,4.00,2024-01-01" for n in (1, 2, 3) for _ in range(2)),
             header="customer_id,order_id,qty,order_total,unit_price,date"),
        ("order_total is the same on all lines of an order",), "48", "120",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_question_names_what_is_open_and_its_answers_work_as_they_are_pasted(reader, name):
    content, words, with_first, with_last = CASES[name]
    path = reader.write("orders.csv", content)
    undecided = reader.asked(path)
    assert len(undecided.questions) == 1, str(undecided)
    for said in (*words, str(path), "MAPPING=orders.yml"):
        assert said in str(undecided)
    first, last = reader.answered(path), reader.answered(path, choose=9)
    if "no one reading" in str(undecided).lower():
        assert [row["created_at_date"] for row in first.used] == ["2024-04-13", "05/16/2024"]
        return
    assert (first.revenue, last.revenue) == (Decimal(with_first), Decimal(with_last))
    assert len(first.rows) == len(last.rows) == content.count("\n") - 1


def test_both_readings_of_a_date_are_those_that_were_shown(reader):
    path = reader.write("orders.csv", TWO_DATES)
    days = [[row["created_at_date"] for row in reader.answered(path, choose=choose).used] for choose in (0, 1)]
    assert days == [["2024-04-03", "2024-06-05"], ["2024-03-04", "2024-05-06"]]


def test_money_in_two_currencies_is_never_added_up(reader):
    path = reader.write("orders.csv", file("a,1,1,$10.00,2024-01-01", "b,2,1,€ 9.00,2024-01-02"))
    assert "several currencies" in str(reader.asked(path))
    alone = reader.read(reader.write("alone.csv", file("a,1,1,$10.00,2024-01-01", 'b,2,1,"($1,009.00)",2024-01-02')))
    assert (alone.revenue, alone.loaded.reading.mapping.currency) == (Decimal("-999.00"), "$")


@pytest.mark.parametrize(
    "column, word", [("customer_id", "customer"), ("revenue", "money"), ("created_at_date", "date")]
)
def test_a_column_that_is_missing_is_asked_for_beside_those_that_are_there(reader, column, word):
    header = HEADER.replace(column, "blood_group")
    path = reader.write("orders.csv", file("a,1,1,10.00,2024-01-01", header=header))
    text = str(reader.asked(path))
    assert all(said in text for said in (f"known to be {column}", word, f"columns: {{{column}: blood_group}}"))
    assert (reader.answered(path).customers, reader.answered(path).revenue) == ({"a"}, 10)


def test_where_no_name_is_known_the_likeliest_columns_come_first_and_the_order_is_asked_for_too(reader):
    """Numbers of orders grow, and could be seconds since 1970; customers come again; names may end in known ones."""
    lines = [f"{2000000000 + n}\t;{100 + n % 7};{n + 1:02}.01.2024;{1 + n % 2};{n + 1},50;x{n}" for n in range(30)]
    path = reader.write("orders.csv", "\n".join(["주문번호;회원번호;주문일;수량;합계;legacy-order-id", *lines]) + "\n")
    likeliest = [question.answers[0][0] for question in reader.asked(path).questions]
    theirs = {"customer_id": "회원번호", "revenue": "합계", "created_at_date": "주문일", "order_id": "legacy-order-id"}
    assert likeliest == [f"columns: {{{name}: {column}}}" for name, column in theirs.items()]
    assert (len(reader.answered(path).customers), reader.answered(path).revenue) == (7, Decimal(480))


def test_customers_and_orders_are_offered_where_an_order_is_of_one_of_them_and_of_one_day(reader):
    path = reader.write("orders.csv", file(
        "2024-01-01,7,m,red,AB,5.00,S1", "2024-01-01,7,n,blue,AB,6.00,S1", "2024-01-02,8,m,red,CD,7.00,S1",
        "2024-01-03,9,n,red,AB,8.00,S1", header="SHOP_DATE,BASKET_ID,PROD_CODE,COLOUR,WHO_CODE,SPEND,STORE_CODE",
    ))  # fmt: skip
    (question,) = reader.asked(path).questions
    assert [answer for answer, _ in question.answers] == [
        "columns: {customer_id: WHO_CODE}", "columns: {customer_id: STORE_CODE}"
    ]  # fmt: skip
    path = reader.write("orders.csv", file(
        "2024-01-01,a,m,7,5.00", "2024-01-01,a,n,7,6.00", "2024-01-02,b,m,8,7.00", "2024-01-03,a,n,9,8.00",
        header="date,customer_id,label,basket,grams",
    ))  # fmt: skip
    assert [answer for answer, _ in reader.asked(path).questions[-1].answers] == [
        "columns: {order_id: basket}", "columns: {order_id: null}"
    ]  # fmt: skip


def test_keys_discounts_and_taxes_are_not_offered_as_the_money_before_what_may_be_it(reader):
    header = "date,customer_id,ProductKey,user_pseudo_id,Rabatt %,MwSt,Zahlbar"
    path = reader.write("orders.csv", file("2024-01-01,a,385,1026.45,0.50,1.90,11.90", header=header))
    (question, *_) = reader.asked(path).questions
    assert [answer for answer, _ in question.answers] == [
        "columns: {revenue: Zahlbar}", "columns: {revenue: Rabatt %}", "columns: {revenue: MwSt}"
    ]  # fmt: skip


@pytest.mark.parametrize("broken", ['"b"x,5,1,2.00,2024-01-02,paid', 'b,5,1,2.00,2024-01-02,"pa"id'])
def test_what_a_status_says_behind_a_quote_that_breaks_off_is_asked_about_too(reader, broken):
    paid = [f"c{i},{i},1,10.00,2024-01-01,paid" for i in range(300)]
    cancelled = [f"d{i},{900 + i},1,10.00,2024-01-03,cancelled" for i in range(20)]
    path = reader.write("orders.csv", file(*paid, broken, *cancelled, header=f"{HEADER},status"))
    assert "cancelled: 20 lines, 200.00" in str(reader.asked(path))


def test_money_in_a_currency_names_none(reader):
    header = f"{HEADER},Total in Base Currency"
    for second in ("20.00", "10.00"):
        path = reader.write("orders.csv", file(
            "a,1,1,10.00,2024-01-01,10.00", f"b,2,1,{second},2024-01-02,{second}", header=header
        ))  # fmt: skip
        read = reader.read(path)
        assert (read.revenue, read.loaded.reading.mapping.currency) == (10 + Decimal(second), None)


def test_what_says_the_same_once_more_is_no_question(reader):
    """The other number of each order, and the name beside a customer's number; where two have one name, or one two."""
    header = "Rechnungsdatum,Rechnungsnummer,Bestellnummer,Kunde,Kundennummer,Betrag"
    path = reader.write("orders.csv", file(
        "2024-01-01,R1,B1,Ann,7,5.00", "2024-01-02,R2,B2,Bob,8,6.00", "2024-01-02,R2,B2,Bob,8,1.00",
        "2024-01-03,R3,B3,Bob,9,7.00", header=header,
    ))  # fmt: skip
    read = reader.read(path)
    assert (read.customers, {row["order_id"] for row in read.used}) == ({"7", "8", "9"}, {"B1", "B2", "B3"})
    path.write_text(file("2024-01-01,R1,B1,Ann,7,5.00", "2024-01-02,R2,B1,Bob,7,6.00", header=header))
    assert [question.text.split(":")[0] for question in reader.asked(path).questions] == [
        "Two columns could be customer_id", "Two columns could be order_id"
    ]  # fmt: skip


def test_a_price_may_be_what_was_paid_and_a_column_without_a_name_is_offered_for_nothing(reader):
    path = reader.write("orders.csv", ",wer,wann,Ticket price\n0,a,2024-01-01,10.00\n1,b,2024-01-02,20.00\n")
    likeliest = [question.answers[0][0] for question in reader.asked(path).questions[:2]]
    assert likeliest == ["columns: {customer_id: wer}", "columns: {revenue: Ticket price}"]
    assert (reader.answered(path).customers, reader.answered(path).revenue) == ({"a", "b"}, 30)


def test_a_file_without_names_is_read_by_positions(reader):
    path = reader.write(
        "cdnow.txt", " 00001 19970101  1   11.77\n 00004 19970118 12   29.33\n 00004 19970802  1   14.96\n"
    )
    assert "1: 00001; 2: 19970101; 3: 1; 4: 11.77" in str(reader.asked(path))
    read = reader.read(path, "columns: {customer_id: 1, created_at_date: 2, num_items: 3, revenue: 4}")
    assert [(row["customer_id"], row["order_id"], row["num_items"]) for row in read.used] == [
        ("00001", "1997-01-01", "1"), ("00004", "1997-01-18", "12"), ("00004", "1997-08-02", "1")
    ]  # fmt: skip
    assert read.revenue == Decimal("56.06")


def test_columns_that_say_nothing_of_purchases_are_no_reason_to_ask(reader):
    header = f"{HEADER},marital_status,shipping_status,status,currency,is_test,cancelled_at,state,Postage,Refund %"
    lines = (
        "a,1,1,10.00,2024-01-01,divorced,returned,paid,EUR,0,,NY,Free return,0%",
        "b,2,1,20.00,2024-01-02,single,lost,shipped,EUR,0,,LA,Standard,0.0 %",
    )
    read = reader.read(reader.write("orders.csv", file(*lines, header=header)))
    assert (read.revenue, read.loaded.reading.mapping.currency) == (Decimal("30.00"), "EUR")


def test_columns_that_look_like_others_are_no_reason_to_ask(reader):
    header = "client,email,contact_email,invoice_no,document_no,date_created,date_created_gmt,qty,unit price,item cost"
    others = {"deposit_type": ("Refundable", "No Deposit"), "Betaalmethode": ("Rembours", "iDEAL"),
              "Forma de pago": ("Reembolso", "Tarjeta"), "brand": ("devolo", "AVM"),
              "seller": ("Ron", "Bob")}  # fmt: skip
    lines = (
        ",".join(
            [f"c{i},a{i}@x,k{i}@x,{i},7{i},2024-01-0{i},2024-02-0{i},{i},10,5", *(v[i % 2] for v in others.values())]
        )
        for i in range(1, 4)
    )
    read = reader.read(reader.write("orders.csv", file(*lines, header=f"{header},{','.join(others)}")))
    found = read.used[0]
    assert (read.revenue, found["order_id"], found["created_at_date"]) == (60, "1", "2024-01-01")


def test_of_two_columns_of_one_name_the_one_that_says_so_is_shown_and_the_answer_works(reader):
    lines = ("a,1,1,10.00,2024-01-01,Cancelled,x", "b,2,1,20.00,2024-01-02,y,x")
    for header in ("Note,Note", "Note,Other"):
        path = reader.write("orders.csv", file(*lines, header=f"{HEADER},{header}"))
        assert "Cancelled: 1 line, 10.00" in str(reader.asked(path))
        assert reader.answered(path).revenue == 20
