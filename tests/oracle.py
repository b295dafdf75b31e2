"""What the features and the rejected lines of a file are, in plain Python: the meaning to hold the SQL to."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from itertools import pairwise

COLUMNS = ("customer_id", "order_id", "order_item_id", "num_items", "revenue", "created_at_date")
WHITE_SPACE = " \t\r\n"
MISSING = ("", "NA", "NULL", "NONE", "NAN")
ZONE = r" ?(Z|UTC|[+-]\d\d(:?\d\d)?| [A-Z]{2,5}| [A-Z][A-Za-z]+(/[A-Z][A-Za-z_]+)+)"
TIME = re.compile(rf"([01]?\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d+)?)?({ZONE})?")


@dataclass(frozen=True)
class Line:
    customer_id: str
    order_id: str
    num_items: int
    revenue: Decimal
    day: date


@dataclass(frozen=True)
class Answer:
    """`features` by customer, as a tuple in the order of the table; `rejected` as (line number, reason), in order."""

    features: dict[str, tuple]
    rejected: list[tuple[int, str]]
    lines: int
    used: int


def answer(file: bytes, as_of: date | None = None) -> Answer:
    """Reads a CSV file as DESIGN says. The file has no blank line."""
    records = list(_records(file))
    header = [name.strip().lower() for name in _fields(records[0][1])]
    positions = [header.index(name) for name in COLUMNS]
    used, rejected, lines = [], [], 0
    for number, raw in records[1:]:
        fields = _fields(raw)
        while fields and len(fields) > len(header) and not fields[-1]:
            fields.pop()  # a comma too many at the end takes nothing away
        if fields is None or len(fields) != len(header):
            physical = raw.rstrip(b"\r\n").count(b"\n") + 1
            rejected += [(number + i, "malformed_line") for i in range(physical)]
            lines += physical
            continue
        lines += 1
        line = _line([fields[position].strip(WHITE_SPACE) for position in positions])
        if isinstance(line, str):
            rejected.append((number, line))
        else:
            used.append(line)
    if as_of is None:
        as_of = max(line.day for line in used) + timedelta(days=1)
    return Answer(_features([line for line in used if line.day <= as_of], as_of), rejected, lines, len(used))


def _records(file: bytes):
    """(number of its first line, its bytes): a record goes on over a line end while a quote is open."""
    file = file.removeprefix(b"\xef\xbb\xbf")
    start, record = 1, b""
    for number, line in enumerate(file.split(b"\n"), start=1):
        if not record:
            start = number
        record += line + b"\n"
        if record.count(b'"') % 2 == 0:
            if line:  # the file ends behind its last line end
                yield start, record
            record = b""


def _fields(record: bytes) -> list[str] | None:
    try:
        return next(csv.reader([record.decode("utf-8").rstrip("\r\n")], strict=True))
    except (UnicodeDecodeError, csv.Error):
        return None


def _line(fields: list[str]) -> Line | str:
    customer, order, _, num_items, revenue, created = fields
    if customer.upper() in MISSING:
        return "missing_customer_id"
    if order.upper() in MISSING:
        return "missing_order_id"
    pieces = _number(num_items, r"[+-]?\d+(\.0*)?")
    if pieces is None and re.fullmatch(r"[+-]?\d{0,12}\.\d+", num_items, re.ASCII):
        pieces = Decimal(-1 if num_items.startswith("-") else 1)  # what was weighed is one piece
    if pieces is None:
        return "invalid_num_items"
    money = _number(revenue, r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
    if money is None:
        return "invalid_revenue"
    day = _day(created)
    if day is None:
        return "invalid_date"
    return Line(customer, order, int(pieces), money, day)


def _number(text: str, pattern: str) -> Decimal | None:
    if text.upper() in ("", "NA", "NULL"):
        return Decimal(0)
    if not re.fullmatch(pattern, text, re.ASCII):
        return None
    if abs(Decimal(text)) >= 10**12:
        return None
    rounded = Decimal(text).quantize(Decimal("0.000001"), ROUND_HALF_UP)
    return rounded if abs(rounded) < 10**12 else None


def _day(text: str) -> date | None:
    day, rest = text[:10], text[10:]
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", day, re.ASCII):
        return None
    if rest and not (rest[0] in " T" and TIME.fullmatch(rest[1:])):
        return None
    try:
        return date.fromisoformat(day)
    except ValueError:
        return None


def _features(lines: list[Line], as_of: date) -> dict[str, tuple]:
    orders: dict[str, dict[str, list[Line]]] = defaultdict(lambda: defaultdict(list))
    for line in lines:
        orders[line.customer_id][line.order_id].append(line)

    longest: dict[str, int] = {}
    for customer, by_order in orders.items():
        days = sorted(min(line.day for line in order) for order in by_order.values())
        if len(days) > 1:
            longest[customer] = max((after - before).days for before, after in pairwise(days))
    average = Fraction(sum(longest.values()), len(longest)) if longest else Fraction(0)

    features = {}
    for customer, by_order in orders.items():
        days = sorted(min(line.day for line in order) for order in by_order.values())
        pieces = [sum(line.num_items for line in order) for order in by_order.values()]
        money = [sum(line.revenue for line in order) for order in by_order.values()]
        since = (as_of - days[-1]).days
        by_day: dict[date, Decimal] = defaultdict(Decimal)
        for order in by_order.values():
            by_day[min(line.day for line in order)] += sum(line.revenue for line in order)
        purchases = sorted(day for day, revenue in by_day.items() if revenue > 0)
        first, last = (purchases[0], purchases[-1]) if purchases else (days[0], days[0])
        features[customer] = (
            as_of,
            days[0],
            days[-1],
            max(pieces),
            float(max(money)),
            float(sum(money)),
            len(by_order),
            since,
            float(longest[customer]) if customer in longest else float(average + since),
            sum(pieces),
            max(len(purchases) - 1, 0),
            (last - first).days,
            (as_of - first).days,
            float(sum(money)) / max(len(purchases), 1),
        )
    return features
