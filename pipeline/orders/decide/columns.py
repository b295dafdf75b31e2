"""Which column of the file is which of ours: by name, or asked; and, where the file names none, by position."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from pipeline.orders import names
from pipeline.orders.dates import ISO, date_readings
from pipeline.orders.decide import guards
from pipeline.orders.decide.questions import Question, line
from pipeline.orders.decide.sample import Sample
from pipeline.orders.errors import plain
from pipeline.orders.exports import Export
from pipeline.orders.layout import Layout
from pipeline.orders.mapping import Column, Mapping
from pipeline.orders.names import COLUMNS
from pipeline.orders.numbers import PLAIN_NUMBER, SIGNS, NumberEvidence
from pipeline.orders.reading import Rows

Columns = dict[str, Column | None]
_NOBODY = ("", "0", "0.0", "-1", "na", "null", "none", "nan", "guest")
# What hardly is a customer: what was sold, where, how it was paid or came there.
_SOMETHING_ELSE = re.compile(
    r"product|item|article|artikel|produit|prodotto|sku|asin|ean|gtin|brand|categor|dept|department|country|city|state|"
    r"region|channel|store|shop|branch|warehouse|payment|method|service|fulfil|courier|carrier|ship|status|type|gender|"
    r"title|coupon|promo"
)
_SOMEBODY = re.compile(r"(cust|client|buyer|user|member|shopper|household|kund|acheteur|comprador|klant)")
_KEY = re.compile(r"(?i)(id|key|no|nr|num|number|code|hash|name)[^a-z]*$")
_SURE_KEY = re.compile(r"(?i:(^|[^a-z])(id|key|nr|num|number|code))$|[a-z](Id|ID|Key|Nr|Num|Number|Code)$")  # not paid
_NO_PRICE = re.compile(
    r"discount|rabatt|remise|descuento|desconto|sconto|korting|tax|vat|steuer|mwst|fee|shipping|versand|points"
)
_NEEDED = {"customer_id": "the customer", "revenue": "the money", "created_at_date": "the date"}


def choose(first: Layout, stated: Mapping, export: Export | None, seen: Sample) -> tuple[Columns, list[Question]]:
    """The column for each of ours, None where there is none, and what has to be asked.

    `stated` is what the mapping and the known export say.
    """
    found: Columns = {name: stated.columns.get(name) for name in COLUMNS}
    if not first.names:
        return found, _positions_missing(found, seen.rows)
    chooser = _Chooser(first.names, stated, seen)
    for name in COLUMNS:
        if name in stated.columns:
            continue
        if name == "revenue" and export and name in export.choose:
            found[name] = chooser.ask_between(export.choose[name])
        else:
            found[name] = chooser.choose(name)
    if chooser.questions and found["order_id"] is None and "order_id" not in stated.columns:
        chooser.ask_for_order()
    return found, chooser.questions


class _Chooser:
    def __init__(self, titles: tuple[str, ...], stated: Mapping, seen: Sample):
        self._titles, self._stated, self._rows, self._saw_all = titles, stated, seen.rows, seen.is_whole
        self.questions: list[Question] = []

    def choose(self, name: str) -> Column | None:
        among = self._candidates(name)
        if name == "revenue":
            return self._revenue(among)
        if name == "created_at_date" and len(among) > 1:
            among = self._of_days(among)
        if not among:
            if name in _NEEDED:
                self._ask_for_missing(name)
            return None
        if name in ("customer_id", "order_id"):
            among = self._of_different_things(name, among)
        if len(among) > 1 and name != "order_item_id":
            self._ask_which(name, among)
        elif name == "customer_id":
            self._ask_where_many_are_missing(among[0])
        return self._column(among[0])

    def _column(self, position: int) -> Column:
        """What names the column: its position where the file has another one of that name."""
        title = self._titles[position]
        return position + 1 if not title or self._titles.count(title) > 1 else title

    def _candidates(self, name: str) -> list[int]:
        """The first group of columns that could be ours by name, and that hold something; for money, numbers."""
        groups = list(names.candidates(name, self._titles))
        needs = re.compile(r"\d" if name in ("revenue", "unit_price", "num_items") else ".")
        for group in groups:
            if filled := [i for i in group if any(needs.search(row[i] or "") for row in self._rows)]:
                return filled
        # A number of the order that stands nowhere is none; what is needed is told by its empty column.
        return groups[0] if groups and not (name == "order_id" and self._saw_all) else []

    def _of_different_things(self, name: str, among: list[int]) -> list[int]:
        """Without what says the same once more: an order's other number, or the name beside a customer's number."""
        among = sorted(among, key=lambda i: sum(not row[i] for row in self._rows))  # of two, what is filled in
        if name == "order_id":
            return [*among[:1], *(i for i in among[1:] if not self._tells(among[0], i) or not self._tells(i, among[0]))]
        return [i for i in among if not any(self._numbers_those_of(i, j) for j in among)]

    def _numbers_those_of(self, position: int, key: int) -> bool:
        """Whether `key` holds the numbers of those whom the other column names, of whom a few may share a name.

        A reference or an address of theirs may be another one each time.
        """
        name, longer = (names.normalised(self._titles[i]) for i in (position, key))
        if name == longer or name not in longer or re.search("mail|ref$", longer) or not self._tells(key, position):
            return False
        if any(row[position] and not row[key] for row in self._rows):
            return False
        numbers, named = ({row[i] for row in self._rows} for i in (key, position))
        return self._tells(position, key) or (len(numbers) < len(self._rows) and len(numbers) <= 2 * len(named))

    def _tells(self, key: int, position: int, letters: int | None = None) -> bool:
        """Whether one value of `key` always stands beside one value of the other column, or its first letters."""
        beside: dict[str | None, str] = {}
        return all(
            (value := (row[position] or "")[:letters]) == beside.setdefault(row[key], value) for row in self._rows
        )

    def _ask_where_many_are_missing(self, chosen: int) -> None:
        """Guests have no number, and an address all the same: whether they are customers is the shop's to say."""
        for other, *_ in names.candidates("customer_id", self._titles):
            if other == chosen:
                continue
            guests: dict[str, set[str]] = {}
            for row in self._rows:
                if row[other]:
                    guests.setdefault((row[chosen] or "").strip().lower(), set()).add(str(row[other]))
            nobody = {number for number in _NOBODY if len(guests.get(number, ())) > (1 if number else 0)}
            missing = sum((row[chosen] or "").strip().lower() in nobody for row in self._rows)
            if missing * 100 > len(self._rows):
                mine, theirs = plain(self._titles[chosen]), plain(self._titles[other])
                self.questions.append(
                    Question(
                        f"{mine} names nobody on {missing:,} of {len(self._rows):,} lines that were looked at, and "
                        f"{theirs} does there.",
                        (
                            (line("columns", {"customer_id": self._titles[other]}), "customers by that column"),
                            (line("columns", {"customer_id": self._titles[chosen]}), "lines without it are no use"),
                        ),
                    )
                )
                return

    def ask_between(self, choices: dict[str, str]) -> str:
        """Of two that a known export has, each with what it means."""
        self.questions.append(
            Question(
                f"Two columns could be the revenue: {' and '.join(map(plain, choices))}.",
                tuple((line("columns", {"revenue": column}), why) for column, why in choices.items()),
            )
        )
        return next(iter(choices))

    def _of_days(self, among: list[int]) -> list[int]:
        """Those that hold days, and no time of day or day of a month, which stand beside the date's column."""
        return [i for i in among if any(map(_is_day, self._values(i)))] or among

    def _values(self, position: int) -> list[str]:
        """What stands in the column on the first of the lines on which something does, wherever they begin."""
        return [*islice((value for row in self._rows if (value := (row[position] or "").strip())), 200)]

    def _revenue(self, among: list[int]) -> Column | None:
        titles = self._titles
        exact = bool(among) and names.normalised(titles[among[0]]) == "revenue"
        if exact:
            among = [i for i in among if names.normalised(titles[i]) == "revenue"]
        if len(among) > 1:
            self._ask_which("revenue", among)
        return _in_whole(self._column(among[0]), titles[among[0]]) if among else self._price()

    def _price(self) -> Column | None:
        """Where there is no column of money for the whole line: pieces by unit price."""
        titles = self._titles
        units, pieces = self._candidates("unit_price"), self._candidates("num_items")
        if not units:
            self._ask_for_missing("revenue")
            return None
        price = titles[units[0]]
        number = self._stated.columns.get("num_items") or (titles[pieces[0]] if pieces else None)
        if not number:
            return _in_whole(price, price)
        product = _in_whole(f"{number} * {price}", price)
        if len(units) > 1:
            self.questions.append(
                Question(
                    f"Several columns could be the price: {', '.join(plain(titles[i]) for i in units)}.",
                    tuple(
                        (
                            line("columns", {"revenue": _in_whole(f"{number} * {titles[i]}", titles[i])}),
                            "pieces × unit price",
                        )
                        for i in units
                    ),
                )
            )
        elif names.normalised(price) in names.synonyms()["unit_price"][1]:
            self.questions.append(
                Question(
                    f"{plain(price)} could be the price of one piece or of the whole line.",
                    (
                        (line("columns", {"revenue": product}), "pieces × price of one piece"),
                        (line("columns", {"revenue": price}), "the price of the line"),
                    ),
                )
            )
        return product

    def _ask_which(self, name: str, among: list[int]) -> None:
        if name == "revenue":  # what are never more than 99, and whole, are pieces
            among = sorted(among, key=lambda i: all(re.fullmatch(r"-?\d\d?", value) for value in self._values(i)))
        titles = [self._titles[i] for i in among]
        if len(set(titles)) < len(titles):
            self.questions.append(
                Question(
                    f"There is more than one column named {plain(titles[0])}.",
                    tuple((line("columns", {name: i + 1}), f"the {i + 1}th column") for i in among),
                )
            )
            return
        self.questions.append(
            Question(
                f"{'Two' if len(among) == 2 else 'Several'} columns could be {name}: "
                f"{' and '.join(map(plain, titles[:6]))}.",
                (
                    *(
                        (line("columns", {name: _in_whole(title, title) if name == "revenue" else title}), "")
                        for title in titles[:6]
                    ),
                    *(self._products() if name == "revenue" else ()),
                ),
            )
        )

    def _products(self) -> Iterator[tuple[str, str]]:
        """What takes pieces by the price of one for the money: where several amounts are of the order, it is none."""
        units, pieces = self._candidates("unit_price"), self._candidates("num_items")
        if len(units) == 1 and pieces:
            price, number = self._titles[units[0]], self._stated.columns.get("num_items") or self._titles[pieces[0]]
            yield line("columns", {"revenue": _in_whole(f"{number} * {price}", price)}), "pieces × unit price"

    def _ask_for_missing(self, name: str) -> None:
        shown = plain(", ".join(title for title in self._titles if title), 300)
        answers = [
            (line("columns", {name: self._column(i)}), f"such as {plain(self._values(i)[0], 40)}")
            for i in self._that_look_like(name)
        ]
        self.questions.append(
            Question(
                f"No column is known to be {name}, {_NEEDED[name]} of a line. The file has: {shown}. "
                "Where none of them is, the file has to be exported with one.",
                tuple(answers[:5]) or ((line("columns", {name: "…"}), "with the name of that column"),),
            )
        )

    def ask_for_order(self) -> None:
        """Beside what has to be asked: where no name is known, the number of the order is there all the same."""
        likely = sorted(self._that_look_like("customer_id", "order_id"), key=lambda i: -self._differing(i))
        customers = self._candidates("customer_id")
        days = self._candidates("created_at_date") or self._that_look_like("created_at_date")
        for one, letters in (*((i, None) for i in customers[:1]), *((i, len("2024-01-15")) for i in days[:1])):
            likely = [i for i in likely if self._tells(i, one, letters)]  # an order is of one customer and of one day
        if likely:
            answers = (
                *((self._column(i), f"such as {plain(self._values(i)[0], 40)}") for i in likely[:5]),
                (None, "none of them: a customer's lines of one day are one order"),
            )
            self.questions.append(
                Question(
                    "No column is known to be order_id, which may be left out.",
                    tuple((line("columns", {"order_id": column}), why) for column, why in answers),
                )
            )

    def _that_look_like(self, look: str, name: str = "") -> list[int]:
        """The columns of no known name that hold nothing but dates, or money, or neither; the likeliest first.

        `name` is the column of ours that they could be, where several look alike. Those whose names end as those of
        another column do are none of them: `amazon-order-id` is no customer.
        """
        name = name or look
        unknown = [i for i, title in enumerate(self._titles) if title and not names.known([title]) and self._values(i)]
        ends = {i: names.ends_like(self._titles[i]) for i in unknown}
        could_be = {name, "unit_price"} if name == "revenue" else {name}  # a ticket's price may be all that was paid
        unknown = [i for i in unknown if not ends[i] or could_be & ends[i]]
        looks = {i: _looks(self._values(i)) for i in unknown}
        looks |= {i: "customer_id" for i in unknown if looks[i] == "revenue" and _SURE_KEY.search(self._titles[i])}
        alike = [i for i in unknown if looks[i] == look]
        if look == "created_at_date":  # long numbers may count seconds, and be those of orders
            return sorted(alike, key=lambda i: all(map(str.isdigit, self._values(i))))
        if look == "revenue":
            numbers = [
                i
                for i in unknown
                if all(map(PLAIN_NUMBER.fullmatch, self._values(i))) and not _SURE_KEY.search(self._titles[i])
            ]
            return sorted(
                alike or numbers,
                key=lambda i: (
                    ends[i] == {"unit_price"},
                    name not in ends[i],
                    _NO_PRICE.search(names.normalised(self._titles[i])) is not None,
                    self._is_like_a_number_of_something(i),
                ),
            )
        alike += [i for i in unknown if looks[i] == "created_at_date" and all(map(str.isdigit, self._values(i)))]
        keys = [i for i in alike if not guards.find([self._titles[i]], ()) and self._differing(i) > 0.01]
        if name == "customer_id" and (orders := self._candidates("order_id")):
            keys = [i for i in keys if self._tells(orders[0], i)] or keys  # an order is one customer's
        return sorted(keys, key=lambda i: (name not in ends[i], *self._unlikely_customer(i)))

    def _is_like_a_number_of_something(self, position: int) -> bool:
        """Whether the values grow from line to line or are of one length, as those of orders do and amounts do not."""
        values = self._values(position)
        return sorted(values, key=lambda value: (len(value), value)) == values or len(set(map(len, values))) == 1

    def _differing(self, position: int) -> float:
        """The share of lines on which another value stands: a hundredth at least, where it is the customer."""
        values = [row[position] for row in self._rows if row[position]]
        return len(set(values)) / len(values) if len(values) > 20 else 0.5

    def _unlikely_customer(self, position: int) -> tuple[bool, bool, bool, bool, bool, float]:
        """Whether its name is not of somebody, and is of something else; whether nobody came again, as where lines are
        numbered; whether its name is not that of a key; how few."""
        differing, spelled = self._differing(position), names.normalised(self._titles[position])
        return (
            not _SOMEBODY.match(spelled),
            _SOMETHING_ELSE.search(spelled) is not None,
            differing == 1,
            _KEY.search(self._titles[position]) is None,
            differing < 0.1,
            differing,
        )


def _is_day(value: str) -> bool:
    return bool(ISO.match(value) or date_readings(value))


def _looks(values: list[str]) -> str:
    """Which of the columns that are needed such values could be of."""
    if all(map(_is_day, values)):
        return "created_at_date"
    money = NumberEvidence.of(values)
    has_decimals = any(re.search(r"[.,]\d", value) for value in values)
    has_currency = any(mark in SIGNS or re.fullmatch("[A-Z]{3}", mark) for mark in money.marks)
    return "revenue" if not money.others and (has_decimals or has_currency) else "customer_id"


def _in_whole(money: Column, title: str) -> Column:
    """An expression of money whose column counts it in cents, by its name."""
    return f"{money} * 0.01" if names.is_in_cents(title) else money


def _positions_missing(found: Columns, rows: Rows) -> list[Question]:
    if all(found[name] is not None for name in _NEEDED):
        return []
    shown = "; ".join(f"{i + 1}: {plain(value or '', 30)}" for i, value in enumerate(rows[0])) if rows else ""
    return [
        Question(
            f"The first line names no column. What stands in it: {shown}.",
            (
                (
                    line("columns", _likely_positions(rows)),
                    "such as this, with the positions of this file; order_id and num_items may be left out",
                ),
            ),
        )
    ]


def _likely_positions(rows: Rows) -> dict[str, int]:
    """Where our columns may stand in a file without names: the date by its looks, the others in our own order."""
    fields = range(len(rows[0])) if rows else range(5)
    looks = [i for i in fields if rows and all(_is_day(row[i] or "") for row in rows[:3])]
    day = looks[0] if looks else fields[-1]
    others = [i for i in fields if i != day]
    if len(others) > 3 and not _has_several_for_each(others[0], others[1], rows):
        del others[1]  # another number of the customer's
    wanted = {1: ["revenue"], 2: ["customer_id", "revenue"], 3: ["customer_id", "num_items", "revenue"]}.get(
        len(others), ["customer_id", "order_id", "num_items", "revenue"]
    )
    found = {name: i + 1 for name, i in zip(wanted, others, strict=False)} | {"created_at_date": day + 1}
    return {name: found[name] for name in COLUMNS if name in found}


def _has_several_for_each(key: int, other: int, rows: Rows) -> bool:
    """Whether any value of one column has several of the other; so do customers with their orders."""
    found: dict[str | None, set[str | None]] = {}
    for row in rows:
        found.setdefault(row[key], set()).add(row[other])
    return len(found) == len(rows) or any(len(each) > 1 for each in found.values())
