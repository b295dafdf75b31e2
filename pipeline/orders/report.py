"""What `make inspect` shows: how each column is read, with examples, what fits, and what has to be decided."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import gettempdir

import duckdb

from pipeline.orders import excel, mapping
from pipeline.orders.decide import Question, propose
from pipeline.orders.errors import plain
from pipeline.orders.load import load
from pipeline.orders.mapping import Mapping
from pipeline.orders.names import COLUMNS
from pipeline.orders.numbers import NumberFormat
from pipeline.orders.reading import Reading
from pipeline.orders.source import Source
from pipeline.orders.spoken import read_as

_LOADED_WHOLE = 64 << 20  # bytes; what is larger is told by a sample, so that it takes seconds whatever the size


@dataclass(frozen=True)
class Report:
    """`sections` are (title, lines); `mapping` is orders.yml; `asked` puts the questions in words."""

    sections: tuple[tuple[str, tuple[str, ...]], ...]
    mapping: str
    questions: tuple[Question, ...]
    asked: str


@excel.converted_once()
def report(source: Source, stated: Mapping | None = None) -> Report:
    """Looks at the orders without changing anything. Raises OrdersError where they cannot be read at all."""
    reading, questions, asked = propose(source, stated)
    size = sum(path.stat().st_size for path in source.files)
    sections: list[tuple[str, tuple[str, ...]]] = [
        (
            "Orders",
            (
                plain(source.called or source.given),
                f"{len(source.files)} files" if len(source.files) > 1 else _bytes(size),
            ),
        )
    ]
    if reading:
        reading = _without(reading, _settings_asked(questions))
        sections.append(("Read as", tuple(read_as(reading)) or ("the six columns as they are",)))
        sections.append(("Columns", tuple(_columns(reading))))
        sections.append(("Formats", tuple(_formats(reading))))
        if not questions:
            sections.append(("Lines", tuple(_lines(source, stated, reading, size))))
    content = [mapping.dump(_settled(reading, questions) if reading else stated or Mapping())]
    if questions:
        content.append("\n# To decide: take the # away from the line that is right.\n")
    for question in questions:
        content.append(f"\n# {question.text}\n")
        content += [f"# {answer}{f'  # {why}' if why else ''}\n" for answer, why in question.answers]
    return Report(tuple(sections), "".join(content), questions, asked)


def _settled(reading: Reading, questions: Iterable[Question]) -> Mapping:
    """What is decided, without that which is asked."""
    stated = reading.mapping
    asked = _settings_asked(questions)
    columns = dict(stated.columns)
    for question in questions:
        for answer, _ in question.answers:
            if answer.startswith("columns:"):
                columns = {name: column for name, column in columns.items() if f"{{{name}:" not in answer}
    stated = replace(stated, columns={name: column for name, column in columns.items() if column is not None})
    if "dates" in asked:
        stated = replace(stated, dates=())
    return replace(stated, decimal=None) if "decimal" in asked else stated


def _settings_asked(questions: Iterable[Question]) -> set[str]:
    return {answer.split(":")[0] for question in questions for answer, _ in question.answers}


def _without(reading: Reading, asked: set[str]) -> Reading:
    """The reading without a format that is only the likeliest of those that are asked about."""
    return replace(
        reading,
        dates=None if "dates" in asked else reading.dates,
        numbers=NumberFormat() if "decimal" in asked else reading.numbers,
    )


def _columns(reading: Reading) -> Iterable[str]:
    for name in COLUMNS:
        expression = reading.columns[name]
        if expression is None:
            yield f"{name:<16}" + {"order_id": "the day", "num_items": "1"}.get(name, "not there")
            continue
        examples: dict[str, None] = {}
        for row in reading.rows:
            examples.setdefault(" ; ".join(row[position] or "" for position in expression.positions))
            if len(examples) == 3:
                break
        shown = " | ".join(plain(example, 40) for example in examples)
        yield f"{name:<16}{plain(str(reading.mapping.columns[name])):<28}  {shown}"
    used = {position for expression in reading.columns.values() if expression for position in expression.positions}
    left = [name for i, name in enumerate(reading.layouts[0].names) if i not in used and name]
    if left:
        yield f"{'not used':<16}{plain(', '.join(left), 300)}"


def _formats(reading: Reading) -> Iterable[str]:
    dates, numbers = reading.evidence
    if dates.iso:
        yield f"dates: {dates.iso:,} different values begin with YYYY-MM-DD"
    if reading.dates:
        yield f"dates: {reading.dates.spoken}, {dates.dates:,} different values"
    elif dates.dates:
        yield f"dates: to be decided, {dates.dates:,} different values"
    if dates.others:
        yield f"dates: {dates.others:,} different values are not a date in a known format"
    decided = "to be decided" if len(numbers.fitting) != 1 and numbers.example and not reading.mapping.decimal else ""
    yield f"numbers: {decided or reading.numbers.spoken}, {numbers.numbers:,} different values"
    if numbers.others:
        yield f"numbers: {numbers.others:,} different values are not a number"
    if not reading.saw_all:
        seen = f"{len(reading.rows):,} lines from all over the files"
        yield f"looked at {seen}; a build holds all others against what they say"


def _lines(source: Source, stated: Mapping | None, reading: Reading, size: int) -> Iterable[str]:
    if size > _LOADED_WHOLE:
        yield "not counted: that would take longer than a few seconds; a build counts them"
        return
    with duckdb.connect() as memory:
        load(memory, "orders", source, stated, Path(gettempdir()))
        count, left_out, malformed, customers, first, last = memory.execute(
            "select count(*), count(*) filter (left_out), count(malformed_line), "
            "count(distinct customer_id) filter (not left_out), min(day), max(day) "
            "from (select *, try_cast(left(created_at_date, 10) as date) as day from orders)"
        ).fetchall()[0]
    yield f"{count:,} lines of {customers:,} customers, {first} to {last}"
    if left_out or malformed:
        yield f"{left_out:,} left out, {malformed:,} malformed"


def _bytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB" if size >= 1e5 else f"{size:,} bytes"
