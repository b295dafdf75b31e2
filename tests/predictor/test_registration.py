"""Registering a model: what it shows, which interpreter it finds, and what it says where it finds none."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dill
import numpy
import pytest
import yaml

import predictor
from predictor import ModelError
from predictor.reference_model import REFERENCE_MODEL
from predictor.sandbox.errors import Remedy
from predictor.sandbox.interpreters import interpreters
from tests.predictor.conftest import scored

HERE = Path(__file__).parent
FROM_PYTHON_36 = HERE / "data" / "python36.dill"
SIX = [6.0 * number for number in range(10)]
OWN = "{}.{}".format(*sys.version_info[:2])

VERSIONS_OF_THE_TIME = {"3.6": ["numpy==1.14.0", "dill==0.2.7.1"]}
PYTHONS = ["3.6", "3.7", "3.8", "3.9", "3.10", "3.11", "3.12", "3.13"]


def predictions(model, settings) -> list[float]:
    return scored(model, settings).read_all()["predicted_clv"].to_pylist()


def not_here(reason: str):
    """Skips the test; but in CI nothing may be missing."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def test_a_registered_model_is_described_in_one_readable_file_and_runs(make_model, settings):
    source = "class Model:\n    def predict(self, x):\n        return x.sum(axis=1)"
    model = make_model(source, name="handed over.dill")
    manifest = predictor.register(model, settings=settings)
    assert manifest == predictor.open_model(model, settings.manifests).manifest
    (path,) = settings.manifests.iterdir()
    assert path.name == f"handed over-{manifest.model_id}.json"
    written = json.loads(path.read_text())
    assert written["sha256"] == hashlib.sha256(model.read_bytes()).hexdigest()
    assert written["features"] == list(predictor.FEATURES)
    assert written["bytecode"] == [OWN]
    assert written["interpreter"] is None
    assert written["packages"].keys() == {"dill", "numpy"}
    assert written["example"]["outputs"] == pytest.approx([244.9, 89.9])
    assert written["edges"].keys() == {"one row", "zeros", "large values"}
    assert predictions(model, settings) == SIX


def test_the_manifest_has_the_versions_of_what_the_model_imports_and_the_time_of_no_place(
    make_model, settings, monkeypatch
):
    source = "import yaml\nclass Model:\n    loads = yaml.SafeLoader\n    def predict(self, x):\n        return x[:, 0]"
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "XXX-14")
        time.tzset()
        manifest = predictor.register(make_model(source), settings)
    time.tzset()
    assert manifest.packages == {"dill": dill.__version__, "numpy": numpy.__version__, "yaml": yaml.__version__}
    assert manifest.python == "{}.{}.{}".format(*sys.version_info[:3])
    ago = datetime.now(UTC) - datetime.fromisoformat(manifest.registered_at)
    assert timedelta(0) <= ago < timedelta(minutes=5)


def test_what_a_model_imports_and_carries_is_told_before_it_is_tried(make_model, settings, caplog):
    caplog.set_level("INFO", logger="predictor")
    source = "class Model:\n    def __reduce__(self):\n        import os\n        return os.getcwd, ()"
    with pytest.raises(ModelError, match=r"str without a predict\(\) method"):
        predictor.register(make_model(source), settings=settings)
    told = [record.getMessage() for record in caplog.records]
    assert "imports: posix.getcwd" in told
    assert "bytecode: none, so any Python may load it" in told
    assert not settings.manifests.exists()


def test_registering_again_replaces_the_manifest(make_model, settings):
    model = make_model("class Model:\n    def predict(self, x):\n        return x.sum(axis=1)")
    predictor.register(model, settings=settings)
    renamed = model.rename(model.with_name("renamed.dill"))
    assert predictor.register(renamed, training={"horizon_days": 180}, settings=settings).file == "renamed.dill"
    assert len(list(settings.manifests.iterdir())) == 1
    assert predictor.open_model(renamed, settings.manifests).manifest.training == {"horizon_days": 180}


@pytest.mark.parametrize("answer", ["[1.0, float('nan')]", "[float('-inf'), 1.0]"])
def test_an_example_of_which_one_number_is_not_finite_is_refused(make_model, settings, answer):
    model = make_model(f"class Model:\n    def predict(self, x):\n        return {answer}")
    with pytest.raises(ModelError, match=r"^The model predicts \[.*\] for \[\[3\.0, 92\.6, .*, where finite numbers"):
        predictor.register(model, settings=settings)


def test_a_model_of_other_features_is_tried_with_its_own_example(make_model, settings):
    model = make_model("class Model:\n    def predict(self, x):\n        return 1 / (x[:, 0] - 1)")
    with pytest.raises(ModelError, match=r"The model predicts \[inf\] for \[\[1\.0, 1\.0\]\]"):
        predictor.register(model, features=["frequency", "recency"], settings=settings)
    manifest = predictor.register(model, features=["frequency", "recency"], example=[[3, 40]], settings=settings)
    assert manifest.example == {"inputs": [[3.0, 40.0]], "outputs": [0.5]}


def test_odd_rows_may_fail_and_the_manifest_says_how(make_model, settings):
    source = """
    class Model:
        def predict(self, x):
            assert x.any(), "nobody"
            return x[:, 0] * (float("inf") if x[0, 0] > 1000 else 1)
    """
    assert predictor.register(make_model(source), settings=settings).edges == {
        "one row": [3.0],
        "zeros": "The model's predict() raised AssertionError: nobody",
        "large values": ["inf"],
    }


def test_bytecode_of_another_python_names_that_python_and_the_command(settings, trust):
    with pytest.raises(ModelError) as caught:
        predictor.register(FROM_PYTHON_36, settings=replace(settings, python=sys.executable))
    expected = f"carries bytecode of Python 3.6, which no other can run; Python {OWN} at {sys.executable}."
    assert expected in str(caught.value)
    assert (caught.value.remedy, caught.value.python) == (Remedy.OTHER_PYTHON, "python3.6")
    trust(FROM_PYTHON_36, bytecode=["3.6"])
    with pytest.raises(ModelError, match=r"carries bytecode of Python 3\.6, which no other can run"):
        predictions(FROM_PYTHON_36, settings)


def test_a_machine_without_that_python_says_what_was_found(settings, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    with pytest.raises(ModelError, match=rf"which no other can run; found here: Python {OWN}\.$"):
        predictor.register(FROM_PYTHON_36, settings=settings)


def fake_python(folder: Path, name: str, python: str, *lacks: str) -> None:
    """An interpreter that says this of itself, and can do nothing else."""
    file = folder / name
    file.write_text(f"#!/bin/sh\necho '{json.dumps([str(file), python, lacks])}'\n")
    file.chmod(0o700)


@pytest.fixture
def on_path(monkeypatch, tmp_path):
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("PYENV_ROOT", str(folder))
    return folder


def test_of_several_pythons_each_version_is_named_once_from_the_oldest_on(settings, on_path):
    for number, python in enumerate(("3.10", "3.9", "3.7", "3.10")):
        fake_python(on_path, f"python3.{13 - number}", python)
    found = sorted({"3.7", "3.9", "3.10", OWN}, key=lambda python: int(python.partition(".")[2]))
    with pytest.raises(ModelError, match=rf"which no other can run; found here: Python {', '.join(found)}\.$"):
        predictor.register(FROM_PYTHON_36, settings=settings)


def test_where_no_python_runs_a_model_the_reason_of_the_first_one_is_the_error(make_model, settings, on_path):
    fake_python(on_path, "python3.13", OWN, "numpy", "dill")
    fake_python(on_path, "python3.6", "3.6", "numpy")  # which the bytecode is not of
    model = make_model("class Model:\n    def predict(self, x):\n        raise ValueError('no segment')")
    with pytest.raises(ModelError, match=r"^The model's predict\(\) raised ValueError: no segment$"):
        predictor.register(model, settings=settings)


def test_a_pyenv_that_can_not_be_read_is_passed_over(settings, monkeypatch, tmp_path):
    closed = tmp_path / "pyenv"
    (closed / "versions" / "3.6.15").mkdir(parents=True)
    closed.chmod(0)  # which stops everybody but root
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PYENV_ROOT", str(closed))
    try:
        with pytest.raises(ModelError, match=f"found here: Python {re.escape(OWN)}"):
            predictor.register(FROM_PYTHON_36, settings)
    finally:
        closed.chmod(0o700)


def test_each_python_of_the_path_and_of_pyenv_is_asked_once_the_newest_first(monkeypatch, tmp_path):
    def python(place: str, says: str) -> None:
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text(f"#!/bin/sh\necho '{says}'\n")
        (tmp_path / place).chmod(0o700)

    python("one/python3.9", '["/one/3.9", "3.9", ["dill"]]')
    python("one/python3.11", '["/one/3.11", "3.11", []]')
    python("two/python3.6", '["/two/3.6", "3.6", []]')
    python("two/python3.13", '["/two/3.13", "3.13", []]')
    python("two/python3.14", '["/two/3.14", "3.14", []]')
    python("two/python3.9", '["/two/3.9", "3.9", []]')
    python("two/python3.8", '["/one/../one/3.9", "3.9", []]')  # another name of one that was there
    python("two/python3.7", "pyenv: python3.7: command not found")
    python("two/python3.5", '["/two/3.5", "3.5", []]')
    python("pyenv/versions/3.10.1/bin/python", '["/pyenv/3.10.1", "3.10", ["numpy", "dill"]]')
    python("pyenv/versions/pypy3/bin/python", '["/pyenv/pypy3", "3.10", []]')
    monkeypatch.setenv("PATH", f"{tmp_path}/one:{tmp_path}/two")
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    own, *others = interpreters()
    assert (own.path, own.lacks) == (sys.executable, ())
    assert [(each.path, each.python, each.lacks) for each in others] == [
        ("/two/3.13", "3.13", ()),
        ("/one/3.11", "3.11", ()),
        ("/one/3.9", "3.9", ("dill",)),
        ("/two/3.9", "3.9", ()),
        ("/two/3.6", "3.6", ()),
        ("/pyenv/3.10.1", "3.10", ("numpy", "dill")),
    ]


@pytest.mark.parametrize(("name", "says"), [("python3.5", "There is no"), ("/bin/true", "does not run as a Python")])
def test_an_interpreter_that_is_none_is_named(make_model, settings, name, says):
    with pytest.raises(ModelError, match=says):
        predictor.register(make_model("class Model: pass"), settings=replace(settings, python=name))


@pytest.fixture(scope="session")
def interpreter_of(tmp_path_factory):
    """A venv for a Python, with numpy and dill in it: those of its time where that matters."""
    venvs: dict[str, Path] = {}

    def make(python: str) -> Path:
        if python in venvs:
            return venvs[python]
        base = next((each.path for each in interpreters() if each.python == python), None)
        if base is None:
            not_here(f"Python {python} is not on this machine")
        folder = tmp_path_factory.mktemp(f"python{python}-")
        packages = VERSIONS_OF_THE_TIME.get(python, ["numpy", "dill"])
        install = [
            folder / "bin" / "python",
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            *packages,
        ]
        for command in ([base, "-m", "venv", folder], install):
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                not_here(f"Python {python} can't be set up: {done.stderr[-300:]}")
        named = folder / "bin" / f"python{python}"
        if not named.exists():
            named.symlink_to("python")
        venvs[python] = named
        return named

    return make


@pytest.mark.slow
@pytest.mark.parametrize("python", PYTHONS)
def test_a_notebooks_model_of_any_python_runs_in_that_python(interpreter_of, settings, tmp_path, python):
    interpreter = interpreter_of(python)
    model = tmp_path / "notebook.dill"
    subprocess.run([interpreter, HERE / "notebook.py", model], check=True)
    manifest = predictor.register(model, settings=replace(settings, python=str(interpreter)))
    assert python in manifest.bytecode
    assert manifest.python.startswith(f"{python}.")
    for package in VERSIONS_OF_THE_TIME.get(python, []):
        name, _, version = package.partition("==")
        assert manifest.packages[name] == version
    assert predictions(model, settings) == SIX


@pytest.mark.slow
def test_the_right_interpreter_is_found_on_the_path(interpreter_of, settings, monkeypatch, tmp_path):
    folders = [interpreter_of(python).parent for python in ("3.8", "3.6")]
    monkeypatch.setenv("PATH", os.pathsep.join(map(str, folders)))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    manifest = predictor.register(FROM_PYTHON_36, settings=settings)
    assert Path(manifest.interpreter).parent == folders[1]
    assert predictions(FROM_PYTHON_36, settings) == SIX


@pytest.mark.slow
@pytest.mark.parametrize("python", ["3.6", "3.13"])
def test_the_reference_model_runs_in_the_oldest_and_the_newest_python(interpreter_of, settings, python):
    settings = replace(settings, python=str(interpreter_of(python)), manifests=predictor.Settings().manifests)
    assert predictions(REFERENCE_MODEL, settings) == SIX


@pytest.mark.slow
def test_an_interpreter_without_numpy_and_dill_is_told_what_to_install(settings, tmp_path):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "bare"], check=True)
    bare = tmp_path / "bare" / "bin" / "python"
    with pytest.raises(ModelError, match=rf"lacks numpy and dill\.\nInstall there: {bare} -m pip install numpy dill"):
        predictor.register(REFERENCE_MODEL, settings=replace(settings, python=str(bare)))
