"""What dbt is given as settings is checked before it reaches SQL, for whoever types `dbt build` too."""

from __future__ import annotations

import json
import shutil
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from dbt.cli.main import dbtRunner, dbtRunnerResult

from pipeline.dbt import run_dbt
from pipeline.settings import ROOT, Settings
from pipeline.variables import VARIABLES


@pytest.mark.parametrize(
    "name, value, wrong",
    [
        ("as_of", "2017-01-01' or 1=1 --", "is not a date. Write it like this: AS_OF=2017-10-17"),
        ("as_of", "2017-02-29", "is not a date"),
        ("as_of", "2017-04-31", "is not a date"),
        ("as_of", "0000-01-01", "is not a date"),
        ("as_of", "17/10/2017", "is not a date"),
        ("max_rejected", "1.000001", "is not a number from 0 to 1. Write it like this: MAX_REJECTED=0.01"),
        ("max_rejected", "nan", "is not a number from 0 to 1"),
        ("max_rejected", "0 * all_lines", "is not a number from 0 to 1"),
        ("history_days", 0, "is not a whole number from 1 to 9999999. Write it like this: HISTORY_DAYS=365"),
        ("history_days", "1) or true --", "is not a whole number"),
        ("discount_rate", "-0.1", "is not a number from 0 to 10. Write it like this: DISCOUNT_RATE=0.10"),
        ("strict", "maybe", "is not 0 or 1. Write it like this: STRICT=1"),
    ],
)
def test_a_variable_that_cannot_be_used_is_refused_in_plain_words(project, name, value, wrong):
    assert f"{name.upper()}={value} {wrong}" in refusal(project, "--vars", json.dumps({name: value}))


@pytest.mark.parametrize(
    "given",
    [
        {"as_of": "0001-01-01", "max_rejected": "0", "history_days": 1, "discount_rate": "0", "strict": "0"},
        {"as_of": "2016-02-29", "max_rejected": "1", "history_days": 9999999, "discount_rate": "10", "strict": "TRUE"},
        {"as_of": "9999-12-31", "max_rejected": ".5", "history_days": "", "discount_rate": "1e-3", "strict": ""},
    ],
)
def test_what_is_just_possible_is_taken(project, given):
    assert parse(project, "--vars", json.dumps(given)).success


def test_so_is_what_the_environment_says_to_dbt_typed_by_hand(project, monkeypatch):
    monkeypatch.setenv("AS_OF", "2017-01-01' or 1=1 --")
    assert "AS_OF=2017-01-01' or 1=1 -- is not a date" in refusal(project)


@pytest.mark.slow
def test_what_is_typed_reaches_the_models_to_the_last_digit(tmp_path):
    for share in ("0.005", "0"):
        typed = {"MAX_REJECTED": share, "STRICT": "0", "HISTORY_DAYS": "400", "DISCOUNT_RATE": "0.085"}
        given = {name.lower(): VARIABLES[name].read(text) for name, text in typed.items()}
        settings = Settings(warehouse=tmp_path, **given)
        assert run_dbt("run", "--select", "int_settings", settings=settings, target=tmp_path, logs=tmp_path).success
        with duckdb.connect(tmp_path / "build.duckdb", read_only=True) as build:
            columns = "max_rejected, strict, history_days, discount_rate"
            rows = build.sql(f"select {columns} from int_settings").fetchall()
        assert rows == [(Decimal(share), False, 400, Decimal("0.085"))]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The settings' model and all macros, without the models after it, which take dbt most of its time."""
    folder = tmp_path_factory.mktemp("settings")
    shutil.copytree(ROOT / "dbt_project" / "macros", folder / "macros")
    shutil.copy(ROOT / "dbt_project" / "models" / "intermediate" / "int_settings.sql", folder / "int_settings.sql")
    (folder / "dbt_project.yml").write_text("{name: only_settings, profile: customer_lifetime_value, model-paths: [.]}")
    return folder


def parse(folder: Path, *arguments: str) -> dbtRunnerResult:
    where = ["--project-dir", str(folder), "--profiles-dir", str(ROOT), "--log-path", str(folder)]
    return dbtRunner().invoke(["--quiet", "parse", "--no-partial-parse", *where, *arguments])


def refusal(folder: Path, *arguments: str) -> str:
    result = parse(folder, *arguments)
    assert not result.success
    return str(result.exception)
