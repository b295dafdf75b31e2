"""One worker process, seen from the parent: frames in, frames out, and a plain sentence when something goes wrong."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import queue
import struct
import subprocess
import threading
import time
from collections import deque
from pathlib import Path

import numpy

from predictor.errors import ModelError
from predictor.settings import PROJECT, Settings

HEADER = struct.Struct("<cQQ")  # as in worker.py
LARGEST_ANSWER = 2**20  # bytes; a model that writes to the pipe itself can't make the parent allocate more

printed = logging.getLogger("predictor.printed")
PRINTED_LINES = 10_000  # of one worker; the rest is read and dropped

# Nothing of the parent's. dill 0.2.7 looks at PATH; the same hash seed and one thread per worker give the same bytes each time.
ENVIRONMENT = {
    "PATH": os.defpath,
    "PYTHONHASHSEED": "0",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}

_WORKER = Path(__file__).with_name("worker.py")


class Worker:
    """A child process that holds one model and predicts batches in the order in which they are sent.

    Threads write and read the pipes, so that the child never waits for the parent. Use it in a `with` statement.
    """

    def __init__(self, interpreter: str, columns: int, settings: Settings) -> None:
        self._settings = settings
        self._interpreter = interpreter
        command = [interpreter, "-s", "-B", str(_WORKER), str(columns), str(PROJECT)]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=ENVIRONMENT,
            bufsize=0,
            start_new_session=True,
        )
        self._outgoing: queue.SimpleQueue = queue.SimpleQueue()
        self._answers: queue.SimpleQueue = queue.SimpleQueue()
        self._last_lines: deque[str] = deque(maxlen=3)
        self._sent: deque[float] = deque()
        self._free_at = time.monotonic()
        jobs = (
            (_write_frames, self._process.stdin, self._outgoing),
            (_read_frames, self._process.stdout, self._answers),
            (_read_lines, self._process.stderr, self._last_lines),
        )
        self._threads = [threading.Thread(target=job, args=arguments, daemon=True) for job, *arguments in jobs]
        for thread in self._threads:
            thread.start()

    def load(self, pickled: bytes) -> dict:
        """Has the child load the model. Returns its versions of Python, numpy, dill and the packages that are loaded."""
        self._sent.append(time.monotonic())
        hello = json.loads(self._answer(b"H", 0, "start"))
        self._send(b"M", 0, pickled)
        return {**hello, "packages": json.loads(self._answer(b"L", 0, "load"))}

    def send(self, number: int, batch: numpy.ndarray) -> None:
        """Queues batch `number`, a C-contiguous float64 array of shape (rows, columns); returns at once."""
        self._send(b"B", number, batch)

    def predictions(self, number: int) -> numpy.ndarray:
        """Waits for the predictions of the batch that was sent first of those still out: float64, shape (rows,)."""
        return numpy.frombuffer(self._answer(b"P", number, "predict"), dtype="<f8")

    def close(self) -> None:
        """Ends the child, whatever it is doing."""
        self._outgoing.put(None)
        self._process.kill()
        self._process.wait()
        for thread in self._threads:
            thread.join()

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def _send(self, kind, number, payload):
        self._sent.append(time.monotonic())
        self._outgoing.put((HEADER.pack(kind, number, memoryview(payload).nbytes), payload))

    def _answer(self, kind, number, stage):
        """The payload of the next answer, which has to be of this kind; ModelError for anything else."""
        deadline = max(self._sent.popleft(), self._free_at) + self._settings.timeout
        try:
            answer = self._answers.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            raise ModelError(f"{stage} took longer than {self._settings.timeout:g} s.") from None
        if answer is None:
            raise ModelError(f"{stage} ended with {self._process.wait()}")
        found, found_number, payload, self._free_at = answer
        if found == b"E":
            raise ModelError(json.loads(payload)["line"])
        if (found, found_number) != (kind, number):
            raise ModelError("The model disturbed the answers of its worker.")
        return payload


def _write_frames(stream, frames):
    """Until None comes, or the child is gone: whoever waits for its answer notices that."""
    with stream, contextlib.suppress(BrokenPipeError):
        while (frame := frames.get()) is not None:
            for part in frame:
                view = memoryview(part).cast("B")
                while view:
                    view = view[stream.write(view) :]


def _read_frames(stream, answers):
    """Each answer with the moment at which it came; None at the end."""
    with stream:
        while len(header := _read(stream, HEADER.size)) == HEADER.size:
            kind, number, length = HEADER.unpack(header)
            if length > LARGEST_ANSWER:
                break
            answers.put((kind, number, _read(stream, length), time.monotonic()))
    answers.put(None)


def _read(stream, length):
    data = bytearray(length)
    view, done = memoryview(data), 0
    while done < length and (count := stream.readinto(view[done:])):
        done += count
    return bytes(data[:done])


def _read_lines(stream, last_lines):
    with stream:
        for count, line in enumerate(stream):
            text = line.decode("utf-8", "replace").rstrip()
            last_lines.append(text)
            if count < PRINTED_LINES:
                printed.debug("%s", text)
