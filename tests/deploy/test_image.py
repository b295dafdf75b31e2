"""The image is really built, and builds and serves in a container, as a user without rights.

No image can be pulled in the gate, so one of the name that the Dockerfile begins with is made of Debian's packages.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pipeline.conftest import ROOT

DOCKERFILE = ROOT / "deploy" / "Dockerfile"
LARGEST = 900  # MB
ASKED = """
{ python -m pipeline build > /dev/null && exec python -m api; } & sleep 1
python - <<'PYTHON'
import time, urllib.request
for _ in range(900):
    try:
        print(urllib.request.urlopen("http://127.0.0.1:5000/health").read().decode()); break
    except OSError:
        time.sleep(0.2)
PYTHON
id -u; kill $!; wait $! || true
"""


def _certificates() -> str:
    """The file that pip is told to trust, of whatever stands between this machine and the registry; "" if none."""
    told = run(sys.executable, "-m", "pip", "config", "list")  # its `get` looks into one of its files only
    found = re.search(r"^(?::env:|global)\.cert='(.+)'$", told, re.MULTILINE)
    return found[1] if found else ""


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("buildah") or not shutil.which("debootstrap"),
    reason="needs root, buildah and debootstrap; the gate has them",
)
def test_the_image_is_built_and_builds_and_serves_without_rights(tmp_path: Path) -> None:
    base = tmp_path / "base"
    packages = "--include=python3,python3-venv,ca-certificates"
    run("debootstrap", "--variant=minbase", packages, "bookworm", str(base))
    storage = ["--root", str(tmp_path / "storage"), "--runroot", str(tmp_path / "run")]

    def buildah(*arguments: str) -> str:
        return run("buildah", *storage, *arguments).strip()

    (name,) = set(re.findall(r"^FROM (\S+)", DOCKERFILE.read_text(), re.MULTILINE))
    container = buildah("from", "scratch")
    buildah("add", "--quiet", container, str(base), "/")
    if certificates := _certificates():
        buildah("copy", "--quiet", container, certificates, "/etc/pip-certificates.pem")
        buildah("config", "--env", "PIP_CERT=/etc/pip-certificates.pem", container)
    buildah("commit", "--quiet", container, name)
    buildah("build", "--isolation", "chroot", "--pull=never", "--file", str(DOCKERFILE), "--tag", "clv", str(ROOT))

    size, unit = buildah("images", "--format", "{{.Size}}", "localhost/clv").split()
    assert float(size) * {"MB": 1, "GB": 1000}[unit] < LARGEST
    container = buildah("from", "--pull=never", "clv")
    command = ["run", "--isolation", "chroot", "--env", "CLV_HOST=127.0.0.1", container, "--", "bash", "-c", ASKED]
    *_, health, user = filter(None, buildah(*command).splitlines())
    assert '"status":"ok"' in health and '"customers":5000' in health
    assert user == "10001"


def run(*command: str) -> str:
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]
    return ended.stdout
