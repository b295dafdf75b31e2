"""Files as a whole: copied, made durable, removed."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path


def copy(source: Path, target: Path) -> None:
    """Copies into a new file, within the kernel, which shares the blocks where the file system can.

    Raises FileExistsError where something is there, and OSError where less arrived than the source holds.
    """
    with source.open("rb") as readable, target.open("xb") as writable:
        left = size = os.fstat(readable.fileno()).st_size
        if hasattr(os, "copy_file_range"):
            while left and (copied := os.copy_file_range(readable.fileno(), writable.fileno(), left)):
                left -= copied
        else:
            shutil.copyfileobj(readable, writable)
            writable.flush()
        if os.fstat(writable.fileno()).st_size != size:
            raise OSError(errno.EIO, "Only a part of it could be copied", str(source))


def make_durable(path: Path) -> None:
    """Has what was written to a file, or renamed in a folder, on the disk when it returns."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove(path: Path) -> None:
    """Removes a file, a link or a folder with all that is in it, where there is one."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
