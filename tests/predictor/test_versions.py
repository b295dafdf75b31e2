"""Which other version of a package matters, and which Python and NumPy are named for it."""

from __future__ import annotations

import pytest

from predictor import versions
from predictor.sandbox.errors import ModelError, Remedy
from predictor.sandbox.interpreters import NEWEST, OLDEST

PACKAGES = versions._PACKAGES


def dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


@pytest.mark.parametrize(
    ("package", "made", "here", "matters", "matters_where_it_fails"),
    [
        ("scikit-learn", "1.4.2", "1.4.2", False, False),
        ("scikit-learn", "1.4.2", "1.4.0", False, False),
        ("scikit-learn", "1.4.2", "1.5.2", True, True),
        ("scikit-learn", "0.24.1", "1.24.1", True, True),
        ("scikit-learn", "1.4.2", "", True, True),
        ("xgboost", "1.6.2", "1.7.0", False, False),
        ("xgboost", "1.6.2", "2.6.2", True, True),
        ("lightgbm", "3", "4.6.0", False, True),  # what runs predicts the same with any of them
        ("lightgbm", "4", "4.6.0", False, False),
        ("scikit-learn", "", "1.4.2", False, False),  # the pickle says nothing of it
    ],
)
def test_a_version_matters_by_as_many_of_its_parts_as_change_predictions(
    package, made, here, matters, matters_where_it_fails
):
    made_with, loaded = {package: made} if made else {}, {PACKAGES[package].module: here} if here else {}
    for runs, expected in ((True, matters), (False, matters_where_it_fails)):
        found = versions.difference(made_with, loaded, "here", runs=runs)
        assert bool(found) == expected, runs
        assert not found or str(found) == f"made with {package} {made}, and here has {here or 'none'}"

    problem = ModelError("it fails\nin its second line")
    explained = versions.explain(problem, made_with, loaded, "here")
    if matters_where_it_fails:
        assert (explained.remedy, explained.python) == (Remedy.OTHER_PYTHON, "model-venv/bin/python")
        assert str(explained).startswith(f"The model was made with {package} {made}, and here has ")
        assert ": it fails\nMake a Python that has it: python3." in str(explained)
    else:
        assert explained is problem


@pytest.mark.parametrize("package", PACKAGES)
def test_from_the_version_of_a_row_on_its_python_and_numpy_are_named_and_before_it_those_of_the_row_before(package):
    wheels = PACKAGES[package].wheels
    named: dict[tuple[int, ...], tuple[str, str]] = {}
    for (first, row), following in zip(wheels.items(), [*list(wheels)[1:], None], strict=True):
        major, minor = (*first, 0)[:2]
        named |= {(major, minor): row, (major, minor, 9): row}
        if following:
            later, minor_then = (*following, 0)[:2]
            named[(later, minor_then - 1) if minor_then else (later - 1, 99)] = row
    named[(*next(iter(wheels))[:1], 0)] = next(iter(wheels.values()))  # older than all
    for version, (python, numpy) in named.items():
        venv = versions.Difference(package, dotted(version), "", "here").venv
        assert f" python{python} -m venv " in venv, version
        quoted = f"'{numpy}'" if "<" in numpy else numpy
        assert f"install dill {quoted} {package}==" in venv, version


@pytest.mark.parametrize("package", PACKAGES)
def test_a_newer_version_names_no_older_python_and_only_those_that_a_model_may_have(package):
    rows = list(PACKAGES[package].wheels.items())
    assert rows == sorted(rows, key=lambda row: row[0])
    minors = [int(python.removeprefix("3.")) for _, (python, _) in rows]
    assert minors == sorted(minors)
    assert minors[0] >= OLDEST and minors[-1] <= NEWEST
