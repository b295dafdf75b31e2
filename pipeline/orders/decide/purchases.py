"""What columns say of lines that are no purchases, looked at over all lines of all files: settled, or asked about."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from pipeline.orders import layout, names
from pipeline.orders.decide import guards
from pipeline.orders.decide.guards import Doubt, Guard, Value
from pipeline.orders.decide.questions import Question, line
from pipeline.orders.errors import OrdersError, plain
from pipeline.orders.exports import Export
from pipeline.orders.layout import Layout
from pipeline.orders.mapping import NOT_EMPTY, Column
from pipeline.orders.numbers import MISSING
from pipeline.orders.reading import Reading

_WITHOUT_CENTS = ("BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "UGX", "VND", "VUV", "XAF",
                  "XOF", "XPF")  # fmt: skip


def examine(
    reading: Reading, folder: Path, export: Export | None, *, glance: bool = False
) -> tuple[Reading, list[Question]]:
    """The reading with what these columns settle, and what they leave to a person.

    At a `glance`, the sample tells it, and not all lines.
    """
    discounts, listed = (export.discounts, _listed(reading, export)) if export else ((), [])
    settled = [name for name in _settled(reading) if name not in listed]
    found = guards.find(_all_names(reading), settled, discounts, listed)
    found += guards.telling(reading.layouts[0].names, reading.rows, {*settled, *(guard.name for guard in found)})
    if not found or reading.mapping.columns["revenue"] is None:
        return reading, []
    is_glance = glance and not reading.saw_all
    opened = layout.sampled if is_glance else _whole
    found_values = _values(reading, found, opened, folder)
    if spelled := _in_another_case(reading, found_values):
        leave_out = {**reading.mapping.leave_out, **spelled}
        reading = replace(reading, mapping=replace(reading.mapping, leave_out=leave_out))
        found_values = _values(reading, found, opened, folder)
    examined = _Examined(reading, discounts, is_glance)
    for guard, values in found_values.items():
        examined.take(guard, values)
    return replace(
        reading, mapping=replace(reading.mapping, currency=examined.currency), deductions=examined.deductions
    ), examined.questions


@dataclass
class _Examined:
    """What has come of the columns that were looked at."""

    reading: Reading
    discounts: Sequence[str]
    is_glance: bool
    questions: list[Question] = field(default_factory=list)
    deductions: dict[str, Decimal] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.currency = self.reading.mapping.currency
        self._revenue = str(self.reading.mapping.columns["revenue"])
        expression = self.reading.columns["revenue"]
        self._is_product = expression is not None and "*" in expression.operators

    def take(self, guard: Guard, values: list[Value]) -> None:
        if guard.kind == "listed":
            self._take_listed(guard, values)
            return
        doubt = guards.judge(guard, values, self._revenue)
        is_amount = guard.kind == "deduction" or (doubt is not None and "columns" in dict(doubt.answers))
        is_of_the_price = self._is_product and (guard.kind == "deduction" or self.reading.export)
        if is_amount and (is_of_the_price or guard.name in self.discounts):
            self._take_deduction(guard, values)
        elif doubt:
            self.questions.append(_question(doubt, self.reading.layouts[0].names, self._looked_at(values)))
        elif guard.kind == "currency" and not self.currency:
            named = guards.currencies(values)
            self.currency = named.pop() if len(named) == 1 else None
        if guard.kind == "currency" and self.currency in _WITHOUT_CENTS and "* 0.01" in self._revenue:
            self.questions.append(_of_cents(guard.name, str(self.currency), self._revenue))

    def _take_listed(self, guard: Guard, values: list[Value]) -> None:
        if doubt := guards.unlisted(guard, values, self.reading.mapping.leave_out[guard.name]):
            self.questions.append(_question(doubt, self.reading.layouts[0].names, self._looked_at(values)))

    def _take_deduction(self, guard: Guard, values: list[Value]) -> None:
        amount = guards.amount(values, self.reading.numbers)
        if amount and self.reading.export:
            self.deductions[guard.name] = amount
        elif amount:
            seen = self._looked_at(values)
            self.questions.append(_of_deduction(guard.name, values, amount, self._revenue, seen))

    def _looked_at(self, values: Sequence[Value]) -> str:
        lines = sum(value.lines for value in values)
        return f" on {lines:,} lines that were looked at" if self.is_glance else ""


def _all_names(reading: Reading) -> list[str]:
    return list(dict.fromkeys(name for each in reading.layouts for name in each.names))


def _listed(reading: Reading, export: Export) -> list[str]:
    """The columns by whose values the export, and nobody else, leaves lines out."""
    stated = reading.mapping
    return [
        str(name)
        for name, values in export.mapping.leave_out.items()
        if stated.leave_out[name] == values and NOT_EMPTY not in values and name not in (*stated.ignore, *stated.only)
    ]


def _in_another_case(reading: Reading, found: Mapping[Guard, list[Value]]) -> dict[Column, tuple[str, ...]]:
    """The export's lists of what is left out, where the file writes some of it in small or in capital letters."""
    spelled: dict[Column, tuple[str, ...]] = {}
    for guard, values in found.items():
        if guard.kind == "listed":
            listed = reading.mapping.leave_out[guard.name]
            lower = {text.lower() for text in listed}
            if more := [value.text for value in values if value.text.lower() in lower]:
                spelled[guard.name] = (*listed, *more)
    return spelled


def _settled(reading: Reading) -> list[str]:
    """The columns that are used, or that the mapping says something of. Raises OrdersError where one is not there."""
    first, stated = reading.layouts[0], reading.mapping
    there = _all_names(reading)
    unknown = [name for name in stated.ignore if name not in there]
    if unknown and not reading.export:
        raise OrdersError(
            f"{first.part.path} has no column {plain(unknown[0])} that could be ignored. "
            f"It has: {plain(', '.join(first.names), 400)}."
        )
    used = [
        first.names[position]
        for expression in reading.columns.values()
        if expression and first.names
        for position in expression.positions
    ]
    by_position = dict(enumerate(first.names, 1))
    stated_of = [by_position.get(column, "") if isinstance(column, int) else column
                 for column in (*stated.leave_out, *stated.only)]  # fmt: skip
    return [*used, *stated_of, *stated.ignore]


def _question(doubt: Doubt, names: Sequence[str], seen: str) -> Question:
    shown = [value.shown for value in doubt.values if value.text][:8]
    name = doubt.guard.name
    answers: tuple[tuple[str, dict[Any, Any]], ...] = doubt.answers
    if names.count(name) > 1:
        place = _place(doubt.guard, names) + 1
        answers = tuple(
            (setting, value if setting == "columns" else {place: value[name]}) for setting, value in answers
        )
    of_lines = [(line(setting, value), "") for setting, value in answers]
    ignore = (line("ignore", [name]), f"take all lines; the same as IGNORE={shlex.quote(plain(name))}")
    return Question(
        f"The column {plain(name)} {doubt.says}{seen}: {plain('; '.join(shown), 400)}.",
        (ignore, *of_lines) if doubt.takes_back else (*of_lines, ignore),
    )


def _of_cents(name: str, currency: str, revenue: str) -> Question:
    whole = line("columns", {"revenue": revenue.replace(" * 0.01", "")})
    return Question(
        f"The column {plain(name)} says {currency}, which has no cents, and the money seems to be in cents.",
        ((whole, f"it is whole {currency}"), (line("columns", {"revenue": revenue}), "it is hundredths")),
    )


def _of_deduction(name: str, values: Sequence[Value], amount: Decimal, revenue: str, seen: str) -> Question:
    ignore = (line("ignore", [name]), "the price is what was paid")
    if re.search("percent|pct|rate", names.normalised(name)) or any("%" in value.text for value in values):
        return Question(
            f"The column {plain(name)} says that less was paid than {plain(revenue)}. What was paid for a line "
            "has to stand in a column of its own.",
            (ignore,),
        )
    taken_off = line("columns", {"revenue": f"{revenue} {'-' if amount > 0 else '+'} {name}"})
    money = (taken_off, "it is money, of the line")
    is_product = not re.search(r"\s[+-]\s", revenue)
    if is_product and _are_shares([value.text for value in values]):
        share = line("columns", {"revenue": f"{revenue} - {revenue} * {name}"})
        return Question(
            f"The column {plain(name)} holds shares of a price or small amounts, which {plain(revenue)} leaves out.",
            ((share, "it is a share: 0.2 is 20 % off"), money, ignore),
        )
    return Question(
        f"The column {plain(name)} holds {amount:,.2f} in all{seen}, which {plain(revenue)} leaves out.",
        (money, ignore),
    )


def _are_shares(texts: Sequence[str]) -> bool:
    """Whether all are between 0 and 1, and one is neither: where there are ones only, they are money or marks."""
    there = [text for text in texts if text.lower() not in MISSING]
    return all(re.fullmatch(r"0?[.,]\d+|[01]([.,]0*)?", text) for text in there) and any(
        re.fullmatch(r"0?[.,]0*[1-9]\d*", text) for text in there
    )


@contextmanager
def _whole(each: Layout, folder: Path) -> Iterator[list[tuple[Path, int]]]:
    with layout.opened(each, folder) as path:
        yield [(path, each.skipped)]


def _values(
    reading: Reading,
    found: list[Guard],
    opened: Callable[[Layout, Path], AbstractContextManager[list[tuple[Path, int]]]],
    folder: Path,
) -> dict[Guard, list[Value]]:
    """The values of these columns over the lines of what is `opened` of a file that are not left out, the most frequent
    first."""
    totals: dict[Guard, dict[str, tuple[int, Decimal | None]]] = {guard: {} for guard in found}
    with duckdb.connect() as memory:
        for each in reading.layouts:
            here = [guard for guard in found if guard.name in each.names]
            if not here:
                continue
            places = [_place(guard, each.names) for guard in here]
            with opened(each, folder) as files:
                fields = ", ".join(f"trim(coalesce(field_{place}, '')) as value_{i}" for i, place in enumerate(places))
                counted = ", ".join(f"value_{i}, grouping(value_{i})" for i in range(len(here)))
                sets = ", ".join(f"(value_{i})" for i in range(len(here)))
                content = " union all ".join(layout.rows(each, path, skip=skip) for path, skip in files)
                content = reading.counted_once(each, content)
                rows = memory.execute(
                    f"select {counted}, count(*), sum(money) "
                    f"from (select {fields}, {reading.money(each)} as money from ({content}) "
                    f"where malformed_line is null and not {reading.left_out(each)}) "
                    f"group by grouping sets ({sets})"
                ).fetchall()
            for *pairs, lines, money in rows:
                for i, guard in enumerate(here):
                    if not pairs[2 * i + 1] and pairs[2 * i].lower() != guard.name.lower():
                        before = totals[guard].get(pairs[2 * i], (0, None))
                        both = before[1] if money is None else money + (before[1] or 0)
                        totals[guard][pairs[2 * i]] = (before[0] + lines, both)
    return {
        guard: sorted(
            (Value(text, lines, money) for text, (lines, money) in values.items()),
            key=lambda value: (-value.lines, value.text),
        )
        for guard, values in totals.items()
    }


def _place(guard: Guard, names: Sequence[str]) -> int:
    """Where the column stands in a file: of two of one name, where it was found in the first file."""
    there = names[guard.position : guard.position + 1]
    return guard.position if guard.name in there else names.index(guard.name)
