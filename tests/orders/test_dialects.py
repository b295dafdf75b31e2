"""Known orders, written in a dialect that nobody chose, come out as those orders or as the question that was put in."""

from __future__ import annotations

import csv
import gzip
import io
import zipfile
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.orders import Undecided, mapping

NAMES = (
    ("customer_id", "order_id", "num_items", "revenue", "created_at_date"),
    ("Customer ID", "Order Number", "Quantity", "Line Total", "Order Date"),
    ("Kundennummer", "Bestell-Nr.", "Menge", "Betrag", "Bestelldatum"),
    ("Id client", "Numéro commande", "Quantité", "Montant", "Date de commande"),
    ("ID_CLIENTE", "pedido", "cantidad", "importe", "fecha_pedido"),
    ("cliente", "Número do Pedido", "Quantidade", "Valor Total", "Data do Pedido"),
    ("Codice Cliente", "N. ordine", "Quantità", "Importo", "Data ordine"),
    ("Klantnummer", "Ordernr", "Aantal", "Bedrag", "Besteldatum"),
)
DATES = (
    "%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y/%m/%d", "%Y%m%d", "%Y%m%d%H%M%S", "%d/%m/%Y", "%d.%m.%Y %H:%M", "%d-%m-%Y",
    "%m/%d/%Y", "%m/%d/%Y %I:%M %p", "%d/%m/%y", "%m/%d/%y", "%d %b %Y", "%d-%b-%y", "%B %d, %Y",
)  # fmt: skip
WORDS = {
    "Uhr": "%d.%m.%Y %H:%M Uhr",
    "GMT": "%a, %d %b %Y %H:%M:%S GMT",
    "h": "%d/%m/%Y %Hh%M",
    "at": "%B %d, %Y at %I:%M %p",
}
QUOTING: dict[str, dict[str, Any]] = {
    "where needed": {},
    "everywhere": {"quoting": csv.QUOTE_ALL},
    "single": {"quoting": csv.QUOTE_ALL, "quotechar": "'"},
    "backslash": {"quoting": csv.QUOTE_ALL, "doublequote": False, "escapechar": "\\"},
}


@dataclass(frozen=True)
class Order:
    customer: str
    number: str
    pieces: int
    money: Decimal
    day: date


@dataclass(frozen=True)
class Dialect:
    names: tuple[str, ...]
    delimiter: str
    encoding: str
    end: str
    dates: str
    decimal: str
    grouped: bool
    sign: str
    sign_first: bool
    parentheses: bool
    before: str
    surplus: bool
    empty: bool
    packed: str
    quoting: str


dialects = st.builds(
    Dialect,
    names=st.sampled_from(NAMES),
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "windows-1252", "cp850"]),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    dates=st.sampled_from((*DATES, *WORDS.values())),
    decimal=st.sampled_from([".", ","]),
    grouped=st.booleans(),
    sign=st.sampled_from(["", "", "$", "€", "EUR"]),
    sign_first=st.booleans(),
    parentheses=st.booleans(),
    before=st.sampled_from(["", "", "Orders of the year", "sep="]),
    surplus=st.booleans(),
    empty=st.booleans(),
    packed=st.sampled_from(["", "", "gz", "zip"]),
    quoting=st.sampled_from(list(QUOTING)),
).filter(lambda dialect: dialect.encoding != "cp850" or dialect.sign != "€")
known_orders = st.lists(
    st.builds(
        Order,
        customer=st.sampled_from(
            ["007", "7", "Zoë", "O'Brien", "a b", "Müller & Söhne", "x,y", "p;q", 'say "hi"', "a|b"]
        ),
        number=st.integers(1, 99999).map(lambda n: f"A-{n}"),
        pieces=st.integers(-9, 400),
        money=st.decimals("-2500", "1500000", places=2),
        day=st.integers(0, 700).map(lambda n: date(2022, 1, 1) + timedelta(days=n)),
    ),
    min_size=1,
    max_size=25,
)


def written(orders: list[Order], dialect: Dialect) -> tuple[str, bytes]:
    text = io.StringIO()
    if dialect.before:
        text.write(f"sep={dialect.delimiter}\n" if dialect.before == "sep=" else f"{dialect.before}\n")
    writer = csv.writer(text, delimiter=dialect.delimiter, lineterminator="\n", **QUOTING[dialect.quoting])
    empty = [""] if dialect.empty else []
    writer.writerow([*dialect.names, *empty])
    for position, each in enumerate(orders):
        row = [
            each.customer,
            each.number,
            str(each.pieces),
            money(each.money, dialect),
            each.day.strftime(dialect.dates),
        ]
        writer.writerow([*row, *empty])
        if dialect.surplus and position == len(orders) // 2:
            writer.writerow(["a", "line", "with", "many", "fields", "too", "many"])
        if dialect.empty and position == 0:
            writer.writerow([""] * 6)
    content = text.getvalue().replace("\n", dialect.end).encode(dialect.encoding)
    name = "orders.tsv" if dialect.delimiter == "\t" else "orders.csv"
    if dialect.packed == "gz":
        return f"{name}.gz", gzip.compress(content)
    if dialect.packed == "zip":
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr(name, content)
        return f"{name}.zip", packed.getvalue()
    return name, content


def money(amount: Decimal, dialect: Dialect) -> str:
    digits = f"{abs(amount):,.2f}" if dialect.grouped else f"{abs(amount):.2f}"
    if dialect.decimal == ",":
        digits = digits.translate(str.maketrans(",.", ".,"))
    signed = dialect.sign + digits if dialect.sign_first else f"{digits} {dialect.sign}".strip()
    if amount >= 0:
        return signed
    return f"({signed})" if dialect.parentheses else f"-{signed}"


def is_open(orders: list[Order], dialect: Dialect) -> bool:
    """Whether the dates as they are written fit a second reading."""
    if dialect.dates.startswith(("%d", "%m")) and "%b" not in dialect.dates:
        as_short_year = "%y" in dialect.dates
        return all(each.day.day <= 12 for each in orders) or as_short_year
    return False


@settings(
    max_examples=24, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(known_orders, dialects)
def test_orders_in_any_dialect_come_out_as_those_orders_or_as_the_question_that_was_put_in(room, orders, dialect):
    path = room.write(*written(orders, dialect))
    try:
        read = room.read(path)
    except Undecided as undecided:
        assert is_open(orders, dialect), str(undecided)
        (question,) = undecided.questions
        assert all(answer.startswith("dates: ") for answer, _ in question.answers)
        shown = dialect.dates.replace(" Uhr", "").replace("h%M", ":%M")
        assert f'dates: "{shown}"' in [answer for answer, _ in question.answers]
        read = room.read(path, f'dates: "{shown}"')
    found = [
        Order(row["customer_id"], row["order_id"], int(row["num_items"]), Decimal(row["revenue"]),
              date.fromisoformat(row["created_at_date"][:10]))
        for row in read.used
    ]  # fmt: skip
    assert found == orders
    assert len(read.rows) == len(orders) + dialect.surplus
    assert (read.loaded.reading.mapping.currency or "") == {"€": "EUR"}.get(dialect.sign, dialect.sign)


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(known_orders, dialects)
def test_a_mapping_that_was_written_reads_the_same_again(room, orders, dialect):
    path = room.write(*written(orders, dialect))
    stated = f'dates: "{dialect.dates}"' if is_open(orders, dialect) else ""
    first = room.read(path, stated)
    again = room.read(path, mapping.dump(first.loaded.reading.mapping))
    assert again.rows == first.rows
    assert again.read_as == first.read_as
