"""How a model is run: what each setting takes, from where, and what is advised where it was too little."""

from __future__ import annotations

import os
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import predictor
from predictor import ModelError
from predictor.options import OPTIONS, model_options
from predictor.sandbox.errors import Remedy

TAKEN: dict[str, dict[str, object]] = {
    "MODEL_PYTHON": {"python3.9": "python3.9"},
    "MODEL_MEMORY": {
        "1048576": 2**20, "2048K": 2**21, "512M": 2**29, "1.5G": 3 * 2**29, "2gb": 2**31, "2GiB": 2**31, " 1T ": 2**40,
    },
    "MODEL_TIMEOUT": {"0.5": 0.5, "1e3": 1000.0, " 7 ": 7.0},
    "WORKERS": {"1": 1, "12": 12},
    "MODEL_MANIFESTS": {"/some/where": Path("/some/where")},
}  # fmt: skip
REFUSED = {
    "MODEL_MEMORY": ["0", "-1G", "lots", "G", "5X", "inf", "nan", "1_0Q"],
    "MODEL_TIMEOUT": ["0", "-1", "inf", "nan", "soon"],
    "WORKERS": ["0", "-1", "2.5", "many"],
}


def found(variable: str, settings: predictor.Settings) -> object:
    return getattr(settings, variable.removeprefix("MODEL_").lower())


@pytest.mark.parametrize("variable", TAKEN)
def test_a_setting_is_read_in_every_way_that_it_may_be_written(variable):
    assert TAKEN.keys() == OPTIONS.keys()
    for text, value in TAKEN[variable].items():
        assert found(variable, predictor.Settings.from_variables({variable: text})) == value, text
    assert predictor.Settings.from_variables({variable: ""}) == predictor.Settings.from_variables({})


@pytest.mark.parametrize("variable", REFUSED)
def test_what_cannot_be_meant_is_refused(variable):
    for text in REFUSED[variable]:
        with pytest.raises(ModelError, match=f"^{variable} is '{text}', but has to be "):
            predictor.Settings.from_variables({variable: text})


def test_there_are_as_many_workers_as_cores_that_this_process_may_use(monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 5, 7}, raising=False)
    assert predictor.Settings.from_variables({}).workers == 3
    monkeypatch.delattr(os, "sched_getaffinity")  # which not every system has
    assert predictor.Settings.from_variables({}).workers == 64


@pytest.mark.parametrize("variable", OPTIONS)
def test_an_option_counts_before_the_variable_with_the_prefix_and_that_before_the_one_without(variable):
    text = list(TAKEN[variable])[-1]
    value, others = TAKEN[variable][text], {"MODEL_PYTHON": "x", "MODEL_MANIFESTS": "/x"}
    other = others.get(variable, "17")
    seen: list[predictor.Settings] = []
    command = click.command()(model_options(lambda predictor_settings: seen.append(predictor_settings)))
    option, plain, prefixed = f"--{variable.lower().replace('_', '-')}", variable, f"CLV_{variable}"
    for arguments, environment in (
        ([option, text], {prefixed: other, plain: other}),
        ([], {prefixed: text, plain: other}),
        ([], {plain: text}),
    ):
        done = CliRunner().invoke(command, arguments, env={plain: None, prefixed: None, **environment})
        assert done.exit_code == 0, done.output
        assert found(variable, seen.pop()) == value, environment


@pytest.mark.parametrize(
    ("remedy", "python", "given", "advised"),
    [
        (Remedy.REGISTER, "", {}, "If you trust who gave it to you: register {}"),
        (Remedy.TRAIN, "", {}, "Train again: train {}"),
        (Remedy.OTHER_PYTHON, "", {}, "Or name a Python that has what it needs: register {'MODEL_PYTHON': '…'}"),
        (
            Remedy.OTHER_PYTHON,
            "python3.6",
            {},
            "Name one that has what it needs: register {'MODEL_PYTHON': 'python3.6'}",
        ),
        (Remedy.MORE_MEMORY, "", {"memory": 2**30}, "Give it more: None {'MODEL_MEMORY': '8G'}"),
        (Remedy.MORE_MEMORY, "", {"memory": 4 * 2**30}, "Give it more: None {'MODEL_MEMORY': '8G'}"),
        (Remedy.MORE_MEMORY, "", {"memory": 4 * 2**30 + 1}, "Give it more: None {'MODEL_MEMORY': '9G'}"),
        (Remedy.MORE_TIME, "", {"timeout": 1.0}, "Give it more: None {'MODEL_TIMEOUT': '3600'}"),
        (Remedy.MORE_TIME, "", {"timeout": 1800.0}, "Give it more: None {'MODEL_TIMEOUT': '3600'}"),
        (Remedy.MORE_TIME, "", {"timeout": 1800.2}, "Give it more: None {'MODEL_TIMEOUT': '3601'}"),
        (None, "", {}, ""),
    ],
)
def test_what_is_advised_is_the_command_that_mends_it_with_twice_of_what_was_too_little(remedy, python, given, advised):
    error = ModelError("It fails.", remedy, python).at("In batch 7.")
    assert str(error) == "It fails.\nIn batch 7."
    said = predictor.advice(error, predictor.Settings(**given), lambda name, **changed: f"{name} {changed}")
    assert said == advised
