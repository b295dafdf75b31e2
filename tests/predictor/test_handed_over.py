"""Files as data scientists really hand them over: what `register` makes of each, or says how to write it again."""

from __future__ import annotations

import json
import pickle
import re
import shlex
import subprocess
import sys

import dill
import joblib
import numpy
import pandas
import pyarrow.parquet
import pytest
import sklearn
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import predictor
from predictor.doubts import doubts_about
from predictor.registration import EXAMPLE
from tests.predictor import test_registration
from tests.predictor.conftest import features, scored
from tests.predictor.test_command_line import predictor_command

interpreter_of = test_registration.interpreter_of
WRAPPING = (predictor.settings.PROJECT / "docs" / "models-and-the-box.md").read_text()


@pytest.fixture
def register(tmp_path):
    """Registers a file by the command line, and returns what it told; the manifests are in `manifests`."""

    def register(path, status: int = 0, **given: str) -> str:
        given = {"MODEL_MANIFESTS": str(tmp_path / "manifests"), "MODEL_PYTHON": sys.executable, **given}
        done = predictor_command("register", "--model", path, **given)
        assert done.returncode == status, done.stderr.decode()
        assert b"Traceback" not in done.stderr
        return done.stderr.decode()

    return register


@pytest.fixture
def write(tmp_path):
    def write(content: bytes, name: str = "model.dill"):
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return write


def rows(columns) -> pandas.DataFrame:
    random = numpy.random.default_rng(3)
    return pandas.DataFrame({name: random.gamma(2.0, 20.0, 50) for name in columns})


def fitted(columns) -> LinearRegression:
    """A model of named columns that answers the total revenue plus twice the largest order."""
    x = rows(columns)
    return LinearRegression().fit(x, x["total_revenue"] + 2 * x["max_revenue"])


@pytest.mark.parametrize("columns", [predictor.FEATURES[::-1], ("total_revenue", "max_revenue")])
def test_a_model_that_carries_the_names_of_its_columns_gets_them_in_its_own_order(write, register, tmp_path, columns):
    path = write(dill.dumps(fitted(columns)))
    told = register(path)
    assert f"columns: in the order in which the model was fitted: {', '.join(columns)}" in told
    table = features(numpy.random.default_rng(4).gamma(2.0, 20.0, (10, 6)))
    answer = scored(path, predictor.Settings(manifests=tmp_path / "manifests"), table).read_all()
    expected = table["total_revenue"].to_numpy() + 2 * table["max_revenue"].to_numpy()
    assert answer["predicted_clv"].to_pylist() == pytest.approx(expected.tolist())


def test_a_model_of_other_columns_is_refused_with_both_lists(write, register):
    told = register(write(dill.dumps(fitted(("total_revenue", "max_revenue", "country")))), status=1)
    assert "fitted with other columns than it can get: total_revenue, max_revenue, country." in told
    assert f"There are: {', '.join(predictor.FEATURES)}." in told


def test_a_model_that_names_a_column_twice_is_refused(make_model, register):
    names = ["total_revenue", "max_revenue", "total_revenue"]
    source = f"class Model:\n    feature_names_in_ = {names}\n    def predict(self, x):\n        return x[:, 0]"
    told = register(make_model(source), status=1)
    assert f"fitted with other columns than it can get: {', '.join(names)}." in told


@pytest.mark.parametrize(
    ("attribute", "names", "gets"),
    [
        ("feature_names_in_", ["longest_interval", "total_orders"], ["longest_interval", "total_orders"]),
        ("feature_name_", ["total_orders"], ["total_orders"]),  # LightGBM's
        ("feature_name_", ["Column_0", "Column_1"], list(predictor.FEATURES)),  # and what it calls those of an array
        ("feature_names_in_", [], list(predictor.FEATURES)),
        ("columns", ["total_orders"], list(predictor.FEATURES)),  # which says nothing of what it was fitted with
    ],
)
def test_the_columns_of_a_model_are_those_that_it_carries_where_it_names_them(
    make_model, settings, attribute, names, gets
):
    source = f"class Model:\n    {attribute} = {names}\n    def predict(self, x):\n        return x[:, 0]"
    manifest = predictor.register(make_model(source), settings)
    assert manifest.features == gets
    assert manifest.example["outputs"] == [row[predictor.FEATURES.index(gets[0])] for row in EXAMPLE]


@pytest.mark.slow
def test_a_joblib_file_is_named_as_that_and_can_be_written_again(write, register, tmp_path, monkeypatch):
    model = fitted(predictor.FEATURES)
    model.weights = numpy.arange(10_000.0)
    for compress, name in ((0, "a joblib file"), (3, "a compressed joblib file"), (("gzip", 3), "a gzip file")):
        joblib.dump(model, tmp_path / "model.joblib", compress=compress)
        told = register(tmp_path / "model.joblib", status=1)
        assert f"is not a dill file: it is {name}" in told
        if "joblib" in name:
            command = told.partition("Write it again where it was made: ")[2].strip()
            monkeypatch.chdir(tmp_path)
            exec(f"import dill, joblib\nfile = 'model.joblib'\n{command}")
            register(tmp_path / "model.dill")


@pytest.mark.parametrize(
    ("bundle", "says"),
    [
        ({"model": 1, "scaler": 2}, "holds a dict with the keys 'model', 'scaler', without a predict() method."),
        (sorted, "holds a builtin_function_or_method without a predict() method."),
        ([1, 2], "holds a list without a predict() method."),
    ],
)
def test_what_has_no_predict_is_named_with_how_to_wrap_it(write, register, bundle, says):
    told = register(write(pickle.dumps(bundle)), status=1)
    assert says in told
    assert "Wrap it in a class whose predict(x) gets an array: docs/models-and-the-box.md" in told


def test_a_class_of_main_that_was_pickled_by_name_is_named_with_how_to_write_it_again(register, tmp_path):
    source = "class Model:\n    def predict(self, x):\n        return x.sum(axis=1)\n"
    save = "import pickle\npickle.dump(Model(), open('model.dill', 'wb'))"
    subprocess.run([sys.executable, "-c", source + save], cwd=tmp_path, check=True)
    told = register(tmp_path / "model.dill", status=1)
    assert "The file only names Model of the script or notebook that wrote it, and does not hold it." in told
    command = told.partition("which takes it along: ")[2].splitlines()[0]
    again = f"import dill\nfile = open('model.dill', 'wb')\nmodel = Model()\n{command}"
    subprocess.run([sys.executable, "-c", source + again], cwd=tmp_path, check=True)
    register(tmp_path / "model.dill")


def a_pipeline_of_a_frame():
    scale = ColumnTransformer([("scaled", StandardScaler(), ["total_revenue", "max_revenue"])])
    x = rows(predictor.FEATURES)
    return make_pipeline(scale, LinearRegression()).fit(x, x["total_revenue"])


@pytest.mark.slow
def test_a_pipeline_that_wants_a_frame_is_wrapped_by_the_ten_lines_of_the_docs(write, register, tmp_path):
    pipeline = a_pipeline_of_a_frame()
    told = register(write(dill.dumps(pipeline)), status=1)
    assert "Wrap it in a class whose predict(x) gets an array: docs/models-and-the-box.md has the ten lines." in told
    (lines,) = re.findall(r"```python\n(import dill\n.*?)```", WRAPPING, re.DOTALL)
    assert len([line for line in lines.splitlines() if line]) <= 10
    dill.dump(pipeline, (tmp_path / "pipeline.dill").open("wb"))
    load = "import dill\npipeline = dill.load(open('pipeline.dill', 'rb'))\n"
    subprocess.run([sys.executable, "-c", load + lines], cwd=tmp_path, check=True)
    register(tmp_path / "model.dill")
    settings = predictor.Settings(manifests=tmp_path / "manifests")
    values = scored(tmp_path / "model.dill", settings).read_all()["predicted_clv"].to_pylist()
    assert values == pytest.approx(features()["total_revenue"].to_pylist())


SAYS = [
    ("numpy.where(x[:, 2] > 50, 1, 0)", "It answers only 0 and 1 for 256 made-up customers, as a classifier does"),
    ("-x[:, 2] - 1", "It predicts less than 0 for each of 256 made-up customers"),
    ("x[:, 2] * 25", ", 25 times as much."),
]


@pytest.mark.parametrize(("answer", "says"), [*SAYS, ("x[:, 2] * 19", ""), ("x[:, 2] - 200", ""), ("x[:, 2] / 9", "")])
def test_numbers_that_look_wrong_are_warned_of_and_registered(make_model, register, tmp_path, answer, says):
    source = f"import numpy\nclass Model:\n    def predict(self, x):\n        return {answer}"
    told = register(make_model(source))
    assert [line for line in told.splitlines() if line.startswith("warning: ")] == ([] if not says else [told_of(told)])
    assert says in told
    (manifest,) = (tmp_path / "manifests").iterdir()
    doubts = json.loads(manifest.read_text())["doubts"]
    assert [f"warning: {doubt['text']}" for doubt in doubts] == ([told_of(told)] if says else [])
    assert all(doubt.keys() == {"code", "text", "figures"} for doubt in doubts)


def test_a_model_that_fails_on_customers_though_it_runs_the_example_is_warned_of(make_model, register, tmp_path):
    answer = "return x.sum(axis=1) / (len(x) < 100 or 1 // 0)"
    told = register(make_model(f"class Model:\n    def predict(self, x):\n        {answer}"))
    says = "It fails on made-up customers: The model's predict() raised ZeroDivisionError:"
    assert told_of(told).startswith(f"warning: {says}")
    (manifest,) = (tmp_path / "manifests").iterdir()
    (doubt,) = json.loads(manifest.read_text())["doubts"]
    assert doubt["code"] == "model_fails_on_customers" and doubt["text"].startswith(says)


@pytest.mark.parametrize(
    ("values", "codes"),
    [
        ([0, 1], ["model_answers_classes"]),
        ([0, 1.5], []),
        ([-1, -0.5], ["model_answers_negative"]),
        ([-1, 0], []),
        ([100, 300], []),  # twenty times the 10 that was spent
        ([100, 300.1], ["model_answers_high"]),
    ],
)
def test_values_are_doubted_where_all_of_them_are_odd_or_their_mean_is_over_twenty_times_what_was_spent(values, codes):
    customers = numpy.tile([3.0, 8.0, 10.0, 2.0, 12.0, 26.0], (2, 1))
    assert [each.code for each in doubts_about(numpy.array(values), customers, predictor.FEATURES)] == codes


def told_of(told: str) -> str:
    """The one warning among what was told."""
    return next(line for line in told.splitlines() if line.startswith("warning: "))


@pytest.mark.slow
def test_a_classifier_of_scikit_learn_is_warned_of(write, register):
    x = rows(predictor.FEATURES).to_numpy()
    told = register(write(dill.dumps(LogisticRegression(max_iter=10_000).fit(x, x[:, 2] > 40))), status=1)
    assert "predict() returned bool values instead of numbers" in told
    told = register(write(dill.dumps(LogisticRegression(max_iter=10_000).fit(x, (x[:, 2] > 40).astype(int)))))
    assert "as a classifier does" in told


@pytest.mark.slow
def test_a_model_of_another_scikit_learn_that_runs_is_warned_of_with_the_commands_for_its_own(write, register):
    content = dill.dumps(fitted(predictor.FEATURES))
    other = f"0.{sklearn.__version__.partition('.')[2]}"
    assert content.count(sklearn.__version__.encode()) == 1
    told = register(write(content.replace(sklearn.__version__.encode(), other.encode())))
    assert f"It was made with scikit-learn {other}, and Python" in told
    assert f"has {sklearn.__version__}, where it may predict other values." in told
    assert "made with" not in register(write(content))


def test_the_version_of_xgboost_is_read_out_of_its_booster(write, register):
    class Booster:
        def __reduce__(self):
            return bytearray, (b"{L\0\0\0\0\0\0\0\7version[#L\0\0\0\0\0\0\0\3i\1i\6i\2}",)

    told = register(write(dill.dumps(Booster())), status=1)
    assert "The model was made with xgboost 1.6.2, and Python" in told
    assert "has none: The model can't be used: the file holds a bytearray without a predict() method." in told
    assert "python3.8 -m venv model-venv && model-venv/bin/pip install dill 'numpy<1.24' xgboost==1.6.2" in told


@pytest.mark.slow
def test_of_lightgbm_the_format_of_the_trees_is_read_and_tells_which_version_reads_them(write, register):
    def text(version: int) -> str:
        return f"tree\nversion=v{version}\nnum_class=1\n"

    class Booster:
        def __reduce__(self):
            return str, (text(trees),)

    for trees, python, and_numpy, lightgbm in ((2, "3.8", "'numpy<1.24'", "3.3.0"), (4, "3.13", "numpy", "4.6.0")):
        told = register(write(dill.dumps(Booster())), status=1)
        assert f"The model was made with lightgbm {trees}, and Python" in told and " has none: " in told
        assert f"python{python} -m venv model-venv && " in told
        assert f"install dill {and_numpy} lightgbm=={lightgbm}\n" in told

    model = fitted(predictor.FEATURES)
    model.booster = text(3)
    assert "made with" not in register(write(dill.dumps(model)))  # what runs predicts the same with any of them


MAKE = """
import dill, numpy
from sklearn.ensemble import GradientBoostingRegressor
x = numpy.random.RandomState(1).gamma(2.0, 20.0, (80, 6))
dill.dump(GradientBoostingRegressor(n_estimators=5).fit(x, x.sum(axis=1)), open("model.dill", "wb"))
"""


@pytest.mark.slow
def test_a_model_of_an_old_scikit_learn_runs_after_the_commands_that_are_told(interpreter_of, register, tmp_path):
    python = interpreter_of("3.8")
    install = [python, "-m", "pip", "install", "--quiet", "scikit-learn==0.23.2", "numpy<1.24"]
    subprocess.run(install, check=True)
    subprocess.run([python, "-c", MAKE], cwd=tmp_path, check=True)
    told = register(tmp_path / "model.dill", status=1)
    assert "The model was made with scikit-learn 0.23.2, and Python" in told
    assert f"has {sklearn.__version__}: " in told
    commands = told.partition("Make a Python that has it: ")[2].splitlines()[0]
    on_path = f"PATH={shlex.quote(str(python.parent))}:$PATH"
    subprocess.run(f"{on_path}; {commands}", shell=True, cwd=tmp_path, check=True)
    typed = told.partition("Name one that has what it needs: ")[2].strip()
    assert "MODEL_PYTHON=model-venv/bin/python" in typed
    register(tmp_path / "model.dill", MODEL_PYTHON=str(tmp_path / "model-venv" / "bin" / "python"))
    pyarrow.parquet.write_table(features(), tmp_path / "features.parquet")
    manifests = {"MODEL_MANIFESTS": str(tmp_path / "manifests")}
    done = predictor_command("score", "--model", tmp_path / "model.dill", tmp_path / "features.parquet", **manifests)
    assert done.returncode == 0, done.stderr
