"""The warehouse folder: where a build is made, how it is published in one swap, and how that is taken back.

clv.duckdb      -> current/clv.duckdb         the paths that people use
predictions.csv -> current/predictions.csv
current         -> builds/<build id>          the one link that a publish swaps
builds/<build id>/{clv.duckdb, predictions.csv, previous -> ../<build id before>}
build.duckdb, build.lock, logs/, target/      of the build that runs, or of the last one
"""

from __future__ import annotations

import os
import shutil
from datetime import datetime, timezone
from pathlib import Path

from pipeline.errors import Stop

PUBLISHED_FILES = ("clv.duckdb", "predictions.csv")


class Warehouse:
    def __init__(self, folder: Path):
        self.folder = folder
        self.build_file = folder / "build.duckdb"
        self.lock_file = folder / "build.lock"
        self.logs = folder / "logs"
        self.target = folder / "target"
        self.published_file = folder / "clv.duckdb"
        self.current = folder / "current"
        self.builds = folder / "builds"

    def create(self) -> None:
        """Makes the folder where it is missing. Raises Stop where it cannot be written to."""
        try:
            self.builds.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise Stop(f"{self.folder} is no folder. Choose another one with WAREHOUSE=folder.") from None
        if not os.access(self.folder, os.W_OK | os.X_OK) or not os.access(self.builds, os.W_OK | os.X_OK):
            raise PermissionError(13, "Permission denied", str(self.folder))

    def discard_unfinished(self) -> None:
        """Removes what a build that failed or was killed has left. Only for the holder of the lock."""
        for leftover in self.folder.glob("build.duckdb*"):
            _remove(leftover)
        for leftover in self.folder.glob(".swap-*"):
            _remove(leftover)
        self._keep_only(self._published_folders())

    def new_folder(self, build_id: str) -> Path:
        """The folder that the build will be published from; what else belongs beside the file goes in there."""
        folder = self.builds / build_id
        folder.mkdir()
        return folder

    def publish(self, build_id: str) -> None:
        """Makes the finished build the published one: a copy, made durable, then visible with one rename."""
        folder = self.builds / build_id
        _copy(self.build_file, folder / "clv.duckdb")
        before = self.current.resolve() if self.current.exists() else self._adopted_files()
        if before:
            os.symlink(Path("..") / before.name, folder / "previous")
        for path in (folder / "clv.duckdb", folder / "predictions.csv", folder, self.builds):
            _make_durable(path)

        self._swap(self.current, Path("builds") / build_id)
        self._adopted_files()
        for name in PUBLISHED_FILES:
            self._swap(self.folder / name, Path("current") / name)
        _make_durable(self.folder)
        self._keep_only(self._published_folders())

    def roll_back(self) -> str:
        """Publishes the build before the current one again and returns its id. Raises Stop where none is kept."""
        previous = self.current / "previous"
        if not previous.exists():
            raise Stop(f"No earlier build is kept in {self.folder}: there is nothing to go back to.")
        build_id = previous.resolve().name
        self._swap(self.current, Path("builds") / build_id)
        _make_durable(self.folder)
        return build_id

    def _published_folders(self) -> list[Path]:
        """The folder of the published build and of the one before it."""
        return [link.resolve() for link in (self.current, self.current / "previous") if link.exists()]

    def _keep_only(self, kept: list[Path]) -> None:
        for folder in self.builds.iterdir():
            if folder.resolve() not in kept and not folder.name.startswith("before-"):
                _remove(folder)

    def _adopted_files(self) -> Path | None:
        """Keeps aside files that stand where links belong, from an older version of this project or by hand."""
        plain = [path for name in PUBLISHED_FILES if (path := self.folder / name).exists() and not path.is_symlink()]
        if not plain:
            return None
        folder = self.builds / f"before-{datetime.now(timezone.utc):%Y%m%dT%H%M%S%f}"
        folder.mkdir()
        for path in plain:
            os.link(path, folder / path.name)
        return folder

    def _swap(self, link: Path, target: Path) -> None:
        """Points the link at the target, from one moment to the next."""
        if link.is_symlink() and os.readlink(link) == str(target):
            return
        new = link.with_name(f".swap-{link.name}")
        new.unlink(missing_ok=True)
        os.symlink(target, new)
        os.replace(new, link)


def _copy(source: Path, target: Path) -> None:
    """Copies within the kernel, which shares the blocks where the file system can."""
    if not hasattr(os, "copy_file_range"):
        shutil.copyfile(source, target)
        return
    with source.open("rb") as readable, target.open("wb") as writable:
        left = os.fstat(readable.fileno()).st_size
        while left and (copied := os.copy_file_range(readable.fileno(), writable.fileno(), left)):
            left -= copied


def _make_durable(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
