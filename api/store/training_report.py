"""The report that `make train` left beside what is published, where it is the report on the model that is served."""

from __future__ import annotations

import json
from pathlib import Path


def read(warehouse: Path, model_id: str | None) -> bytes | None:
    """The report on this model as HTML; None where there is none here, or one on another model."""
    try:
        described = json.loads((warehouse / "training_report.json").read_bytes())
        if not isinstance(described, dict) or described.get("model_id", "") != model_id:
            return None
        return (warehouse / "training_report.html").read_bytes()
    except (OSError, ValueError):
        return None
