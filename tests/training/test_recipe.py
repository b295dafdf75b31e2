"""A model of another recipe is refused, not misread; and the number of the recipe changes when what it means does."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import fields, replace

import numpy as np
import pyarrow.parquet
import pytest

from predictor.manifest import RECIPE
from predictor.model import open_model
from predictor.registration import register
from predictor.sandbox.errors import ModelError, Remedy
from predictor.settings import DEFAULT_MODEL, Settings
from predictor.training.correction import LINEAR_TERMS, Correction, LogLinear, Tree, Trees
from predictor.training.gamma_gamma import GammaGamma
from predictor.training.mbg_nbd import MbgNbd
from predictor.training.season import Season
from predictor.training.value_model import FEATURES, ValueModel
from tests.pipeline.conftest import Shop
from tests.predictor.conftest import features
from tests.predictor.test_command_line import predictor_command

SHIPPED = next(DEFAULT_MODEL.parent.glob("model-*.json"))


@pytest.fixture
def older(tmp_path) -> dict[str, str]:
    """A model of the time before recipes had numbers, and the folder of its manifest."""
    known = json.loads(SHIPPED.read_text(encoding="utf-8"))
    assert known["training"].pop("recipe") == RECIPE
    (tmp_path / "mine.json").write_text(json.dumps(known), encoding="utf-8")
    return {"MODEL": str(shutil.copy(DEFAULT_MODEL, tmp_path / "mine.dill")), "MODEL_MANIFESTS": str(tmp_path)}


def test_a_build_with_a_model_of_another_recipe_says_how_to_train_it_again(older, tmp_path):
    shop = Shop(tmp_path)
    shop.write_orders({"a": 10, "b": 20})
    printed = shop.run(status=1, **older)
    assert f"{older['MODEL']} was made by another version of the training" in printed
    typed = printed.rpartition("Train again: ")[2].split()
    assert typed[:2] == ["make", "train"]
    assert {f"{name}={value}" for name, value in older.items()} <= set(typed)
    assert f"ORDERS={shop.orders}" in typed


def test_a_score_says_so_too_and_leaves_the_orders_to_be_named(older, tmp_path):
    pyarrow.parquet.write_table(features(), table := tmp_path / "features.parquet")
    done = predictor_command("score", "--model", older["MODEL"], table, MODEL_MANIFESTS=str(tmp_path))
    assert done.returncode == 1
    typed = done.stderr.decode().rpartition("Train again: ")[2]
    assert f"-m pipeline train --model {older['MODEL']} " in typed and "--orders '…'" in typed


@pytest.mark.parametrize(
    ("changed", "is_another"),
    [
        ({}, False),
        ({"training": {"recipe": RECIPE + 1}}, True),
        ({"training": {"recipe": RECIPE - 1}}, True),
        ({"training": {}}, True),
        ({"training": {}, "imports": ["sklearn.linear_model.LinearRegression"]}, False),  # it holds none of ours
    ],
)
def test_a_recipe_is_another_one_whichever_came_first(changed, is_another):
    manifest = replace(open_model(DEFAULT_MODEL, DEFAULT_MODEL.parent).manifest, **changed)
    assert manifest.of_another_recipe is is_another


def test_only_a_training_registers_what_it_made(tmp_path):
    with pytest.raises(ModelError, match="made by a training, which registers what it makes") as refused:
        register(DEFAULT_MODEL, Settings(manifests=tmp_path))
    assert refused.value.remedy is Remedy.TRAIN
    assert not list(tmp_path.iterdir())


def test_what_a_model_file_means_changes_with_the_number_of_the_recipe_only():
    """Where this falls, count RECIPE up and write down both; without, models made before are read wrongly."""
    customer = {name: np.array([3.7 + number**1.3]) for number, name in enumerate(FEATURES)}
    model = ValueModel(MbgNbd(0.6, 40.0, 0.8, 2.5), GammaGamma(3.0, 4.0, 12.0), GammaGamma(3.0, 4.0, 12.0), 100)
    terms = [f"{term:.6g}" for (term,) in model.expectation(customer)[1]]
    classes = (ValueModel, MbgNbd, GammaGamma, Correction, LogLinear, Trees, Tree, Season)
    meaning = repr((FEATURES, LINEAR_TERMS, terms, [[each.name for each in fields(one)] for one in classes]))
    assert (RECIPE, hashlib.sha256(meaning.encode()).hexdigest()[:12]) == (1, "6a868cddd6a8")
