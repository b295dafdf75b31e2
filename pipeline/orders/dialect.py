"""How a text file is laid out: what separates its fields, which line names the columns, and where the lines begin."""

from __future__ import annotations

import csv
import re
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from pipeline.orders import names as known_names
from pipeline.orders.errors import OrdersError, plain
from pipeline.orders.source import Part

DELIMITERS = (",", ";", "\t", "|")
_RARE = ("^", "~", "\x01")  # \x01 is Hive's
SPOKEN = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "|", " ": "blanks", "\x01": "Ctrl-A"}
_LOOKED_AT = 40
csv.field_size_limit(1 << 24)


@dataclass(frozen=True)
class Dialect:
    """`names` are those of the file, none where it has no such line; `lines_before` stand before its first record.

    They are `skipped` records, as DuckDB counts them: a name may have a line break in it.
    """

    delimiter: str
    names: tuple[str, ...]
    lines_before: int
    skipped: int
    fields: int
    quote: str = '"'


def detect(part: Part, text: str, delimiter: str | None = None, by_position: bool = False) -> Dialect:
    """The layout of a text of which `text` is the beginning. Raises OrdersError where there is none."""
    lines = re.split(r"\r\n|\r|\n", text)
    first = 0
    while first < len(lines) and not lines[first].strip():
        first += 1
    if first == len(lines):
        raise OrdersError(f"{part.path}, line 1: it is empty, where the columns have to be named.")
    if separator := re.fullmatch(r'"?sep=(.)"?', lines[first].strip(" \r\n"), re.IGNORECASE):
        delimiter = delimiter or separator[1]
        first += 1
    lines = lines[first : first + _LOOKED_AT]
    quote = _quote(lines)
    records = _records(lines, quote)
    chosen = delimiter or _delimiter(records, quote)
    rows = [split(record, chosen, quote) for record in records]
    header = _header(rows, by_position)
    if header is None:
        return Dialect(chosen, (), first, first, len(rows[0]), quote)
    before = first + sum(record.count("\n") + 1 for record in records[:header])
    if records[header].count(quote) % 2:
        raise OrdersError(
            f"{part.path}, line {before + 1}: a quote ({quote}) is opened there and not closed: "
            f"{plain(records[header])}"
        )
    found = tuple(" ".join(_unwrapped(name).split()) for name in rows[header])
    if _end_in_nothing(rows[header + 1 :], len(found)):
        found = (*found, "")
    elif _are_numbered(rows[header + 1 :], len(found)):
        found = ("", *found)
    lines_before = before + records[header].count("\n") + 1
    return Dialect(chosen, found, lines_before, first + header + 1, len(found), quote)


def split(line: str, delimiter: str, quote: str = '"') -> list[str]:
    if delimiter == " ":
        return line.split()
    return next(csv.reader([line.replace("\n", " ")], delimiter=delimiter, quotechar=quote), [])


def escape_of(lines: list[str], found: Dialect) -> str:
    """What stands before a quote within quotes, by lines that have a backslash there: itself, or the backslash."""

    def fitting(**escape: Any) -> int:
        count = 0
        for line in lines:
            with suppress(csv.Error):
                reader = csv.reader([line], delimiter=found.delimiter, quotechar=found.quote, strict=True, **escape)
                count += len(next(reader, [])) == found.fields
        return count

    return "\\" if fitting(doublequote=False, escapechar="\\") > fitting() else found.quote


def _unwrapped(name: str) -> str:
    """Without what makes a spreadsheet take it for text: ="00123"."""
    return name[2:-1] if name.startswith('="') and name.endswith('"') else name


def _quote(lines: list[str]) -> str:
    """What stands around fields: a single quote only where it does on most lines, and no double one does."""
    filled = [line for line in lines if line.strip()]
    single, double = (
        sum(re.search(rf"(^|[,;\t|]){quote}[^{quote}]*{quote}([,;\t|]|$)", line) is not None for line in filled)
        for quote in ("'", '"')
    )
    return "'" if not double and single * 10 >= 9 * (len(filled) - 1) > 0 else '"'


def _records(lines: list[str], quote: str) -> list[str]:
    """The lines, those put together between which a quote is open; a quote that stays open is its line's own."""
    found, start = [], 0
    while start < len(lines):
        ends = (end for end in range(start, min(start + 10, len(lines)))
                if "\n".join(lines[start : end + 1]).count(quote) % 2 == 0)  # fmt: skip
        end = next(ends, start)
        found.append("\n".join(lines[start : end + 1]))
        start = end + 1
    return found


def _end_in_nothing(rows: list[list[str]], names: int) -> bool:
    """Whether a delimiter stands behind the last field of each line, and not behind the last name."""
    filled = [row for row in rows if row]
    return bool(filled) and all(len(row) == names + 1 and not row[-1].strip() for row in filled)


def _are_numbered(rows: list[list[str]], names: int) -> bool:
    """Whether lines begin with their number, which has no name: so does what R writes."""
    numbers = [row[0] for row in rows if len(row) == names + 1]
    if len(numbers) < 2 or len(numbers) < sum(map(bool, rows)) or not all(map(str.isdigit, numbers)):
        return False
    return all(int(after) == int(before) + 1 for before, after in pairwise(numbers))


def _delimiter(lines: list[str], quote: str) -> str:
    """The one by which a line has the most known names; else the one that divides the most lines alike."""

    def of_names(delimiter: str) -> int:
        return max(known_names.known(split(line, delimiter, quote)) for line in lines[:10] or [""])

    def alike(delimiter: str) -> tuple[int, int]:
        counts = Counter(len(split(line, delimiter, quote)) for line in lines if line.strip())
        fields, count = max(counts.items(), key=lambda item: (item[1], item[0]))
        return (count, fields) if fields > 1 else (0, 0)

    dividing = [delimiter for delimiter in DELIMITERS if alike(delimiter)[1] > 1]
    if not dividing:
        if rare := next((each for each in _RARE if alike(each)[1] > 1 and of_names(each) > 1), None):
            return rare
        return " " if alike(" ")[1] > 1 else ","  # names and texts have blanks in them, whatever divides the fields
    by_names = {delimiter: of_names(delimiter) for delimiter in dividing}
    best = max(by_names.values())
    if best < 2 and alike(" ")[0] >= max(alike(delimiter)[0] for delimiter in dividing):
        undivided = [line for line in lines[:10] if not any(delimiter in line for delimiter in dividing)]
        if any(known_names.known(split(line, " ")) > 2 for line in undivided):
            return " "  # a report in columns, whose amounts have commas in them
    return max([each for each, count in by_names.items() if count == best] if best > 1 else dividing, key=alike)


def _header(rows: list[list[str]], by_position: bool) -> int | None:
    """Which row names the columns: the first that knows the most names; None where the first one is data already."""
    scores = [known_names.known(row) for row in rows[:10]]
    best = max(scores)
    if best >= 2 or (best == 1 and scores[0] == 1 and not by_position):
        return scores.index(best)
    if by_position:
        return None
    widths = Counter(len(row) for row in rows if any(map(str.strip, row)))
    usual = max(widths, key=lambda width: (widths[width], width))
    first = next((i for i, row in enumerate(rows) if len(row) == usual), 0)
    is_data = any(re.fullmatch(r"[^a-zA-Z]*\d[^a-zA-Z]*", field.strip()) for field in rows[first])
    return None if is_data else first
