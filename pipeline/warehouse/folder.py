"""The warehouse folder: where a build is made, how it is published in one swap, and how that is taken back.

clv.duckdb      -> current/clv.duckdb         the paths that people use
predictions.csv -> current/predictions.csv
current         -> builds/<build id>          the one link that a publish swaps
builds/<build id>/{clv.duckdb, predictions.csv, previous -> ../<build id before>}
builds/<build id>/<table>/*.parquet           of a large build; see parquet.py
builds/before-*/                              files that stood where links belong; nothing here removes them
build.duckdb, build.lock                      of the build that runs, or of one that failed
logs/, target/                                of the build that runs, or of the last one
.clv-temporary/                               of the build that runs
.clv-jobs/                                    uploads and builds that wait; see pipeline.jobs
.clv-training/, training.lock                 of the training that runs
.clv-warehouse                                the mark: without it, a folder that is not empty is somebody's own
"""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from pipeline.engines.duckdb_settings import USUAL_MEMORY, building
from pipeline.errors import ClvError
from pipeline.warehouse import parquet
from pipeline.warehouse.files import make_durable, remove

PUBLISHED_FILE = "clv.duckdb"
PUBLISHED_CSV = "predictions.csv"
PUBLISHED_FILES = (PUBLISHED_FILE, PUBLISHED_CSV)
JOBS = ".clv-jobs"  # may be there before the first build is


class Warehouse:
    def __init__(self, folder: Path, memory: str = USUAL_MEMORY):
        self.folder = folder
        self.memory = memory
        self.build_file = folder / "build.duckdb"
        self.lock_file = folder / "build.lock"
        self.logs = folder / "logs"
        self.target = folder / "target"
        self.temporary = folder / ".clv-temporary"
        self.training = folder / ".clv-training"
        self.training_log = self.logs / "spark-training.log"
        self.published_file = folder / PUBLISHED_FILE
        self.current = folder / "current"
        self.builds = folder / "builds"
        self._mark = folder / ".clv-warehouse"

    def create(self) -> None:
        """Makes the folder where it is missing.

        Raises ClvError where the folder is somebody's own or has links where a build writes, and OSError where it
        cannot be written to.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._stop_unless_ours()
            self._stop_at_links()
            self.builds.mkdir(exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise ClvError(f"{self.folder} is not a folder. Choose another one with WAREHOUSE=folder.") from None
        if not os.access(self.folder, os.W_OK | os.X_OK) or not os.access(self.builds, os.W_OK | os.X_OK):
            raise PermissionError(13, "Permission denied", str(self.folder))

    def _stop_at_links(self) -> None:
        """Raises ClvError where a link would have something written, or removed, in another place."""
        spark = (f"{name}.{kind}" for name in ("spark", self.training_log.stem) for kind in ("log", "server"))
        logs = (self.logs / name for name in ("dbt.log", "model.log", *spark))
        reports = (self.folder / f"training_report.{kind}" for kind in ("html", "json"))
        for path in (self.builds, self.logs, self.target, self.temporary, self.training, *logs, *reports):
            if path.is_symlink():
                raise ClvError(f"{path} is a link, and a build writes only into its own folder. Remove the link.")

    def _stop_unless_ours(self) -> None:
        """Marks an empty folder as a warehouse. Raises ClvError where it holds what no build has made."""
        if self._mark.exists() or self.current.is_symlink():
            return
        found = sorted(path.name for path in self.folder.iterdir() if path.name not in (".gitignore", JOBS))
        if found:
            more = f" and {len(found) - 3} more" if len(found) > 3 else ""
            raise ClvError(
                f"{self.folder} is not a warehouse: it holds {', '.join(found[:3])}{more}, which no build has made. "
                "Choose an empty folder, or a new one, with WAREHOUSE=folder."
            )
        self._mark.write_text("Builds are made and published in this folder; what they leave, the next one removes.\n")

    def discard_unfinished(self) -> None:
        """Removes what a build that failed or was killed has left. Only for the holder of the lock."""
        for suffix in ("", ".wal", ".tmp"):
            remove(self.build_file.with_name(self.build_file.name + suffix))
        for link in (*PUBLISHED_FILES, self.current.name):
            remove(self.folder / f".swap-{link}")
        remove(self.temporary)
        self._keep_only(self._published_folders())

    def new_training_folder(self) -> Path:
        """An empty folder to train in. Only for the holder of the training's lock: what a killed one left goes."""
        self.discard_training()
        self.training.mkdir()
        return self.training

    def discard_training(self) -> None:
        remove(self.training)

    def open_build(self) -> duckdb.DuckDBPyConnection:
        return duckdb.connect(self.build_file, config=building(self.memory) | parquet.searching(self.folder))

    def read(self, file: Path) -> duckdb.DuckDBPyConnection:
        return duckdb.connect(
            file, read_only=True, config={"memory_limit": self.memory} | parquet.searching(self.folder)
        )

    def new_folder(self, build_id: str) -> Path:
        """The folder that the build will be published from; what else belongs beside the file goes in there."""
        folder = self.builds / build_id
        folder.mkdir()
        return folder

    def publish(self, build_id: str) -> None:
        """Makes the finished build the published one: moved, made durable, then visible with one rename."""
        folder = self.builds / build_id
        os.rename(self.build_file, folder / PUBLISHED_FILE)
        self._lead_through_current()
        for before in self._published_folders():
            if _looks_like_duckdb(before / PUBLISHED_FILE):  # a damaged file is nothing to go back to
                os.symlink(Path("..") / before.name, folder / "previous")
                break
        for path in (*(folder / name for name in PUBLISHED_FILES), *parquet.written(folder)):
            if path.is_file():
                path.chmod(path.stat().st_mode & 0o640)  # who buys what is not everybody's to read
            make_durable(path)
        make_durable(folder)
        make_durable(self.builds)

        self._swap(self.current, Path("builds") / build_id)
        make_durable(self.folder)
        remove(self.temporary)
        self._keep_only(self._published_folders())

    def previous(self) -> Path:
        """The folder of the build before the current one. Raises ClvError where none is kept."""
        previous = self.current / "previous"
        if not previous.is_symlink() or not previous.exists():
            raise ClvError(f"No earlier build is kept in {self.folder}: there is nothing to go back to.")
        return previous.resolve()

    def roll_back(self) -> None:
        """Publishes the build before the current one again."""
        previous = self.previous()
        self._lead_through_current()
        self._swap(self.current, Path("builds") / previous.name)
        make_durable(self.folder)

    def published_files(self) -> list[Path]:
        """What may be published, the newest first: the file under the public path, the current one, the one before."""
        found: list[Path] = []
        for path in (self.published_file, self.current / PUBLISHED_FILE, self.current / "previous" / PUBLISHED_FILE):
            if path.is_file() and not any(path.samefile(other) for other in found):
                found.append(path)
        return found

    def has_published(self, build_id: str) -> bool:
        """Whether it is the published build, or the one before it."""
        return any(folder.name == build_id for folder in self._published_folders())

    def _published_folders(self) -> list[Path]:
        """The folder of the published build and of the one before it."""
        return [link.resolve() for link in (self.current, self.current / "previous") if link.exists()]

    def _keep_only(self, kept: list[Path]) -> None:
        for folder in self.builds.iterdir():
            if folder.resolve() not in kept and not folder.name.startswith("before-"):
                _remove_build(folder)

    def _lead_through_current(self) -> None:
        """Makes the paths that people use lead through `current`, and keeps aside what stands in their place.

        Files stand there where the warehouse is a copy that followed its links; without its `current` they become the
        current build first: at no moment do the two not match.
        """
        if self.current.is_dir() and not self.current.is_symlink():  # the warehouse is a copy that followed its links
            copied = self.builds / f"copied-{self.current.stat().st_ino}"
            os.rename(self.current, copied)
            self._swap(self.current, Path("builds") / copied.name)
        plain = [path for name in PUBLISHED_FILES if (path := self.folder / name).exists() and not path.is_symlink()]
        if plain:
            # Named after what it keeps, so that a publish that was killed here finds its folder again.
            changed = datetime.fromtimestamp(plain[0].stat().st_mtime, UTC)
            inodes = "-".join(str(path.stat().st_ino) for path in plain)
            folder = self.builds / f"before-{changed:%Y%m%dT%H%M%S}-{inodes}"
            folder.mkdir(exist_ok=True)
            for path in plain:
                if not (folder / path.name).exists():
                    os.link(path, folder / path.name)
            make_durable(folder)
            make_durable(self.builds)
            if not self.current.exists():
                self._swap(self.current, Path("builds") / folder.name)
        for name in PUBLISHED_FILES:
            self._swap(self.folder / name, Path("current") / name)

    def _swap(self, link: Path, target: Path) -> None:
        """Points the link at the target, from one moment to the next."""
        if link.is_symlink() and os.readlink(link) == str(target):
            return
        new = link.with_name(f".swap-{link.name}")
        new.unlink(missing_ok=True)
        os.symlink(target, new)
        os.replace(new, link)


def _looks_like_duckdb(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(12).endswith(b"DUCK")
    except OSError:
        return False


def _remove_build(folder: Path) -> None:
    """Removes what a build has put into its folder, and the folder where nothing else is in it."""
    previous = folder / "previous"
    if previous.is_dir() and not previous.is_symlink():  # the warehouse is a copy that followed its links
        _remove_build(previous)
    for name in (*PUBLISHED_FILES, f"{PUBLISHED_FILE}.wal", previous.name):
        with suppress(IsADirectoryError):
            (folder / name).unlink(missing_ok=True)
    parquet.remove(folder)
    with suppress(OSError):
        folder.rmdir()
