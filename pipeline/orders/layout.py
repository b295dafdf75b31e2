"""What one file of orders holds before anything is decided about it: its columns' names and how its rows are read.

Whatever the kind of file, a row is `field_0`, `field_1`, … in the order of the file, all text: what is decided about
orders is decided about those.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import duckdb

from pipeline.orders import dialect, excel, other_kinds, text
from pipeline.orders.errors import OrdersError
from pipeline.orders.mapping import Mapping
from pipeline.orders.source import Part
from pipeline.orders.sql import literal, quoted

_NOTHING = r"['', '\N']"  # \N is how databases write NULL into text
_NUMBERS = (
    "TINYINT",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "HUGEINT",
    "FLOAT",
    "DOUBLE",
    "DECIMAL",
    "UTINYINT",
    "USMALLINT",
    "UINTEGER",
    "UBIGINT",
    "UHUGEINT",
)
# Numbers that are kept as text, so that they stay exact; see pipeline/sources/parquet.py.
_NUMBERS_AS_TEXT = "select decode(value) from parquet_kv_metadata({}) where decode(key) = 'numbers'"
# DuckDB would make its buffers of 16 longest lines, a quarter of a gigabyte each: more than a small MEMORY has.
_LINES = f"max_line_size = {16 << 20}, buffer_size = {32 << 20}"
_HABIT = 10_000  # one line in so many
_MOST_FIELDS = 20  # past it, an expression with a term for each field is longer than DuckDB takes


@dataclass(frozen=True)
class Layout:
    """`names` are the columns', none where the file names none; see `Dialect` for the rest.

    `numbers` are the positions of columns that are numbers by their type, of a kind of file that has types. Lines of
    `least_fields` and more lack nothing but empty fields at their end, as spreadsheets do; 0 where none may.
    """

    part: Part
    names: tuple[str, ...]
    fields: int
    lines_before: int = 0
    skipped: int = 0
    delimiter: str = ","
    encoding: str = "utf-8"
    ends: str = "lf"
    quote: str = '"'
    escape: str = '"'
    has_formulas: bool = False
    sampled_whole: bool = True
    numbers: tuple[int, ...] = ()
    least_fields: int = 0

    @property
    def padding(self) -> text.Padding | None:
        return text.Padding(self.delimiter, self.least_fields, self.fields) if self.least_fields else None

    @property
    def can_be_padded(self) -> bool:
        """Whether it is text whose fields can be counted without DuckDB."""
        return self.part.kind == "text" and self.delimiter != " " and self.quote == self.escape == '"'


def of(part: Part, mapping: Mapping, folder: Path) -> Layout:
    """Looks at the beginning of the file. Raises OrdersError where it is nothing that can be read."""
    if part.kind == "parquet":
        with duckdb.connect() as memory:
            try:
                described = memory.execute(f"describe select * from {parquet(part)}").fetchall()
                named = memory.execute(_NUMBERS_AS_TEXT.format(file_literal(part.path)))
                exact = {name for (names,) in named.fetchall() for name in json.loads(names)}
            except duckdb.Error as error:
                raise OrdersError(f"{part.path} cannot be read as parquet: {str(error).splitlines()[0]}") from None
        numbers = [i for i, (name, kind, *_) in enumerate(described) if name in exact or kind.startswith(_NUMBERS)]
        return Layout(part, tuple(name for name, *_ in described), len(described), numbers=tuple(numbers))
    by_position = any(isinstance(column, int) for column in mapping.columns.values())
    if part.kind == "excel":
        with excel.as_csv(part, folder) as path:
            found = dialect.detect(part, _beginning(path), ",", by_position)
        return Layout(part, found.names, found.fields, found.lines_before, found.skipped)
    seen = text.sample(part)
    other_kinds.stop_at(part, seen.head)
    content = seen.head + seen.pieces
    encoding = mapping.encoding or text.encoding_of(part, content, seen.is_whole)
    beginning = text.decode(seen.head[: 256 << 10], encoding)
    if part.kind == "json":
        names = _keys(beginning)
        if not names:
            raise OrdersError(
                f"{part.path}, line 1: it is not a JSON object. Each line has to be one, with the columns as keys."
            )
        return Layout(part, tuple(names), len(names), delimiter="", encoding=encoding, sampled_whole=seen.is_whole)
    found = dialect.detect(part, beginning, mapping.delimiter, by_position)
    whole = text.decode(content, encoding)
    escape = dialect.escape_of(_with_backslash(whole, found.quote), found)
    return Layout(
        part, found.names, found.fields, found.lines_before, found.skipped, found.delimiter, encoding,
        text.line_ends(content), found.quote, escape, '="' in whole, seen.is_whole,
    )  # fmt: skip


def _with_backslash(content: str, quote: str) -> list[str]:
    """Lines in which a quote stands behind a backslash."""
    mark = f"\\{quote}"
    if mark not in content:  # hardly any file has one, and to look takes no time
        return []
    return list(islice((line for line in re.split(r"[\r\n]+", content) if mark in line), 500))


def _beginning(path: Path) -> str:
    with path.open(encoding="utf-8", newline="") as file:
        return file.read(256 << 10)


def _keys(beginning: str) -> list[str]:
    found: dict[str, None] = {}
    for line in beginning.splitlines()[:2000]:
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict):
            found.update(dict.fromkeys(_nested(record)))
    parents = {name[:place] for name in found for place, letter in enumerate(name) if letter == "."}
    return [name for name in found if name not in parents]


def _nested(record: dict[str, object], before: str = "") -> Iterator[str]:
    """The keys of a record, those of a record within it as `customer.id`."""
    for key, value in record.items():
        if isinstance(value, dict) and value:
            yield from _nested(value, f"{before}{key}.")
        else:
            yield before + key


def short_lines(layout: Layout, least: int) -> tuple[int, int]:
    """How many lines of the sample end after `least` fields or more and before the last one; and how many there are."""
    seen = text.sample(layout.part)
    lines = text.to_utf8(seen.head + seen.pieces, layout.encoding, layout.ends, False).split(b"\n")[layout.skipped : -1]
    whole = _without_quoted(lines, layout)
    few = (line.decode(errors="replace") for line, delimiters in whole if delimiters < layout.fields - 1)
    return sum(least <= len(dialect.split(line, layout.delimiter)) < layout.fields for line in few), len(lines)


def _without_quoted(lines: list[bytes], layout: Layout) -> Iterator[tuple[bytes, int]]:
    """The lines without a piece of a text that goes on over several, with how many delimiters are in each."""
    mark, is_quoted = layout.delimiter.encode(), False
    for line in lines:
        quotes, delimiters = line.count(b'"'), line.count(mark)
        if quotes % 2:
            is_quoted = not is_quoted
            continue
        # A piece of a large file may begin within a text: then what seems to be quoted has all its fields.
        is_quoted = is_quoted and (quotes > 0 or delimiters != layout.fields - 1)
        if not is_quoted and line.strip():
            yield line, delimiters


def is_habit(short: int, lines: int) -> bool:
    """Whether so many short lines are a habit of what wrote the file: to pad them takes a copy of all of it."""
    return short * _HABIT > lines


@contextmanager
def opened(layout: Layout, folder: Path) -> Iterator[Path]:
    """A path under which DuckDB reads the part: its own, or that of a copy as UTF-8 that is gone afterwards."""
    if layout.part.kind == "excel":
        with excel.as_csv(layout.part, folder) as path:
            yield path
    elif layout.part.kind == "parquet":
        yield layout.part.path
    else:
        squeeze = layout.delimiter == " "
        with text.as_utf8(layout.part, layout.encoding, layout.ends, squeeze, folder, layout.padding) as path:
            yield path


@contextmanager
def sampled(layout: Layout, folder: Path) -> Iterator[list[tuple[Path, int]]]:
    """A few MB of the part at most, as files with the number of records before their first line of orders."""
    if not layout.part.has_lines:
        with opened(layout, folder) as path:
            yield [(path, layout.skipped)]
        return
    seen = text.sample(layout.part)
    with ExitStack() as stack:
        files = []
        for content, before in ((seen.head, layout.skipped), (seen.pieces, 0)):
            if content:
                file, path = stack.enter_context(text.unnamed_file(folder))
                squeeze = layout.delimiter == " "
                file.write(text.to_utf8(content, layout.encoding, layout.ends, squeeze, layout.padding))
                file.flush()
                files.append((path, before))
        yield files


def rows(layout: Layout, path: Path, *, skip: int | None = None) -> str:
    """The SQL that gives the part's rows as `field_0`, … `line_breaks` and `malformed_line`.

    What is no record of a text is kept in DuckDB's tables of rejects.
    """
    fields = [f"field_{i}" for i in range(layout.fields)]
    if layout.part.kind == "parquet":
        found = _parquet_columns(layout)
        columns = ", ".join(f"{column} as {field}" for column, field in zip(found, fields, strict=True))
        return (
            f"select {columns}, 0 as line_breaks, cast(null as varchar) as malformed_line from {parquet(layout.part)}"
        )
    if layout.part.kind == "json":
        return _json_rows(layout, path, fields)
    names = ", ".join(f"'{field}': 'VARCHAR'" for field in fields)
    nothing = "''" if layout.escape == "\\" else _NOTHING  # DuckDB takes no backslash for both
    # With ignore_errors, DuckDB would leave out all that stands behind a quote that breaks off.
    errors = "ignore_errors = true" if layout.part.kind == "excel" else "store_rejects = true, rejects_limit = 0"
    # The sniffer is left out: it refuses a file with one bad line, and strict_mode = false drops fields unseen.
    taken = [_formula_sql(field) if layout.has_formulas else field for field in fields]
    return f"""
        select
            {", ".join(taken)},
            {_line_breaks(fields)} as line_breaks,
            cast(null as varchar) as malformed_line
        from read_csv(
            {file_literal(path)}, columns = {{{names}}}, header = false,
            skip = {layout.skipped if skip is None else skip}, delim = {literal(_delimiter(layout))},
            quote = {literal(layout.quote)}, escape = {literal(layout.escape)}, nullstr = {nothing},
            auto_detect = false, {_LINES}, {errors}
            {", compression = 'gzip'" if layout.part.is_gzip and path == layout.part.path else ""}
        )
        where coalesce({", ".join(fields)}) is not null
    """


def _formula_sql(field: str) -> str:
    """="00123" is what makes a spreadsheet leave a text as it is."""
    is_one = f"starts_with({field}, '=\"') and suffix({field}, '\"')"
    return f"case when {is_one} then nullif({field}[3:-2], '') else {field} end as {field}"


def _delimiter(layout: Layout) -> str:
    return "\t" if layout.delimiter == " " else layout.delimiter


def _line_breaks(fields: Sequence[str]) -> str:
    """How many line breaks stand in the fields of a record: as many lines follow later than they would otherwise."""
    count = "length({0}) - length(replace({0}, chr(10), ''))"
    if len(fields) > _MOST_FIELDS:
        return count.format(f"concat_ws('', {', '.join(fields)})")
    some = " or ".join(f"contains({field}, chr(10))" for field in fields)
    return f"case when {some} then {' + '.join(f'coalesce({count.format(field)}, 0)' for field in fields)} else 0 end"


def _json_rows(layout: Layout, path: Path, fields: Sequence[str]) -> str:
    # A point in a name may be the key's own, or stand between the keys of a record and of one within it.
    spelled = [name.replace("\\", "\\\\").replace('"', '\\"') for name in layout.names]
    nested = {name: len(spelled) + place for place, name in enumerate(n for n in spelled if "." in n)}
    paths = [f'$."{name}"' for name in spelled] + ['$."' + name.replace(".", '"."') + '"' for name in nested]
    keys = ", ".join(map(literal, paths))
    found = ", ".join(
        (f"coalesce(found[{i + 1}], found[{nested[name] + 1}])" if name in nested else f"found[{i + 1}]")
        + f" as {field}"
        for i, (name, field) in enumerate(zip(spelled, fields, strict=True))
    )
    return f"""
        select
            {found},
            0 as line_breaks,
            case when found is null then line end as malformed_line
        from (
            select
                line,
                case
                    when json_valid(line) and json_type(line) = 'OBJECT' then json_extract_string(line, [{keys}])
                end as found
            from read_csv(
                {file_literal(path)}, columns = {{'line': 'VARCHAR'}}, header = false, delim = '\x1f', quote = '',
                escape = '', auto_detect = false, strict_mode = false, {_LINES}
                {", compression = 'gzip'" if layout.part.is_gzip and path == layout.part.path else ""}
            )
            where trim(line) <> ''
        )
    """


def parquet(part: Part) -> str:
    # What the folder is called says nothing about the orders in the file.
    return f"read_parquet({file_literal(part.path)}, hive_partitioning = false)"


def _parquet_columns(layout: Layout) -> list[str]:
    with duckdb.connect() as memory:
        described = memory.execute(f"describe select * from {parquet(layout.part)}").fetchall()
    return [f"cast({_of_one_zone(quoted(name), kind)} as varchar)" for name, kind, *_ in described]


def _of_one_zone(column: str, kind: str) -> str:
    """A moment is written as it is in UTC: else its day would depend on the machine that reads it."""
    return f"{column} at time zone 'UTC'" if kind == "TIMESTAMP WITH TIME ZONE" else column


def file_literal(path: Path) -> str:
    """A path as a SQL string that DuckDB takes as one file, whatever characters are in its name."""
    return literal("".join(f"[{c}]" if c in "*?[" else c for c in str(path)))
