"""How the orders are read, in lines for people."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.orders.dialect import SPOKEN
from pipeline.orders.errors import plain
from pipeline.orders.reading import Reading


def read_as(reading: Reading) -> list[str]:
    """What was found out or stated; none for the plain contract."""
    facts = [*_of_files(reading), *_of_columns(reading), *_of_formats(reading), *_of_lines(reading)]
    return facts if any(not fact.startswith("money in ") for fact in facts) else []


def _of_files(reading: Reading) -> Iterator[str]:
    layouts = reading.layouts
    if reading.export:
        yield f"known export: {reading.export}"
    if len(layouts) > 1:
        are_sheets = len(reading.source.files) == 1 and layouts[0].part.kind == "excel"
        yield f"{len(layouts)} {'sheets' if are_sheets else 'files'} as one"
    kinds = {each.part.kind for each in layouts}
    yield from (spoken for kind, spoken in (("json", "JSON lines"), ("excel", "Excel")) if kind in kinds)
    delimiters = {each.delimiter for each in layouts if each.part.kind == "text"} - {","}
    yield from (f"fields divided by {SPOKEN.get(each, each)}" for each in sorted(delimiters))
    if any(each.least_fields for each in layouts):
        yield "short lines: the fields that they lack at their end are empty"
    yield from (f"encoding {each}" for each in sorted({each.encoding for each in layouts} - {"utf-8"}))


def _of_columns(reading: Reading) -> Iterator[str]:
    first = reading.layouts[0]
    for name, expression in reading.columns.items():
        stated = reading.mapping.columns.get(name)
        if expression is None:
            if name == "order_id":
                yield "order_id: a customer's lines of one day are one order"
            elif name == "num_items":
                yield "num_items: 1 a line"
        elif isinstance(stated, int) or not expression.is_column or str(stated).lower() != name:
            yield f"{name}: {plain(str(stated)) if first.names or not expression.is_column else f'column {stated}'}"


def _of_formats(reading: Reading) -> Iterator[str]:
    if reading.dates:
        yield f"dates {reading.dates.spoken}"
    if not reading.numbers.is_plain:
        yield f"numbers with {reading.numbers.spoken}" + (", (…) is minus" if reading.numbers.parentheses else "")
    if reading.mapping.currency:
        yield f"money in {reading.mapping.currency}"
    yield from (f"{name}: 17850.0 is 17850" for name in reading.folded)


def _of_lines(reading: Reading) -> Iterator[str]:
    stated = reading.mapping
    for verb, setting in (("left out", stated.leave_out), ("only", stated.only)):
        yield from (f"{verb}: {plain(str(column))} {plain(', '.join(values))}" for column, values in setting.items())
    yield from (f"left out: {lines}" for lines in reading.beside_orders)
    if stated.once:
        yield f"counted once an order: {plain(', '.join(map(str, stated.once)))}"
    if stated.ignore:
        yield f"not looked at: {plain(', '.join(stated.ignore))}"
