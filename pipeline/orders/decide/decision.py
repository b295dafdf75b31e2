"""One reading of the orders, step by step: columns, totals, numbers, dates, ids, and lines that are no purchases."""

from __future__ import annotations

from collections.abc import Mapping as Mapping_
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import gettempdir
from types import MappingProxyType

from pipeline.orders import exports, layout, mapping
from pipeline.orders.decide import (
    columns,
    dates,
    first_lines,
    ids,
    numbers,
    parts,
    purchases,
    questions,
    sample,
    totals,
)
from pipeline.orders.decide.columns import Columns
from pipeline.orders.decide.questions import Question
from pipeline.orders.errors import OrdersError, Undecided, plain
from pipeline.orders.layout import Layout
from pipeline.orders.mapping import Expression, Mapping
from pipeline.orders.reading import Reading
from pipeline.orders.source import Part, Source


def decide(
    source: Source,
    stated: Mapping | None = None,
    *,
    folder: Path | None = None,
    doubts: Sequence[tuple[str, str]] = (),
    encoding: str | None = None,
    short: Mapping_[Part, int] | None = None,
) -> Reading:
    """The one reading of the orders. Raises Undecided with every question where there are several, else OrdersError.

    `folder` takes temporary copies of files that are no UTF-8 text. `doubts` are (column, value) that an earlier
    reading of the same files could not read, `encoding` what their bytes have turned out to be, `short` how many fields
    the lines of a file have at least.
    """
    stated = stated or Mapping()
    if encoding:
        stated = replace(stated, encoding=encoding)
    reading, asked = _read(source, stated, folder or Path(gettempdir()), doubts, short or {})
    if asked or reading is None:
        raise Undecided(questions.in_words(source.given, asked), tuple(asked))
    return reading


def propose(
    source: Source, stated: Mapping | None = None, *, glance: bool = False
) -> tuple[Reading | None, tuple[Question, ...], str]:
    """As `decide`, for people who look: the likeliest reading, the questions that are open, and those in words.

    At a `glance`, what columns say of purchases is told by the sample too, so that it takes seconds whatever the size.
    """
    reading, asked = _read(source, stated or Mapping(), Path(gettempdir()), glance=glance)
    return reading, tuple(asked), questions.in_words(source.given, asked) if asked else ""


def _read(
    source: Source,
    stated: Mapping,
    folder: Path,
    unread: Sequence[tuple[str, str]] = (),
    short: Mapping_[Part, int] = MappingProxyType({}),
    glance: bool = False,
) -> tuple[Reading | None, list[Question]]:
    """The likeliest reading, None where nothing can be read before a question is answered, and the questions."""
    found = [layout.of(part, stated, folder) for part in source.parts]
    layouts = parts.spelled_alike([replace(each, least_fields=short.get(each.part, 0)) for each in found])
    parts.stop_where_the_first_is_another_table(source, layouts, stated)
    first, where = layouts[0], str(layouts[0].part.path)
    export = exports.recognise(first.names)
    whole = stated.over(export.mapping) if export else stated
    seen = sample.take(layouts, folder, unread)

    chosen, asked = columns.choose(first, whole, export, seen)
    if asked and not first.names:
        return None, asked
    parts.stop_where_columns_differ(source, layouts, stated, chosen)
    expressions = _resolved(chosen, first, where)
    asked += first_lines.ask(first, whole, expressions, seen.files)
    if "revenue" not in whole.columns and chosen["revenue"] not in stated.once:
        asked += totals.ask(first.names, chosen, expressions, seen.rows)

    money, pieces = (seen.written(name, expressions[name]) for name in ("revenue", "num_items"))
    if expressions["num_items"] and expressions["revenue"]:
        money = seen.written("revenue", expressions["revenue"].without(expressions["num_items"]))
    number_format, number_evidence, questions_of_numbers = numbers.choose(money, pieces, whole)
    date_format, date_evidence, questions_of_dates = _dates(
        source, seen, expressions["created_at_date"], first, stated, whole
    )
    asked += [*questions_of_numbers, *questions_of_dates]

    whole = replace(
        whole,
        columns=chosen,
        dates=date_format.formats if date_format else (),
        decimal=whole.decimal or (None if number_format.is_plain else number_format.decimal),
        currency=whole.currency or _only({*number_evidence.currencies}),
        delimiter=whole.delimiter or _only({each.delimiter for each in layouts if each.part.kind == "text"}, usual=","),
        encoding=whole.encoding or _only({each.encoding for each in layouts}, usual="utf-8"),
    )
    reading = Reading(
        source, whole, layouts, expressions, date_format, number_format,
        ids.folded(expressions, seen), export.name if export else "", seen.is_whole,
        rows=seen.rows, evidence=(date_evidence, number_evidence),
    )  # fmt: skip
    if not short and (found_short := parts.with_short_lines(reading)):
        return _read(source, stated, folder, unread, found_short, glance)
    reading, questions_of_lines = purchases.examine(reading, folder, export, glance=glance)
    return reading, asked + questions_of_lines


def _resolved(chosen: Columns, first: Layout, where: str) -> dict[str, Expression | None]:
    found = {
        name: mapping.resolve(column, first.names, first.fields, where) if column is not None else None
        for name, column in chosen.items()
    }
    for name, expression in found.items():
        if expression and expression.operators and name not in ("revenue", "num_items"):
            raise OrdersError(
                f"{name}: {plain(str(chosen[name]))} is an expression; only revenue and num_items can be one."
            )
    return found


def _dates(
    source: Source, seen: sample.Sample, expression: Expression | None, first: Layout, stated: Mapping, whole: Mapping
) -> tuple[dates.DateFormat | None, dates.DateEvidence, list[Question]]:
    values = seen.values("created_at_date", expression)
    if stated.dates:
        return *dates.follow(values, stated.dates, str(first.part.path)), []
    column = first.names[expression.positions[0]] if first.names and expression else "the dates' column"
    return dates.choose(values, column, whole.dates, None if source.called else first)


def _only(found: set[str], usual: str | None = None) -> str | None:
    """What all have in common, where that is not the usual."""
    return next(iter(found)) if len(found) == 1 and found != {usual} else None
