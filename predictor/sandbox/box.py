"""What the box around a worker keeps out on this machine."""

from __future__ import annotations

import functools
import os
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass, fields
from pathlib import Path

_LAUNCHER = Path(__file__).with_name("launcher.py")

# Nothing of the parent's. dill 0.2.7 needs a PATH; one hash seed and one thread a worker give the same bytes each time.
ENVIRONMENT = {
    "PATH": os.defpath,
    "PYTHONHASHSEED": "0",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}


@dataclass(frozen=True)
class Box:
    """Which walls the kernel gave. Limits, empty environment and closed descriptors are always there."""

    namespaces: bool
    read_only_mounts: bool
    landlock: bool
    no_sockets: bool

    @property
    def files_are_read_only(self) -> bool:
        return self.read_only_mounts or self.landlock

    @property
    def no_network(self) -> bool:
        return self.namespaces or self.no_sockets

    def __str__(self) -> str:
        """One sentence for a summary."""
        files = "read-only files" if self.files_are_read_only else "FILES CAN BE WRITTEN"
        network = "no network" if self.no_network else "NETWORK CAN BE REACHED"
        complete = self.namespaces and self.read_only_mounts and self.landlock and self.no_sockets
        missing = [name.replace("_", " ") for name, given in vars(self).items() if not given]
        return f"{files}, {network}" + ("" if complete else f" (this system does not offer: {', '.join(missing)})")


def launch(command: list[str], memory: int, **pipes) -> tuple[subprocess.Popen, socket.socket]:
    """Starts a command in the box. It ends, with all that it has started, when the socket is closed."""
    ours, theirs = socket.socketpair()
    order = [str(theirs.fileno()), tempfile.gettempdir(), str(memory), *command]
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_LAUNCHER), *order],
            env=ENVIRONMENT,
            pass_fds=[theirs.fileno()],
            start_new_session=True,  # Ctrl-C reaches the build only, which then closes the socket
            **pipes,
        )
    return process, ours


def read_box(control: socket.socket, timeout: float) -> Box | None:
    """What the launcher says when it has shut the box; None where it could not, or not in so many seconds."""
    control.settimeout(timeout)
    try:
        with control.makefile("rb") as lines:
            line = lines.readline()
    except TimeoutError:
        return None
    given = line.decode().split()
    return Box(*(wall.name in given for wall in fields(Box))) if line else None


@functools.cache
def box_here() -> Box:
    """The box that a worker gets here, by shutting one around nothing."""
    process, control = launch(["/bin/true"], 2**30, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    with control:
        found = read_box(control, 30)
        process.wait()
    return found or Box(False, False, False, False)
