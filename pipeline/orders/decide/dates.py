"""How the dates are written: the one order of day, month and year that all of them fit, or a question."""

from __future__ import annotations

import re

import duckdb

from pipeline.orders.dates import ISO, ORDERS, DateEvidence, DateFormat, date_sql
from pipeline.orders.decide import conversions
from pipeline.orders.decide.questions import Question, line
from pipeline.orders.errors import OrdersError, plain
from pipeline.orders.layout import Layout
from pipeline.orders.sql import quoted


def choose(
    values: list[str], column: str, known: tuple[str, ...], first: Layout | None
) -> tuple[DateFormat | None, DateEvidence, list[Question]]:
    """The format of the values of a column, the likeliest where there is a question; None where all are ISO.

    `known` are the formats that the export is known to write, which decide where several fit; `first` is the file, None
    where it is a copy that nobody can run a command on.
    """
    evidence = DateEvidence.of(values)
    if not evidence.dates:
        example = next((value for value in values if value.strip()), "")
        return None, evidence, [_no_date(column, example, values, first)] if example and not evidence.iso else []
    if len(evidence.fitting) == 1:
        return evidence.format(evidence.fitting[0]), evidence, []
    for order in evidence.fitting:
        if set(known) & set(evidence.formats[order]):
            return evidence.format(order), evidence, []
    question = _several_readings(evidence, column) if evidence.fitting else _no_reading(evidence, column)
    return evidence.format(max(evidence.fits, key=lambda order: evidence.fits[order])), evidence, [question]


def follow(values: list[str], stated: tuple[str, ...], where: str) -> tuple[DateFormat, DateEvidence]:
    """The format that the mapping states. Raises OrdersError where most of the values are not written so."""
    evidence = DateEvidence.of(values)
    formats = tuple(each.replace(" %z", "").replace("%z", "").replace(" %Z", "").rstrip() for each in stated)
    order = next((each for each, seen in evidence.formats.items() if set(formats) <= seen.keys()), "")
    chosen = DateFormat(formats, order, evidence.zones or formats != stated)
    _stop_where_they_do_not_fit(chosen, values, where)
    return chosen, evidence


def _no_date(column: str, example: str, values: list[str], first: Layout | None) -> Question:
    rows = conversions.relation(first) if first else None
    if first and rows and all(re.fullmatch(r"\d{1,4}", value.strip()) for value in values):
        query = f"select *, date '2000-01-01' + cast({quoted(column)} as int) as created_at_date from {rows}"
        path = first.part.path
        return Question(
            f"What stands in {plain(column)}, such as {plain(example)}, may count days from one that the file does not "
            f"name. This writes a file with dates, once its day 0 stands in place of 2000-01-01: "
            f"{conversions.command(query, path.with_name(f'{path.stem}-dated.csv'))}",
            (),
        )
    return Question(
        f"What stands in {plain(column)}, such as {plain(example, 40)}, is not a date that is known.",
        (
            (line("columns", {"created_at_date": "…"}), "with the name of the column that is one"),
            ('dates: "%d.%m.%Y"', "or how it is written, as in strftime"),
        ),
    )


def _several_readings(evidence: DateEvidence, column: str) -> Question:
    readings = " or ".join(
        f"{evidence.readings[order]} ({ORDERS[order]})" for order in evidence.fitting if order in evidence.readings
    )
    return Question(
        f"The dates in {plain(column)} fit {'two' if len(evidence.fitting) == 2 else 'three'} readings: "
        f"{plain(evidence.example)} is {readings}.",
        tuple((line("dates", evidence.format(order).formats), ORDERS[order]) for order in evidence.fitting),
    )


def _no_reading(evidence: DateEvidence, column: str) -> Question:
    likely = sorted(evidence.fits, key=lambda order: -evidence.fits[order])[:2]
    shown = " and ".join(f"{plain(evidence.against[order])} is not {ORDERS[order]}" for order in likely)
    return Question(
        f"No one reading fits all dates in {plain(column)}: {shown}.",
        tuple(
            (line("dates", evidence.format(order).formats), f"{ORDERS[order]}; other lines are rejected")
            for order in likely
        ),
    )


def _stop_where_they_do_not_fit(chosen: DateFormat, values: list[str], where: str) -> None:
    some = [value for value in dict.fromkeys(values) if value.strip() and not ISO.match(value)][:1000]
    if not some:
        return
    shown = ", ".join(chosen.formats)
    with duckdb.connect() as memory:
        try:
            wrong = memory.execute(
                f"select value from (select unnest($1) as value) where not ({date_sql('value', chosen)} similar to $2)",
                [some, r"\d{4}-\d\d-\d\d"],
            ).fetchall()
        except duckdb.Error as error:
            raise OrdersError(f"dates: {shown} cannot be read as a format: {str(error).splitlines()[0]}") from None
    if len(wrong) * 2 > len(some):
        raise OrdersError(
            f"{where}: the mapping says dates: {shown}, and {plain(wrong[0][0])} is not written so. "
            "Mend that line of the mapping, or leave it out to have the format found out."
        )
