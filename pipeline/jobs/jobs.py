"""What the API may do with builds: queue one for what it received, tell how each is, cancel one."""

from __future__ import annotations

import secrets
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
from pipeline.jobs.reading import Reading
from pipeline.jobs.uploads import Incoming
from pipeline.warehouse.build_lock import is_held
from pipeline.warehouse.files import make_durable
from pipeline.warehouse.folder import JOBS

KEPT = 1000  # builds that are remembered
ABANDONED = timedelta(days=1)  # after which what was not received to its end, or nobody wants built, is removed


class Jobs:
    """The builds of one warehouse.

    .clv-jobs/ledger.sqlite                  every build and its state
    .clv-jobs/queue.sqlite                   what wakes the worker, where that is not Redis
    .clv-jobs/worker.lock                    held by the worker
    .clv-jobs/<build>/{orders.*, mapping-*.yml, reading-*.jsonl, events.jsonl, output.txt}
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

    def add(
        self,
        incoming: Incoming,
        name: str,
        variables: Mapping[str, str],
        mapping: str | None = None,
        hold: bool = False,
    ) -> Build:
        """Queues a build of an upload that is whole, and wakes the worker; or holds it, to have it looked at only.

        Raises QueueFull.
        """
        build_id = new_id()
        folder = self.folder / build_id
        # It is a file, whatever the worker reads for itself.
        given = {"ORDERS": str(folder / incoming.orders.name), "TABLE": "", "QUERY": "", **variables}
        if mapping:
            given["MAPPING"] = str(folder / _write_mapping(incoming.folder, mapping))
        incoming.folder.rename(folder)
        make_durable(folder)
        make_durable(self.folder)
        try:
            build = self.ledger.add(build_id, "upload", name, given, "held" if hold else "queued")
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        if not hold:  # who looks at what is held looks often
            self.wake()
        return build

    def release(self, build: Build) -> bool:
        """Queues a build that is held, and wakes the worker. Whether it was held."""
        if released := self.ledger.release(build.id):
            self.wake()
        return released

    def map(self, build: Build, mapping: str) -> bool:
        """Has what is held looked at again, read by this mapping. Whether it was held. Raises NoRoom."""
        if build.state != "held":
            return False
        with uploads.no_room_where_full():
            file = self.folder / build.id / _write_mapping(self.folder / build.id, mapping)
            return self.ledger.change(build.id, {**build.variables, "MAPPING": str(file)})

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

    def reading_file(self, build: Build) -> Path:
        """Where it is said how the orders are read; another one for another mapping."""
        name = Path(build.variables.get("MAPPING", "mapping-none")).stem.replace("mapping", "reading", 1)
        return self.folder / build.id / f"{name}.jsonl"

    def reading(self, build: Build) -> Reading | None:
        """How an upload is read, where somebody wanted to see that before it is built; None before it is known."""
        return Reading.read(self.reading_file(build))

    def progress(self, build: Build) -> Progress:
        return Progress() if build.state in ("held", "queued") else Progress.read(self.events_file(build))

    def waits_for(self, build: Build) -> str | None:
        """What a build that is held or queued waits for; None for the word of a person."""
        if build.state == "held" and self.reading(build):
            return None
        if not self.has_worker():
            return "No worker runs on this warehouse. `make work`, with the same WAREHOUSE, starts one."
        if build.state == "held":
            return "It is being looked at."
        before = self.ledger.before(build)
        return f"{before} build{'s are' if before != 1 else ' is'} before it." if before else "It is about to begin."

    def has_worker(self) -> bool:
        return is_held(self.lock_file)

    def clean(self, keep: timedelta) -> None:
        """Removes the uploads of builds that ended before `keep`, what was never received whole, and old builds.

        What is held and nobody wants built is cancelled.
        """
        for build in self.ledger.held():
            if datetime.now(UTC) - datetime.fromisoformat(build.queued_at) > ABANDONED:
                self.ledger.cancel(build.id)
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
                for upload in (*path.glob("orders*"), *path.glob("mapping-*"), *path.glob("reading-*")):
                    upload.unlink(missing_ok=True)


def _write_mapping(folder: Path, mapping: str) -> str:
    """Returns the file's name, a new one: what was read by another mapping is then of another file."""
    name = f"mapping-{secrets.token_hex(3)}.yml"
    (folder / name).write_text(mapping, encoding="utf-8")
    return name
