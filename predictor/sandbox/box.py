"""What the box around a worker keeps out on this machine."""

from __future__ import annotations

import contextlib
import functools
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_LAUNCHER = Path(__file__).with_name("launcher.py")

# Nothing of the parent's. dill 0.2.7 needs a PATH; one hash seed and one thread a worker give the same bytes each time.
ENVIRONMENT = {
    "PATH": os.defpath,
    "PYTHONHASHSEED": "0",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}


WALLS = {
    "processes": "a process namespace",
    "network": "a network namespace",
    "ipc": "an IPC namespace",
    "mounts": "read-only mounts",
    "landlock": "Landlock",
    "system_calls": "a filter of system calls",
}


@dataclass(frozen=True)
class Box:
    """Which of WALLS stand. Limits, an empty environment and closed descriptors are always there."""

    walls: frozenset[str]

    @property
    def missing(self) -> tuple[str, ...]:
        """The walls that the system does not offer, in words."""
        return tuple(words for wall, words in WALLS.items() if wall not in self.walls)

    @property
    def files_are_read_only(self) -> bool:
        return not self.walls.isdisjoint({"mounts", "landlock"})

    @property
    def no_network(self) -> bool:
        return not self.walls.isdisjoint({"network", "system_calls"})

    def __str__(self) -> str:
        """One sentence for a summary."""
        files = "read-only files" if self.files_are_read_only else "FILES CAN BE WRITTEN"
        network = "no network" if self.no_network else "NETWORK CAN BE REACHED"
        missing = f" (this system does not offer: {', '.join(self.missing)})" if self.missing else ""
        return f"{files}, {network}{missing}"


def launch(
    command: list[str], memory: int, temporary: str | None = None, walls: Iterable[str] = WALLS, **pipes: Any
) -> tuple[subprocess.Popen[bytes], socket.socket]:
    """Starts a command in the box. It ends, with all that it has started, when the socket is closed.

    `memory` in bytes; `temporary` is the folder in which it gets one of its own to write to, None for the system's.
    """
    ours, theirs = socket.socketpair()
    order = [str(theirs.fileno()), temporary or tempfile.gettempdir(), str(memory), ",".join(walls), *command]
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_LAUNCHER), *order],
            env=ENVIRONMENT,
            pass_fds=[theirs.fileno()],
            start_new_session=True,  # Ctrl-C reaches the build only, which then closes the socket
            **pipes,
        )
    return process, ours


def read_box(control: socket.socket, timeout: float) -> Box:
    """What the launcher says when it has shut the box; one without walls where it could not, or not in time."""
    return Box(frozenset(read_line(control, timeout).split()) & WALLS.keys())


def read_line(control: socket.socket, timeout: float) -> str:
    """The next line that the launcher writes; what there is of it after so many seconds."""
    control.settimeout(timeout)
    line = b""
    with contextlib.suppress(OSError):
        while (character := control.recv(1)) not in (b"", b"\n"):
            line += character
    return line.decode()


@functools.cache
def box_here() -> Box:
    """The box that a worker gets here, by shutting one around nothing."""
    process, control = launch(["/bin/true"], 2**30, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    with control:
        found = read_box(control, 30)
        process.wait()
    return found
