"""Cells of a workbook whose formula failed, such as #N/A: the reader of workbooks gives them as if they were empty."""

from __future__ import annotations

import re
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_ERROR = re.compile(rb'<(?:\w+:)?c\b([^>/]*\bt="e"[^>/]*)>(.{0,8192}?)</(?:\w+:)?c>', re.DOTALL)
_PLACE, _VALUE = re.compile(rb'\br="([A-Z]+)(\d+)"'), re.compile(rb"v>(#[^<]+)</")
_BLOCK, _CELL = 1 << 20, 64 << 10  # what may be cut in two between blocks
Errors = dict[int, list[tuple[int, str]]]


def error_cells(path: Path, sheet: str) -> Errors:
    """{row: [(column, what stands there)]} of a sheet, both from 0; empty where its XML is in no usual place."""
    found: dict[int, dict[int, str]] = defaultdict(dict)
    try:
        with zipfile.ZipFile(path) as archive:
            for attributes, content in _failed(archive, _member(archive, sheet)):
                place, value = _PLACE.search(attributes), _VALUE.search(content)
                if place and value:
                    found[int(place[2]) - 1][_column(place[1])] = value[1].decode()
    except (KeyError, StopIteration, zipfile.BadZipFile, ElementTree.ParseError):
        return {}
    return {row: list(cells.items()) for row, cells in found.items()}


def _member(archive: zipfile.ZipFile, sheet: str) -> str:
    book, relations = (ElementTree.fromstring(archive.read(f"xl/{name}"))
                       for name in ("workbook.xml", "_rels/workbook.xml.rels"))  # fmt: skip
    wanted = next(each.get(_RELATION) for each in book.iter() if each.get("name") == sheet and each.get(_RELATION))
    target = next(each.attrib["Target"] for each in relations if each.get("Id") == wanted)
    return target[1:] if target.startswith("/") else f"xl/{target}"


def _failed(archive: zipfile.ZipFile, member: str) -> Iterator[tuple[bytes, bytes]]:
    with archive.open(member) as file:
        before = b""
        while block := file.read(_BLOCK):
            seen = before + block
            if b't="e"' in seen:
                yield from _ERROR.findall(seen)
            before = seen[-_CELL:]


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - ord("A") + 1
    return number - 1
