"""One mistake in one file, and whether the tests that concern it notice."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOO_LONG = 600  # seconds of one round of tests; a mistake that makes them hang is noticed

# What is run for a file, by the longest beginning of its name, round after round until one fails. `slow` stands for the
# slow tests of the places after it. Before the first round run those test files of its folder that name the file.
TESTS = {
    "Makefile": ["tests/pipeline/test_make.py"],
    "predictor/": ["tests/predictor", "slow tests/predictor"],
    "predictor/scoring.py": [
        "tests/predictor/test_score.py tests/predictor/test_trust.py tests/predictor/test_misbehaviour.py",
        "tests/predictor",
    ],
    "predictor/settings.py": ["tests/docs/test_settings.py", "tests/predictor", "slow tests/predictor"],
    "predictor/sandbox/": ["tests/predictor/test_misbehaviour.py", "tests/predictor"],
    "predictor/whole_file.py": ["tests/predictor/test_command_line.py", "tests/predictor"],
    "predictor/training/": ["tests/training", "slow tests/training"],
    "pipeline/": [
        "tests/pipeline",
        "slow tests/pipeline/test_input.py tests/pipeline/test_doubts.py tests/pipeline/test_history.py",
        "slow tests/pipeline/test_models.py tests/pipeline/test_command_line.py tests/pipeline/test_folder.py",
    ],
    "pipeline/warehouse/history.py": [
        "tests/pipeline/test_history.py",
        "slow tests/pipeline/test_history.py",
        "slow tests/pipeline/test_publish.py -k 'heals or elsewhere'",
    ],
    "pipeline/warehouse/folder.py": [
        "tests/pipeline/test_folder.py tests/pipeline/test_publish.py tests/pipeline/test_events.py",
        "slow tests/pipeline/test_folder.py",
        "slow tests/pipeline/test_publish.py",
        "slow tests/training/test_make_train.py -k one_day",
    ],
    "pipeline/warehouse/parquet.py": [
        "tests/pipeline/test_parquet.py tests/pipeline/test_history.py",
        "slow tests/pipeline/test_large.py",
    ],
    "pipeline/address.py": ["tests/sources tests/delivery"],
    "pipeline/postgres.py": ["tests/sources tests/delivery", "slow tests/delivery"],
    "pipeline/sources/": ["tests/sources", "slow tests/sources"],
    "pipeline/delivery.py": ["tests/delivery/test_delivery.py", "slow tests/delivery"],
    "pipeline/jobs/": [
        "tests/jobs",
        "tests/docs/test_numbers.py",
        "slow tests/jobs/test_worker.py tests/jobs/test_schedule.py tests/jobs/test_kills.py",
    ],
    "pipeline/orders/": ["tests/pipeline/test_input.py tests/orders", "slow tests/pipeline/test_input.py"],
    "pipeline/training/": ["tests/training/test_doubts.py", "slow tests/training/test_make_train.py"],
    "deploy/": ["tests/deploy/test_units.py"],
    "api/": ["tests/api", "tests/docs/test_numbers.py", "slow tests/api"],
    "api/routes/builds.py": ["tests/jobs/test_uploads.py tests/jobs/test_ledger.py"],
    "api/static/": ["slow tests/api/test_page_words.py", "slow tests/api/test_page.py"],
    "api/static/upload.js": ["slow tests/jobs/test_upload_page.py"],
    "api/static/reading.js": ["slow tests/jobs/test_upload_page.py"],
    "api/store/": [
        "tests/api/test_listing.py tests/api/test_customers.py tests/api/test_publish.py",
        "tests/api",
        "slow tests/api/test_large.py tests/api/test_publish.py tests/api/test_real_builds.py",
    ],
    "api/store/changes.py": ["tests/api/test_customers.py", "slow tests/api/test_customers.py"],
    "dbt_project/": ["tests/dbt_project", "slow tests/dbt_project"],
    "dbt_project/models/": [
        "tests/dbt_project/test_audit.py -k by_hand",
        "tests/dbt_project",
        "slow tests/dbt_project",
    ],
    "dbt_project/macros/trim_history.sql": ["slow tests/pipeline/test_history.py"],
    "dbt_project/models/marts/prediction_history.sql": [
        "tests/dbt_project/test_audit.py",
        "slow tests/pipeline/test_history.py",
    ],
    "dbt_project/models/training/": ["tests/dbt_project/test_labels.py", "slow tests/training/test_make_train.py"],
    "dbt_project/tests/": [
        "tests/dbt_project/test_audit.py",
        "slow tests/dbt_project/test_audit.py",
        "tests/dbt_project",
    ],
}


@dataclass(frozen=True)
class Mutant:
    """`after` in place of what stands from `start` to `end` in a file."""

    file: str
    start: int
    end: int
    after: str

    def __str__(self) -> str:
        """The same whatever is changed elsewhere in the file."""
        return f"{self.file}: {self.lines(self.read())} -> {self.lines(self.changed())}"

    def read(self) -> str:
        return (ROOT / self.file).read_text("utf-8")

    def changed(self) -> str:
        text = self.read()
        return text[: self.start] + self.after + text[self.end :]

    def lines(self, text: str) -> str:
        """The lines of the file's text, or of the changed one, in which this mistake is; each blank is one."""
        read = self.read()
        begin = read.rfind("\n", 0, self.start) + 1
        behind = len(read) - (read.find("\n", self.end) + 1 or len(read) + 1) + 1
        return " ".join(text[begin : len(text) - behind].split())

    def rounds(self) -> list[str]:
        return TESTS[max((name for name in TESTS if self.file.startswith(name)), key=len)]

    def is_noticed(self) -> bool:
        return any(not passes(each, self) for each in dict.fromkeys([*self._nearest(), *self.rounds()]))

    def _nearest(self) -> list[str]:
        """A round of the test files that name this one, where there are some; first those that are named after it."""
        room, _, name = self.file.rpartition("/")
        module = re.escape(room.replace("/", ".")), re.escape(name.partition(".")[0])
        named = r"\b{1}\b" if name.endswith(".sql") else r"\b{0}\.{1}\b|from {0} import .*\b{1}\b"
        folders = re.findall(r"tests/\w+(?!.*tests/)", self.rounds()[0])
        files = [file for folder in folders for file in sorted((ROOT / folder).glob("test_*.py"))]
        near = [file for file in files if re.search(named.format(*module), file.read_text("utf-8"))]
        near.sort(key=lambda file: name.partition(".")[0] not in file.name)
        return [" ".join(str(file.relative_to(ROOT)) for file in near)] if near else []


def passes(tests: str, mistake: Mutant | None = None) -> bool:
    """Whether a round of tests passes in a copy of the project, with this mistake made in it."""
    with tempfile.TemporaryDirectory() as folder:
        copy(Path(folder))
        if mistake:
            Path(folder, mistake.file).write_text(mistake.changed(), "utf-8")
        marker = "slow" if tests.startswith("slow ") else "not slow"
        places = shlex.split(tests.removeprefix("slow "))
        command = [sys.executable, "-m", "pytest", "-qx", "-p", "no:cacheprovider", "--timeout=120", "-m", marker]
        own = os.environ | {"XDG_CACHE_HOME": f"{folder}/.cache"}  # what fails here is no example for later runs
        process = subprocess.Popen(
            [*command, *places], cwd=folder, env=own, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
        try:
            return process.wait(TOO_LONG) in (0, 5)  # 5: none of them is slow
        except subprocess.TimeoutExpired:
            return False
        finally:
            try:
                os.killpg(process.pid, signal.SIGKILL)  # with all that a test left running
            except ProcessLookupError:
                process.wait()


def copy(folder: Path) -> None:
    """Of all that git knows or would take."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0"):
        if name and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
