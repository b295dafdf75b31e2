"""Two published builds, and the real command that delivers them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.pipeline.conftest import HEADER, ROOT
from tests.postgres import PASSWORD


class Warehouse:
    """A folder that was built in; `deliver` is the real command."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.published = folder / "clv.duckdb"

    def run(self, command: str, status: int = 0, /, **given: str) -> str:
        process = self.start(command, **given)
        printed = process.communicate(timeout=300)[0]
        assert process.returncode == status, printed
        assert "Traceback" not in printed, printed
        assert PASSWORD not in printed, printed
        return printed

    def start(self, command: str, **given: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "pipeline", *command.split()],
            cwd=ROOT,
            env=os.environ | {"WAREHOUSE": str(self.folder), "PGPASSWORD": PASSWORD} | given,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


CUSTOMERS = ["o'brien", "Łukasz", "=1+1", 'say "hi"', "007", "日本", *(f"customer {n}" for n in range(3000))]


def _orders(path: Path, customers: list[str]) -> Path:
    quoted = ['"' + customer.replace('"', '""') + '"' for customer in customers]
    lines = [
        f"{customer},{n},1,{n % 5 + 1},{n % 97 + 0.5},2017-{n % 9 + 1:02}-{n % 28 + 1:02}"
        for n, customer in enumerate(quoted)
    ]
    path.write_text("\n".join([HEADER, *lines]) + "\n", encoding="utf-8")
    return path


def _build_both(folder: Path) -> None:
    first, second = Warehouse(folder / "first"), Warehouse(folder / "second")
    first.run("build", ORDERS=str(_orders(folder / "orders.csv", CUSTOMERS)), AS_OF="2017-10-16")
    shutil.copytree(first.folder, second.folder, symlinks=True)
    changed = _orders(folder / "changed.csv", [*CUSTOMERS[1:], "new"])
    second.run("build", ORDERS=str(changed), AS_OF="2017-10-17")


@pytest.fixture(scope="session")
def builds(once: Callable[..., Path]) -> tuple[Warehouse, Warehouse]:
    """Two warehouses: the first build, and the same one built a day later, with another customer and one less."""
    folder = once("built-to-deliver", _build_both)
    return Warehouse(folder / "first"), Warehouse(folder / "second")


@pytest.fixture
def warehouse(builds: tuple[Warehouse, Warehouse], tmp_path: Path) -> Warehouse:
    """A copy of the first build, to build in."""
    shutil.copytree(builds[0].folder, tmp_path / "warehouse", symlinks=True)
    return Warehouse(tmp_path / "warehouse")
