"""`python -m pipeline.jobs.child PID …`: becomes `python -m pipeline …`, which ends when process PID ends.

A process of its own, because Python code between fork and exec is not safe in a worker with threads.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # from linux/prctl.h


def main() -> None:
    parent, *arguments = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(parent):  # it ended before the line above
        sys.exit(1)
    os.execv(sys.executable, [sys.executable, "-m", "pipeline", *arguments])


if __name__ == "__main__":
    main()
