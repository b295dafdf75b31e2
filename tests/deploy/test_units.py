"""The files in deploy/ call commands that there are, and keep the services in."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from pipeline.settings import TAKES
from tests.pipeline.conftest import ROOT

DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
VARIABLES = {f"CLV_{variable}" for command in ("serve", "work") for variable in TAKES[command]}


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd; the gate installs it")
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_is_one_that_systemd_understands_and_exposes_little(unit: Path, tmp_path: Path) -> None:
    here = tmp_path / unit.name  # its paths are those of a machine that it is installed on
    text = unit.read_text().replace("/opt/clv/.venv/bin/python", sys.executable).replace("/opt/clv/", f"{ROOT}/")
    here.write_text(text)
    verified = subprocess.run(["systemd-analyze", "verify", "--man=no", str(here)], capture_output=True, text=True)
    assert (verified.returncode, verified.stderr) == (0, "")
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=29", str(here)]
    rated = subprocess.run(command, capture_output=True, text=True)
    assert rated.returncode == 0, rated.stdout


def test_every_variable_is_one_that_the_commands_take() -> None:
    for file in [*UNITS, DEPLOY / "compose.yaml", DEPLOY / "Dockerfile"]:
        assert set(re.findall(r"\bCLV_[A-Z_]+\b", file.read_text())) - {"CLV_"} <= VARIABLES, file


def test_every_service_runs_a_module_without_a_right_to_write_but_its_volume() -> None:
    composed = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    assert set(composed["services"]) == {"api", "work"}
    for service in composed["services"].values():
        assert service["read_only"] and service["cap_drop"] == ["ALL"] and service["volumes"] == ["data:/data"]
    assert composed["services"]["work"]["command"] == ["python", "-m", "pipeline", "work"]
    assert "USER clv" in (DEPLOY / "Dockerfile").read_text()
