"""What ORDERS names: one file, a folder or a pattern of files; their bytes, digest and number of lines."""

from __future__ import annotations

import glob
import gzip
import hashlib
import os
import shlex
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from python_calamine import load_workbook

from pipeline.orders.errors import NoSuchOrders, OrdersError, plain
from pipeline.orders.names import known

KINDS = {
    ".csv": "text",
    ".tsv": "text",
    ".txt": "text",
    ".jsonl": "json",
    ".ndjson": "json",
    ".parquet": "parquet",
    ".xlsx": "excel",
}
COMPRESSED = (".gz", ".zip")
NAMED = ".csv, .tsv, .txt, .jsonl, .parquet or .xlsx; text also .gz or .zip"
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Part:
    """One file of orders. `kind` is text, json, parquet or excel; `member` names the file
    within a zip archive, or the sheet of a workbook that has several alike."""

    path: Path
    kind: str
    member: str = ""
    folder: Path | None = None  # that its name begins below, where other files have the same name

    @property
    def name(self) -> str:
        name = str(self.path.relative_to(self.folder)) if self.folder else self.path.name
        return f"{name}/{self.member}" if self.member else name

    @property
    def is_gzip(self) -> bool:
        return self.path.suffix.lower() == ".gz"

    @property
    def is_packed(self) -> bool:
        return self.path.suffix.lower() in COMPRESSED

    @property
    def has_lines(self) -> bool:
        """Whether it is text, whose lines can be counted by other means than the reader's."""
        return self.kind in ("text", "json")

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Its bytes, unpacked. Raises OrdersError where the file is damaged."""
        try:
            if self.member:
                with zipfile.ZipFile(self.path) as archive, archive.open(self.member) as file:
                    yield file  # type: ignore[misc]
            elif self.is_gzip:
                with gzip.open(self.path, "rb") as file:
                    yield file  # type: ignore[misc]
            else:
                with self.path.open("rb") as file:
                    yield file
        except (gzip.BadGzipFile, zipfile.BadZipFile, EOFError, zlib.error) as error:
            kind, test = ("zip", "unzip -t") if self.member else ("gzip", "gzip -t")
            raise OrdersError(
                f"{self.path} is damaged or no {kind} file: {error}. Get it anew: {test} {self.path} tests it."
            ) from None


@dataclass(frozen=True)
class Source:
    """What ORDERS names, as its files in the order of their names; `called` is what they are a copy of, if they are."""

    given: str
    parts: tuple[Part, ...]
    called: str = ""

    @property
    def name(self) -> str:
        """What a person calls it: the file's name, or the folder's or pattern's."""
        if self.called:
            return self.called
        return self.parts[0].path.name if len(self.files) == 1 else os.path.basename(self.given.rstrip("/"))

    @property
    def files(self) -> list[Path]:
        return list(dict.fromkeys(part.path for part in self.parts))


def find(given: str, called: str = "") -> Source:
    """The files that `given` names. Raises NoSuchOrders where there are none that can be read."""
    path = Path(os.path.abspath(given))
    if path.is_dir():
        files = [each for each in sorted(path.iterdir()) if each.is_file() and is_file_of_orders(each)]
        if not files:
            raise NoSuchOrders(f"{path} is a folder without a file of orders in it. {_below(path)}")
    elif path.exists():
        files = [path]
    else:
        files = [Path(each) for each in sorted(glob.glob(str(path), recursive=True)) if os.path.isfile(each)]
        if not files:
            raise NoSuchOrders(f"There is no file {path}. Name the file of order lines with ORDERS=orders.csv.")
    parts = [part for file in files for part in _parts(file)]
    if len({part.name for part in parts}) < len(parts):
        folder = Path(os.path.commonpath([file.parent for file in files]))
        parts = [replace(part, folder=folder) for part in parts]
    return Source(str(path), tuple(parts), called)


def _below(folder: Path) -> str:
    """Where they may be instead: in folders within it, or under names of another kind."""
    within = next((each for each in sorted(folder.rglob("*")) if each.is_file() and is_file_of_orders(each)), None)
    if within is None:
        return f"Such a file ends in {NAMED}."
    pattern = shlex.quote(str(folder / "**" / f"*{within.suffix}"))
    return f"There are some in folders within it; name them with a pattern: ORDERS={pattern}"


def is_file_of_orders(path: Path) -> bool:
    """Whether a folder's file of this name is one of those that are read."""
    return _kind(path) is not None and _is_data(path)


def _is_data(path: Path) -> bool:
    return path.name[0] not in "._~" and not path.name.lower().startswith("readme")


def _kind(path: Path) -> str | None:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if not suffixes:
        return None
    if suffixes[-1] == ".zip":
        return "zip"
    if suffixes[-1] == ".gz":
        kind = KINDS.get(suffixes[-2]) if len(suffixes) > 1 else None
        return kind if kind in ("text", "json") else None
    return KINDS.get(suffixes[-1])


def _parts(path: Path) -> list[Part]:
    kind = _kind(path)
    if kind is None:
        from pipeline.orders.other_kinds import advice

        raise NoSuchOrders(
            f"{path} cannot be told by its name to be a file of orders: it has to end in {NAMED}. {advice(path)}"
        )
    if not os.access(path, os.R_OK):
        raise NoSuchOrders(f"{path} cannot be read: permission denied. See who may: ls -l {path}")
    if path.stat().st_size == 0:
        raise OrdersError(f"{path} is empty: it has no line that names the columns.")
    if kind == "excel":
        return [Part(path, kind, sheet) for sheet in _sheets(path)]
    if kind != "zip":
        return [Part(path, kind)]
    try:
        with zipfile.ZipFile(path) as archive:
            members = [
                Part(path, inner, name)
                for name in sorted(archive.namelist())
                if not name.endswith("/") and not name.startswith("__MACOSX/") and _is_data(Path(name))
                if (inner := _kind(Path(name))) in ("text", "json") and not name.lower().endswith(".gz")
            ]
    except zipfile.BadZipFile as error:
        raise OrdersError(
            f"{path} is damaged or no zip file: {error}. Get it anew: unzip -t {path} tests it."
        ) from None
    if not members:
        raise OrdersError(f"{path} holds no text file of orders. Unpack it and name the file: unzip {path}")
    return members


def _sheets(path: Path) -> list[str]:
    """The sheets whose columns have the same names, as files of a folder have; else "" for the one with the orders."""
    try:
        workbook = load_workbook(str(path))
        headers: dict[tuple[str, ...], list[str]] = {}
        for title in workbook.sheet_names:
            rows = workbook.get_sheet_by_name(title).iter_rows()
            header = max((tuple(map(str, row)) for _, row in zip(range(10), rows, strict=False)), key=known, default=())
            if known(header) >= 3:
                headers.setdefault(header, []).append(title)
    except Exception:  # whatever calamine raises of a damaged file is said where the file is read
        return [""]
    titles = next(iter(headers.values()), [])
    return titles if len(headers) == 1 and len(titles) > 1 else [""]


@dataclass(frozen=True)
class Fingerprint:
    """What the files were when they were counted: their digest, and the lines of each part that has lines."""

    sha256: str
    lines: tuple[int, ...]
    stats: tuple[tuple[int, int, int], ...]


def fingerprint(source: Source) -> Fingerprint:
    """Reads every byte once. Raises OrdersError where a file is damaged: DuckDB compares no checksum."""
    stats = _stats(source)
    whole = hashlib.sha256()
    lines: dict[Part, int] = dict.fromkeys(source.parts, 0)
    for path in source.files:
        digest = hashlib.sha256()
        plain_part = next((p for p in source.parts if p.path == path and p.has_lines and not p.is_packed), None)
        with path.open("rb") as file:
            count = _Lines()
            while block := file.read(_BLOCK):
                digest.update(block)
                if plain_part:
                    count.add(block)
        if plain_part:
            lines[plain_part] = count.total
        whole = digest if len(source.files) == 1 else _with(whole, path.name, digest)
    for part in source.parts:
        if part.has_lines and part.is_packed:
            count = _Lines()
            with part.open() as file:
                while block := file.read(_BLOCK):
                    count.add(block)
            lines[part] = count.total
    return Fingerprint(whole.hexdigest(), tuple(lines.values()), stats)


def stop_where_changed(source: Source, before: Fingerprint) -> None:
    """Raises OrdersError where a file is not what it was: what was read may be of neither state."""
    for path, old, new in zip(source.files, before.stats, _stats(source), strict=True):
        if old != new:
            raise OrdersError(
                f"{path} changed while it was read. Build again when whatever writes it has ended: a file that is "
                "written under another name and then renamed is never seen half."
            )


def _stats(source: Source) -> tuple[tuple[int, int, int], ...]:
    found = []
    for path in source.files:
        try:
            stat = path.stat()
        except FileNotFoundError:
            raise OrdersError(f"{path} is no longer there. Build again when whatever writes it has ended.") from None
        found.append((stat.st_ino, stat.st_size, stat.st_mtime_ns))
    return tuple(found)


def _with(whole: hashlib._Hash, name: str, digest: hashlib._Hash) -> hashlib._Hash:
    whole.update(f"{digest.hexdigest()}  {plain(name)}\n".encode())
    return whole


class _Lines:
    """Counts lines of text, whichever of LF, CR LF and CR ends them."""

    def __init__(self) -> None:
        self._lf = self._cr = 0
        self._last = b""
        self._is_wide = False

    def add(self, block: bytes) -> None:
        self._is_wide |= not self._last and b"\x00" in block[:4096]
        self._lf += block.count(b"\n")
        self._cr += block.count(b"\r") if self._lf < 2 else 0
        self._last = block[-1:]

    @property
    def total(self) -> int:
        """0 for UTF-16, where a byte that looks like a line end may be half of a letter."""
        if self._is_wide:
            return 0
        ends = self._lf if self._lf > 1 or self._cr <= self._lf else self._cr + self._lf
        return ends + (self._last not in (b"\n", b"\r", b""))
