"""The orders into the table of the seed, by DuckDB's own parallel reader: every line of every file is in it."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from pipeline.orders import beside_orders, excel, layout, text
from pipeline.orders.decide import decide
from pipeline.orders.errors import OrdersError, plain
from pipeline.orders.layout import Layout
from pipeline.orders.mapping import Mapping
from pipeline.orders.names import COLUMNS
from pipeline.orders.numbers import NumberEvidence
from pipeline.orders.reading import Reading
from pipeline.orders.source import Fingerprint, Part, Source
from pipeline.orders.spoken import read_as

# Of orders and items nearly each number is another: text that DuckDB's usual way takes half as long again to compress.
_ID = "varchar using compression zstd"
TABLE = (
    f"customer_id varchar, order_id {_ID}, order_item_id {_ID}, num_items varchar, revenue varchar, "
    "created_at_date varchar, left_out boolean, source_file varchar, line_offset bigint, malformed_after bigint, "
    "malformed_part integer, line_breaks bigint, malformed_line varchar"
)
READING = "orders_reading"
_MIXED = "state machine reached an invalid state"


@dataclass(frozen=True)
class Warning:
    """What is doubtful about the orders, as data: `figures` are what the text says in numbers."""

    code: str
    text: str
    figures: dict[str, int | float]


@dataclass(frozen=True)
class Loaded:
    reading: Reading
    warnings: tuple[Warning, ...]


@excel.converted_once()
def load(
    connection: duckdb.DuckDBPyConnection, table: str, source: Source, stated: Mapping | None, folder: Path
) -> Loaded:
    """Creates the table with every line of the orders, and beside it `orders_reading`, which says how they were read.

    Raises OrdersError where they cannot be read, and Undecided where a person has to say how.
    """
    stated = stated or Mapping()
    reading = decide(source, stated, folder=folder)
    loaded = _Loader(connection, table, folder).into_table(reading)
    if loaded.damaged_encoding and not stated.encoding:
        encoding = _encoding(reading, loaded.damaged_encoding)
        if encoding:
            reading = decide(source, stated, folder=folder, encoding=encoding)
            loaded = _Loader(connection, table, folder).into_table(reading)
    short = {each.part: each.least_fields for each in reading.layouts if each.least_fields}
    if loaded.short:  # what is left out at their end may be looked at, so all is decided with them again
        seen_before, short = short, short | loaded.short
        before = _malformed(connection, table)
        reading = decide(source, stated, folder=folder, encoding=reading.mapping.encoding, short=short)
        loaded = _Loader(connection, table, folder).into_table(reading)
        if _malformed(connection, table) == before:  # what is short is a last line that no line end follows
            short = seen_before
            layouts = (replace(each, least_fields=short.get(each.part, 0)) for each in reading.layouts)
            reading = replace(reading, layouts=tuple(layouts))
    doubts = _doubts(connection, table, reading)
    if doubts:
        known = reading.mapping.encoding
        again = decide(source, stated, folder=folder, doubts=doubts, encoding=known, short=short)
        if (again.dates, again.numbers, again.folded) != (reading.dates, reading.numbers, reading.folded):
            reading = again
            _Loader(connection, table, folder).into_table(reading)
    reading = beside_orders.leave_out(connection, table, reading)
    warnings = (
        *_overlap(connection, table, reading),
        *_not_taken_off(reading),
        *_refunds_left_out(connection, table, reading),
        *_shortened_ids(connection, table, reading),
        *_odd_money(connection, table, reading),
    )
    _write_down(connection, table, Loaded(reading, warnings))
    return Loaded(reading, warnings)


class _Loader:
    def __init__(self, connection: duckdb.DuckDBPyConnection, table: str, folder: Path):
        self._connection, self._table, self._folder = connection, table, folder
        self.damaged_encoding: list[Layout] = []
        self.short: dict[Part, int] = {}  # fewest fields of a line that only ends too early

    def into_table(self, reading: Reading) -> _Loader:
        self._connection.execute(f"create or replace table {self._table} ({TABLE})")
        for each in reading.layouts:
            self._insert(reading, each)
        return self

    def _insert(self, reading: Reading, each: Layout) -> None:
        # A record's line is its place in the table and what stands before it: the header, and before that other files.
        (before,) = self._connection.execute(f"select count(*) from {self._table}").fetchall()[0]
        offset = each.lines_before - before
        try:
            with layout.opened(each, self._folder) as path:
                self._insert_rows(reading, each, path, offset)
        except duckdb.Error as error:
            if _MIXED in str(error) and each.ends != "mixed":
                self._insert(reading, replace(each, ends="mixed"))
                return
            if isinstance(error, duckdb.InvalidInputException | duckdb.IOException | duckdb.ConversionException):
                raise OrdersError(f"{each.part.path} cannot be read: {plain(str(error).splitlines()[0])}") from None
            raise
        if each.part.kind == "text":
            self._insert_malformed(reading, each, before, offset)

    def _insert_rows(self, reading: Reading, each: Layout, path: Path, offset: int) -> None:
        if each.part.kind == "text":
            for rejects in ("reject_errors", "reject_scans"):
                with suppress(duckdb.CatalogException):
                    self._connection.execute(f"drop table {rejects}")
        name = _source_file(reading, each)
        rows = reading.select(each, layout.rows(each, path))
        self._connection.execute(
            f"insert into {self._table} select {', '.join(COLUMNS)}, left_out, {name}, {offset}, "
            f"cast(null as bigint), 0, line_breaks, malformed_line from ({rows})"
        )

    def _insert_malformed(self, reading: Reading, each: Layout, before: int, offset: int) -> None:
        self._stop_at_open_quote(each)
        (wrong,) = self._connection.execute(
            "select count(*) from reject_errors where error_type = 'INVALID ENCODING'"
        ).fetchall()[0]
        if wrong:
            self.damaged_encoding.append(each)
        least = reading.least_fields(each)
        if each.can_be_padded and not each.least_fields and least < each.fields:
            ((short, records),) = self._connection.execute(
                "with short as (select line from reject_errors group by line "
                f"having bool_and(error_type = 'MISSING COLUMNS') and min(column_idx) >= {least}) "
                f"select (select count(*) from short), (select count(*) from {self._table}) - {before}"
            ).fetchall()
            if layout.is_habit(short, records):
                self.short[each.part] = least
        name = _source_file(reading, each)
        # One row per physical line of each record that DuckDB rejected, behind the well-formed record before it. DuckDB
        # reports a row an error, several for one record; its `line` counts records and what was skipped before them;
        # its text begins with the line ends that stand before the record.
        self._connection.execute(
            f"""
            insert into {self._table} (
                left_out, source_file, line_offset, malformed_after, malformed_part, line_breaks, malformed_line
            )
            with
            records as (
                select distinct line, string_split(trim(replace(csv_line, chr(13), ''), chr(10)), chr(10)) as lines
                from reject_errors
            ),
            placed as (
                select
                    {before} + line - {each.skipped} - row_number() over (order by line) as malformed_after,
                    line,
                    unnest(range(len(lines))) as line_of_record,
                    unnest(lines) as malformed_line
                from records
            )
            select
                false, {name}, {offset}, malformed_after,
                row_number() over (partition by malformed_after order by line, line_of_record), 0, malformed_line
            from placed
            """
        )

    def _stop_at_open_quote(self, each: Layout) -> None:
        """A quote that is opened and not closed swallows the lines that follow.

        DuckDB keeps only the beginning of what it swallowed: nothing to count, so nothing to go on with. Where it reads
        a large file in pieces, the text that it keeps may even be that of the record before; then the error lies beyond
        that text. A broken quote that ends within its line swallows nothing.
        """
        rows = self._connection.execute(
            """
            select line, error_type = 'UNQUOTED VALUE'
            from reject_errors
            where
                error_type = 'LINE SIZE OVER MAXIMUM'
                or length(csv_line) >= 10000
                or (
                    error_type = 'UNQUOTED VALUE'
                    and (
                        contains(trim(csv_line, chr(10) || chr(13)), chr(10))
                        or byte_position is null
                        or line_byte_position is null
                        or byte_position - line_byte_position >= strlen(csv_line)
                    )
                )
            order by line
            limit 1
            """
        ).fetchall()
        if rows:
            quote = 'a quote (") is opened there and not closed before the line ends. Close it, double it, or remove it'
            long = "what begins there is not an order line, and too long to be kept as one. Mend it, or remove it"
            raise OrdersError(
                f"{each.part.path}, line {rows[0][0]}: {quote if rows[0][1] else long}, then build again."
            )


def _malformed(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    ((lines,),) = connection.execute(f"select count(malformed_line) from {table}").fetchall()
    return int(lines)


def _source_file(reading: Reading, each: Layout) -> str:
    return layout.literal(each.part.name) if len(reading.layouts) > 1 else "cast(null as varchar)"


def _encoding(reading: Reading, damaged: list[Layout]) -> str | None:
    """The encoding of files that turned out not to be UTF-8, looked at whole; None for UTF-8 with damaged lines."""
    found = set()
    for each in damaged:
        if each.sampled_whole:
            continue
        with each.part.open() as file:
            lines = [line for line in file if not line.isascii()]
        found.add(text.encoding_of(each.part, b"".join(lines), True))
    return found.pop() if len(found) == 1 and found != {"utf-8"} else None


def _doubts(connection: duckdb.DuckDBPyConnection, table: str, reading: Reading) -> list[tuple[str, str]]:
    """Values that are written otherwise than those of the sample, and may decide how all are read: (column, value)."""
    if reading.saw_all:
        return []
    tests = {
        "revenue": "try_cast(revenue as double) is null and revenue is not null",
        "created_at_date": "created_at_date not like '____-__-__%'",
        "num_items": "try_cast(num_items as double) is null and num_items is not null",
        "customer_id": "suffix(customer_id, '.0')" if "customer_id" not in reading.folded else "false",
        "order_id": "suffix(order_id, '.0')" if "order_id" not in reading.folded else "false",
    }
    filters = ", ".join(f"count(*) filter (where {test})" for test in tests.values())
    counts = connection.execute(f"select {filters} from {table}").fetchall()[0]
    found = []
    for (column, test), count in zip(tests.items(), counts, strict=True):
        if count:
            values = connection.execute(f"select distinct {column} from {table} where {test} limit 5000").fetchall()
            found += [(column, value) for (value,) in values if value is not None and _can_decide(column, value)]
    return found


def _can_decide(column: str, value: str) -> bool:
    """Whether it can be read in some way at all: text such as `free` says nothing of how numbers are written."""
    if column not in ("revenue", "num_items"):
        return True
    evidence = NumberEvidence.of([value])
    return bool(evidence.numbers or evidence.marks)


def _overlap(connection: duckdb.DuckDBPyConnection, table: str, reading: Reading) -> tuple[Warning, ...]:
    """Equal lines that stand in more than one file: counted once where the mapping says so, else a warning."""
    if len(reading.layouts) < 2:
        return ()
    # Grouped by a digest, which spills to disk, and joined to the few that stand in two files.
    repeated = f"""
        with files as (select source_file, min(rowid) as begins from {table} group by source_file),
        lines as (
            select stored.rowid as place, hash({", ".join(COLUMNS)}) as digest, begins
            from {table} as stored join files using (source_file)
            where malformed_line is null and not left_out
        ),
        several as (
            select digest, min(begins) as first from lines group by digest having min(begins) < max(begins)
        )
        select place from lines join several using (digest) where begins > first
    """
    if reading.mapping.overlap == "once":
        connection.execute(f"update {table} set left_out = true where rowid in ({repeated})")
        return ()
    (count,) = connection.execute(f"select count(*) from ({repeated})").fetchall()[0]
    if not count:
        return ()
    lines = f"{count:,} line{'s stand' if count > 1 else ' stands'} in an earlier file too"
    return (
        Warning(
            "lines_in_several_files",
            f"{lines}, and each counts; with `overlap: once` in the mapping they count once",
            {"lines": count},
        ),
    )


def _not_taken_off(reading: Reading) -> Iterator[Warning]:
    """Discounts and refunds of a known export, which stand on an order's first line and not on what they are for."""
    for name, amount in reading.deductions.items():
        revenue = f"{reading.mapping.columns['revenue']} {'-' if amount > 0 else '+'} {name}"
        yield Warning(
            "amounts_not_taken_off",
            f"{plain(name)} holds {amount:,.2f}, which is not taken off; with `columns: {{revenue: {revenue}}}` "
            "in the mapping it is",
            {"amount": float(amount)},
        )


def _refunds_left_out(connection: duckdb.DuckDBPyConnection, table: str, reading: Reading) -> Iterator[Warning]:
    """A known export's lines that take money back of orders that only another line names."""
    if not reading.export or not reading.mapping.leave_out:
        return
    ((lines, money),) = connection.execute(
        f"select count(*), sum(try_cast(revenue as decimal(18, 6))) from {table} "
        "where left_out and malformed_line is null and try_cast(revenue as decimal(18, 6)) < 0"
    ).fetchall()
    if lines:
        yield Warning(
            "refunds_left_out",
            f"{lines:,} line{'s that take' if lines > 1 else ' that takes'} back {-money:,.2f} "
            f"{'are' if lines > 1 else 'is'} left out: where the order still counts, it counts in full",
            {"lines": lines, "money": float(money)},
        )


def _shortened_ids(connection: duckdb.DuckDBPyConnection, table: str, reading: Reading) -> Iterator[Warning]:
    """Long numbers that a spreadsheet wrote as 1.23E+12: what made them different is gone."""
    pattern = r"\d(\.\d+)?[eE]\+?\d\d"
    expression = reading.columns["customer_id"]
    if not expression or not any(re.fullmatch(pattern, row[expression.positions[0]] or "") for row in reading.rows):
        return
    ((lines, ids),) = connection.execute(
        f"select count(*), count(distinct customer_id) from {table} where regexp_full_match(customer_id, '{pattern}')"
    ).fetchall()
    if lines:
        yield Warning(
            "shortened_ids",
            f"{lines:,} lines have a customer such as 1.23E+12: a spreadsheet has cut their numbers off, so several "
            f"customers may be one of these {ids:,}. Export them anew, as text",
            {"lines": lines, "customers": ids},
        )


def _odd_money(connection: duckdb.DuckDBPyConnection, table: str, reading: Reading) -> Iterator[Warning]:
    """Many lines without money; returns, of negative pieces, whose money is added where it has to be taken off."""
    ((returns, without, every),) = connection.execute(
        f"select count(*) filter (num_items like '-%'), count(*) filter (revenue is null), count(*) from {table} "
        "where not left_out and malformed_line is null"
    ).fetchall()
    if without * 10 > every and not reading.mapping.once:
        yield Warning(
            "no_money",
            f"{without:,} of {every:,} lines have no money, and count as 0",
            {"lines": without, "of": every},
        )
    if not returns:
        return
    ((lines, money),) = connection.execute(
        f"select count(*), sum(try_cast(revenue as decimal(18, 6))) from {table} where not left_out "
        "and num_items like '-%' and try_cast(num_items as double) < 0 and try_cast(revenue as decimal(18, 6)) > 0"
    ).fetchall()
    if lines:
        yield Warning(
            "returns_that_add",
            f"{lines:,} line{'s have' if lines > 1 else ' has'} negative pieces and positive money, "
            f"{money:,.2f} in all: if they are returns, it has to be taken off",
            {"lines": lines, "money": float(money)},
        )


def _write_down(connection: duckdb.DuckDBPyConnection, table: str, loaded: Loaded) -> None:
    schema = table.rpartition(".")[0]
    name = f"{schema}.{READING}" if schema else READING
    connection.execute(
        f"create or replace table {name} (read_as varchar, warnings varchar, currency varchar, files varchar)"
    )
    files = {each.part.name: each.lines_before for each in loaded.reading.layouts}
    connection.execute(
        f"insert into {name} values (?, ?, ?, ?)",
        [
            "\n".join(read_as(loaded.reading)) or None,
            json.dumps([vars(warning) for warning in loaded.warnings], ensure_ascii=False),
            loaded.reading.mapping.currency,
            json.dumps(files, ensure_ascii=False),
        ],
    )


def stop_where_lines_are_lost(
    source: Source, before: Fingerprint, connection: duckdb.DuckDBPyConnection, table: str
) -> None:
    """Raises OrdersError where the table holds fewer lines than a file: what a reader swallows must not go unseen."""
    ((files,),) = connection.execute(f"select files from {READING}").fetchall()
    headers = json.loads(files)
    counted = dict(
        connection.execute(
            f"select source_file, count(*) + sum(line_breaks) from {table} group by source_file"
        ).fetchall()
    )
    for part, lines in zip(source.parts, before.lines, strict=True):
        records = counted.get(part.name if len(source.parts) > 1 else None, 0)
        missing = lines - headers[part.name] - int(records)
        if lines and missing > 0 and missing > _blank_lines(part, headers[part.name]):
            raise OrdersError(
                f"{part.path} has {lines:,} lines, and {missing:,} of them were swallowed, perhaps by a quote that is "
                'not closed. Look for lines with an odd number of quotes ("), mend them, and build again.'
            )


def _blank_lines(part: Part, header: int) -> int:
    """Lines behind the header with nothing in them, or nothing but what divides fields."""
    with part.open() as file, io.TextIOWrapper(file, encoding="latin-1") as text_file:  # takes any line end for one
        return sum(not line.strip("\r\n,;|\t \"'") for number, line in enumerate(text_file) if number >= header)
