"""What only one command needs is installed by it, and no build is kept waiting for it."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from pipeline.commands.extras import NEEDS
from pipeline.errors import ClvError
from pipeline.runners.spark_session import stop_without_java
from pipeline.settings import ROOT

INSTALLED = next(Path(path) for path in sys.path if path.endswith("site-packages"))


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter that has what a build needs, and nothing more."""
    folder = tmp_path_factory.mktemp("bare")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    needed = set(re.findall(r"^([a-z0-9-]+)(?:\[.*\])?==", (ROOT / "requirements.txt").read_text(), re.MULTILINE))
    for info in INSTALLED.glob("*.dist-info"):
        if re.sub(r"[._]", "-", info.name.partition("-")[0]).lower() in needed:
            tops = {re.split("[/,]", line)[0] for line in (info / "RECORD").read_text().splitlines()}
            for top in tops - {"", "..", "__pycache__"}:
                if not (packages / top).exists():
                    (packages / top).symlink_to(INSTALLED / top)
    return folder / "bin" / "python"


def test_each_is_an_extra_with_pins_of_its_own():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    built_with = (ROOT / "requirements.txt").read_text()
    for command, packages in NEEDS.items():
        assert sorted(re.match(r"[a-z-]+", each)[0] for each in extras[command]) == sorted(packages)
        pins = (ROOT / f"requirements-{command}.txt").read_text()
        for package in packages:
            pinned = re.compile(rf"^{package}(\[.*\])?==", re.MULTILINE)
            assert pinned.search(pins) and not pinned.search(built_with)


def test_a_command_that_lacks_its_packages_says_how_to_install_them(python: Path):
    for command, packages in NEEDS.items():
        words = ["build", "--engine", "spark"] if command == "spark" else [command]
        ended = subprocess.run([python, "-m", "pipeline", *words], cwd=ROOT, capture_output=True, text=True)
        assert (ended.returncode, ended.stdout) == (1, "")
        assert f"{command} needs {', '.join(packages)}, which a build does without" in ended.stderr
        typed = shlex.split(ended.stderr.rpartition(": ")[2])
        assert typed[:4] == [str(python), "-m", "pip", "install"]
        assert (ROOT / typed[-1]).samefile(ROOT / f"requirements-{command}.txt")


@pytest.mark.slow
def test_a_build_runs_without_them(python: Path, tmp_path: Path):
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "WAREHOUSE": str(tmp_path / "warehouse")}
    ended = subprocess.run(
        [python, "-m", "pipeline", "build"], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert ended.returncode == 0 and "29,568 read" in ended.stdout, ended.stderr


def test_without_java_a_build_on_spark_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ClvError, match=r"needs Java 17 or newer, and there is none .*: apt-get install openjdk-17"):
        stop_without_java()
    java = tmp_path / "java"
    java.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\" 2019-01-15' >&2\n")
    java.chmod(0o755)
    with pytest.raises(ClvError, match=f"needs Java 17 or newer, and {java} is Java 11"):
        stop_without_java()
