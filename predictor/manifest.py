"""Which models may be run: one small JSON file for each, found by the digest of the model's bytes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from predictor.sandbox.errors import ModelError
from predictor.settings import VALUE
from predictor.whole_file import replacing

# What the classes in predictor/training make of a model's file and of its features. Count it up with each change after
# which an older file would mean something else, or nothing: of FEATURES, their order, the terms, the fields of a class.
RECIPE = 1


@dataclass(frozen=True)
class Manifest:
    """What is known of a registered model.

    `features` are the columns that it gets, `outputs` those that it answers, both in order. `interpreter` is None for
    this project's own Python. `bytecode` lists the Pythons whose bytecode the file may carry. `example` has `inputs`
    and `outputs`, `edges` what came of odd rows, `doubts` what is odd about it (each a code, text and figures).
    `training` is filled for models that `make train` made: its RECIPE as `recipe`, horizon_days, metrics and so on.
    """

    file: str
    sha256: str
    size: int
    features: list[str]
    interpreter: str | None
    python: str
    packages: dict[str, str]
    imports: list[str]
    bytecode: list[str]
    example: dict[str, Any]
    edges: dict[str, Any]
    box: str
    registered_at: str
    registered_by: str
    outputs: list[str] = field(default_factory=lambda: [VALUE])
    doubts: list[dict[str, Any]] = field(default_factory=list)
    training: dict[str, Any] = field(default_factory=dict)

    @property
    def model_id(self) -> str:
        """The first 12 hex digits of the file's SHA-256."""
        return self.sha256[:12]

    @property
    def of_another_recipe(self) -> bool:
        """Whether the classes in predictor/training, which the file refers to, have changed since it was made."""
        return made_by_training(self.imports) and self.training.get("recipe") != RECIPE

    def write(self, folder: Path) -> Path:
        """Writes the manifest, over an older one of the same file; returns its path."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{Path(self.file).stem}-{self.model_id}.json"
        for older, manifest in read_manifests(folder).items():
            path = older if manifest.sha256 == self.sha256 else path
        with replacing(path) as beside:
            beside.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")
        return path


def made_by_training(imports: Sequence[str]) -> bool:
    """Whether a file that imports these holds a model of predictor/training."""
    return any(each.startswith("predictor.training.") for each in imports)


def digest_of(pickled: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(pickled).hexdigest()


def read_manifests(folder: Path) -> dict[Path, Manifest]:
    """All manifests in a folder, by path; ModelError for one that is damaged."""
    known = {each.name for each in fields(Manifest)}
    manifests = {}
    for path in sorted(folder.glob("*.json")):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            manifests[path] = Manifest(**{name: value for name, value in content.items() if name in known})
        except (OSError, ValueError, TypeError, AttributeError) as problem:
            raise ModelError(f"The manifest {path} can't be read: {problem}.\nRegister its model again.") from None
    return manifests
