"""`python -m pipeline <command>`: what the Makefile's commands run."""

import atexit
import contextlib
import os
import sys

status = 1  # of a traceback, which no command lets through that anybody foresaw


@atexit.register  # before any other, so that it is the last to be called
def end() -> None:
    """Ends the process at once.

    Everything is closed by now. To take apart all that dbt has imported lasts a while, and where a build was stopped in
    its middle, DuckDB's binding would tell on stderr what it believes was leaked.
    """
    with contextlib.suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    from pipeline.cli import main

    status = main(sys.argv[1:])
