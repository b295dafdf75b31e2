"""One worker process, seen from the parent: frames in, frames out, and a plain sentence when something goes wrong."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import queue
import re
import shlex
import signal
import struct
import subprocess
import threading
import time
from collections import deque
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import IO, Any

import numpy

from predictor.sandbox.box import Box, launch, read_box, read_line
from predictor.sandbox.errors import ModelError, Remedy
from predictor.sandbox.text import plain

HEADER = struct.Struct("<cQQ")  # as in worker.py
Frame = tuple[bytes, Any]  # the header, and the bytes or the array that follow it
Answer = tuple[bytes, int, bytes, float]  # the kind, the number, what follows, and when it came
LARGEST_MESSAGE = 2**20  # bytes of JSON
WRAP_IT = "Wrap it in a class whose predict(x) gets an array: docs/models-and-the-box.md has the ten lines."
_WANTS_A_FRAME = re.compile(
    r"only supported for (pandas )?dataframes|'numpy\.ndarray' object has no attribute '(columns|iloc|loc|assign)'"
    r"|only integers, slices",
    re.IGNORECASE,
)
_NO_ROOM = "failed to map segment"  # what the system says where a library does not fit into the memory that is left
_LEFT_BEHIND = re.compile(r"Can't get attribute '([^']+)' on <module '__main__'")
DOING = {"start": "starting", "load": "loading", "predict": "predicting"}

printed = logging.getLogger("predictor.printed")
PRINTED_LINES = 10_000  # lines of one worker that are logged; the rest is read and dropped
LONGEST_LINE = 2_000  # bytes; a longer line is logged in pieces

_WORKER = Path(__file__).with_name("worker.py")


@dataclass(frozen=True)
class Limits:
    """`memory`: bytes of address space of one worker. `timeout`: seconds for one batch, and for loading.

    `temporary`: the folder in which it gets one of its own to write to, None for the system's. What is killed together
    with its launcher leaves that behind.
    """

    memory: int
    timeout: float
    temporary: str | None = None


class Worker:
    """A boxed child process that holds one model and predicts batches in the order in which they are sent.

    A batch has `columns` numbers a row, its answer `outputs`. `modules` is a folder that the model can import from
    where its Python has no such module.

    Threads write and read the pipes, so that the child never waits for the parent. What the model prints goes to the
    logger `predictor.printed`, at level DEBUG. Every method raises ModelError for what the model does wrong. To be used
    in a `with` statement, which ends the child, whatever it is doing.
    """

    box: Box
    versions: dict[str, str]  # of Python and of what is loaded, as far as the child has told

    def __init__(self, interpreter: str, columns: int, outputs: int, limits: Limits, modules: Path) -> None:
        self._interpreter = interpreter
        self._outputs = outputs
        self.versions = {}
        self._python = ""
        self._limits = limits
        command = [interpreter, "-s", "-B", str(_WORKER), str(columns), str(outputs), str(modules)]
        pipe = subprocess.PIPE
        self._process, self._control = launch(
            command, limits.memory, limits.temporary, stdin=pipe, stdout=pipe, stderr=pipe, bufsize=0
        )
        self._outgoing: queue.SimpleQueue[Frame | None] = queue.SimpleQueue()
        # As many answers are read as are due, and none is longer than it has to be: what the model writes into the pipe
        # itself stays there, instead of filling the memory of the parent.
        self._due: queue.SimpleQueue[int | None] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[Answer | None] = queue.SimpleQueue()
        self._last_lines: deque[str] = deque(maxlen=1)
        self._sent: deque[float] = deque()
        self._free_at = 0.0
        jobs = (
            (_write_frames, self._process.stdin, self._outgoing),
            (_read_frames, self._process.stdout, self._due, self._answers),
            (_log_lines, self._process.stderr, self._last_lines),
        )
        self._threads = [threading.Thread(target=job, args=arguments, daemon=True) for job, *arguments in jobs]
        for thread in self._threads:
            thread.start()

    def start(self) -> dict[str, str]:
        """Waits for the interpreter, and returns its versions of python, numpy and dill."""
        self._expect(LARGEST_MESSAGE)
        self.box = read_box(self._control, self._limits.timeout)
        hello = self._json(self._answer(b"H", 0, "start"))
        self.versions = {plain(name): plain(version) for name, version in hello.items()}
        self._python = self.versions.get("python", "")
        return self.versions

    def load(self, pickled: bytes) -> list[str] | None:
        """Has the child load the model, and returns the names of its columns, in its order, where it carries them."""
        self._expect(LARGEST_MESSAGE)
        self._send(b"M", 0, pickled)
        loaded = self._json(self._answer(b"L", 0, "load"))
        versions, names = loaded.get("versions"), loaded.get("feature_names")
        if isinstance(versions, dict):
            self.versions = {plain(name): plain(version) for name, version in versions.items()} | self.versions
        return [plain(name) for name in names] if isinstance(names, list) else None

    def send(self, number: int, batch: numpy.ndarray) -> None:
        """Queues batch `number`, a C-contiguous float64 array of shape (rows, columns); returns at once."""
        self._expect(8 * len(batch) * self._outputs)
        self._send(b"B", number, batch)

    def predictions(self, number: int, rows: int) -> numpy.ndarray:
        """Waits for the answer to the batch that was sent first of those still out: float64, shape (rows, outputs)."""
        predictions = self._answer(b"P", number, "predict")
        if len(predictions) != 8 * rows * self._outputs:
            raise self._disturbed()
        return numpy.frombuffer(predictions, dtype="<f8").reshape(rows, self._outputs)

    def close(self) -> None:
        """Ends the child, and all that it has started."""
        self._outgoing.put(None)
        self._due.put(None)
        self._control.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for thread in self._threads:
            thread.join(timeout=1)  # without a PID namespace, what the model has started may hold a pipe open

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _expect(self, length: int) -> None:
        """An answer is due from now on, of so many bytes at most; or a longer message of an error."""
        self._sent.append(time.monotonic())
        self._due.put(max(length, LARGEST_MESSAGE))

    def _send(self, kind: bytes, number: int, payload: Any) -> None:
        self._outgoing.put((HEADER.pack(kind, number, memoryview(payload).nbytes), payload))

    def _answer(self, kind: bytes, number: int, stage: str) -> bytes:
        """The payload of the next answer, which has to be of this kind and number."""
        deadline = max(self._sent.popleft(), self._free_at) + self._limits.timeout
        while (answer := self._next_answer(min(1.0, deadline - time.monotonic()))) is _NOTHING_YET:
            if time.monotonic() >= deadline:
                text = f"The model took longer than {self._limits.timeout:g} s for {DOING[stage]}, which is its limit."
                raise ModelError(text, Remedy.MORE_TIME)
        if answer is None:
            raise self._how_it_ended(stage)
        found, found_number, payload, self._free_at = answer
        if found == b"E":
            raise self._what_failed(self._json(payload), stage)
        if (found, found_number) != (kind, number):
            raise self._disturbed()
        return payload

    def _next_answer(self, timeout: float) -> Answer | None:
        try:
            return self._answers.get(timeout=max(0.0, timeout))
        except queue.Empty:
            pass
        if self._process.poll() is None:
            return _NOTHING_YET
        # It has ended, but something that it started may keep its pipe open: what has come is all that comes.
        with contextlib.suppress(queue.Empty):
            return self._answers.get(timeout=0.5)
        return None

    def _what_failed(self, problem: dict[str, Any], stage: str) -> ModelError:
        doing, line = DOING[stage], plain(problem.get("line"))
        if isinstance(versions := problem.get("versions"), dict):
            self.versions |= {plain(name): plain(version) for name, version in versions.items()}
        install = f"{shlex.quote(self._interpreter)} -m pip install"
        if problem.get("out_of_memory") or _NO_ROOM in line:
            text = f"The model ran out of memory while {doing}; its limit is {self._memory()}.\nIt last: {line}"
            return ModelError(text, Remedy.MORE_MEMORY)
        if problem.get("exit_status") is not None:
            return ModelError(f"The model called sys.exit({plain(problem['exit_status'])}) while {doing}.")
        if stage == "start":
            return ModelError(
                f"{self._interpreter} can't run a model: {line}.\nInstall what it needs: {install} numpy dill"
            )
        helps = f"\n{WRAP_IT}" if problem.get("helps") == "wrap" or _WANTS_A_FRAME.search(line) else ""
        if problem.get("unusable"):
            return ModelError(f"The model can't be used: {plain(problem['unusable'])}.{helps}")
        if stage == "load":
            return self._why_it_does_not_load(line, plain(problem.get("missing_module") or ""), install)
        row = problem.get("row")
        return ModelError(f"The model's predict() raised {line}{helps}", row=row if type(row) is int else None)

    def _why_it_does_not_load(self, line: str, missing: str, install: str) -> ModelError:
        python = f"{self._interpreter} (Python {self._python})"
        if missing:
            text = (
                f"The model imports {missing}, which {python} does not have ({line}).\n"
                f"Install it there: {install} {shlex.quote(missing.partition('.')[0])}"
            )
            return ModelError(text, Remedy.OTHER_PYTHON)
        if left_behind := _LEFT_BEHIND.search(line):
            return ModelError(
                f"The file only names {left_behind[1]} of the script or notebook that wrote it, and does not hold it.\n"
                "Write it again there with dill, which takes it along: dill.dump(model, file, recurse=True)"
            )
        text = (
            f"The model can't be loaded by {python}: {line}\n"
            "Another Python may have made it, or other versions of its packages."
        )
        return ModelError(text, Remedy.OTHER_PYTHON)

    def _how_it_ended(self, stage: str) -> ModelError:
        try:
            status = self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return ModelError(f"The model closed its connection while {DOING[stage]}.")
        excess = read_line(self._control, 1)
        if excess == "memory":
            text = f"The model's processes together ran past {self._memory()}, their limit, while {DOING[stage]}."
            return ModelError(text, Remedy.MORE_MEMORY)
        if excess == "processes":
            return ModelError(f"The model started more processes than it may have at a time, while {DOING[stage]}.")
        self._threads[-1].join(timeout=1)  # what it printed last may still be on its way
        last = plain(self._last_lines[0]) if self._last_lines else ""
        remedy = Remedy.MORE_MEMORY if _NO_ROOM in last else None
        last = f"\nThe last line it printed: {last}" if last else ""
        if status >= 0:
            return ModelError(
                f"The model's process ended with exit status {status} while {DOING[stage]}.{last}", remedy
            )
        name = signal.Signals(-status).name if -status in set(signal.Signals) else f"signal {-status}"
        why = {
            "SIGSEGV": ", a crash in compiled code, as bytecode of another Python or too little memory cause",
            "SIGKILL": ", as the system does where memory runs out",
        }.get(name, "")
        return ModelError(f"The model's process was ended by {name}{why}, while {DOING[stage]}.{last}")

    def _memory(self) -> str:
        return f"{self._limits.memory / 2**30:.3g} GB"

    def _json(self, payload: bytes) -> dict[str, Any]:
        try:
            content = json.loads(payload)
        except (ValueError, RecursionError):  # a model may have written it itself
            content = None
        if not isinstance(content, dict):
            raise self._disturbed()
        return content

    def _disturbed(self) -> ModelError:
        return ModelError("The model wrote into the channel of its own answers; what came can't be used.")


_NOTHING_YET: Answer = (b"", 0, b"", 0.0)


def _write_frames(stream: IO[bytes], frames: queue.SimpleQueue[Frame | None]) -> None:
    """Until None comes, or the child is gone, which whoever waits for its answer notices."""
    with contextlib.suppress(BrokenPipeError), stream:
        while (frame := frames.get()) is not None:
            for part in frame:
                view = memoryview(part).cast("B")
                while view:
                    view = view[stream.write(view) :]


def _read_frames(stream: FileIO, due: queue.SimpleQueue[int | None], answers: queue.SimpleQueue[Answer | None]) -> None:
    """Each answer that is due, with the moment at which it came; None at the end."""
    with stream:
        while (longest := due.get()) is not None and len(header := _read(stream, HEADER.size)) == HEADER.size:
            kind, number, length = HEADER.unpack(header)
            if length > longest:
                answers.put((b"", 0, b"", time.monotonic()))  # what nobody expects
                return
            answers.put((kind, number, _read(stream, length), time.monotonic()))
    answers.put(None)


def _read(stream: FileIO, length: int) -> bytes:
    data = bytearray(length)
    view, done = memoryview(data), 0
    while done < length and (count := stream.readinto(view[done:])):
        done += count
    return bytes(view[:done])


def _log_lines(stream: IO[bytes], last_lines: deque[str]) -> None:
    """Logs what the model prints, up to a limit, and goes on reading, so that it never waits."""
    with stream, os.fdopen(os.dup(stream.fileno()), "rb", buffering=2**16) as lines:
        count = 0
        while line := lines.readline(LONGEST_LINE):
            text = line.decode("utf-8", "replace").rstrip()
            if text:
                last_lines.append(text)
            count += 1
            if count <= PRINTED_LINES:
                printed.debug("%s", text)
            elif count == PRINTED_LINES + 1:
                printed.debug("… the model printed more, which is not kept")
