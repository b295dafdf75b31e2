"""Looks at what is held, beside whatever is being built: nobody who wants to see how orders are read waits for that."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path

from pipeline.jobs.children import Children, end
from pipeline.jobs.jobs import Jobs
from pipeline.jobs.ledger import Build
from pipeline.settings import Settings

LOOK_SECONDS = 0.2  # between two looks at what is held, and at what is being looked at
MOST_SECONDS = 120  # that one file may take


class Inspector(threading.Thread):
    """One file at a time, until it is stopped."""

    def __init__(self, settings: Settings, jobs: Jobs):
        super().__init__(name="inspector", daemon=True)
        self._children = Children(settings)
        self._jobs = jobs
        self._stopping = threading.Event()
        self._done: set[Path] = set()

    def run(self) -> None:
        while not self._stopping.wait(LOOK_SECONDS):
            with suppress(sqlite3.Error, OSError):  # of the ledger or the disk: told where builds are asked for
                for build in self._jobs.ledger.held():
                    self._look_at(build)

    def stop(self) -> None:
        """Returns when nothing is looked at any more; what was in its middle is looked at again by the next worker."""
        self._stopping.set()
        self.join()

    def _look_at(self, build: Build) -> None:
        file = self._jobs.reading_file(build)
        if file in self._done or not self._is_wanted(build):
            return
        if not self._jobs.reading(build):
            file.unlink(missing_ok=True)  # of an attempt before, or a link that somebody planted
            process = self._children.start("inspect", build, file, subprocess.DEVNULL)
            latest = time.monotonic() + MOST_SECONDS
            while self._is_wanted(build) and time.monotonic() < latest:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(LOOK_SECONDS)
                    break
            else:
                end(process)
            if not self._is_wanted(build):
                return
            if not self._jobs.reading(build):
                why = "to look at it failed" if process.returncode >= 0 else f"it took over {MOST_SECONDS} seconds"
                text = f"how it is read is not known: {why}. A build shows whether it can be read"
                file.write_text(json.dumps({"event": "inspected", "formats": [text]}) + "\n", encoding="utf-8")
        self._done.add(file)

    def _is_wanted(self, build: Build) -> bool:
        """Whether it is held as it was: not built meanwhile, nor cancelled, nor given another mapping."""
        return not self._stopping.is_set() and self._jobs.ledger.get(build.id) == build
