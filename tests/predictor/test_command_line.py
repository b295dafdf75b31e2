"""`python -m predictor score`, and `register` of the pipeline, as a data scientist types them."""

from __future__ import annotations

import subprocess
import sys

import pyarrow.csv
import pyarrow.parquet
import pytest

from predictor.reference_model import REFERENCE_MODEL
from predictor.settings import PROJECT
from tests.predictor.conftest import features

SIX = [6.0 * number for number in range(10)]


def predictor_command(*arguments, stdin=None, **environment) -> subprocess.CompletedProcess:
    package = "pipeline" if arguments[:1] == ("register",) else "predictor"
    command = [sys.executable, "-m", package, *map(str, arguments)]
    return subprocess.run(
        command, cwd=PROJECT, input=stdin, capture_output=True, timeout=60, env={"PATH": "/usr/bin:/bin", **environment}
    )


@pytest.fixture
def parquet(tmp_path):
    path = tmp_path / "features.parquet"
    pyarrow.parquet.write_table(features(), path)
    return path


@pytest.mark.parametrize("name", ["out.parquet", "out.csv"])
def test_a_parquet_file_becomes_a_file_of_predictions(parquet, tmp_path, name):
    done = predictor_command("score", "--model", REFERENCE_MODEL, parquet, "--output", tmp_path / name)
    assert done.returncode == 0, done.stderr
    assert done.stderr == b"10 customers\n"
    read = pyarrow.parquet.read_table if name.endswith("parquet") else pyarrow.csv.read_csv
    assert read(tmp_path / name)["predicted_clv"].to_pylist() == SIX
    assert sorted(path.name for path in tmp_path.iterdir()) == ["features.parquet", name]


def test_a_file_of_predictions_is_replaced_and_never_written_into(parquet, tmp_path):
    output = tmp_path / "out.csv"
    output.write_text("what a reader has open")
    with output.open() as reader:
        done = predictor_command("score", "--model", REFERENCE_MODEL, parquet, "--output", output)
        assert done.returncode == 0, done.stderr
        assert reader.read() == "what a reader has open"
    assert len(output.read_text().splitlines()) == 11


def test_without_files_it_goes_from_standard_input_to_standard_output(parquet):
    done = predictor_command("score", "--model", REFERENCE_MODEL, stdin=parquet.read_bytes())
    assert done.returncode == 0, done.stderr
    lines = done.stdout.decode().splitlines()
    assert lines[0] == '"customer_id","predicted_clv"'
    assert len(lines) == 11


def test_a_model_that_is_registered_can_score_at_once(make_model, parquet, tmp_path):
    model = make_model("class Model:\n    def predict(self, x):\n        print('hello')\n        return x.sum(axis=1)")
    manifests = {"MODEL_MANIFESTS": str(tmp_path / "manifests")}
    refused = predictor_command("score", "--model", model, parquet, **manifests)
    assert refused.returncode == 1
    assert b"is not registered" in refused.stderr
    typed = refused.stderr.decode().partition("If you trust who gave it to you: ")[2]
    registered = subprocess.run(["sh", "-c", typed], cwd=PROJECT, env={"PATH": "/usr/bin:/bin"}, capture_output=True)
    assert registered.returncode == 0, registered.stderr
    next_line = f"Build with it: make build MODEL={model} MODEL_MANIFESTS={manifests['MODEL_MANIFESTS']}"
    assert next_line in registered.stderr.decode()
    log = tmp_path / "model.log"
    done = predictor_command("score", "--model", model, parquet, "--log", log, **manifests)
    assert done.returncode == 0, done.stderr
    assert log.read_text() == "hello\n"


def test_what_can_not_be_used_is_told_in_one_or_two_lines_without_a_traceback(parquet, tmp_path):
    text = tmp_path / "features.csv"
    text.write_text("customer_id\n")
    for arguments, says in (
        (["score", tmp_path / "nowhere.parquet"], "can't be read"),
        (["score", text], "is no Parquet file"),
        (
            ["score", parquet, "--model", REFERENCE_MODEL, "--output", tmp_path / "out.txt"],
            "has to end in .parquet or .csv",
        ),
        (["score", parquet, "--model", tmp_path / "nowhere.dill"], "There is no model file"),
        (["register", "--model", text], "is not a dill file: it is text"),
    ):
        done = predictor_command(*arguments)
        assert done.returncode == 1
        assert says in done.stderr.decode()
        assert 1 <= len(done.stderr.decode().splitlines()) <= 2


@pytest.mark.parametrize("memory", ["5M", "20M", "60M"])
def test_too_little_memory_for_the_interpreter_itself_is_told_as_that(memory, tmp_path):
    given = ("--model-memory", memory, "--model-manifests", tmp_path)
    done = predictor_command("register", "--model", REFERENCE_MODEL, *given)
    assert done.returncode == 1
    last = done.stderr.decode().splitlines()[-1]
    assert last.startswith("Give it more: make register ") and " MODEL_MEMORY=8G " in last


def test_unusable_arguments_give_status_2_and_help_explains(parquet):
    misspelt = predictor_command("score", "--modle", "x")
    assert misspelt.returncode == 2
    assert b"Did you mean '--model'?" in misspelt.stderr
    unreadable = predictor_command("score", parquet, MODEL_MEMORY="lots")
    assert unreadable.returncode == 2
    assert b"MODEL_MEMORY is 'lots', but has to be a size such as 4G or 512M." in unreadable.stderr
    assert predictor_command().returncode == 2
    explained = predictor_command("score", "--help").stdout.decode()
    for words in ("customer_id", "features.parquet --output predictions.parquet", "MODEL_TIMEOUT"):
        assert words in explained
