"""How a text file is laid out: what separates its fields, which line names the columns, and where the lines begin."""

from __future__ import annotations

import csv
import re
from collections import Counter
from dataclasses import dataclass

from pipeline.orders import names as known_names
from pipeline.orders.errors import OrdersError, plain
from pipeline.orders.source import Part

DELIMITERS = (",", ";", "\t", "|")
SPOKEN = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "|", " ": "blanks"}
_LOOKED_AT = 40
csv.field_size_limit(1 << 24)


@dataclass(frozen=True)
class Dialect:
    """`names` are those of the file, none where it has no such line; `lines_before` stand before its first record."""

    delimiter: str
    names: tuple[str, ...]
    lines_before: int
    fields: int

    @property
    def has_names(self) -> bool:
        return bool(self.names)


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
    chosen = delimiter or _delimiter(lines)
    header = 0 if by_position else _header(lines, chosen)
    if header is not None and lines[header].count('"') % 2:
        raise OrdersError(
            f'{part.path}, line {first + header + 1}: a quote (") is opened there and not closed: '
            f"{plain(lines[header])}"
        )
    if header is None or by_position:
        fields = split(lines[0], chosen)
        return Dialect(chosen, (), first, len(fields))
    found = tuple(name.strip() for name in split(lines[header], chosen))
    return Dialect(chosen, found, first + header + 1, len(found))


def split(line: str, delimiter: str) -> list[str]:
    if delimiter == " ":
        return line.split()
    return next(csv.reader([line], delimiter=delimiter, skipinitialspace=False), [])


def _delimiter(lines: list[str]) -> str:
    """The one by which a line has the most known names; else the one that divides the most lines alike."""

    def of_names(delimiter: str) -> int:
        return max(known_names.known(split(line, delimiter)) for line in lines[:10] or [""])

    def alike(delimiter: str) -> tuple[int, int]:
        counts = Counter(len(split(line, delimiter)) for line in lines if line.strip())
        fields, count = max(counts.items(), key=lambda item: (item[1], item[0]))
        return (count, fields) if fields > 1 else (0, 0)

    dividing = [delimiter for delimiter in DELIMITERS if alike(delimiter)[1] > 1]
    if not dividing:
        return " " if alike(" ")[1] > 1 else ","  # names and texts have blanks in them, whatever divides the fields
    by_names = {delimiter: of_names(delimiter) for delimiter in dividing}
    best = max(by_names.values())
    return max([each for each, count in by_names.items() if count == best] if best > 1 else dividing, key=alike)


def _header(lines: list[str], delimiter: str) -> int | None:
    """Which line names the columns: the first that knows the most names; None where the first line is data already."""
    scores = [known_names.known(split(line, delimiter)) for line in lines[:10]]
    best = max(scores)
    if best >= 2 or (best == 1 and scores[0] == 1):
        return scores.index(best)
    widths = Counter(len(split(line, delimiter)) for line in lines if line.strip())
    usual = max(widths, key=lambda width: (widths[width], width))
    first = next((i for i, line in enumerate(lines) if len(split(line, delimiter)) == usual), 0)
    fields = split(lines[first], delimiter)
    is_data = any(re.fullmatch(r"[^a-zA-Z]*\d[^a-zA-Z]*", field.strip()) for field in fields)
    return None if is_data else first
