"""No byte of a model file is loaded before the file is known to be registered, and to be a model."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import json
import lzma
import os
import subprocess
import sys
import zipfile
import zlib
from dataclasses import replace
from pathlib import Path

import numpy
import pyarrow.parquet
import pytest

import predictor
from predictor import ModelError
from predictor.reference_model import REFERENCE_MODEL
from predictor.sandbox.inspection import WRITE_IT_AGAIN
from tests.predictor.conftest import features, scored

ADDS_UP = """
class Model:
    def predict(self, x):
        return x.sum(axis=1)
"""


def scoring(path, settings, table=None):
    return scored(path, settings, table).read_all()


def registering(path, settings):
    return predictor.register(path, settings)


def error_of(path, settings, use=scoring, **arguments) -> str:
    with pytest.raises(ModelError) as caught:
        use(path, settings, **arguments)
    return str(caught.value)


def a_zip() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        file.writestr("model.dill", b"x")
    return content.getvalue()


def a_parquet_file() -> bytes:
    content = io.BytesIO()
    pyarrow.parquet.write_table(features(), content)
    return content.getvalue()


@pytest.mark.parametrize("use", [scoring, registering])
@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "it is empty."),
        (b"customer_id,clv\nc1,7\n", "it is text."),
        ("Zażółć gęślą jaźń\n".encode() * 1000, "it is text."),
        (a_zip(), "it is a zip file."),
        (gzip.compress(b"x"), "it is a gzip file."),
        (bz2.compress(b"x"), "it is a bzip2 file."),
        (lzma.compress(b"x"), "it is an xz file."),
        *((zlib.compress(b"x", level), f"it is a compressed joblib file.\n{WRITE_IT_AGAIN}") for level in (1, 2, 6, 9)),
        (b"\x89HDF\r\n\x1a\n", "it is an HDF5 file."),
        (a_parquet_file(), "it is a Parquet file."),
        (Path(os.path.realpath(sys.executable)).read_bytes()[:100], "it is a program."),
        (bytes(range(256)), "its bytes are something else."),
    ],
)
def test_a_file_that_is_no_dill_file_is_named_for_what_it_is(tmp_path, settings, use, content, says):
    path = tmp_path / "model.dill"
    path.write_bytes(content)
    assert error_of(path, settings, use) == f"{path} is not a dill file: {says}"


def test_a_file_that_is_cut_off_is_named_as_that(make_model, settings):
    path = make_model(ADDS_UP)
    path.write_bytes(path.read_bytes()[:-20])
    assert "it starts like one, but breaks off or is damaged" in error_of(path, settings, registering)


def test_a_missing_file_and_a_folder_are_named(tmp_path, settings):
    assert error_of(tmp_path / "nowhere.dill", settings) == f"There is no model file {tmp_path / 'nowhere.dill'}."
    assert error_of(tmp_path, settings) == f"{tmp_path} is a folder, not a model file."


def test_a_file_that_is_not_registered_is_not_loaded_and_the_command_is_named(make_model, settings):
    path = make_model(ADDS_UP, name="my model.dill")
    with pytest.raises(ModelError, match="is not registered") as caught:
        scoring(path, settings)
    command = f"make register MODEL='{path}'"
    assert predictor.advice(caught.value, settings, lambda name: f"make {name} MODEL='{path}'").endswith(command)


def test_a_file_that_changed_by_one_byte_is_not_loaded_and_both_digests_are_named(make_model, trust, settings):
    path = trust(make_model(ADDS_UP))
    before = predictor.open_model(path, settings.manifests).sha256
    content = bytearray(path.read_bytes())
    content[content.index(b"predict") + 1] ^= 1
    path.write_bytes(content)
    error = error_of(path, settings)
    assert before in error
    assert hashlib.sha256(content).hexdigest() in error


def test_a_registered_file_is_known_wherever_it_lies(make_model, trust, settings, tmp_path):
    path = trust(make_model(ADDS_UP))
    elsewhere = tmp_path / "elsewhere" / "other.name"
    elsewhere.parent.mkdir()
    path.rename(elsewhere)
    answer = scored(elsewhere, settings).read_all()
    assert answer["predicted_clv"].to_pylist() == [6.0 * number for number in range(10)]


def test_a_model_that_was_read_stays_what_it_is_whatever_happens_to_its_file(make_model, trust, settings, tmp_path):
    path = trust(make_model(ADDS_UP))
    model = predictor.open_model(path, settings.manifests)
    content = path.read_bytes()
    path.write_bytes(b"another")
    saved = model.save(tmp_path / "build")
    again = predictor.open_model(saved, tmp_path / "build")
    assert (again.pickled, again.sha256) == (content, hashlib.sha256(content).hexdigest())
    assert again.model_id == model.model_id == again.sha256[:12]
    assert again.manifest == replace(model.manifest, file=saved.name)
    for each in (model, again):
        answer = predictor.score(features().to_reader(), each, settings).read_all()
        assert answer["predicted_clv"].to_pylist() == [6.0 * number for number in range(10)]


def test_a_saved_model_takes_the_place_of_an_older_one_and_is_never_written_into_it(make_model, trust, settings):
    model = predictor.open_model(trust(make_model(ADDS_UP)), settings.manifests)
    saved = model.save(settings.manifests / "build")
    with saved.open("rb") as reader:
        replace(model, pickled=b"another").save(settings.manifests / "build")
        assert reader.read() == model.pickled
    assert saved.read_bytes() == b"another"
    assert sorted(path.suffix for path in saved.parent.iterdir()) == [".dill", ".json"]


def test_what_a_later_version_has_written_into_a_manifest_beside_what_is_known_is_passed_over(
    make_model, trust, settings
):
    path = trust(make_model(ADDS_UP))
    before = predictor.open_model(path, settings.manifests).manifest
    (written,) = settings.manifests.iterdir()
    written.write_text(json.dumps({"of_tomorrow": 1, **json.loads(written.read_text())}))
    assert predictor.open_model(path, settings.manifests).manifest == before


@pytest.mark.parametrize("model", [predictor.DEFAULT_MODEL, REFERENCE_MODEL], ids=["default", "reference"])
def test_the_models_that_ship_with_the_project_are_registered_for_any_python(model):
    manifest = predictor.open_model(model, predictor.Settings().manifests).manifest
    assert manifest.interpreter is None
    assert manifest.bytecode == []


def test_the_reference_model_is_what_its_script_makes():
    from predictor.reference_model import REFERENCE_MODEL, reference_model

    assert REFERENCE_MODEL.read_bytes() == reference_model()


def test_a_damaged_manifest_is_named(make_model, settings):
    settings.manifests.mkdir()
    (settings.manifests / "model-1.json").write_text('{"file": ')
    assert f"The manifest {settings.manifests / 'model-1.json'} can't be read" in error_of(
        make_model(ADDS_UP), settings
    )


def test_a_model_gets_the_columns_that_its_manifest_names_in_that_order(make_model, trust, settings):
    model = trust(
        make_model("class Model:\n    def predict(self, x):\n        return x[:, 0] * 100 + x[:, 1]"),
        features=["total_orders", "frequency"],
    )
    table = features().append_column("frequency", [[7] * 10])
    answer = scored(model, settings, table).read_all()
    assert answer["predicted_clv"].to_pylist() == [100.0 * number + 7 for number in range(10)]


def test_a_column_that_is_missing_or_not_a_number_is_named(make_model, trust, settings):
    model = trust(make_model(ADDS_UP), features=["total_orders", "frequency"])
    assert "needs the column frequency, which is not there" in error_of(model, settings)
    table = features().append_column("frequency", [["often"] * 10])
    assert (
        error_of(model, settings, table=table)
        == "The model needs numbers in the column frequency, but its type is string."
    )


def test_model_python_overrides_the_interpreter_of_the_manifest(make_model, trust, settings, tmp_path):
    other = tmp_path / "other"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", other], check=True)
    (site_packages,) = other.glob("lib/python*/site-packages")
    (site_packages / "these.pth").write_text(str(Path(numpy.__file__).parents[1]))
    source = f"""
    class Model:
        def predict(self, x):
            import sys
            return x[:, 0] + (sys.prefix == {str(other)!r})
    """
    model = trust(make_model(source), interpreter=sys.executable)
    numbers = [float(number) for number in range(10)]
    assert scored(model, settings).read_all()["predicted_clv"].to_pylist() == numbers
    overridden = scored(model, replace(settings, python=str(other / "bin" / "python"))).read_all()
    assert overridden["predicted_clv"].to_pylist() == [number + 1 for number in numbers]


def test_an_interpreter_that_is_gone_is_named(make_model, trust, settings):
    error = error_of(trust(make_model(ADDS_UP), interpreter="/nowhere/bin/python"), settings)
    assert "the interpreter /nowhere/bin/python, which is not there any more" in error
    error = error_of(trust(make_model(ADDS_UP)), replace(settings, python="python3.5"))
    assert error == "There is no interpreter python3.5."
