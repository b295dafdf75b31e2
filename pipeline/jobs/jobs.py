"""What the API may do with builds: queue one for what it received, tell how each is, cancel one."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from huey import Huey

from pipeline.jobs import uploads
from pipeline.jobs.ledger import Build, Ledger, QueueFull, new_id
from pipeline.jobs.progress import Progress
from pipeline.jobs.queue import open_queue, wakes
from pipeline.jobs.uploads import Incoming
from pipeline.warehouse import JOBS, make_durable
from pipeline.warehouse.build_lock import is_held

KEPT = 1000  # builds that are remembered
ABANDONED = timedelta(days=1)  # after which what was not received to its end is removed


class Jobs:
    """The builds of one warehouse.

    .clv-jobs/ledger.sqlite                  every build and its state
    .clv-jobs/queue.sqlite                   what wakes the worker, where that is not Redis
    .clv-jobs/worker.lock                    held by the worker
    .clv-jobs/<build>/{orders.*, mapping.yml, events.jsonl, output.txt}
    .clv-jobs/incoming-*/                    what is being received
    """

    def __init__(self, warehouse: Path, queue: str = ""):
        """`queue`: the address of a Redis; "" for a file."""
        self.folder = warehouse.absolute() / JOBS
        self.ledger = Ledger(self.folder / "ledger.sqlite")
        self.lock_file = self.folder / "worker.lock"
        self._queue = queue

    def create(self) -> None:
        """Makes the folder where it is missing; OSError where it cannot be."""
        self.folder.mkdir(mode=0o750, parents=True, exist_ok=True)

    @contextmanager
    def receiving(self, size: int, limit: int) -> Iterator[Incoming]:
        """Takes an upload of about `size` bytes. Raises UploadError, QueueFull. Unless it is added, nothing is left."""
        if size > limit:
            raise uploads.TooLarge
        if self.ledger.is_full():
            raise QueueFull
        with uploads.no_room_where_full():
            self.create()
            uploads.stop_where_full(self.folder, size)
            incoming = Incoming(Path(tempfile.mkdtemp(prefix="incoming-", dir=self.folder)), limit)
            try:
                yield incoming
            finally:
                incoming.discard()

    def add(self, incoming: Incoming, name: str, variables: Mapping[str, str], mapping: str | None = None) -> Build:
        """Queues a build of an upload that is whole, and wakes the worker. Raises QueueFull."""
        build_id = new_id()
        folder = self.folder / build_id
        # It is a file, whatever the worker reads for itself.
        given = {"ORDERS": str(folder / incoming.orders.name), "TABLE": "", "QUERY": "", **variables}
        if mapping:
            (incoming.folder / "mapping.yml").write_text(mapping, encoding="utf-8")
            given["MAPPING"] = str(folder / "mapping.yml")
        incoming.folder.rename(folder)
        make_durable(folder)
        make_durable(self.folder)
        try:
            build = self.ledger.add(build_id, "upload", name, given)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        self.wake()
        return build

    def wake(self) -> None:
        """Where the queue cannot be reached, the worker looks by itself within a minute."""
        with suppress(Exception):
            wakes(self.open_queue())()

    def open_queue(self) -> Huey:
        return open_queue(self._queue, self.folder / "queue.sqlite")

    def events_file(self, build: Build) -> Path:
        return self.folder / build.id / "events.jsonl"

    def output_file(self, build: Build) -> Path:
        return self.folder / build.id / "output.txt"

    def progress(self, build: Build) -> Progress:
        return Progress() if build.state == "queued" else Progress.read(self.events_file(build))

    def waits_for(self, build: Build) -> str:
        """Why a build that is queued has not begun."""
        if not self.has_worker():
            return f"No worker runs on this warehouse. Start one: make work WAREHOUSE={self.folder.parent}"
        before = self.ledger.before(build)
        return f"{before} build{'s are' if before != 1 else ' is'} before it." if before else "It is about to begin."

    def has_worker(self) -> bool:
        return is_held(self.lock_file)

    def clean(self, keep: timedelta) -> None:
        """Removes the uploads of builds that ended before `keep`, what was never received whole, and old builds."""
        self.ledger.remove_all_but(KEPT)
        known = self.ledger.ids()
        for path in self.folder.iterdir():
            if path.is_symlink() or not path.is_dir():
                continue
            age = datetime.now(UTC) - datetime.fromtimestamp(path.stat().st_mtime, UTC)
            if path.name not in known:
                if age > ABANDONED:  # it may be about to be queued
                    shutil.rmtree(path, ignore_errors=True)
                continue
            build = self.ledger.get(path.name)
            if build.ended_at and datetime.now(UTC) - datetime.fromisoformat(build.ended_at) > keep:
                for upload in (*path.glob("orders*"), path / "mapping.yml"):
                    upload.unlink(missing_ok=True)
