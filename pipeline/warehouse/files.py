"""Files as a whole: copied, made durable, removed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def copy(source: Path, target: Path) -> None:
    """Copies within the kernel, which shares the blocks where the file system can."""
    if not hasattr(os, "copy_file_range"):
        shutil.copyfile(source, target)
        return
    with source.open("rb") as readable, target.open("wb") as writable:
        left = os.fstat(readable.fileno()).st_size
        while left and (copied := os.copy_file_range(readable.fileno(), writable.fileno(), left)):
            left -= copied


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
