"""Writes the model that was fitted, and registers it with what it was made of."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import dill
import numpy as np

import predictor
from pipeline.settings import Settings
from predictor.manifest import RECIPE
from predictor.training import backtest, value_model
from predictor.training.snapshot import Snapshot
from predictor.whole_file import replacing

_EXAMPLES = 3
_FACTS = (
    *("horizon_days", "discount_rate", "trained_as_of", "orders_file", "orders_sha256"),
    *("orders", "customers", "cutoffs", "notes"),
)


def write_model(
    fitted: value_model.ValueModel,
    now: Snapshot,
    content: dict[str, Any],
    sample: str,
    settings: Settings,
    scratch: Path,
) -> predictor.Manifest:
    """Registers the file before it takes the place of an older one, which stays where anything fails."""
    rows = np.linspace(0, len(now.customers) - 1, _EXAMPLES).astype(int)
    example = np.column_stack([now.features[name] for name in value_model.FEATURES])[rows]
    target = settings.model
    unfinished = scratch / target.name
    unfinished.write_bytes(dill.dumps(fitted))
    manifest = predictor.register(
        unfinished,
        settings.predictor,
        features=value_model.FEATURES,
        outputs=value_model.OUTPUTS,
        example=example.tolist(),
        training={
            "recipe": RECIPE,
            **{name: content[name] for name in _FACTS},
            "trained_from": content["first_order"],
            "orders_sample": sample,
            **_how_good(content["tests"][-1]),
            "parameters": fitted.parameters(),
        },
    )
    with replacing(target) as beside:  # the warehouse may be on another disk
        shutil.copyfile(unfinished, beside)
    return manifest


def _how_good(test: dict[str, Any]) -> dict[str, Any]:
    metrics, mean = test["metrics"][backtest.OURS], test["mean_actual_value"]
    return {
        "tested_as_of": test["as_of"],
        "metrics": {
            **{name: metrics[name] for name in ("gini", "spearman", "calibration", "top_decile")},
            # In means of the actual value, because a figure without a currency can be compared between shops.
            **{f"{name}_over_mean": metrics[name] / mean if mean > 0 else None for name in ("mae", "rmse")},
        },
    }
