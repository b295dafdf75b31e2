"""One build or training at a time: a lock that the system takes back when its holder dies, however it dies."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from pipeline.errors import ClvError


@contextmanager
def build_lock(path: Path, what: str = "build") -> Iterator[None]:
    """Holds the lock file `path` for `what`; raises ClvError, naming the holder, where another process does."""
    lock = _lock(path, what)
    try:
        os.ftruncate(lock, 0)
        os.write(lock, f"{os.getpid()}, since {datetime.now():%Y-%m-%d %H:%M:%S}\n".encode())
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(lock)


def is_held(path: Path) -> bool:
    """Whether a process holds the lock file now."""
    try:
        lock = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return False
    except BlockingIOError:
        return True
    finally:
        os.close(lock)


def _lock(path: Path, what: str) -> int:
    while True:
        try:
            lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o640)
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise ClvError(f"{path} is a link, which a build does not follow. Remove the link.") from None
            raise
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise ClvError(
                f"Another {what} of {path.parent} is running (pid {_holder(path)}). "
                "Wait for it to end, or stop it with kill."
            ) from None
        # The holder before may have removed the file between our open and our lock: then this lock guards nothing.
        try:
            if os.stat(path).st_ino == os.fstat(lock).st_ino:
                return lock
        except FileNotFoundError:
            pass
        os.close(lock)


def _holder(path: Path) -> str:
    for _ in range(20):  # it writes its pid right after it has the lock
        try:
            if text := path.read_text().strip():
                return text
        except FileNotFoundError:
            break
        time.sleep(0.01)
    return "unknown"
