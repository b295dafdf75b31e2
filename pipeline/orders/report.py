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
class ReadColumn:
    """One of ours, what of the file it is made of, and values that stand there."""

    name: str
    made_of: str
    examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class Report:
    """What a person wants to know of the orders, all but `mapping` and `asked` line by line.

    `not_used`: columns of the file that nothing is made of. `formats`: of dates and numbers, and what fits them.
    `lines`: how many, of whom and from when. `mapping`: what is decided, as an orders.yml; `asked`: the questions in
    words. Where nothing can be read before one of them is answered, the columns are empty.
    """

    orders: tuple[str, ...]
    read_as: tuple[str, ...]
    columns: tuple[ReadColumn, ...]
    not_used: tuple[str, ...]
    formats: tuple[str, ...]
    lines: tuple[str, ...]
    mapping: str
    questions: tuple[Question, ...]
    asked: str

    @property
    def file(self) -> str:
        """The mapping, with what is to be decided beside it as comments."""
        content = [self.mapping]
        if self.questions:
            content.append("\n# To decide: take the # away from the line that is right.\n")
        for question in self.questions:
            content.append(f"\n# {question.text}\n")
            content += [f"# {answer}{f'  # {why}' if why else ''}\n" for answer, why in question.answers]
        return "".join(content)


@excel.converted_once()
def report(source: Source, stated: Mapping | None = None) -> Report:
    """Looks at the orders without changing anything. Raises OrdersError where they cannot be read at all."""
    size = sum(path.stat().st_size for path in source.files)
    reading, questions, asked = propose(source, stated, glance=size > _LOADED_WHOLE)
    if reading:
        reading = _without(reading, _settings_asked(questions))
    return Report(
        orders=(
            plain(source.called or source.given),
            f"{len(source.files)} files" if len(source.files) > 1 else _bytes(size),
        ),
        read_as=(tuple(read_as(reading)) or ("the six columns as they are",)) if reading else (),
        columns=tuple(_columns(reading)) if reading else (),
        not_used=tuple(_not_used(reading)) if reading else (),
        formats=tuple(_formats(reading)) if reading else (),
        lines=tuple(_lines(source, stated, reading, size)) if reading and not questions else (),
        mapping=mapping.dump(_settled(reading, questions) if reading else stated or Mapping()),
        questions=questions,
        asked=asked,
    )


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


def _columns(reading: Reading) -> Iterable[ReadColumn]:
    for name in COLUMNS:
        expression = reading.columns[name]
        if expression is None:
            yield ReadColumn(name, {"order_id": "the day", "num_items": "1"}.get(name, "not there"))
            continue
        examples: dict[str, None] = {}
        for row in reading.rows:
            examples.setdefault(" ; ".join(row[position] or "" for position in expression.positions))
            if len(examples) == 3:
                break
        shown = tuple(plain(example, 40) for example in examples)
        yield ReadColumn(name, plain(str(reading.mapping.columns[name])), shown)


def _not_used(reading: Reading) -> list[str]:
    used = {position for expression in reading.columns.values() if expression for position in expression.positions}
    return [plain(name) for i, name in enumerate(reading.layouts[0].names) if i not in used and name]


def _formats(reading: Reading) -> Iterable[str]:
    dates, numbers = reading.evidence
    if dates.iso:
        yield f"dates: {_different(dates.iso)} begin{'s' * (dates.iso == 1)} with YYYY-MM-DD"
    if reading.dates:
        yield f"dates: {reading.dates.spoken}, {_different(dates.dates)}"
    elif dates.dates:
        yield f"dates: to be decided, {_different(dates.dates)}"
    if dates.others:
        yield f"dates: {_different(dates.others)} {'is' if dates.others == 1 else 'are'} not a date in a known format"
    decided = "to be decided" if len(numbers.fitting) != 1 and numbers.example and not reading.mapping.decimal else ""
    yield f"numbers: {decided or reading.numbers.spoken}, {_different(numbers.numbers)}"
    if numbers.others:
        yield f"numbers: {_different(numbers.others)} {'is' if numbers.others == 1 else 'are'} not a number"
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
    lines, of_whom = _counted(count, "line"), _counted(customers, "customer")
    yield f"{lines} of {of_whom}, {first} to {last}"
    if left_out or malformed:
        yield f"{left_out:,} left out, {malformed:,} malformed"


def _counted(number: int, word: str) -> str:
    return f"{number:,} {word}{'s' * (number != 1)}"


def _different(values: int) -> str:
    return "1 value" if values == 1 else f"{values:,} different values"


def _bytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB" if size >= 1e5 else f"{size:,} bytes"
