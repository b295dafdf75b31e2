"""The lines of the Makefile, through make itself: each does what it says, and nothing else."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from pipeline.cli import commands
from pipeline.commands.extras import NEEDS
from pipeline.settings import ROOT, TAKES
from tests.pipeline.conftest import Shop

CLEAN = {
    name: value for name, value in os.environ.items() if name not in {n for names in TAKES.values() for n in names}
}


def make(*words: str, folder: Path = ROOT, given: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", *words], cwd=folder, env=CLEAN, input=given, capture_output=True, text=True, timeout=300
    )


def would_run(target: str) -> list[str]:
    """The words of the last command of a target."""
    return shlex.split(make("--dry-run", target).stdout.splitlines()[-1])


def test_each_command_is_that_of_its_name() -> None:
    for name in commands.commands:
        assert would_run(name)[-3:] == ["-m", "pipeline", name]
    assert would_run("serve")[-2:] == ["-m", "api"]


def test_what_the_lines_for_developers_name_is_there() -> None:
    for target in ("bench", "bench-size", "bench-api", "bench-score", "bench-history", "test-mutants"):
        words = would_run(target)
        assert importlib.util.find_spec(words[words.index("-m") + 1])
    everyday, slow, faults = map(would_run, ("test", "test-slow", "test-faults"))
    assert "slow" not in everyday and slow[slow.index("pytest") :][1:3] == faults[-2:] == ["-m", "slow"]
    assert "FAULTS=full" in faults
    of_full_number = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "tests").rglob("test_*.py")
        if path != Path(__file__) and "FAULTS" in path.read_text("utf-8")
    }
    assert of_full_number <= {word for word in faults if word.startswith("tests/")}
    checks = [line.split("/", 2)[-1] for line in re.split(r"\n| && ", make("--dry-run", "lint").stdout.strip())]
    assert checks == [
        "ruff check .",
        "ruff format --check .",
        "mypy",
        "dbt --quiet --warn-error parse --project-dir dbt_project",
    ]
    for line in make("--dry-run", "lint").stdout.splitlines():  # it says what is wrong, and changes nothing
        assert "--fix" not in line and line.count("ruff format") == line.count("ruff format --check")
    for line in make("--dry-run", "lock").stdout.splitlines():  # for each machine and Python, whichever one locks
        assert {"--universal", "--generate-hashes", "--python-version"} <= set(shlex.split(line.replace(";", " ")))


def test_nothing_that_a_command_runs_reports_its_use_to_anybody() -> None:
    assert make("--eval", "shown: ; @echo $$DO_NOT_TRACK", "shown").stdout == "1\n"
    assert "DO_NOT_TRACK=1" in (ROOT / "deploy" / "Dockerfile").read_text("utf-8")


@pytest.mark.parametrize("engine", ["duckdb", "spark"])
def test_each_command_installs_what_it_needs_and_no_more_by_pins_with_hashes(engine: str) -> None:
    for name, takes in TAKES.items():
        runs = "ENGINE" in takes
        if runs or engine == "duckdb":
            printed = make("--dry-run", "--always-make", name, *([f"ENGINE={engine}"] if runs else [])).stdout
            installed = re.findall(r"^.* install .*$", printed, re.MULTILINE)
            needed = ["", *(f"-{each}" for each in (name, engine) if each in NEEDS)]
            for command, each in zip(installed, needed, strict=True):
                assert f"--require-hashes -r requirements{each}.txt" in command
                pins = re.split(r"\n(?=\S)", (ROOT / f"requirements{each}.txt").read_text("utf-8"))
                assert all("--hash=sha256:" in pin for pin in pins if "==" in pin)


def test_a_benchmark_uses_what_it_takes_and_is_as_large_as_its_line_says() -> None:
    text = (ROOT / "Makefile").read_text("utf-8")
    for target in ("bench", "bench-size"):
        (takes,) = re.findall(rf"^{target}\.takes := (.*)$", text, re.MULTILINE)
        recipe = make("--dry-run", target, *(f"{name}=1" for name in takes.split())).stdout.splitlines()[-1]
        assert set(re.findall(r"\$\{?([A-Z]+)", recipe)) == set(takes.split())
    ((millions, memory),) = re.findall(r"## (\d+) million lines in (\d+) GB", text)
    words = would_run("bench-size")
    assert f"${{LINES:-{millions}000000}}" in words and words[words.index("--memory") + 1] == memory


def test_clean_removes_what_the_commands_made_and_nothing_else(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    ours = [
        "warehouse/.gitignore",
        "predictor/models/model.dill",
        "orders.csv",
        "dbt_project/models/x.sql",
        "docs/a.md",
    ]
    made = ["warehouse/builds/one/clv.duckdb", "dbt_project/target/x", "dbt_project/logs/dbt.log", "logs/dbt.log"]
    made += [".venv/bin/python", ".mypy_cache/x", ".pytest_cache/x", ".ruff_cache/x", ".hypothesis/x"]
    made += ["api/__pycache__/x.pyc", "pipeline/orders/__pycache__/x.pyc"]
    for name in ours + made:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    assert make("clean", folder=tmp_path).returncode == 0
    left = [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()]
    assert sorted(left) == sorted([*ours, "Makefile"])


@pytest.mark.parametrize(
    ("version", "is_taken"), [("3.10.14", False), ("3.11.0", True), ("3.13.9", True), ("3.14.0", False)]
)
def test_a_python_that_is_too_old_or_too_new_is_refused_before_anything_is_made(
    tmp_path: Path, version: str, is_taken: bool
) -> None:
    for name in ("Makefile", "requirements.txt"):
        shutil.copy(ROOT / name, tmp_path)
    python = tmp_path / "python"  # says of itself what the test wants, and makes no venv
    pretend = f"import sys; sys.version_info = {tuple(map(int, version.split('.')))}; sys.version = '{version} x'; "
    python.write_text(f"""#!/bin/sh
[ "$1" = -c ] && exec {shlex.quote(sys.executable)} -c "{pretend}exec(sys.argv[1])" "$2"
echo "would run $*" >&2; exit 1
""")
    python.chmod(0o700)
    ended = make("build", f"PYTHON={python}", folder=tmp_path)
    assert ended.returncode == 2
    assert ("would run -m venv .venv" in ended.stderr) is is_taken
    assert (f"Python 3.11 to 3.13 is needed; this is {version}. Name one: make PYTHON=" in ended.stderr) is not is_taken
    assert not (tmp_path / ".venv").exists()


def test_sql_answers_from_what_is_published_and_can_change_nothing(built: Shop) -> None:
    warehouse, file = f"WAREHOUSE={built.warehouse}", (built.warehouse / "clv.duckdb").resolve()
    before = file.read_bytes()
    question = "select as_of_date, customers + 40 as found from build_info"
    for answer in (make("sql", warehouse, f"Q={question}"), make("sql", warehouse, given=f"{question};\n")):
        assert answer.returncode == 0, answer.stderr
        assert "2017-10-17" in answer.stdout and "43" in answer.stdout
    beside = make("sql", warehouse, "Q=select count(*) + 40 as files from read_text('[M]akefile')")
    assert "41" in beside.stdout, beside.stderr  # a pattern is of where one stands, not of the warehouse
    refused = make("sql", warehouse, "Q=delete from build_info")
    assert refused.returncode != 0 and "read-only" in refused.stderr
    assert file.read_bytes() == before


def test_rollback_goes_back_and_builds_nothing(built: Shop) -> None:
    builds = {path.name for path in (built.warehouse / "builds").iterdir()}
    newest = built.build_id()
    ended = make("rollback", f"WAREHOUSE={built.warehouse}")
    (before,) = builds - {newest, *(name for name in builds if name.startswith("before-"))}
    assert ended.stdout.startswith(f"Back to build {before}: orders.csv as of 2017-10-16."), ended.stderr
    assert built.assert_whole() == before
    assert {path.name for path in (built.warehouse / "builds").iterdir()} <= builds


@pytest.mark.slow
def test_docs_show_the_lineage_and_the_columns_of_what_is_published_while_it_changes(built: Shop) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = ["make", "docs", f"PORT={port}", f"WAREHOUSE={built.warehouse}"]
    docs = subprocess.Popen(
        command,
        cwd=ROOT,
        env=CLEAN,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        # Whoever runs the tests in the background may have Ctrl-C ignored by all that they start.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )

    def get(path: str) -> bytes:
        deadline = time.monotonic() + 120
        while True:
            try:
                return urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=20).read()
            except OSError:
                assert docs.poll() is None and time.monotonic() < deadline, docs.communicate()[0]
                time.sleep(0.1)

    try:
        assert b"<html" in get("index.html").lower()
        manifest, catalog = json.loads(get("manifest.json")), json.loads(get("catalog.json"))
        published = {name.rpartition(".")[2]: node for name, node in catalog["nodes"].items()}
        columns = {name for (name,) in built.query("select column_name from (describe customer_value)")}
        assert published["customer_value"]["columns"].keys() == columns
        assert {"customer_features", "predictions", "prediction_history"} <= published.keys()
        used = {name for exposure in manifest["exposures"].values() for name in exposure["depends_on"]["nodes"]}
        assert "model.customer_lifetime_value.customer_value" in used
        assert make("rollback", f"WAREHOUSE={built.warehouse}").returncode == 0
    finally:
        os.killpg(docs.pid, signal.SIGINT)  # Ctrl-C
        printed, _ = docs.communicate(timeout=60)
    assert re.search(rf"http://127\.0\.0\.1:{port}/", printed)
    assert "Traceback" not in printed
    with socket.socket() as nobody:
        assert nobody.connect_ex(("127.0.0.1", port)) != 0


@pytest.mark.slow
def test_inspect_train_register_deliver_work_and_serve_are_reached_by_make(shop: Shop) -> None:
    """Each says what only it can say, about the arguments that it was given."""
    said = {
        ("inspect", f"ORDERS={shop.orders}"): "3 lines of 3 customers, 2017-10-01 to 2017-10-01",
        ("train", "HORIZON=never"): "HORIZON=never",
        ("register", f"MODEL={shop.orders}"): f"{shop.orders} is not a dill file",
        ("deliver", f"WAREHOUSE={shop.warehouse}"): "Say where to: make deliver DELIVER_TO=postgresql://",
        ("work", "CHECK=1", f"ORDERS={shop.orders}", f"WAREHOUSE={shop.warehouse}"): f"make build ORDERS={shop.orders}",
        ("serve", "PORT=x"): "x is not a port",
    }
    for words, wanted in said.items():
        ended = make(*words)
        assert wanted in ended.stdout + ended.stderr, (words, ended.stdout, ended.stderr)
    assert not shop.warehouse.exists()
