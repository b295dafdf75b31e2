"""What the features, the segments and the rejected lines are, in plain Python: the meaning to hold the SQL to."""

from __future__ import annotations

import csv
import math
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from itertools import groupby, pairwise

from pipeline.orders.characters import BLANKS, INVISIBLE

COLUMNS = ("customer_id", "order_id", "order_item_id", "num_items", "revenue", "created_at_date")
WHITE_SPACE = f" \r\n{BLANKS}{INVISIBLE}"
MISSING = ("", "NA", "N/A", "#N/A", "<NA>", "NULL", "NONE", "NAN")
ZONE = r" ?(Z|UTC|[+-]\d\d(:?\d\d)?| [A-Z]{2,5}| [A-Z][A-Za-z]+(/[A-Z][A-Za-z_]+)+)?(\[[A-Za-z_/]+\])?"
TIME = re.compile(rf"(([01]?\d|2[0-3]):[0-5]\d(:[0-5]\d([.,]\d+)?)?|24:00(:00)?){ZONE}")


@dataclass(frozen=True)
class Line:
    customer_id: str
    order_id: str
    num_items: int
    revenue: Decimal
    day: date


@dataclass(frozen=True)
class Customer:
    """What the segments of a customer depend on. `days`: its purchase days, oldest first."""

    days: list[date]
    spent: float
    clv: float
    chance: float | None = None


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
    money = _number(revenue, r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?")
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
            *(sum(day > as_of - timedelta(days) for day in purchases) for days in (30, 90, 365)),
            (as_of - date(1970, 1, 1)).days,
        )
    return features


def tenths(values: Sequence[float]) -> list[int]:
    """Which tenth each is in, 1 for the highest; equal values in the order they have here. Larger tenths come first."""
    size, more = divmod(len(values), 10)
    numbers = [tenth for tenth in range(1, 11) for _ in range(size + (tenth <= more))]
    highest_first = sorted(range(len(values)), key=lambda place: -values[place])
    return [number for _, number in sorted(zip(highest_first, numbers, strict=True))]


def segments(customers: list[Customer], as_of: date, horizon_days: int | None) -> list[tuple]:
    """(value_tier, lifecycle, recency score, frequency score, monetary score) of each customer."""
    gaps = sorted(_mean_gap(each.days) for each in customers if len(each.days) > 1)
    typical = gaps[(len(gaps) - 1) // 2] if gaps else None  # the lower one of two in the middle
    tiers = _tiers([each.clv for each in customers])
    silences = [(as_of - each.days[-1]).days for each in customers]
    counts = [len(each.days) for each in customers]
    spent = [each.spent for each in customers]
    return [
        (
            tiers[each.clv],
            _lifecycle(each, silence, typical, horizon_days),
            6 - _fifth(silence, silences),
            _fifth(len(each.days), counts),
            _fifth(each.spent, spent),
        )
        for each, silence in zip(customers, silences, strict=True)
    ]


def _tiers(values: list[float]) -> dict[float, str]:
    """By value: `high` while those above it hold less than half of all, `medium` while less than four fifths."""
    total = sum(Fraction(value) for value in values if value > 0)
    tiers, above = {}, Fraction(0)
    for value, equal in groupby(sorted(values, reverse=True)):
        if value <= 0 or above >= total * Fraction(4, 5):
            tiers[value] = "low"
        else:
            tiers[value] = "high" if above < total / 2 else "medium"
        above += Fraction(value) * len(list(equal))
    return tiers


def _lifecycle(customer: Customer, silence: int, typical: Fraction | None, horizon_days: int | None) -> str:
    if typical is None:
        return "new"
    own = [(later - earlier).days for earlier, later in pairwise(customer.days)]
    usual = (sum(own) + typical) / (len(own) + 1)
    if len(customer.days) == 1 and silence <= usual:
        return "new"
    if customer.chance is None or horizon_days is None:
        return "active" if silence <= 2 * usual else "slipping" if silence <= 6 * usual else "lapsed"
    kept = customer.chance / (1 - math.exp(-horizon_days / usual))
    return "active" if kept >= 0.5 else "slipping" if kept >= 0.1 else "lapsed"


def _mean_gap(days: list[date]) -> Fraction:
    return Fraction((days[-1] - days[0]).days, len(days) - 1)


def _fifth(value: float, values: Sequence[float]) -> int:
    """1 and how many of the bounds are below the value: the lowest that a fifth, two, three, four are not above."""
    ordered = sorted(values)
    bounds = [ordered[math.ceil(Fraction(fifths, 5) * len(ordered)) - 1] for fifths in range(1, 5)]
    return 1 + sum(bound < value for bound in bounds)
