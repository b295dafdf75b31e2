"""Each export that is known reads its sample as what it is."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from pipeline.orders import exports

SAMPLES = Path(__file__).parent / "exports"
RIGHT = {  # name: (customers, revenue, lines left out)
    "amazon": (2, "60.50", 1),
    "amazon_no_buyer": (1, "20.00", 1),
    "bigcommerce": (2, "46.00", 1),
    "etsy_items": (2, "50.00", 0),
    "etsy_orders": (2, "47.00", 0),
    "fivetran_shopify": (2, "132.00", 0),
    "magento": (2, "35.50", 1),
    "magento_grid": (2, "1030.50", 1),
    "nuvemshop": (2, "1075.00", 1),
    "odoo": (2, "4746.5", 2),
    "olist": (1, "45.00", 1),
    "prestashop": (2, "40.75", 0),
    "shopify": (2, "42.00", 2),
    "square": (2, "1209.00", 0),
    "square_transactions": (2, "10.00", 0),
    "squarespace": (2, "45.00", 1),
    "stripe": (2, "60.00", 1),
    "stripe_charges": (2, "25.50", 1),
    "tiendanube": (2, "3500.00", 1),
    "uci": (2, "33.69", 0),
    "uci2": (2, "95.25", 0),
    "wix": (1, "30.00", 1),
    "woocommerce": (2, "45.00", 1),
    "woocommerce_analytics": (2, "45.50", 1),
    "woocommerce_hpos": (2, "40.00", 2),
    "woocommerce_plugin": (2, "35.00", 1),
    "woocommerce_plugin_refunds": (2, "25.00", 1),
}


def test_each_known_export_has_a_sample():
    assert {path.stem for path in exports.FOLDER.glob("*.yml")} == {path.stem for path in SAMPLES.iterdir()} == {*RIGHT}


@pytest.mark.parametrize(("name", "column"), [("amazon", "item-promotion-discount"), ("magento", "discount_amount")])
def test_a_discount_that_a_known_export_does_not_take_off_is_said_and_how_to(reader, name, column):
    header, *lines = (SAMPLES / f"{name}.csv").read_text().splitlines()
    content = "\n".join([f"{header},{column}", *(f"{line},1.00" for line in lines)]) + "\n"
    path, right = reader.write("export.csv", content), Decimal(RIGHT[name][1])
    read = reader.read(path)
    (warning,) = read.loaded.warnings
    assert (warning.code, read.revenue) == ("amounts_not_taken_off", right)
    assert reader.read(path, warning.text.split("`")[1]).revenue == right - 2  # of the two lines that are purchases


def sample(name: str, *changes: tuple[str, str]) -> str:
    content = (SAMPLES / f"{name}.csv").read_text()
    for old, new in changes:
        assert old in content
        content = content.replace(old, new, 1)
    return content


@pytest.mark.parametrize(("name", "changes", "revenue", "with_answer"), [
    # refunds on each line of an order, and a discount: of the order, so they are taken off once
    ("wix", [("35.00,EUR,0.00", "35.00,EUR,5.00"), ("35.00,EUR,0.00", "35.00,EUR,5.00"),
             ("Unpaid", "FULLY REFUNDED"), ("15.00,EUR,0.00", "15.00,EUR,15.00")], "30.00", "25.00"),
    ("nuvemshop", [("1.050,00;0,00", "1.050,00;50,00"), ("1.050,00;0,00", "1.050,00;50,00")], "1075.00", "1025.00"),
])  # fmt: skip
def test_what_is_of_an_order_as_a_whole_is_said_and_taken_off_once(reader, name, changes, revenue, with_answer):
    path = reader.write("export.csv", sample(name, *changes))
    read = reader.read(path)
    (warning,) = read.loaded.warnings
    difference = Decimal(revenue) - Decimal(with_answer)
    assert (read.revenue, Decimal(str(warning.figures["amount"]))) == (Decimal(revenue), difference)
    assert reader.read(path, warning.text.split("`")[1]).revenue == Decimal(with_answer)


def test_refunds_that_are_left_out_are_said(reader):
    (warning,) = reader.read(reader.write("export.csv", sample("woocommerce_hpos"))).loaded.warnings
    assert (warning.code, warning.figures) == ("refunds_left_out", {"lines": 1, "money": -20.0})


@pytest.mark.parametrize(("name", "old", "new", "is_asked"), [
    ("wix", "Unpaid", "UNPAID", False),
    ("odoo", "Quotation", "draft", False),
    ("nuvemshop", "Cancelado;Recusado", "Aberto;Estornado", False),
    ("bigcommerce", "Cancelled", "manual verification required", False),
    ("bigcommerce", "Cancelled", "Payment rejected", True),
    ("wix", "1,0,10.00,Unpaid", "1,1,10.00,Awaiting payment", True),  # one more to ignore: pieces given back stay so
    ("tiendanube", "Cancelada;Anulado", "Abierta;Impago, pendiente", True),
])  # fmt: skip
def test_a_status_in_another_case_is_left_out_and_one_that_an_export_does_not_list_is_asked(
    reader, name, old, new, is_asked
):
    path = reader.write("export.csv", sample(name, (old, new)))
    read = reader.answered(path) if is_asked else reader.read(path)
    _, revenue, left_out = RIGHT[name]
    assert (read.revenue, len(read.rows) - len(read.used)) == (Decimal(revenue), left_out)
    if is_asked:
        assert len(reader.answered(path, choose=9).used) == len(read.used) + 1


@pytest.mark.parametrize("name", RIGHT)
def test_a_known_export_is_recognised_and_read_as_what_it_is(reader, name):
    content = (SAMPLES / f"{name}.csv").read_bytes()
    path = reader.write("export.csv", content)  # under another name: only its columns tell
    read = reader.answered(path) if name in ("amazon_no_buyer", "fivetran_shopify") else reader.read(path)
    customers, revenue, left_out = RIGHT[name]
    assert (len(read.customers), read.revenue, len(read.rows) - len(read.used)) == (
        customers,
        Decimal(revenue),
        left_out,
    )
    assert read.read_as[0].startswith("known export: ")
    assert len(read.rows) == content.count(b"\n") - 1
