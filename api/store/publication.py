"""The snapshot that is served now, and the thread that switches to the next one as soon as it is published."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path

from flask import current_app, request

from api.store.snapshot import Identity, Snapshot, SnapshotError

POLL_SECONDS = 0.1
RETRY_SECONDS = 2.0  # a file that failed to open is tried again, even unchanged: the reason may have been this machine

log = logging.getLogger("api")


def snapshot() -> Snapshot:
    """What the current request answers from; taken once, so that no answer mixes two builds."""
    taken = current_app.extensions["publication"].snapshot
    request.environ["api.tag"] = taken.tag  # not the snapshot: who holds the request would hold the file open
    return taken


class NotPublished(Exception):
    """There is no snapshot to answer from."""


class Publication:
    """Follows `warehouse/clv.duckdb`. A request takes `snapshot` once; the next one loads while it answers."""

    def __init__(self, warehouse: str | Path) -> None:
        self.path = Path(warehouse) / "clv.duckdb"
        self.problem: str | None = None
        self.loaded_at = 0.0
        self.switches = 0
        self._snapshot: Snapshot | None = None
        self._tried: Identity | None = None
        self._tried_at = 0.0
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self.refresh()
        self._thread = threading.Thread(target=self._watch, name="publication", daemon=True)
        self._thread.start()

    @property
    def snapshot(self) -> Snapshot:
        snapshot = self._snapshot
        if snapshot is None:
            raise NotPublished(self.problem or "Nothing is published yet.")
        return snapshot

    def refresh(self) -> None:
        """Switch if the path leads to another file than the one served; in any trouble keep that one and say why."""
        with self._lock:
            try:
                self._refresh()
            except Exception as error:  # whatever is wrong with one file, the next publish must still be seen
                log.exception("refresh failed")
                self._trouble(f"{self.path.name} cannot be loaded: {error}")

    def _refresh(self) -> None:
        try:
            identity = Identity.of(self.path)
        except FileNotFoundError:
            self._trouble(
                f"Nothing is published: {self.path.name} is not there; `make build` with the same WAREHOUSE does it."
            )
            return
        except OSError as error:
            self._trouble(f"{self.path.name} cannot be reached: {error.strerror}.")
            return
        if self._snapshot is not None and identity == self._snapshot.identity:
            self.problem, self._tried = None, None
            return
        if identity == self._tried and time.monotonic() - self._tried_at < RETRY_SECONDS:
            return
        self._tried, self._tried_at = identity, time.monotonic()
        try:
            snapshot = Snapshot(self.path)
        except SnapshotError as error:
            self._trouble(str(error))
            return
        self._snapshot, self.loaded_at, self.problem = snapshot, time.time(), None
        self.switches += 1
        log.info("serving build %s with %d customers", snapshot.build["build_id"], len(snapshot.columns))

    def _trouble(self, problem: str) -> None:
        """Keeps what is wrong for whoever asks; where it is wrong is for the log."""
        if problem != self.problem:
            log.warning("%s: %s", self.path.parent, problem)
        self.problem = problem

    def _watch(self) -> None:
        while not self._stop.wait(POLL_SECONDS):
            self.refresh()

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        self._snapshot = None
