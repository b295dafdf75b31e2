"""A file that is received: written to the disk as it comes in, told by its first bytes, never by what it is called."""

from __future__ import annotations

import errno
import gzip
import os
import shutil
import sqlite3
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

RESERVE = 1 << 30  # bytes of the disk that an upload leaves to the builds
LOOK_EVERY = 1 << 26  # bytes, between two looks at the room on the disk


class UploadError(Exception):
    """The upload cannot be taken; its text is for people."""


class TooLarge(UploadError):
    """It has more bytes than may be uploaded."""


class NoRoom(UploadError):
    """The disk has no room for it."""


class Incoming:
    """An upload on its way into a folder of its own, which has at most `limit` bytes."""

    def __init__(self, folder: Path, limit: int):
        self.folder = folder
        self.orders = folder / "orders"
        self._limit = limit
        self._size = 0
        self._looked_at = 0
        self._file = self.orders.open("xb")

    def write(self, piece: bytes) -> None:
        """Raises UploadError where it becomes too much, for the limit or for the disk."""
        self._size += len(piece)
        if self._size > self._limit:
            raise TooLarge
        if self._size - self._looked_at > LOOK_EVERY:
            self._looked_at = self._size
            stop_where_full(self.folder, 0)
        self._file.write(piece)

    def finish(self) -> None:
        """Has the whole file on the disk, under the name that the reader of orders knows its kind by."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        if not self._size:
            raise UploadError("There are no orders in it. Send the file as the body, or as the form's part `orders`.")
        named = self.orders.with_suffix(_suffix(self.orders))
        self.orders.rename(named)
        self.orders = named

    def discard(self) -> None:
        with suppress(OSError):
            self._file.close()
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def no_room_where_full() -> Iterator[None]:
    """Raises NoRoom where the disk, a quota or what this process may write is full, whoever finds it."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        raise NoRoom(f"The file cannot be kept: {error.strerror}. Make room and send it again.") from None
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
            raise
        raise NoRoom(f"The build cannot be queued: {error}. Make room and send the file again.") from None


def stop_where_full(folder: Path, size: int) -> None:
    """NoRoom where `size` more bytes would leave less than RESERVE on the disk."""
    disk = os.statvfs(folder)
    if disk.f_bavail * disk.f_frsize < size + RESERVE:
        raise NoRoom(f"The disk has no room for {size:,} bytes and a build of them. Make room there and send it again.")


def _suffix(file: Path) -> str:
    """What the reader of orders tells a file's kind by. UploadError for what is no file of orders in any case."""
    with file.open("rb") as content:
        head = content.read(512)
        if head.startswith(b"PK\3\4"):
            return _suffix_of_archive(file)
        if head.startswith(b"\x1f\x8b"):
            content.seek(0)
            return f"{_suffix_of_text(_unpacked(content))}.gz"
    return ".parquet" if head.startswith(b"PAR1") else _suffix_of_text(head)


def _suffix_of_text(head: bytes) -> str:
    if head.startswith((b"PK\3\4", b"\x1f\x8b", b"PAR1")):
        raise UploadError("The file is packed twice. Unpack it once and send what is in it.")
    return ".jsonl" if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{") else ".csv"


def _unpacked(content: BinaryIO) -> bytes:
    try:
        with gzip.open(content) as packed:
            return packed.read(512)
    except (OSError, EOFError, zlib.error):
        raise UploadError("The file is a damaged gzip. Pack it anew: gzip -t FILE tests one.") from None


def _suffix_of_archive(file: Path) -> str:
    try:
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError):
        raise UploadError("The file is a damaged zip. Pack it anew: unzip -t FILE tests one.") from None
    if "xl/workbook.xml" in names:
        return ".xlsx"
    if any(name.lower().endswith((".zip", ".gz", ".xlsx", ".7z", ".rar")) for name in names):
        raise UploadError("The archive holds other archives. Unpack them and send the files of orders in one zip.")
    return ".zip"
