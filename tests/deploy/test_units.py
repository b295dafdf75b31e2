"""The files in deploy/ call commands that there are, and keep the services in."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from api import create_app
from api.settings import Settings
from pipeline.settings import TAKES
from tests.pipeline.conftest import ROOT

DEPLOY = ROOT / "deploy"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
COMPOSED = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
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
    assert set(COMPOSED["services"]) == {"api", "work"}
    for service in COMPOSED["services"].values():
        assert service["read_only"] and service["cap_drop"] == ["ALL"] and service["volumes"] == ["data:/data"]
    assert COMPOSED["services"]["work"]["command"] == ["python", "-m", "pipeline", "work"]
    assert "USER clv" in DOCKERFILE


def test_each_file_of_tokens_is_read_as_what_it_holds() -> None:
    """The other way round, whoever may read could upload."""
    api = COMPOSED["services"]["api"]
    read = {variable: Path(path).name for variable, path in api["environment"].items()}
    assert read == {"CLV_API_TOKENS_FILE": "readers", "CLV_UPLOAD_TOKENS_FILE": "uploaders"}
    held = {name: Path(secret["file"]).stem for name, secret in COMPOSED["secrets"].items()}
    assert held == {name: name for name in api["secrets"]} == {name: name for name in read.values()}
    unit = (DEPLOY / "systemd" / "clv-api.service").read_text()
    credentials = re.findall(r"^LoadCredential=(\w+):", unit, re.MULTILINE)
    assert re.findall(r"=%d/(\w+)$", unit, re.MULTILINE) == credentials == ["tokens"]


def test_the_port_is_this_machine_s_alone_and_the_health_asked_for_is_the_api_s(tmp_path: Path) -> None:
    (port,) = COMPOSED["services"]["api"]["ports"]
    assert port.startswith("127.0.0.1:")
    (asked,) = re.findall(r"^HEALTHCHECK .*urlopen\('http://127\.0\.0\.1:5000(.*?)'", DOCKERFILE, re.MULTILINE)
    assert create_app(Settings(tmp_path)).test_client().get(asked).json["status"] == "unavailable"
    assert COMPOSED["services"]["work"]["healthcheck"] == {"disable": True}  # it answers nobody


def test_a_worker_that_is_stopped_ends_its_builds_itself_and_has_the_time_for_it() -> None:
    unit = (DEPLOY / "systemd" / "clv-work.service").read_text()
    assert "\nKillMode=mixed\n" in unit  # the signal is for the worker alone, and what it leaves behind is ended too
    assert f"\nTimeoutStopSec={COMPOSED['services']['work']['stop_grace_period'].removesuffix('s')}\n" in unit
