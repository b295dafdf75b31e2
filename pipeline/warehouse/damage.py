"""Which published file is damaged, so that a build replaces it, and which cannot be read just now, so that it stops."""

from __future__ import annotations

import os
from pathlib import Path

import duckdb

from pipeline.engines.duckdb_messages import cannot_be_opened, disk_is_full, file_is_locked, file_is_of_a_newer_duckdb
from pipeline.errors import ClvError


def stop_unless_damaged(published: Path, error: duckdb.Error) -> None:
    """Raises what stops the build where the file itself may be sound."""
    text = str(error)
    if disk_is_full(text) or isinstance(error, duckdb.OutOfMemoryException):
        raise error
    if file_is_of_a_newer_duckdb(text):
        raise ClvError(
            f"{published} was written by a newer DuckDB, whose history this one cannot read. "
            "Use the version of this project that built it, or choose another folder with WAREHOUSE=."
        ) from None
    if file_is_locked(text):
        raise ClvError(
            f"{published} is open for writing in another program, so its history cannot be read. "
            "Close it there, and open it read-only from now on."
        ) from None
    if not os.access(published, os.R_OK):
        raise ClvError(
            f"{published} cannot be read: permission denied. See who may: ls -l {published.resolve()}"
        ) from None
    if cannot_be_opened(text):
        raise _not_just_now(published, text.splitlines()[0]) from None


def why_missing(file: Path) -> str | None:
    """Raises ClvError where it may be there, but that cannot be seen."""
    try:
        file.stat()
    except (FileNotFoundError, NotADirectoryError):
        return f"{file} is gone"
    except OSError as error:
        raise _not_just_now(file, error.strerror or str(error)) from None
    return None


def why_damaged(files: list[Path], error: duckdb.Error) -> str:
    """For Parquet files that are there. Raises what stops the build where they themselves may be sound."""
    text = str(error).splitlines()[0]
    if disk_is_full(text) or isinstance(error, duckdb.OutOfMemoryException):
        raise error
    if isinstance(error, duckdb.IOException):
        raise _not_just_now(files[0].parent, text) from None
    # What DuckDB says of a file's format may name no file.
    return text if any(str(file) in text for file in files) else f"{files[0].parent}: {text}"


def _not_just_now(path: Path, why: str) -> ClvError:
    return ClvError(
        f"{path} cannot be read ({why}), so its history cannot go on. See what it is: ls -l {path}. "
        "What is past mending can be removed: the next build goes on without it, and says so."
    )
