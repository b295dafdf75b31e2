"""How the orders are read, all of it decided: the SQL that makes our columns of the rows of a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from pipeline.orders import mapping
from pipeline.orders.dates import DateEvidence, DateFormat, date_sql
from pipeline.orders.errors import OrdersError, plain
from pipeline.orders.layout import Layout
from pipeline.orders.mapping import EMPTY, NOT_EMPTY, Expression, Mapping
from pipeline.orders.numbers import NumberEvidence, NumberFormat, computed_sql
from pipeline.orders.source import Source
from pipeline.orders.sql import literal

Rows = Sequence[tuple[str | None, ...]]


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
    beside_orders: tuple[str, ...] = ()
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
        relation = self.counted_once(each, self._filled_down(each, relation, columns))
        found = {name: self._text(each, name, expression) for name, expression in columns.items()}
        if found["order_id"] is None:
            # A customer's lines of one day are one order.
            found["order_id"] = f"left({found['created_at_date']}, 10)"
        selected = ", ".join(f"{text or 'cast(null as varchar)'} as {name}" for name, text in found.items())
        return f"select {selected}, {self.left_out(each)} as left_out, line_breaks, malformed_line from ({relation})"

    def least_fields(self, each: Layout) -> int:
        """How many fields a line has to have so that none of ours is missing."""
        columns = [*self.mapping.columns.values(), *self.mapping.fill_down, *self.mapping.once]
        where = str(each.part.path)
        used = [
            position
            for column in columns
            if column is not None
            for position in mapping.resolve(column, each.names, each.fields, where).positions
        ]
        return max(used, default=each.fields) + 1

    def _text(self, each: Layout, name: str, expression: Expression | None) -> str | None:
        if expression is None:
            return "case when malformed_line is null then '1' end" if name == "num_items" else None
        fields = [f"field_{position}" for position in expression.positions]
        if name == "created_at_date":
            return date_sql(fields[0], self.dates) if self.dates else fields[0]
        if name in ("num_items", "revenue"):
            return self._computed(each, expression)
        return _folded(fields[0]) if name in self.folded else fields[0]

    def money(self, each: Layout) -> str:
        """The SQL of a line's money as a number, null where it cannot be read."""
        stated = self.mapping.columns["revenue"]
        if stated is None:
            return "cast(null as decimal(18, 6))"
        expression = mapping.resolve(stated, each.names, each.fields, str(each.part.path))
        return f"try_cast({self._computed(each, expression)} as decimal(18, 6))"

    def _computed(self, each: Layout, expression: Expression) -> str:
        operands = [x if isinstance(x, Decimal) else f"field_{x}" for x in expression.operands]
        typed = [f"field_{position}" for position in each.numbers]
        return computed_sql(operands, expression.operators, self.numbers, typed)

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

    def counted_once(self, each: Layout, relation: str) -> str:
        """What is of an order as a whole, and stands on each of its lines, stays on the first that is not left out."""
        if not self.mapping.once:
            return relation
        where, number = str(each.part.path), self.mapping.columns["order_id"]
        if number is None:
            raise OrdersError(f"{where}: once: {plain(str(self.mapping.once[0]))} needs a column for order_id.")
        order = mapping.resolve(number, each.names, each.fields, where)
        fields = ", ".join(
            f"case when row_number() over (partition by field_{order.positions[0]}, {self.left_out(each)} "
            f"order by place) = 1 then field_{i} end as field_{i}"
            for column in self.mapping.once
            for i in mapping.resolve(column, each.names, each.fields, where).positions
        )
        placed = f"select *, row_number() over () as place from ({relation})"
        return f"select * replace ({fields}) from ({placed}) order by place"

    def left_out(self, each: Layout) -> str:
        """A condition in SQL on the fields of this file: whether the mapping says that the line is not a purchase.

        A column that only other files have is null here. Raises OrdersError where no file has it.
        """
        where = str(each.part.path)

        def field_of(column: mapping.Column) -> str:
            if column not in each.names and any(column in other.names for other in self.layouts):
                return "cast(null as varchar)"
            return f"field_{mapping.resolve(column, each.names, each.fields, where).positions[0]}"

        tests = [_condition(field_of(column), values) for column, values in self.mapping.leave_out.items()]
        tests += [f"not {_condition(field_of(column), values)}" for column, values in self.mapping.only.items()]
        return f"(malformed_line is null and ({' or '.join(tests)}))" if tests else "false"


def _folded(column: str) -> str:
    return (
        f"case when suffix({column}, '.0') then regexp_replace({column}, '^(\\s*[0-9]+)\\.0$', '\\1') else {column} end"
    )


def _condition(column: str, values: Sequence[str]) -> str:
    """SQL that is true where the column, which may be null, has one of the values."""
    tests = []
    texts = [value for value in values if value not in (EMPTY, NOT_EMPTY)]
    if EMPTY in values or "" in values:
        tests.append(f"coalesce(trim({column}), '') = ''")
    if NOT_EMPTY in values:
        tests.append(f"coalesce(trim({column}), '') <> ''")
    if texts:
        tests.append(f"coalesce(trim({column}) in ({', '.join(literal(text.strip()) for text in texts)}), false)")
    return "(" + " or ".join(tests) + ")"
