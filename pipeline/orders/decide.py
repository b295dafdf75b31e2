"""From what a file says and a mapping states to one reading of the orders, or to questions for a person.

Formats are decided by all values of a sample of the files: one is used only where no other fits them too. What the
sample has not seen is held against the decision when the orders are loaded, and decided anew with it; see load.py.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from tempfile import gettempdir

import duckdb

from pipeline.orders import exports, guards, layout, mapping, names
from pipeline.orders.dialect import SPOKEN
from pipeline.orders.errors import OrdersError, Undecided, plain
from pipeline.orders.formats import (
    DECIMALS,
    ISO,
    MISSING,
    ORDERS,
    TIME_OF_DAY,
    DateEvidence,
    DateFormat,
    NumberEvidence,
    NumberFormat,
    date_readings,
    date_sql,
    literal,
    number_sql,
)  # fmt: skip
from pipeline.orders.layout import Layout
from pipeline.orders.mapping import Expression, Mapping
from pipeline.orders.names import COLUMNS
from pipeline.orders.source import Source

Rows = Sequence[tuple[str | None, ...]]
_SAMPLED_ROWS = 20_000
_ORDER_TOTAL = re.compile(r"(?!.*(line|item|row)).*(order|grand|invoice|basket|cart).*|total|totalprice|totalamount")
_NEEDED = ("customer_id", "revenue", "created_at_date")
_SPOKEN_COLUMNS = {"customer_id": "the customer", "revenue": "the money", "created_at_date": "the date"}


@dataclass(frozen=True)
class Question:
    """What only a person knows, and the lines for the mapping of which one answers it, each with what it means."""

    text: str
    answers: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Reading:
    """How the orders are read; `mapping` states all of it, so that another build can follow it to the letter."""

    source: Source
    mapping: Mapping
    layouts: tuple[Layout, ...]
    columns: dict[str, Expression | None]
    dates: DateFormat | None
    numbers: NumberFormat
    folded: tuple[str, ...]
    export: str
    saw_all: bool
    deductions: dict[str, Decimal] = field(default_factory=dict)
    rows: Rows = field(repr=False, default=())
    evidence: tuple[DateEvidence, NumberEvidence] = field(
        repr=False, default_factory=lambda: (DateEvidence(), NumberEvidence())
    )

    def select(self, each: Layout, relation: str) -> str:
        """The SQL that gives our columns and `left_out` from the rows of one part, beside what the rows have else."""
        columns = {
            name: mapping.resolve(stated, each.names, each.fields, str(each.part.path)) if stated is not None else None
            for name, stated in self.mapping.columns.items()
        }
        relation = self._counted_once(each, self._filled_down(each, relation, columns), columns)
        found = {name: self._text(name, expression) for name, expression in columns.items()}
        if found["order_id"] is None:
            # A customer's lines of one day are one order.
            found["order_id"] = f"left({found['created_at_date']}, 10)"
        selected = ", ".join(f"{text or 'cast(null as varchar)'} as {name}" for name, text in found.items())
        return f"select {selected}, {self.left_out(each)} as left_out, line_breaks, malformed_line from ({relation})"

    def _text(self, name: str, expression: Expression | None) -> str | None:
        if expression is None:
            return "case when malformed_line is null then '1' end" if name == "num_items" else None
        fields = [f"field_{position}" for position in expression.positions]
        if name == "created_at_date":
            return date_sql(fields[0], self.dates) if self.dates else fields[0]
        if name in ("num_items", "revenue"):
            return self._number(fields, expression.operators)
        return _folded(fields[0]) if name in self.folded else fields[0]

    def _number(self, fields: Sequence[str], operators: Sequence[str]) -> str:
        texts = [number_sql(each, self.numbers) for each in fields]
        if not operators:
            return texts[0]
        numbers = [f"try_cast({text} as decimal(18, 6))" for text in texts]
        terms = [numbers[0]]
        signs = []
        following = [*operators[1:], ""]
        for operator, number, column, after in zip(operators, numbers[1:], fields[1:], following, strict=True):
            if operator == "*":
                terms[-1] = f"{terms[-1]} * {number}"
            else:
                signs.append(operator)
                # Where there is no discount, nothing is taken off.
                nothing = f"coalesce(lower(trim({column})), '') in ({', '.join(map(literal, MISSING))})"
                terms.append(number if after == "*" else f"case when {nothing} then 0 else {number} end")
        total = terms[0] + "".join(f" {sign} {term}" for sign, term in zip(signs, terms[1:], strict=True))
        exact = f"try_cast({total} as decimal(18, 6))"
        spelled = " || ' ' || ".join(
            x for pair in zip(fields, [*(literal(o) for o in operators), ""], strict=True) for x in pair if x
        )
        # Two decimals where two are enough, as money is mostly written.
        return (
            f"case when {exact} is null then {spelled} when {exact} = round({exact}, 2) "
            f"then cast(cast({exact} as decimal(18, 2)) as varchar) else cast({exact} as varchar) end"
        )

    def money(self, each: Layout) -> str:
        """The SQL of a line's money as a number, null where it cannot be read."""
        stated = self.mapping.columns["revenue"]
        if stated is None:
            return "cast(null as decimal(18, 6))"
        expression = mapping.resolve(stated, each.names, each.fields, str(each.part.path))
        text = self._number([f"field_{position}" for position in expression.positions], expression.operators)
        return f"try_cast({text} as decimal(18, 6))"

    def _filled_down(self, each: Layout, relation: str, columns: dict[str, Expression | None]) -> str:
        """What stands on the first line of an order only stands on all of its lines, and on no other order's."""
        if not self.mapping.fill_down:
            return relation
        where = str(each.part.path)
        filled = {
            mapping.resolve(column, each.names, each.fields, where).positions[0] for column in self.mapping.fill_down
        }
        order = columns["order_id"].positions[0] if columns["order_id"] else None
        inner, key = f"select *, row_number() over () as place from ({relation})", f"field_{order}"
        if order is None or order in filled:
            # The order's own number stands on its first line only: a new one begins wherever something stands there.
            begins = f"field_{order if order is not None else min(filled)}"
            inner, key = (
                f"select *, count({begins}) over (order by place rows unbounded preceding) as run from ({inner})",
                "run",
            )
        fields = ", ".join(
            f"first_value(field_{i} ignore nulls) over (partition by {key} order by place "
            f"rows between unbounded preceding and unbounded following) as field_{i}"
            for i in sorted(filled)
        )
        return f"select * replace ({fields}) from ({inner}) order by place"

    def _counted_once(self, each: Layout, relation: str, columns: dict[str, Expression | None]) -> str:
        """What is of an order as a whole, and stands on each of its lines, stays on the first that is not left out."""
        if not self.mapping.once:
            return relation
        where, order = str(each.part.path), columns["order_id"]
        if order is None:
            raise OrdersError(f"{where}: once: {plain(str(self.mapping.once[0]))} needs a column for order_id.")
        fields = ", ".join(
            f"case when row_number() over (partition by field_{order.positions[0]}, {self.left_out(each)} "
            f"order by place) = 1 then field_{i} end as field_{i}"
            for column in self.mapping.once
            for i in mapping.resolve(column, each.names, each.fields, where).positions
        )
        placed = f"select *, row_number() over () as place from ({relation})"
        return f"select * replace ({fields}) from ({placed}) order by place"

    def left_out(self, each: Layout) -> str:
        where = str(each.part.path)

        def field_of(column: mapping.Column) -> str:
            if column not in each.names and any(column in other.names for other in self.layouts):
                return "cast(null as varchar)"
            return f"field_{mapping.resolve(column, each.names, each.fields, where).positions[0]}"

        tests = [guards.condition(field_of(column), values) for column, values in self.mapping.leave_out.items()]
        tests += [f"not {guards.condition(field_of(column), values)}" for column, values in self.mapping.only.items()]
        return f"(malformed_line is null and ({' or '.join(tests)}))" if tests else "false"

    @property
    def is_plain(self) -> bool:
        """Whether the files are the contract's own: nothing has to be said of how they are read."""
        return not self.read_as

    @property
    def read_as(self) -> list[str]:
        """What was found out or stated, in lines for people; none for the plain contract."""
        facts = []
        if self.export:
            facts.append(f"known export: {self.export}")
        if len(self.layouts) > 1:
            are_sheets = len(self.source.files) == 1 and self.layouts[0].part.kind == "excel"
            facts.append(f"{len(self.layouts)} {'sheets' if are_sheets else 'files'} as one")
        kinds = {each.part.kind for each in self.layouts}
        facts += [spoken for kind, spoken in (("json", "JSON lines"), ("excel", "Excel")) if kind in kinds]
        delimiters = {each.delimiter for each in self.layouts if each.part.kind == "text"} - {","}
        facts += [f"fields divided by {SPOKEN.get(each, each)}" for each in sorted(delimiters)]
        facts += [f"encoding {each}" for each in sorted({each.encoding for each in self.layouts} - {"utf-8"})]
        first = self.layouts[0]
        for name, expression in self.columns.items():
            stated = self.mapping.columns.get(name)
            if expression is None:
                if name == "order_id":
                    facts.append("order_id: a customer's lines of one day are one order")
                elif name == "num_items":
                    facts.append("num_items: 1 a line")
            elif isinstance(stated, int) or not expression.is_column or str(stated).lower() != name:
                facts.append(
                    f"{name}: {plain(str(stated)) if first.names or not expression.is_column else f'column {stated}'}"
                )
        if self.dates:
            facts.append(f"dates {self.dates.spoken}")
        if not self.numbers.is_plain:
            facts.append(f"numbers with {self.numbers.spoken}" + (", (…) is minus" if self.numbers.parentheses else ""))
        if self.mapping.currency:
            facts.append(f"money in {self.mapping.currency}")
        facts += [f"{name}: 17850.0 is 17850" for name in self.folded]
        for verb, setting in (("left out", self.mapping.leave_out), ("only", self.mapping.only)):
            facts += [f"{verb}: {plain(str(column))} {plain(', '.join(values))}" for column, values in setting.items()]
        if self.mapping.once:
            facts.append(f"counted once an order: {plain(', '.join(map(str, self.mapping.once)))}")
        if self.mapping.ignore:
            facts.append(f"not looked at: {plain(', '.join(self.mapping.ignore))}")
        return facts if any(not fact.startswith("money in ") for fact in facts) else []


def decide(
    source: Source,
    stated: Mapping | None = None,
    *,
    folder: Path | None = None,
    doubts: Sequence[tuple[str, str]] = (),
    encoding: str | None = None,
) -> Reading:
    """The one reading of the orders. Raises Undecided with every question where there are several, else OrdersError.

    `folder` takes temporary copies of files that are no UTF-8 text. `doubts` are (column, value) that an earlier
    reading of the same files could not read, `encoding` what their bytes have turned out to be.
    """
    folder = folder or Path(gettempdir())
    stated = stated or Mapping()
    if encoding:
        stated = replace(stated, encoding=encoding)
    layouts = tuple(layout.of(part, stated, folder) for part in source.parts)
    return _Decision(source, stated, layouts, folder, doubts).reading()


def propose(source: Source, stated: Mapping | None = None) -> tuple[Reading | None, tuple[Question, ...], str]:
    """As `decide`, for people who look: the likeliest reading, the questions that are open, and those in words."""
    folder, stated = Path(gettempdir()), stated or Mapping()
    layouts = tuple(layout.of(part, stated, folder) for part in source.parts)
    decision = _Decision(source, stated, layouts, folder, ())
    try:
        return decision.reading(), (), ""
    except Undecided as error:
        return decision.proposed, error.questions, str(error)


class _Decision:
    def __init__(
        self,
        source: Source,
        stated: Mapping,
        layouts: tuple[Layout, ...],
        folder: Path,
        doubts: Sequence[tuple[str, str]],
    ):
        self._source, self._stated, self._layouts, self._folder, self._doubts = source, stated, layouts, folder, doubts
        self._first = layouts[0]
        self._where = str(self._first.part.path)
        self._questions: list[Question] = []
        self._saw_all = all(each.sampled_whole for each in layouts)
        self.proposed: Reading | None = None

    def reading(self) -> Reading:
        export = exports.recognise(self._first.names)
        whole = self._stated.over(export.mapping) if export else self._stated
        columns = self._columns(whole, export)
        self._stop_where_columns_differ(columns)
        rows = self._sample()
        expressions = {
            name: mapping.resolve(column, self._first.names, self._first.fields, self._where)
            if column is not None
            else None
            for name, column in columns.items()
        }
        for name, expression in expressions.items():
            if expression and expression.operators and name not in ("revenue", "num_items"):
                raise OrdersError(
                    f"{name}: {plain(str(columns[name]))} is an expression; only revenue and num_items can be one."
                )
        if "revenue" not in whole.columns:
            self._ask_of_order_totals(rows, expressions, columns)
        numbers, number_evidence = self._numbers(rows, expressions, whole)
        dates, date_evidence = self._dates(rows, expressions["created_at_date"], whole)
        whole = replace(
            whole,
            columns=columns,
            dates=dates.formats if dates else (),
            decimal=whole.decimal or (None if numbers.is_plain else numbers.decimal),
            currency=whole.currency or self._currency(number_evidence),
            delimiter=whole.delimiter or self._delimiter(),
            encoding=whole.encoding or self._encoding(),
        )
        reading = Reading(
            self._source, whole, self._layouts, expressions, dates, numbers,
            self._folded(rows, expressions), export.name if export else "", self._saw_all,
            rows=tuple(rows), evidence=(date_evidence, number_evidence),
        )  # fmt: skip
        self.proposed = reading = self._guarded(reading)
        if self._questions:
            raise Undecided(self._asked(), tuple(self._questions))
        return reading

    # ---- columns ----

    def _columns(self, whole: Mapping, export: exports.Export | None) -> dict[str, mapping.Column | None]:
        found: dict[str, mapping.Column | None] = {name: whole.columns.get(name) for name in COLUMNS}
        if not self._first.names:
            self._ask_for_positions(found)
            return found
        for name in COLUMNS:
            if name in whole.columns or (name == "revenue" and export and name in export.choose):
                continue
            among = [i for i in names.candidates(name, self._first.names) if not self._is_empty(i)]
            if name == "created_at_date" and len(among) > 1:
                among = self._without_times(among)
            if name == "revenue":
                found[name] = self._revenue(among)
            elif not among:
                if name in _NEEDED:
                    self._ask_for_missing(name)
            elif len(among) > 1 and name != "order_item_id":
                self._ask_which(name, among)
                found[name] = self._first.names[among[0]]
            else:
                found[name] = self._first.names[among[0]]
        if export and "revenue" in export.choose and "revenue" not in whole.columns:
            choices = export.choose["revenue"]
            self._questions.append(
                Question(
                    f"Two columns could be the revenue: {' and '.join(map(plain, choices))}.",
                    tuple((_line("columns", {"revenue": column}), why) for column, why in choices.items()),
                )
            )
            found["revenue"] = next(iter(choices))
        return found

    def _without_times(self, among: list[int]) -> list[int]:
        """Without the columns that hold a time of day, which stand beside the date's."""
        rows = self._sample(200)
        dates = [i for i in among if not all(TIME_OF_DAY.fullmatch((row[i] or "").strip()) for row in rows)]
        return dates or among

    def _is_empty(self, position: int) -> bool:
        return not self._first.names[position]

    def _revenue(self, among: list[int]) -> str | None:
        titles = self._first.names
        units = names.candidates("unit_price", titles)
        pieces = names.candidates("num_items", titles)
        exact = names.normalised(titles[among[0]]) == "revenue" if among else False
        if len(among) > 1 and not exact:
            self._ask_which("revenue", among)
        if among:
            if exact and sum(names.normalised(titles[i]) == "revenue" for i in among) > 1:
                self._ask_which("revenue", among)
            return titles[among[0]]
        if not units:
            self._ask_for_missing("revenue")
            return None
        price = titles[units[0]]
        stated_pieces = self._stated.columns.get("num_items")
        if not pieces and not stated_pieces:
            return price
        product = f"{stated_pieces or titles[pieces[0]]} * {price}"
        if len(units) > 1:
            self._questions.append(
                Question(
                    f"Several columns could be the price: {', '.join(plain(titles[i]) for i in units)}.",
                    tuple(
                        (
                            _line("columns", {"revenue": f"{stated_pieces or titles[pieces[0]]} * {titles[i]}"}),
                            "pieces × unit price",
                        )
                        for i in units
                    ),
                )
            )
        elif names.normalised(price) in names.synonyms()["unit_price"][1]:
            self._questions.append(
                Question(
                    f"{plain(price)} could be the price of one piece or of the whole line.",
                    (
                        (_line("columns", {"revenue": product}), "pieces × price of one piece"),
                        (_line("columns", {"revenue": price}), "the price of the line"),
                    ),
                )
            )
        return product

    def _ask_which(self, name: str, among: list[int]) -> None:
        titles = [self._first.names[i] for i in among]
        if len(set(titles)) < len(titles):
            self._questions.append(
                Question(
                    f"There is more than one column named {plain(titles[0])}.",
                    tuple((_line("columns", {name: i + 1}), f"the {i + 1}th column") for i in among),
                )
            )
            return
        self._questions.append(
            Question(
                f"{'Two' if len(among) == 2 else 'Several'} columns could be {name}: "
                f"{' and '.join(map(plain, titles[:6]))}.",
                tuple((_line("columns", {name: title}), "") for title in titles[:6]),
            )
        )

    def _ask_for_missing(self, name: str) -> None:
        shown = plain(", ".join(title for title in self._first.names if title), 300)
        self._questions.append(
            Question(
                f"No column is known to be {name}, {_SPOKEN_COLUMNS[name]} of a line. The file has: {shown}.",
                ((_line("columns", {name: "…"}), "with the name of that column"),),
            )
        )

    def _ask_for_positions(self, found: dict[str, mapping.Column | None]) -> None:
        missing = [name for name in _NEEDED if found[name] is None]
        if not missing:
            return
        rows = self._sample(3)
        shown = "; ".join(f"{i + 1}: {plain(value or '', 30)}" for i, value in enumerate(rows[0])) if rows else ""
        self._questions.append(
            Question(
                f"The first line names no column. What stands in it: {shown}.",
                (
                    (
                        _line("columns", _positions(rows)),
                        "such as this, with the positions of this file; order_id and num_items may be left out",
                    ),
                ),
            )
        )
        raise Undecided(self._asked(), tuple(self._questions))

    def _stop_where_columns_differ(self, columns: dict[str, mapping.Column | None]) -> None:
        for each in self._layouts[1:]:
            for column in columns.values():
                if column is not None:
                    where = f"{each.part.path}{f', {each.part.member}' if each.part.member else ''}"
                    mapping.resolve(column, each.names, each.fields, where, self._named_by(each, column))

    def _named_by(self, each: Layout, column: mapping.Column) -> str:
        """Why a file has to have this column, and what to do where it has it not."""
        if column in self._stated.columns.values():
            return "the mapping names."
        mine, first = each.part, self._first.part
        problem = f"{first.member or first.path.name} has: files that are read as one have the same columns."
        if not each.names and each.fields == self._first.fields and not mine.is_packed:
            files = " ".join(shlex.quote(str(path)) for path in self._source.files[:4])
            return f"{problem} Glue pieces of one file together: cat {files} > orders.csv."
        if mine.member:
            return f"{problem} Unpack it and name the files that are orders: unzip {shlex.quote(str(mine.path))}."
        if mine.path.suffix != first.path.suffix:
            pattern = mine.path.parent / f"*{first.path.suffix}"
            return f"{problem} Name those that are orders, with a pattern: ORDERS={shlex.quote(str(pattern))}."
        return f"{problem} Name one of them, or keep those that are orders in a folder of their own."

    def _ask_of_order_totals(
        self, rows: Rows, expressions: dict[str, Expression | None], columns: dict[str, mapping.Column | None]
    ) -> None:
        """An order's total that stands on each of its lines would be added up once a line."""
        revenue, order = expressions["revenue"], expressions["order_id"]
        if not revenue or not revenue.is_column or not order or columns["revenue"] in ("revenue", *self._stated.once):
            return
        is_named_so = _ORDER_TOTAL.fullmatch(names.normalised(str(columns["revenue"])))
        found: dict[str, list[str]] = {}
        for row in rows:
            number, money = row[order.positions[0]], row[revenue.positions[0]]
            if number and money:
                found.setdefault(number, []).append(money)
        several = [amounts for amounts in found.values() if len(amounts) > 1]
        if len(several) < (1 if is_named_so else 10) or any(len(set(amounts)) > 1 for amounts in several):
            return
        if len({amounts[0] for amounts in (found.values() if is_named_so else several)}) < (2 if is_named_so else 5):
            return
        titles = self._first.names
        prices, pieces = names.candidates("unit_price", titles), columns["num_items"]
        answers = [
            (_line("once", [columns["revenue"]]), "it is the order's, and counts once"),
            (_line("columns", {"revenue": columns["revenue"]}), "it is the line's, all the same"),
        ]
        if prices:
            product = f"{pieces} * {titles[prices[0]]}" if pieces else titles[prices[0]]
            answers.insert(0, (_line("columns", {"revenue": product}), "the line's own money"))
        self._questions.append(
            Question(
                f"{plain(str(columns['revenue']))} is the same on all lines of an order: it may be the order's total, "
                "which would count once a line.",
                tuple(answers),
            )
        )

    # ---- formats ----

    def _sample(self, most: int = _SAMPLED_ROWS) -> list[tuple[str | None, ...]]:
        """Rows of all parts, as the columns of the first one lie."""
        found: list[tuple[str | None, ...]] = []
        share = max(200, most // len(self._layouts))
        with duckdb.connect() as memory:
            for each in self._layouts:
                order = self._order_of(each)
                with layout.sampled(each, self._folder) as files:
                    for path, before in files:
                        rows = layout.rows(each, path, skip=before)
                        rows = f"select {order} from ({rows}) where malformed_line is null"
                        try:
                            seen = memory.execute(f"{rows} limit {share}").fetchall()
                        except duckdb.Error as error:
                            raise OrdersError(
                                f"{each.part.path} cannot be read: {str(error).splitlines()[0]}"
                            ) from None
                        self._saw_all &= len(seen) < share
                        found += seen
        return found

    def _order_of(self, each: Layout) -> str:
        if each.names == self._first.names or not each.names:
            return ", ".join(f"field_{i}" for i in range(each.fields))
        places = {name: i for i, name in enumerate(each.names)}
        return ", ".join(f"field_{places[name]}" if name in places else "null" for name in self._first.names)

    def _values(self, rows: Rows, name: str, expression: Expression | None) -> list[str]:
        if expression is None:
            return []
        found = [value for row in rows for position in expression.positions if (value := row[position]) is not None]
        return found + [value for column, value in self._doubts if column == name]

    def _numbers(
        self, rows: Rows, expressions: dict[str, Expression | None], whole: Mapping
    ) -> tuple[NumberFormat, NumberEvidence]:
        values = [v for name in ("revenue", "num_items") for v in self._values(rows, name, expressions[name])]
        evidence = NumberEvidence.of(values)
        if len(evidence.currencies) > 1 and not whole.only:
            shown = ", ".join(f"{currency} ({plain(example)})" for currency, example in evidence.currencies.items())
            self._questions.append(
                Question(f"The money is in several currencies, which cannot be added up: {shown}. "
                         "Convert it to one, or give each currency a file of its own.", ())
            )  # fmt: skip
        if whole.decimal:
            return evidence.format(whole.decimal), evidence
        if not evidence.numbers or (len(evidence.fitting) == 2 and not evidence.example):
            return evidence.format("."), evidence
        if len(evidence.fitting) == 1:
            return evidence.format(evidence.fitting[0]), evidence
        if len(evidence.fitting) == 2:
            self._questions.append(
                Question(
                    f"The numbers fit two readings: {plain(evidence.example)} is "
                    f"{_read(evidence.example, '.')} with a decimal point or "
                    f"{_read(evidence.example, ',')} with a decimal comma.",
                    tuple((_line("decimal", decimal), spoken) for decimal, spoken in DECIMALS.items()),
                )
            )
        else:
            self._questions.append(
                Question(
                    f"No one way to write numbers fits all: {plain(evidence.against[','])} has no decimal comma, and "
                    f"{plain(evidence.against['.'])} no decimal point.",
                    tuple(
                        (_line("decimal", decimal), f"{spoken}; other lines are rejected")
                        for decimal, spoken in DECIMALS.items()
                    ),
                )
            )
        return evidence.format("."), evidence

    def _dates(
        self, rows: Rows, expression: Expression | None, whole: Mapping
    ) -> tuple[DateFormat | None, DateEvidence]:
        values = self._values(rows, "created_at_date", expression)
        evidence = DateEvidence.of(values)
        column = self._first.names[expression.positions[0]] if self._first.names and expression else "the dates' column"
        if self._stated.dates:
            formats = tuple(
                each.replace(" %z", "").replace("%z", "").replace(" %Z", "").rstrip() for each in self._stated.dates
            )
            order = next((each for each, seen in evidence.formats.items() if set(formats) <= seen.keys()), "")
            chosen = DateFormat(formats, order, evidence.zones or formats != self._stated.dates)
            self._stop_where_dates_do_not_fit(chosen, values)
            return chosen, evidence
        if not evidence.dates and not evidence.iso and any(value.strip() for value in values):
            example = next(value for value in values if value.strip())
            self._questions.append(
                Question(
                    f"What stands in {plain(column)}, such as {plain(example, 40)}, is "
                    "no date that is known.",
                    ((_line("columns", {"created_at_date": "…"}), "with the name of the column that is one"),
                     ('dates: "%d.%m.%Y"', "or how it is written, as in strftime")),
                )
            )  # fmt: skip
        if not evidence.dates:
            return None, evidence
        if len(evidence.fitting) == 1:
            return evidence.format(evidence.fitting[0]), evidence
        for order in evidence.fitting:  # of two that fit, the one that this export is known to write
            if whole.dates and set(whole.dates) & set(evidence.formats[order]):
                return evidence.format(order), evidence
        if evidence.fitting:
            readings = " or ".join(
                f"{evidence.readings[order]} ({ORDERS[order]})"
                for order in evidence.fitting
                if order in evidence.readings
            )
            self._questions.append(
                Question(
                    f"The dates in {plain(column)} fit {'two' if len(evidence.fitting) == 2 else 'three'} readings: "
                    f"{plain(evidence.example)} is {readings}.",
                    tuple(
                        (_line("dates", evidence.format(order).formats), ORDERS[order]) for order in evidence.fitting
                    ),
                )
            )
        else:
            likely = sorted(evidence.fits, key=lambda order: -evidence.fits[order])[:2]
            shown = " and ".join(f"{plain(evidence.against[order])} is not {ORDERS[order]}" for order in likely)
            self._questions.append(
                Question(
                    f"No one reading fits all dates in {plain(column)}: {shown}.",
                    tuple(
                        (_line("dates", evidence.format(order).formats), f"{ORDERS[order]}; other lines are rejected")
                        for order in likely
                    ),
                )
            )
        return evidence.format(max(evidence.fits, key=lambda order: evidence.fits[order])), evidence

    def _stop_where_dates_do_not_fit(self, chosen: DateFormat, values: list[str]) -> None:
        some = [value for value in dict.fromkeys(values) if value.strip() and not ISO.match(value)][:1000]
        if not some:
            return
        with duckdb.connect() as memory:
            try:
                wrong = memory.execute(
                    "select value from (select unnest($1) as value) "
                    f"where not ({date_sql('value', chosen)} similar to $2)",
                    [some, r"\d{4}-\d\d-\d\d"],
                ).fetchall()
            except duckdb.Error as error:
                raise OrdersError(
                    f"dates: {', '.join(chosen.formats)} cannot be read as a format: {str(error).splitlines()[0]}"
                ) from None
        if len(wrong) * 2 > len(some):
            raise OrdersError(
                f"{self._where}: the mapping says dates: {', '.join(chosen.formats)}, and {plain(wrong[0][0])} is not "
                "written so. "
                "Mend that line of the mapping, or leave it out to have the format found out."
            )

    def _folded(self, rows: Rows, expressions: dict[str, Expression | None]) -> tuple[str, ...]:
        found = []
        for name in ("customer_id", "order_id"):
            values = self._values(rows, name, expressions[name])
            decimals = [value for value in values if "." in value and value.replace(".", "", 1).strip().isdigit()]
            if decimals and all(value.strip().endswith(".0") for value in decimals):
                found.append(name)
        return tuple(found)

    def _currency(self, evidence: NumberEvidence) -> str | None:
        return next(iter(evidence.currencies)) if len(evidence.currencies) == 1 else None

    def _delimiter(self) -> str | None:
        found = {each.delimiter for each in self._layouts if each.part.kind == "text"}
        return next(iter(found)) if len(found) == 1 and found != {","} else None

    def _encoding(self) -> str | None:
        found = {each.encoding for each in self._layouts}
        return next(iter(found)) if len(found) == 1 and found != {"utf-8"} else None

    # ---- lines that are no purchases ----

    def _guarded(self, reading: Reading) -> Reading:
        whole = reading.mapping
        used = {
            self._first.names[position]
            for expression in reading.columns.values() if expression
            for position in expression.positions if self._first.names
        }  # fmt: skip
        settled = [*used, *map(str, whole.leave_out), *map(str, whole.only), *whole.ignore]
        unknown = [name for name in whole.ignore if not any(name in each.names for each in self._layouts)]
        if unknown and reading.export == "":
            raise OrdersError(
                f"{self._where} has no column {plain(unknown[0])} that could be ignored. "
                f"It has: {plain(', '.join(self._first.names), 400)}."
            )
        every = list(dict.fromkeys(name for each in self._layouts for name in each.names))
        found = guards.find(every, settled)
        if not found or whole.columns["revenue"] is None:
            return reading
        deductions: dict[str, Decimal] = {}
        is_product = bool((revenue := reading.columns["revenue"]) and "*" in revenue.operators)
        for guard, values in self._looked_at(reading, found).items():
            doubt = guards.judge(guard, values, str(whole.columns["revenue"]))
            is_amount = guard.kind == "deduction" or (doubt is not None and doubt.answers[0][0] == "columns")
            if is_amount and is_product and (guard.kind == "deduction" or reading.export):
                amount = guards.amount(values, reading.numbers)
                if amount and reading.export:
                    deductions[guard.name] = amount
                elif amount:
                    self._ask_of_deduction(guard.name, amount, str(whole.columns["revenue"]))
            elif doubt:
                shown = [value.shown for value in doubt.values if value.text][:8]
                answers = [(_line(setting, value), "") for setting, value in doubt.answers]
                self._questions.append(
                    Question(
                        f"The column {plain(guard.name)} {doubt.says}: {plain('; '.join(shown), 400)}.",
                        (
                            *answers,
                            (_line("ignore", [guard.name]), f"take all lines; the same as IGNORE={_shell(guard.name)}"),
                        ),
                    )
                )
            elif guard.kind == "currency" and not whole.currency:
                named = {value.text for value in values if value.text}
                if len(named) == 1:
                    whole = replace(whole, currency=named.pop())
        return replace(reading, mapping=whole, deductions=deductions)

    def _ask_of_deduction(self, name: str, amount: Decimal, revenue: str) -> None:
        if re.search("percent|pct|rate", names.normalised(name)):
            self._questions.append(
                Question(
                    f"The column {plain(name)} says that less was paid than {plain(revenue)}. What was paid for a line "
                    "has to stand in a column of its own.",
                    ((_line("ignore", [name]), "the price is what was paid"),),
                )
            )
            return
        self._questions.append(
            Question(
                f"The column {plain(name)} holds {amount:,.2f} in all, which {plain(revenue)} leaves out.",
                (
                    (
                        _line("columns", {"revenue": f"{revenue} {'-' if amount > 0 else '+'} {name}"}),
                        "it is money, of the line",
                    ),
                    (_line("ignore", [name]), "the price is what was paid"),
                ),
            )
        )

    def _looked_at(self, reading: Reading, found: list[guards.Guard]) -> dict[guards.Guard, list[guards.Value]]:
        """The values of these columns over all lines that are not left out, the most frequent first."""
        totals: dict[guards.Guard, dict[str, tuple[int, Decimal | None]]] = {guard: {} for guard in found}
        with duckdb.connect() as memory:
            for each in self._layouts:
                places = {name: i for i, name in enumerate(each.names)}
                here = [guard for guard in found if guard.name in places]
                if not here:
                    continue
                with layout.opened(each, self._folder) as path:
                    relation = layout.rows(each, path)
                    fields = ", ".join(
                        f"trim(coalesce(field_{places[g.name]}, '')) as value_{i}" for i, g in enumerate(here)
                    )
                    counted = ", ".join(f"value_{i}, grouping(value_{i})" for i in range(len(here)))
                    sets = ", ".join(f"(value_{i})" for i in range(len(here)))
                    rows = memory.execute(
                        f"select {counted}, count(*), sum(money) "
                        f"from (select {fields}, {reading.money(each)} as money from ({relation}) "
                        f"where malformed_line is null and not {reading.left_out(each)}) "
                        f"group by grouping sets ({sets})"
                    ).fetchall()
                for *pairs, lines, money in rows:
                    for i, guard in enumerate(here):
                        if not pairs[2 * i + 1]:
                            before = totals[guard].get(pairs[2 * i], (0, None))
                            both = before[1] if money is None else money + (before[1] or 0)
                            totals[guard][pairs[2 * i]] = (before[0] + lines, both)
        return {
            guard: sorted(
                (guards.Value(text, lines, money) for text, (lines, money) in values.items()),
                key=lambda v: (-v.lines, v.text),
            )
            for guard, values in totals.items()
        }

    # ---- words ----

    def _asked(self) -> str:
        text = [f"{self._source.given}: what only you can say about these orders:"]
        for question in self._questions:
            text.append(f"- {question.text}")
            if question.answers:
                width = max(len(line) for line, _ in question.answers)
                text += [f"    {line:<{width}}{f'  # {why}' if why else ''}".rstrip() for line, why in question.answers]
        if any(question.answers for question in self._questions):
            text.append(
                "Write the lines that are right into a file, orders.yml, and add MAPPING=orders.yml to the command."
            )
        return "\n".join(text)


def _line(setting: str, value: object) -> str:
    """The line for the mapping, as it can be pasted."""
    import yaml

    if setting == "dates" and isinstance(value, tuple):
        shown = [f'"{each}"' for each in value]
        return f"dates: {shown[0] if len(shown) == 1 else '[' + ', '.join(shown) + ']'}"
    if setting == "decimal":
        return f'decimal: "{value}"'
    return yaml.safe_dump({setting: value}, default_flow_style=True, allow_unicode=True, width=10_000).strip()[1:-1]


def _positions(rows: Rows) -> dict[str, int]:
    """Where our columns may stand in a file without names: the date by its looks, the others in our own order."""
    fields = range(len(rows[0])) if rows else range(5)
    looks = [i for i in fields if rows and all(ISO.match(row[i] or "") or date_readings(row[i] or "") for row in rows)]
    day = looks[0] if looks else fields[-1]
    others = [i for i in fields if i != day]
    wanted = {1: ["revenue"], 2: ["customer_id", "revenue"], 3: ["customer_id", "num_items", "revenue"]}.get(
        len(others), ["customer_id", "order_id", "num_items", "revenue"]
    )
    found = {name: i + 1 for name, i in zip(wanted, others, strict=False)} | {"created_at_date": day + 1}
    return {name: found[name] for name in COLUMNS if name in found}


def _shell(name: str) -> str:
    return shlex.quote(plain(name))


def _read(value: str, decimal: str) -> str:
    other = "," if decimal == "." else "."
    return value.replace(other, "").replace(decimal, ".")


def _folded(column: str) -> str:
    return (
        f"case when suffix({column}, '.0') then regexp_replace({column}, '^(\\s*[0-9]+)\\.0$', '\\1') else {column} end"
    )
