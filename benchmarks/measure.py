"""Runs a command and measures it with all its children: wall time, processor time, peak memory. Linux only."""

import json
import os
import resource
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

SAMPLES_EVERY = 0.01  # seconds
PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Usage:
    """What one run took: wall time and processor time in seconds; peak memory in bytes, as `run` says.

    `peak_bytes` is that of all processes together, `largest_bytes` that of the largest one.
    """

    seconds: float
    cpu_seconds: float
    peak_bytes: int
    largest_bytes: int


class CommandFailed(Exception):
    """The command ended with another exit status than 0; str() is the end of what it printed."""


def run(command: Sequence[str], environment: Mapping[str, str], folder: Path, output: Path) -> Usage:
    """Run the command in the folder, with what it prints going to the file `output`.

    One command at a time: processor time is that of all children that end meanwhile. Memory is the resident set size
    from /proc, summed over the process tree and sampled many times a second. What two processes of the tree share
    (libraries, mostly) counts twice, so several processes look larger than they are; the proportional set size would
    not do so, but looks smaller whenever an unrelated process has the same library loaded.
    Raises CommandFailed where the exit status is not 0.
    """
    with output.open("wb") as file:
        begin, cpu_before = time.perf_counter(), _cpu_seconds_of_children()
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # so that all of it can be ended
        )
        sampler = _MemorySampler(process.pid)
        try:
            process.wait()
            seconds = time.perf_counter() - begin
        except BaseException:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()
            raise
        finally:
            sampler.stop()
    if process.returncode != 0:
        printed = output.read_text(errors="replace").splitlines()
        raise CommandFailed("\n".join([f"{' '.join(command)}: exit status {process.returncode}", *printed[-10:]]))
    return Usage(seconds, _cpu_seconds_of_children() - cpu_before, sampler.peak_bytes, sampler.largest_bytes)


def seconds_by_step(events: Path) -> dict[str, float]:
    """What a build that was given JSON=`events` took."""
    steps: dict[str, float] = {}
    for event in map(json.loads, events.read_text().splitlines()):
        if event["event"] == "step_done":
            steps[event["step"]] = steps.get(event["step"], 0) + event["seconds"]
    return steps


def _cpu_seconds_of_children() -> float:
    """Of all children that have ended, and of theirs."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


class _MemorySampler(threading.Thread):
    def __init__(self, pid: int):
        super().__init__(daemon=True)
        self.peak_bytes = self.largest_bytes = 0
        self._pid = pid
        self._stopped = threading.Event()
        self.start()

    def run(self) -> None:
        while not self._stopped.wait(SAMPLES_EVERY):
            sizes = list(map(_resident_bytes, _process_tree(self._pid)))
            self.peak_bytes = max(self.peak_bytes, sum(sizes))
            self.largest_bytes = max(self.largest_bytes, *sizes)

    def stop(self) -> None:
        self._stopped.set()
        self.join()


def _process_tree(pid: int) -> list[int]:
    found = [pid]
    for parent in found:  # grows while it is walked
        try:
            for children in Path(f"/proc/{parent}/task").glob("*/children"):
                found += map(int, children.read_text().split())
        except OSError:  # ended meanwhile
            pass
    return found


def _resident_bytes(pid: int) -> int:
    try:
        return PAGE * int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:  # ended meanwhile
        return 0
