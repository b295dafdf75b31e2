"""Packages that one command needs and no build: `make` installs them before the first such command."""

from __future__ import annotations

import shlex
import sys
from importlib.metadata import PackageNotFoundError, distribution

from pipeline.errors import ClvError
from pipeline.settings import ROOT, short

NEEDS = {  # by the command, or by the engine, that is asked for
    "train": ("scikit-learn", "threadpoolctl", "matplotlib"),
    "sql": ("duckdb-cli",),
    "spark": ("dbt-spark", "pyspark", "grpcio-status", "pandas"),
}


def stop_unless_installed(command: str) -> None:
    """Raises ClvError with what to type where something is missing, which it can be where `make` was not called."""
    missing = [package for package in NEEDS[command] if not _is_installed(package)]
    if missing:
        file = short(ROOT / f"requirements-{command}.txt")
        raise ClvError(
            f"{command} needs {', '.join(missing)}, which a build does without. Install what it needs, and try again: "
            f"{shlex.join([sys.executable, '-m', 'pip', 'install', '--require-hashes', '-r', file])}"
        )


def _is_installed(package: str) -> bool:
    try:
        return bool(distribution(package))
    except PackageNotFoundError:
        return False
