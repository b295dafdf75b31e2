"""`python -m pipeline build`, `train`, `rollback`, `docs` or `sql`: what the Makefile's commands run."""

import atexit
import gc
import os
import sys
from importlib import import_module

from pipeline.errors import Stop


def main(arguments: list[str]) -> int:
    commands = {"build": "build", "train": "train", "rollback": "roll_back", "docs": "serve", "sql": "query"}
    if len(arguments) != 1 or arguments[0] not in commands:
        print(f"usage: python -m pipeline {'|'.join(commands)}", file=sys.stderr)
        return 2
    if arguments == ["build"]:
        gc.disable()  # it ends before garbage piles up, and to search all that dbt imports for some takes half a second
    try:
        # One command needs what takes the others a second to import.
        command = import_module(f"pipeline.{arguments[0]}")
        getattr(command, commands[arguments[0]])(os.environ)
    except Stop as stop:
        print(stop, file=sys.stderr)
        return stop.exit_status
    except KeyboardInterrupt:
        print("Stopped. What was published before is as it was.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    status = main(sys.argv[1:])
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    # Everything is closed by now. To take apart all that dbt has imported lasts a while, and where a build was stopped
    # in its middle, DuckDB's binding would tell on stderr what it believes was leaked.
    os._exit(status)
