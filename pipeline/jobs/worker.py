"""`make work`: builds what waits, one after another, each in a process of its own that ends with this one."""

from __future__ import annotations

import shlex
import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta

from pipeline.errors import ClvError
from pipeline.events.failures import plain_errors
from pipeline.events.terminal import printable
from pipeline.jobs import children
from pipeline.jobs.children import Children
from pipeline.jobs.inspector import Inspector
from pipeline.jobs.jobs import Jobs
from pipeline.jobs.ledger import Build
from pipeline.jobs.notify import notify
from pipeline.jobs.queue import wakes
from pipeline.jobs.schedule import Schedule
from pipeline.settings import Settings, command_line, short
from pipeline.warehouse.build_lock import build_lock, is_held
from pipeline.warehouse.folder import Warehouse

MOST_ATTEMPTS = 2  # of a build that the worker's own end has interrupted
LOOK_SECONDS = 0.2  # between two looks at a build that runs
MESSAGE_BYTES = 10_000


def work(settings: Settings, schedule: Schedule | None) -> None:
    """Works until SIGTERM, SIGINT or SIGHUP. Raises ClvError where another worker works on the same warehouse."""
    warehouse = Warehouse(settings.warehouse)
    jobs = Jobs(settings.warehouse, settings.queue)
    with plain_errors("work", settings):
        warehouse.create()
        jobs.create()
        with build_lock(jobs.lock_file, "worker"):
            worker = _Worker(settings, warehouse, jobs)
            inspector = Inspector(settings, jobs)
            queue = jobs.open_queue()
            wake = wakes(queue, worker.build_all)
            consumer = queue.create_consumer(workers=1, max_delay=1.0)
            ended = False

            def end(*_: object) -> None:
                nonlocal ended
                ended = True

            print(f"Builds what is uploaded to {settings.warehouse}, one after another. Ctrl-C stops.", flush=True)
            consumer.start()
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                signal.signal(number, end)
            inspector.start()
            with suppress(Exception):  # where the queue is not there, it is asked again each minute
                wake()
            while not ended and not worker.damage:
                if schedule and worker.queue_due(schedule):
                    with suppress(Exception):
                        wake()
                time.sleep(LOOK_SECONDS)
            consumer.stop()
            worker.stop()
            inspector.stop()
            if worker.damage:
                raise ClvError(
                    f"{jobs.ledger.file} cannot be used: {worker.damage}. What waited in it is not known any more. Put "
                    f"it aside, start the worker again and upload again: mv {shlex.quote(str(jobs.ledger.file))} "
                    f"{shlex.quote(str(jobs.folder / 'damaged.sqlite'))}"
                )


class _Worker:
    def __init__(self, settings: Settings, warehouse: Warehouse, jobs: Jobs):
        self._settings = settings
        self._warehouse = warehouse
        self._jobs = jobs
        self._children = Children(settings)
        self._ledger = jobs.ledger
        self._stopping = threading.Event()
        self._working = threading.Lock()
        self._telling: set[str] = set()
        self._due: datetime | None = None
        self.damage: sqlite3.DatabaseError | None = None  # of the ledger, which nothing can be built without

    def stop(self) -> None:
        """Has the build that runs wait again, and returns when its process has ended."""
        self._stopping.set()
        with self._working:
            pass

    def queue_due(self, schedule: Schedule) -> bool:
        """Queues a build where one is due; one for all that were due while nobody was there. Whether it did."""
        due = schedule.last_due(datetime.now(UTC))
        if due == self._due:
            return False
        added = False
        with self._noting_damage():
            added = self._ledger.add_due(due, short(self._settings.orders))
        self._due = due
        return added

    def build_all(self) -> None:
        """Builds everything that waits, until the ledger turns out to be damaged."""
        with self._noting_damage():
            self._build_all()

    @contextmanager
    def _noting_damage(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError:  # locked, or on a disk that is full: asked again each minute
            raise
        except sqlite3.DatabaseError as error:
            self.damage = error

    def _build_all(self) -> None:
        """What a worker that was killed has left in its middle comes first."""
        with self._working:
            self._tell()
            self._jobs.clean(timedelta(days=self._settings.keep_uploads))
            for left in self._ledger.running():
                if not self._wait_for_others():
                    return
                self._settle(left)
                self._tell()
            while self._wait_for_others() and (build := self._ledger.claim()):
                print(f"{build.id}  {printable(build.name)}: begun", flush=True)
                self._build(build)
                print(f"{build.id}  {printable(build.name)}: {self._ledger.get(build.id).state}", flush=True)
                self._tell()

    def _tell(self) -> None:
        """Has word sent to whom it concerns, also of what a worker before has not come to tell."""
        for build in self._ledger.untold():
            if build.id not in self._telling:
                self._telling.add(build.id)
                self._tell_of(build)

    def _tell_of(self, build: Build) -> None:
        warnings = self._jobs.progress(build).warnings if build.state == "published" else []
        failed = build.state == "failed" or (build.state == "published" and build.message)
        target = self._settings.on_failure if failed else self._settings.on_warning if warnings else ""
        if target:
            word = {name: getattr(build, name) for name in ("id", "state", "source", "name", "message", "ended_at")}
            word |= {"warnings": warnings, "warehouse": str(self._settings.warehouse)}
            notify(target, word, lambda: self._ledger.tell(build))
        else:
            self._ledger.tell(build)

    def _wait_for_others(self) -> bool:
        """Until no other build, of a person perhaps, runs in the warehouse. Whether the worker goes on."""
        while not self._stopping.is_set():
            if not is_held(self._warehouse.lock_file):
                return True
            self._stopping.wait(LOOK_SECONDS)
        return False

    def _build(self, build: Build) -> None:
        folder, output = self._jobs.folder / build.id, self._jobs.output_file(build)
        if folder.is_symlink():
            folder.unlink()
        folder.mkdir(exist_ok=True)
        for file in (output, self._jobs.events_file(build)):  # of an attempt before, or a link that somebody planted
            file.unlink(missing_ok=True)
        with output.open("xb") as errors:
            process = self._children.start("build", build, self._jobs.events_file(build), errors)
        while process.poll() is None:
            if self._stopping.is_set() or self._ledger.get(build.id).cancel:
                children.end(process)
                break
            with suppress(subprocess.TimeoutExpired):
                process.wait(LOOK_SECONDS)
        self._settle(build, process.returncode)

    def _settle(self, build: Build, status: int | None = None) -> None:
        """Writes down what became of a build whose process has ended; with no `status`, where nobody was there."""
        progress, ledger = self._jobs.progress(build), self._ledger
        build = ledger.get(build.id)
        interrupted = status is None or status < 0
        visible = progress.publishing and self._warehouse.has_published(progress.publishing["build_id"])
        if progress.published or visible:
            ledger.end(build, "published", None if status == 0 else self._delivery(build))
        elif build.cancel:
            ledger.end(build, "cancelled", None)
        elif interrupted and self._stopping.is_set():
            ledger.requeue(build, build.attempts - 1)
        elif status is None and build.attempts < MOST_ATTEMPTS:
            ledger.requeue(build, build.attempts)
        elif status is None:
            again = "Upload the orders again." if build.source == "upload" else "It is built again when it is next due."
            ledger.end(build, "failed", f"The worker ended in the middle of this build, twice. {again}")
        elif interrupted:
            ledger.end(build, "failed", f"The build was ended by signal {-status}; 9 may mean that memory ran out.")
        else:
            ledger.end(build, "failed", progress.failed or self._output(build))

    def _delivery(self, build: Build) -> str | None:
        """What is to be said of the only thing that comes after publishing, where it has not been seen to succeed."""
        if not self._settings.deliver_to:
            return None
        return self._output(build) or (
            f"It was interrupted and may not have been delivered. Deliver it: {command_line('deliver', self._settings)}"
        )

    def _output(self, build: Build) -> str:
        """What the build told people on stderr."""
        with self._jobs.output_file(build).open("rb") as errors:
            return printable(errors.read(MESSAGE_BYTES).decode(errors="replace").strip())
