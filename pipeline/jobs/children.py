"""The processes of the worker: `python -m pipeline …` for a build of the ledger."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import IO

from pipeline.address import Address
from pipeline.events.terminal import printable
from pipeline.jobs.ledger import Build
from pipeline.settings import ROOT, TAKES, Settings, as_variables

END_SECONDS = 5  # that it gets to end by itself
COMMANDS = ("build", "inspect")


class Children:
    """Starts the commands, each with the worker's settings and what the build has for itself."""

    def __init__(self, settings: Settings):
        taken = {variable for command in COMMANDS for variable in TAKES[command]}
        given = {name for variable in taken for name in (variable, f"CLV_{variable}")}
        self._environment = {name: value for name, value in os.environ.items() if name not in given}
        self._environment |= {n: v for n, v in as_variables("work", settings).items() if n in TAKES["build"]}
        for variable, value in (("ORDERS", settings.orders), ("DELIVER_TO", settings.deliver_to)):
            if isinstance(value, Address):
                self._environment[variable] = value.uri  # its text has no password

    def start(self, command: str, build: Build, events: Path, output: int | IO[bytes]) -> subprocess.Popen[bytes]:
        """Begins a command, which writes its events into a file, and what it tells people on stderr to `output`."""
        uploaded = [f"--uploaded-as={printable(build.name)}"] if build.source == "upload" else []
        return subprocess.Popen(
            [sys.executable, "-m", "pipeline.jobs.child", str(os.getpid()), command, *uploaded],
            cwd=ROOT,
            env=self._environment | dict(build.variables) | {"JSON": str(events)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=output,
        )


def end(process: subprocess.Popen[bytes]) -> None:
    """Nothing of a build needs to be put away: what it leaves, the next one removes."""
    process.terminate()
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
