"""Text as bytes: which encoding it is in, and the same text as UTF-8 with one kind of line end, for DuckDB to read.

DuckDB's own sniffer is not asked: it refuses a file for one bad line, and its reader knows neither Windows-1252 nor
a file that mixes line ends. Its parallel reader gets UTF-8; where the file is something else, a copy of it is made
that nobody sees: a file without a name, which is gone whatever becomes of this process.
"""

from __future__ import annotations

import codecs
import csv
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pipeline.orders import encodings
from pipeline.orders.errors import OrdersError
from pipeline.orders.source import Part

_BLOCK = 1 << 20
_HEAD = 2 << 20
_PIECES, _PIECE = 24, 96 << 10
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
         (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))  # fmt: skip


@dataclass(frozen=True)
class Sample:
    """The beginning of a text file and pieces from its whole length, as bytes that end with whole lines."""

    head: bytes
    pieces: bytes
    is_whole: bool


def sample(part: Part) -> Sample:
    """Reads a few MB at most, however large the file is; of a packed file only the beginning can be had so soon."""
    with part.open() as file:
        head = file.read(_HEAD)
        if len(head) < _HEAD:
            return Sample(head, b"", True)
        head = _whole_lines(head, part)
        if part.is_packed or head.startswith(tuple(bom for bom, name in _BOMS if name != "utf-8")):
            return Sample(head, b"", False)
        size = part.path.stat().st_size
        pieces = []
        for number in range(_PIECES):
            file.seek(_HEAD + (size - _HEAD) * number // _PIECES)
            _, _, piece = file.read(_PIECE).partition(b"\n")
            pieces.append(piece[: piece.rfind(b"\n") + 1])
    return Sample(head, b"".join(pieces), False)


def _whole_lines(head: bytes, part: Part) -> bytes:
    end = max(head.rfind(b"\n"), head.rfind(b"\r"))
    if end < 0:
        raise OrdersError(
            f"{part.path}, line 1: it goes on for more than {_HEAD >> 20} MB without a line end, so it is not a line "
            f"that names columns. See how it begins: head -c 300 {part.path}"
        )
    return head[: end + 1]


def encoding_of(part: Part, content: bytes, whole: bool = False) -> str:
    """The one encoding that the text can be in. Raises OrdersError where it cannot be decided.

    UTF-8 where nothing contradicts it or where other lines prove it: then what is not UTF-8 is a damaged line. Else a
    encoding with a byte a letter: of Latin text by its letters, of others as charset-normalizer proposes.
    """
    for bom, name in _BOMS:
        if content.startswith(bom):
            return name
    if b"\x00" in content[:4096]:
        even, odd = content[0:4096:2].count(0), content[1:4096:2].count(0)
        if max(even, odd) > 4 * min(even, odd) + 4:
            return "utf-16-le" if odd > even else "utf-16-be"
    if content.isascii():
        return "utf-8"
    if is_utf8(content, whole):
        return "utf-8"
    lines = b"\n".join([line for line in content.split(b"\n") if not line.isascii()][:5000])
    runs = re.findall(rb"[\x80-\xff]+", lines)
    if sum(len(run) > 1 and is_utf8(run, True) for run in runs) * 100 >= len(runs):
        return "utf-8"
    return _single_byte(part, lines)


def is_utf8(content: bytes, whole: bool) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(content, final=whole)
        return True
    except UnicodeDecodeError:
        return False


def _single_byte(part: Part, lines: bytes) -> str:
    high = re.findall(rb"[\x80-\xff]", lines)
    # Latin text has single accented letters among plain ones; other alphabets have whole words of high bytes.
    words = sum(len(run) for run in re.findall(rb"(?<![A-Za-z])[\x80-\xff]{3,}(?![A-Za-z])", lines))
    if words * 4 < len(high) and (found := encodings.latin(lines)):
        return found
    from charset_normalizer import from_bytes

    matches = [match for match in from_bytes(lines) if match.chaos <= 0.1]
    # Of those that fit alike, what Windows writes: most files that are not UTF-8 come from there.
    match = next((match for match in matches if match.encoding.startswith("cp125")), matches[0] if matches else None)
    if match is None or match.encoding in ("utf_8", "ascii"):
        raise OrdersError(
            f"{part.path} is not UTF-8, and its encoding cannot be told. Name it in a mapping, with a line such as "
            "encoding: windows-1252, and add MAPPING=orders.yml."
        )
    return match.encoding.replace("cp125", "windows-125")


def decode(content: bytes, encoding: str) -> str:
    text = content.decode(encoding, errors="replace")
    return text.removeprefix("\ufeff")


@contextmanager
def unnamed_file(folder: Path) -> Iterator[tuple[BinaryIO, Path]]:
    """A file to write and the path under which this process reads it; nothing is left of it, even by a kill."""
    with tempfile.TemporaryFile(dir=folder) as file:
        yield file, Path(f"/dev/fd/{file.fileno()}")


def line_ends(content: bytes) -> str:
    """lf, crlf, cr, or mixed: what ends the lines, as far as it can be seen in the bytes; not what stands in quotes."""
    content = re.sub(rb'"[^"]*"', b"", content)
    crlf = content.count(b"\r\n")
    lf, cr = content.count(b"\n") - crlf, content.count(b"\r") - crlf
    if crlf and not lf:
        return "crlf"
    if cr and lf + crlf <= 1:  # one line feed at the very end is what some tools add
        return "cr"
    return "mixed" if crlf and lf else "lf"


@dataclass(frozen=True)
class Padding:
    """Lines with `least` fields or more get the delimiters that they lack at their end, up to `fields` of them."""

    delimiter: str
    least: int
    fields: int


@contextmanager
def as_utf8(
    part: Part, encoding: str, ends: str, squeeze_blanks: bool, folder: Path, padding: Padding | None = None
) -> Iterator[Path]:
    """A path under which DuckDB finds the part as UTF-8 text: its own where it is that, else that of a copy."""
    if encoding == "utf-8" and ends in ("lf", "crlf") and not (squeeze_blanks or padding or part.member):
        yield part.path
        return
    with unnamed_file(folder) as (copy, path):
        rewrite = _Rewriter(encoding, ends, squeeze_blanks, padding)
        with part.open() as file:
            while block := file.read(_BLOCK):
                copy.write(rewrite(block, False))
        copy.write(rewrite(b"", True))
        copy.flush()
        yield path


def to_utf8(content: bytes, encoding: str, ends: str, squeeze_blanks: bool, padding: Padding | None = None) -> bytes:
    return _Rewriter(encoding, ends, squeeze_blanks, padding)(content, True)


class _Rewriter:
    """Block by block into UTF-8, with one kind of line end and, where blanks divide fields, one tab for any of them."""

    def __init__(self, encoding: str, ends: str, squeeze_blanks: bool, padding: Padding | None):
        self._is_utf8 = encoding == "utf-8"
        self._is_wide = encoding.startswith(("utf-16", "utf-32"))
        self._decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
        self._ends = ends
        self._squeeze = squeeze_blanks
        self._padding = padding
        self._is_quoted = False
        self._carried = b""

    def __call__(self, block: bytes, last: bool) -> bytes:
        text = self._carried + self._decoded(block, last)
        self._carried = b""
        if self._ends in ("cr", "mixed"):
            if text.endswith(b"\r") and not last:  # its line feed may begin the next block
                text, self._carried = text[:-1], b"\r"
            text = text.replace(b"\r\n", b"\n")
            text = text.replace(b"\r", b"\n") if self._ends == "cr" else text
        if self._squeeze or self._padding:
            cut = len(text) if last else text.rfind(b"\n") + 1
            text, self._carried = text[:cut], text[cut:] + self._carried
        if self._squeeze:
            text = re.sub(rb"[ \t]+", b"\t", re.sub(rb"(?m)^[ \t]+|[ \t]+(?=\r?$)", b"", text))
        if not self._padding:
            return text
        *lines, end = text.split(b"\n")
        # What no line end follows may have been cut off within its money.
        return b"\n".join([*map(self._padded, lines), end])

    def _padded(self, line: bytes) -> bytes:
        """The line with all its fields; as it is where it is empty, or holds a piece of a quoted text."""
        quotes = line.count(b'"')
        if quotes % 2:
            self._is_quoted = not self._is_quoted
        bare = line.rstrip(b"\r")
        if quotes % 2 or self._is_quoted or not bare or not self._padding:
            return line
        delimiter = self._padding.delimiter
        if quotes:
            fields = len(next(csv.reader([bare.decode(errors="replace")], delimiter=delimiter)))
        else:
            fields = bare.count(delimiter.encode()) + 1
        missing = self._padding.fields - fields if fields >= self._padding.least else 0
        return bare + delimiter.encode() * missing + line[len(bare) :] if missing > 0 else line

    def _decoded(self, block: bytes, last: bool) -> bytes:
        # To decode costs more than to look, and most of most files is plain ASCII.
        if self._is_utf8 or (not self._is_wide and not self._decoder.getstate()[0] and block.isascii()):
            return block
        return self._decoder.decode(block, final=last).encode()
