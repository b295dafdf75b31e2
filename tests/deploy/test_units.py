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
from api.server import CONNECTIONS
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
        assert service["security_opt"] == ["no-new-privileges:true"] and service["tmpfs"] == ["/tmp"]
        assert service["restart"] == "unless-stopped"
    assert COMPOSED["services"]["work"]["command"] == ["python", "-m", "pipeline", "work"]
    assert "USER clv" in DOCKERFILE


WALLS = {
    "User": "clv", "Group": "clv", "UMask": "0077", "StateDirectoryMode": "0750", "CapabilityBoundingSet": "",
    "NoNewPrivileges": "yes", "ProtectSystem": "strict", "ProtectHome": "yes", "PrivateTmp": "yes",
    "PrivateDevices": "yes", "ProtectHostname": "yes", "ProtectClock": "yes", "ProtectKernelModules": "yes",
    "ProtectKernelLogs": "yes", "RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX", "RestrictRealtime": "yes",
    "RestrictSUIDSGID": "yes", "RemoveIPC": "yes", "LockPersonality": "yes", "SystemCallArchitectures": "native",
}  # fmt: skip
OF_THE_API_ALONE = {  # the box of the model, which the worker makes, needs what these take away
    "PrivateUsers": "yes", "ProtectKernelTunables": "yes", "ProtectControlGroups": "yes", "ProtectProc": "invisible",
}  # fmt: skip
OF_EACH = {  # a line of calls adds to those before it, or takes from them
    "clv-api.service": {
        "RestrictNamespaces": ["yes"],
        "SystemCallFilter": ["@system-service", "~@privileged @resources", "prlimit64 setrlimit"],
    },
    "clv-work.service": {
        "RestrictNamespaces": ["user pid net ipc mnt"],
        "SystemCallFilter": [
            "@system-service @mount unshare seccomp landlock_create_ruleset landlock_add_rule landlock_restrict_self",
            "~@clock @cpu-emulation @debug @module @obsolete @raw-io @reboot @swap",
        ],
    },
}


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_has_each_of_its_walls_starts_again_whatever_ended_it_and_does_without_a_file_of_settings(
    unit: Path,
) -> None:
    lines = re.findall(r"^(\w+)=(.*)$", unit.read_text(), re.MULTILINE)
    settings = dict(lines)
    assert {name: settings.get(name) for name in WALLS} == WALLS
    alone = {name: settings[name] for name in OF_THE_API_ALONE if name in settings}
    assert alone == (OF_THE_API_ALONE if unit.name == "clv-api.service" else {})
    listed = {name: [value for key, value in lines if key == name] for name in OF_EACH[unit.name]}
    assert listed == OF_EACH[unit.name]
    assert settings["Restart"] == "always"
    assert settings["WantedBy"] == "multi-user.target"
    assert settings["EnvironmentFile"].startswith("-/etc/clv/")
    assert f"Environment=CLV_WAREHOUSE=/var/lib/{settings['StateDirectory']}/warehouse\n" in unit.read_text()
    if "LimitNOFILE" in settings:
        assert int(settings["LimitNOFILE"]) == CONNECTIONS + 1_000
    assert ("LimitNOFILE" in settings) is (unit.name == "clv-api.service")


def test_the_image_keeps_what_it_makes_on_its_volume_and_serves_where_its_port_leads_to() -> None:
    (volume,), (port,) = (re.findall(rf"^{word} (\S+)$", DOCKERFILE, re.MULTILINE) for word in ("VOLUME", "EXPOSE"))
    environment = dict(re.findall(r"(\S+)=(\S+)", " ".join(re.findall(r"^ENV (.*)$", DOCKERFILE, re.MULTILINE))))
    assert environment["CLV_WAREHOUSE"].startswith(f"{volume}/")
    assert environment["CLV_HOST"] == "0.0.0.0" and "CLV_PORT" not in environment and int(port) == Settings.port
    assert {each for service in COMPOSED["services"].values() for each in service["volumes"]} == {f"data:{volume}"}
    assert COMPOSED["services"]["api"]["ports"] == [f"127.0.0.1:{port}:{port}"]


def test_the_image_installs_by_pins_with_hashes_what_a_build_and_the_api_need_and_no_more() -> None:
    lines = re.findall(r"^RUN (.*? install (?:.*\\\n)*.*)$", DOCKERFILE, re.MULTILINE)
    (installs,) = (line for line in lines if "-m pip install" in line)
    assert "--require-hashes" in installs and installs.split()[-2:] == ["-r", "/opt/clv/requirements.txt"]


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
